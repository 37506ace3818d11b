using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using AiModels.ApiMachinery.Resources;
using AiModels.ApiMachinery.Schemas;
using AiModels.ApiMachinery.Tables;
using AiModels.ApiServer.Progress;
using AiModels.ApiServer.Uploads;
using AiModels.Contracts.V1Alpha1;

namespace AiModels.ApiServer.Subresources;

/// <summary>/progress of a model: live, from memory. update is for those who move bytes.</summary>
internal sealed class ProgressSubresource(ProgressBoard board, TimeProvider time) : ISubresource
{
    // A stream that never ends would pin its connection; clients come back. As long as the machinery's own watches at most.
    private static readonly TimeSpan LongestWatch = TimeSpan.FromMinutes(30);

    public string Name => "progress";

    public string Kind => "ModelProgress";

    public Schema Schema { get; } = SchemaGenerator.For<ModelProgress>();

    public IReadOnlyList<TableColumn> Columns => ProgressColumns.All;

    public IEnumerable<JsonObject> RowsOf(JsonObject answer) => ProgressColumns.RowsOf(answer);

    public IReadOnlyList<string> Verbs { get; } = ["get", "update", "watch"];

    public IReadOnlyList<string> LongRunningVerbs { get; } = ["watch"];

    public Task HandleAsync(SubresourceRequest request, CancellationToken cancellationToken) => request.Verb switch
    {
        "watch" => WatchAsync(request, cancellationToken),
        "update" => UpdateAsync(request, cancellationToken),
        _ => SubresourceBody.WriteAsync(request, this, 200, Complete(board.Find(UidOf(request)), request), time),
    };

    private async Task UpdateAsync(SubresourceRequest request, CancellationToken cancellationToken)
    {
        ModelProgress report = await SubresourceBody.ReadAsync<ModelProgress>(request.Http.Request, this, cancellationToken)
            ?? throw UploadErrors.Bad("the body is empty: want a ModelProgress");
        board.Report(UidOf(request), report);
        await SubresourceBody.WriteAsync(request, this, 200, Complete(board.Find(UidOf(request)), request), time);
    }

    // One JSON document a line: ADDED with the state of now, then MODIFIED.
    private async Task WatchAsync(SubresourceRequest request, CancellationToken cancellationToken)
    {
        using var end = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        end.CancelAfter(DurationOf(request));
        var response = request.Http.Response;
        response.ContentType = "application/json";
        string type = "ADDED";
        try
        {
            await foreach (ModelProgress? state in board.WatchAsync(UidOf(request), end.Token))
            {
                await response.WriteAsync($"{{\"type\":\"{type}\",\"object\":{JsonSerializer.Serialize(Complete(state, request), ContractsJson.Options)}}}\n", end.Token);
                await response.Body.FlushAsync(end.Token);
                type = "MODIFIED";
            }
        }
        catch (OperationCanceledException) when (end.IsCancellationRequested && !cancellationToken.IsCancellationRequested)
        {
            // Its time is over: the stream ends cleanly.
        }
    }

    private static TimeSpan DurationOf(SubresourceRequest request) =>
        int.TryParse(request.Http.Request.Query["timeoutSeconds"], CultureInfo.InvariantCulture, out int seconds) && seconds > 0 && seconds < LongestWatch.TotalSeconds
            ? TimeSpan.FromSeconds(seconds)
            : LongestWatch;

    // What nobody reports is told from the model's own status.
    private static ModelProgress Complete(ModelProgress? live, SubresourceRequest request)
    {
        var status = request.Parent["status"];
        ModelProgress known = live ?? new ModelProgress();
        if ((string?)status?["phase"] is (Phases.Ready or Phases.Failed) and var settled)
        {
            // The last report was made just before the end, and may be the last for long: the status knows better.
            known = known with { Stage = settled, Progress = (string?)status["progress"], BytesPerSecond = null, SecondsRemaining = null };
        }

        return known with
        {
            ApiVersion = GroupVersion.ApiVersion,
            Kind = "ModelProgress",
            Metadata = new ObjectMeta { Name = request.Name, Namespace = request.Namespace.Length > 0 ? request.Namespace : null },
            Stage = known.Stage ?? (string?)status?["phase"],
            Progress = known.Progress ?? (string?)status?["progress"],
            BytesExpected = known.BytesExpected ?? (long?)status?["artifact"]?["sizeBytes"],
        };
    }

    private static string UidOf(SubresourceRequest request) => UploadSessions.UidOf(request.Parent);
}
