using AiModels.ApiMachinery.Errors;
using AiModels.ApiMachinery.Resources;
using AiModels.ApiMachinery.Schemas;
using AiModels.ApiMachinery.Storage;
using AiModels.ApiMachinery.Tables;
using AiModels.ApiServer.Uploads;
using AiModels.Contracts.V1Alpha1;
using Microsoft.AspNetCore.Server.Kestrel.Core.Features;

namespace AiModels.ApiServer.Subresources;

/// <summary>
/// /upload of a model. create opens a session and hands out its token; update (PUT) takes the whole file, patch and HEAD are tus, get tells the state,
/// delete aborts. The session's token is good for everything here but create, unless tus creates.
/// </summary>
internal sealed class UploadSubresource(
    UploadSessions sessions, UploadReceiver receiver, ActiveUploads active, ParkedTransfers parked, UploadClaims claims, UploadRoom room, UploadOptions options,
    TimeProvider time) : ISubresource
{
    public string Name => "upload";

    public string Kind => "UploadSession";

    public Schema Schema { get; } = SchemaGenerator.For<UploadSession>();

    public IReadOnlyList<TableColumn> Columns => UploadColumns.All;

    public IReadOnlyList<string> Verbs { get; } = ["create", "delete", "get", "patch", "update"];

    public IReadOnlyList<string> LongRunningVerbs { get; } = ["patch", "update"];

    public async ValueTask<string?> AuthenticateAsync(SubresourceRequest request, string bearerToken, CancellationToken cancellationToken)
    {
        bool isAllowed = request.Verb != "create" || TusProtocol.IsSpokenBy(request.Http.Request);
        return isAllowed && await sessions.IsTokenOfAsync(request.Parent, bearerToken, cancellationToken)
            ? UploaderOf(request)
            : null;
    }

    /// <summary>Name of whoever holds the token of this upload.</summary>
    private static string UploaderOf(SubresourceRequest request) => $"system:ai-models:upload:{request.Resource.Plural}:{request.Namespace}:{request.Name}";

    public Task HandleAsync(SubresourceRequest request, CancellationToken cancellationToken)
    {
        HttpRequest http = request.Http.Request;
        return request.Verb switch
        {
            "create" when TusProtocol.IsSpokenBy(http) => CreateByTusAsync(request, cancellationToken),
            "create" => CreateAsync(request, cancellationToken),
            "update" => PutAsync(request, cancellationToken),
            "patch" => PatchAsync(request, cancellationToken),
            "delete" => DeleteAsync(request, cancellationToken),
            _ when HttpMethods.IsHead(http.Method) => HeadAsync(request, cancellationToken),
            _ => GetAsync(request, cancellationToken),
        };
    }

    private async Task CreateAsync(SubresourceRequest request, CancellationToken cancellationToken)
    {
        UploadSession? wanted = await SubresourceBody.ReadAsync<UploadSession>(request.Http.Request, this, cancellationToken);
        RefuseEmpty(wanted?.Spec?.LengthBytes);
        StoredUpload upload = await sessions.OpenAsync(request, wanted?.Spec?.FileName, wanted?.Spec?.LengthBytes, cancellationToken);
        UploadSession session = await sessions.DescribeAsync(upload, request, withToken: true, cancellationToken);
        await SubresourceBody.WriteAsync(request, this, 201, session with { Spec = wanted?.Spec }, time);
    }

    // tus "creation": the file's length and name are announced, the bytes follow by PATCH to the same URL.
    private async Task CreateByTusAsync(SubresourceRequest request, CancellationToken cancellationToken)
    {
        HttpRequest http = request.Http.Request;
        long? length = TusProtocol.AnnouncedLength(http);
        RefuseEmpty(length);
        if (length is null && options.RequireLength)
        {
            throw UploadErrors.LengthRequired();
        }

        StoredUpload upload = await sessions.OpenAsync(request, TusProtocol.FileName(http) ?? http.Query["filename"], length, cancellationToken);
        await RefuseOtherFileAsync(upload.Record, length, cancellationToken);
        UploadSession session = await sessions.DescribeAsync(upload, request, withToken: false, cancellationToken);

        // Whoever has the session's token talks to this server; whoever is known by name may come through kube-apiserver, and stays on that way.
        bool isDirect = request.User == UploaderOf(request);
        request.Http.Response.Headers.Location = isDirect ? session.Status!.Url : request.Http.Request.Path.ToUriComponent();
        TusProtocol.Describe(request.Http.Response, session.Status!.OffsetBytes ?? 0, session.Status.LengthBytes, session.Status.ExpiresAt);
        request.Http.Response.StatusCode = 201;
    }

    private async Task GetAsync(SubresourceRequest request, CancellationToken cancellationToken)
    {
        StoredUpload upload = await FindAsync(request, cancellationToken);
        await SubresourceBody.WriteAsync(request, this, 200, await sessions.DescribeAsync(upload, request, withToken: false, cancellationToken), time);
    }

    private async Task HeadAsync(SubresourceRequest request, CancellationToken cancellationToken)
    {
        UploadSessions.RefuseUnlessAwaited(request.Parent);
        StoredUpload upload = await FindAsync(request, cancellationToken);
        if (!upload.Record.IsReceived)
        {
            UploadSessions.RefuseUnlessOpen(upload.Record);
        }

        await AnswerTusAsync(request, upload, 200, cancellationToken);
    }

    private async Task DeleteAsync(SubresourceRequest request, CancellationToken cancellationToken)
    {
        using ActiveUploads.Lease lease = await active.EnterAsync(UploadSessions.UidOf(request.Parent), cancellationToken);
        StoredUpload upload = await claims.ClaimAsync(await FindAsync(request, cancellationToken, ownsTransfer: true), cancellationToken);
        await parked.DropAsync(upload.Record.Uid);
        await sessions.AbortAsync(upload, cancellationToken);
        request.Http.Response.StatusCode = 204;
    }

    // The whole file, or with Content-Range (curl -C OFFSET -T FILE) the rest of it.
    private async Task PutAsync(SubresourceRequest request, CancellationToken cancellationToken)
    {
        HttpRequest http = request.Http.Request;
        string? fileName = (string?)http.Query["filename"] ?? TusProtocol.FileName(http);
        UploadContent.CheckName(fileName);
        UploadSessions.RefuseUnlessAwaited(request.Parent);
        UploadRange? range = UploadRange.Of(http);
        long? length = range?.Length ?? http.ContentLength;
        RefuseEmpty(length);
        sessions.RefuseTooLong(length);

        using ActiveUploads.Lease lease = await active.EnterAsync(UploadSessions.UidOf(request.Parent), cancellationToken);
        StoredUpload upload = await sessions.FindAsync(UploadSessions.UidOf(request.Parent), cancellationToken, ownsTransfer: true)
            ?? await sessions.OpenAsync(request, fileName, length, cancellationToken);
        if (upload.Record.IsReceived)
        {
            // The answer to the last byte was lost: the same file again is a success already.
            RefuseOther(upload.Record, fileName, length);
        }
        else
        {
            UploadSessions.RefuseUnlessOpen(upload.Record);
            await RefuseOtherLengthAsync(upload.Record, length, cancellationToken);
            upload = range is null ? upload : await sessions.AnnounceLengthAsync(upload, range.Length, cancellationToken);
            PrepareBody(request.Http);
            upload = await MoveAsync(
                lease,
                upload,
                (upload, stop) => range is null
                    ? receiver.ReceiveWholeAsync(upload, fileName, length, http.Body, stop)
                    : receiver.ReceivePartAsync(upload, range.Offset, http.Body, bodyIsRest: true, checksum: null, stop),
                cancellationToken);
        }

        await SubresourceBody.WriteAsync(request, this, 200, await sessions.DescribeAsync(upload, request, withToken: false, cancellationToken), time);
    }

    private async Task PatchAsync(SubresourceRequest request, CancellationToken cancellationToken)
    {
        HttpRequest http = request.Http.Request;
        if (!TusProtocol.IsSpokenBy(http))
        {
            throw UploadErrors.NoTusVersion();
        }

        if (!TusProtocol.ContentType.Equals(http.ContentType, StringComparison.OrdinalIgnoreCase))
        {
            throw UploadErrors.NotTus();
        }

        long offset = TusProtocol.RequiredOffset(http);
        UploadChecksum? checksum = UploadChecksum.Of(http);
        UploadSessions.RefuseUnlessAwaited(request.Parent);
        using ActiveUploads.Lease lease = await active.EnterAsync(UploadSessions.UidOf(request.Parent), cancellationToken);
        StoredUpload upload = await FindAsync(request, cancellationToken, ownsTransfer: true);
        if (upload.Record.IsReceived)
        {
            // The answer to the last piece was lost: the same piece again is a success already.
            if (offset + (http.ContentLength ?? await CountAsync(http.Body, cancellationToken)) != upload.Record.LengthBytes)
            {
                throw UploadErrors.AlreadyReceived();
            }
        }
        else
        {
            UploadSessions.RefuseUnlessOpen(upload.Record);
            RefuseEmpty(TusProtocol.Length(http));
            upload = await sessions.AnnounceLengthAsync(upload, TusProtocol.Length(http), cancellationToken);
            if (upload.Record.LengthBytes is null && await room.IsLengthRequiredAsync(upload.Record, cancellationToken))
            {
                throw UploadErrors.LengthRequired();
            }

            PrepareBody(request.Http);
            try
            {
                upload = await MoveAsync(
                    lease, upload, (upload, stop) => receiver.ReceivePartAsync(upload, offset, http.Body, bodyIsRest: false, checksum, stop), cancellationToken);
            }
            catch (ApiException)
            {
                // Whatever it was refused for: where to go on is told with it.
                await DescribeStateAsync(request, cancellationToken);
                throw;
            }
        }

        await AnswerTusAsync(request, upload, 204, cancellationToken);
    }

    private async Task DescribeStateAsync(SubresourceRequest request, CancellationToken cancellationToken)
    {
        if (await sessions.FindAsync(UploadSessions.UidOf(request.Parent), cancellationToken, ownsTransfer: true) is { Record.IsOpen: true } upload)
        {
            await AnswerTusAsync(request, upload, request.Http.Response.StatusCode, cancellationToken);
        }
    }

    // A body without a length; read to its end, for nothing but its length.
    private static async Task<long> CountAsync(Stream body, CancellationToken cancellationToken)
    {
        byte[] block = new byte[64 * 1024];
        long length = 0;
        while (await body.ReadAsync(block, cancellationToken) is > 0 and var count)
        {
            length += count;
        }

        return length;
    }

    // Creating again what is there already is how a client comes back that lost its state; with another length it is another file.
    private async ValueTask RefuseOtherFileAsync(UploadRecord record, long? length, CancellationToken cancellationToken)
    {
        if (record.LengthBytes is { } announced && length is { } wanted && announced != wanted)
        {
            throw record.IsReceived
                ? UploadErrors.AlreadyReceived()
                : UploadErrors.OtherUnderWay(announced, (await sessions.ProgressOfAsync(record, cancellationToken)).Offset);
        }
    }

    // A newer request may end this one; then its client is told so, if it is still there.
    private async Task<StoredUpload> MoveAsync(
        ActiveUploads.Lease lease, StoredUpload upload, Func<StoredUpload, CancellationToken, Task<StoredUpload>> move, CancellationToken client)
    {
        StoredUpload claimed = await claims.ClaimAsync(upload, lease.Stop);
        try
        {
            return await move(claimed, lease.Stop);
        }
        catch (Exception cause)
        {
            await ReleaseAsync(claimed);
            if (cause is OperationCanceledException && !client.IsCancellationRequested)
            {
                throw UploadErrors.Busy();
            }

            throw;
        }
    }

    private async Task ReleaseAsync(StoredUpload claimed)
    {
        try
        {
            await claims.ReleaseAsync(claimed, CancellationToken.None);
        }
        catch (StoreUnavailableException)
        {
            // Then the claim ends by itself, some seconds later.
        }
    }

    private async Task<StoredUpload> FindAsync(SubresourceRequest request, CancellationToken cancellationToken, bool ownsTransfer = false)
    {
        StoredUpload upload = await sessions.FindAsync(UploadSessions.UidOf(request.Parent), cancellationToken, ownsTransfer) ?? throw UploadErrors.NoSession();
        return active.IsActive(upload.Record.Uid) && !ownsTransfer ? upload : await receiver.FinishIfCompleteAsync(upload, cancellationToken);
    }

    private async Task AnswerTusAsync(SubresourceRequest request, StoredUpload upload, int status, CancellationToken cancellationToken)
    {
        UploadSessionStatus state = (await sessions.DescribeAsync(upload, request, withToken: false, cancellationToken)).Status!;
        TusProtocol.Describe(request.Http.Response, state.OffsetBytes ?? 0, state.LengthBytes, state.ExpiresAt);
        request.Http.Response.StatusCode = status;
    }

    private async ValueTask RefuseOtherLengthAsync(UploadRecord record, long? length, CancellationToken cancellationToken)
    {
        if (length is null && record.LengthBytes is null && await room.IsLengthRequiredAsync(record, cancellationToken))
        {
            throw UploadErrors.LengthRequired();
        }

        // Announced by create (or by tus) and not by an earlier PUT of something else: only then it binds.
        if (record.State == UploadStates.Waiting && record.LengthBytes is { } announced && length is { } actual && announced != actual)
        {
            throw UploadErrors.Bad($"the session announced {announced} bytes, the request has {actual}");
        }
    }

    private static void RefuseOther(UploadRecord received, string? fileName, long? length)
    {
        if ((length is not null && length != received.LengthBytes) || (fileName is not null && fileName != received.FileName))
        {
            throw UploadErrors.AlreadyReceived();
        }
    }

    private static void RefuseEmpty(long? length)
    {
        if (length is 0 or < 0)
        {
            throw UploadErrors.WrongContent("the file is empty");
        }
    }

    private static void PrepareBody(HttpContext http)
    {
        // The receiver has patience of its own with slow clients; the server's would cut them off with bytes unsaved.
        if (http.Features.Get<IHttpMinRequestBodyDataRateFeature>() is { } rate)
        {
            rate.MinDataRate = null;
        }
    }
}
