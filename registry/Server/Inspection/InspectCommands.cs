using System.Globalization;
using System.Net.Http.Headers;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using AiModels.Hosting;
using AiModels.Hosting.CommandLine;
using AiModels.ModelPack.Client;
using AiModels.ModelPack.Grants;
using AiModels.ModelPack.Oci;
using AiModels.Registry.Capacity;
using AiModels.Registry.GarbageCollection;
using AiModels.Registry.Grants;
using AiModels.Registry.Storage;

namespace AiModels.Registry.Inspection;

/// <summary>The verbs for operators: <c>du</c>, <c>explain</c>, <c>gc</c> and <c>revoke</c>, against a running registry or a folder that none has open.</summary>
internal static class InspectCommands
{
    private static readonly TimeSpan GrantLife = TimeSpan.FromMinutes(10);

    public static async Task<int> DuAsync(DuOptions options, CancellationToken cancellationToken)
    {
        UsageReport report = await AskAsync(
            options, HttpMethod.Get, "/inspect/usage", RegistryJson.Default.UsageReport, services => services.GetRequiredService<ContentInspector>().UsageAsync(cancellationToken), cancellationToken);
        if (Print(options, report, RegistryJson.Default.UsageReport))
        {
            return 0;
        }

        Row("LOGICAL", "STORED", "SHARED", "EXCLUSIVE", "RESERVED", "MODEL");
        foreach (RepositoryUsage usage in report.Repositories)
        {
            string name = usage.Owner is { } owner ? $"{owner} ({usage.Repository})" : usage.Repository;
            Row(Size(usage.LogicalBytes), Size(usage.StoredBytes), Size(usage.SharedBytes), Size(usage.ExclusiveBytes), Size(usage.ReservedBytes), name);
        }

        Console.WriteLine();
        Console.WriteLine($"stored: {ByteText.Of(report.StoredBytes)}, each blob once; the models' files have {ByteText.Of(report.LogicalBytes)}");
        Console.WriteLine($"held by nobody, free after the next collections: {ByteText.Of(report.UnheldBytes)}");
        Console.WriteLine($"unfinished uploads: {ByteText.Of(report.Capacity.StagedBytes)}; reserved: {ByteText.Of(report.Capacity.ReservedBytes)}");
        Console.WriteLine(report.Capacity.LimitBytes is { } limit ? $"limit: {ByteText.Of(limit)}, free: {ByteText.Of(report.Capacity.FreeBytes ?? 0)}" : "limit: none");
        foreach (NamespaceStatement statement in report.Capacity.Namespaces)
        {
            Console.WriteLine($"namespace {statement.Namespace}: {ByteText.Of(statement.UsedBytes)} of {ByteText.Of(statement.QuotaBytes)}");
        }

        return 0;
    }

    public static async Task<int> ExplainAsync(ExplainOptions options, CancellationToken cancellationToken)
    {
        Digest digest = Digest.Parse(options.Digest);
        DigestReport report = await AskAsync(
            options, HttpMethod.Get, $"/inspect/digests/{digest}", RegistryJson.Default.DigestReport,
            services => services.GetRequiredService<ContentInspector>().ExplainAsync(digest, cancellationToken), cancellationToken);
        if (Print(options, report, RegistryJson.Default.DigestReport))
        {
            return 0;
        }

        Console.WriteLine($"{report.Digest}: {report.Summary}");
        Console.WriteLine(report.Path is null ? "stored: no" : $"stored: {report.Path}, {ByteText.Of(report.Bytes ?? 0)}, since {report.Modified:u}");
        if (report.CondemnedSince is { } since)
        {
            Console.WriteLine($"condemned since {since:u}: collectors found that nothing holds it");
        }

        if (report.QuarantinedSince is { } rotten)
        {
            Console.WriteLine($"in quarantine since {rotten:u}: its bytes were not what the digest says");
        }

        foreach (DigestHolder holder in report.Holders)
        {
            Console.WriteLine($"{holder.As} of {holder.Repository}{(holder.Owner is { } owner ? $" = {owner.Kind} {owner}" : "")}: {holder.Reason}{(holder.Tags.Count > 0 ? $", tags {string.Join(", ", holder.Tags)}" : "")}");
            foreach (string place in holder.NamedBy)
            {
                Console.WriteLine($"  named by {place}");
            }
        }

        return 0;
    }

    public static async Task<int> GcAsync(GcOptions options, CancellationToken cancellationToken)
    {
        if (options.DryRun)
        {
            CollectionPlan plan = await AskAsync(
                options, HttpMethod.Get, "/collection/plan", RegistryJson.Default.CollectionPlan, services => services.GetRequiredService<ContentInspector>().PlanAsync(cancellationToken), cancellationToken);
            return Print(options, plan, RegistryJson.Default.CollectionPlan) ? 0 : Describe(plan);
        }

        CollectionState state = await AskAsync(
            options, HttpMethod.Post, "/collection", RegistryJson.Default.CollectionState,
            async services => await services.GetRequiredService<GarbageCollector>().TryCollectAsync(cancellationToken) ?? throw new BadOptionException("another process is collecting"), cancellationToken);
        if (!Print(options, state, RegistryJson.Default.CollectionState))
        {
            Console.WriteLine($"freed {ByteText.Of(state.FreedBytes)} in {state.FreedBlobs} blobs; dropped {state.DroppedManifests} manifests and {state.DroppedLinks} links");
            Console.WriteLine($"stored: {ByteText.Of(state.StoredBytes)} in {state.StoredBlobs} blobs; {state.YoungBlobs} blobs ({ByteText.Of(state.YoungBytes)}) are held by nobody but too young to go");
        }

        return 0;
    }

    public static async Task<int> RevokeAsync(RevokeOptions options, CancellationToken cancellationToken)
    {
        var wanted = new RevocationRequest { Grant = options.GrantId, Subject = options.Subject, Reason = options.Reason };
        Revocation revocation = await AskAsync(
            options, HttpMethod.Post, "/revocations", RegistryJson.Default.Revocation,
            services => services.GetRequiredService<Revocations>().RevokeAsync(wanted, cancellationToken), cancellationToken,
            () => new ByteArrayContent(JsonSerializer.SerializeToUtf8Bytes(wanted, RegistryJson.Default.RevocationRequest)));
        if (!Print(options, revocation, RegistryJson.Default.Revocation))
        {
            string what = revocation.Grant is { } grant ? $"grant {grant}" : $"every grant that {revocation.Subject} was given until {revocation.RevokedAt:u}";
            Console.WriteLine($"revoked: {what}; every replica refuses it within seconds. Remembered until {revocation.Until:u}, when it would have ended by itself.");
        }

        return 0;
    }

    private static int Describe(CollectionPlan plan)
    {
        Console.WriteLine($"a collection would free {ByteText.Of(plan.FreedBytes)}");
        foreach (PlannedItem item in plan.Goes)
        {
            Console.WriteLine($"  goes: {item.What} {(item.Repository is null ? "" : item.Repository + " ")}{item.Name}{(item.Bytes > 0 ? $", {ByteText.Of(item.Bytes)}" : "")}: {item.Why}");
        }

        Console.WriteLine(plan.IsShortened ? "  and more (the sum counts all)" : plan.Goes.Count == 0 ? "  nothing goes" : "");
        foreach (KeptSummary kept in plan.Stays)
        {
            Console.WriteLine($"  stays: {kept.Count} x {kept.Why}{(kept.Bytes > 0 ? $", {ByteText.Of(kept.Bytes)}" : "")}");
        }

        return 0;
    }

    private static async Task<T> AskAsync<T>(
        InspectOptions options, HttpMethod method, string path, JsonTypeInfo<T> type, Func<IServiceProvider, Task<T>> askStorage, CancellationToken cancellationToken,
        Func<HttpContent>? body = null)
    {
        try
        {
            return options.Registry is { } registry ? await AskRegistryAsync(options, registry, method, path, type, body?.Invoke(), cancellationToken) : await AskStorageAsync(options.Storage!, askStorage, cancellationToken);
        }
        catch (Exception failure) when (failure is HttpRequestException or IOException or UnauthorizedAccessException or JsonException)
        {
            throw new BadOptionException($"{(options.Registry is null ? "--storage" : "--registry")}: {failure.Message}");
        }
    }

    private static async Task<T> AskRegistryAsync<T>(InspectOptions options, string registry, HttpMethod method, string path, JsonTypeInfo<T> type, HttpContent? body, CancellationToken cancellationToken)
    {
        using HttpClient http = RegistryHttp.Open(registry, options.RegistryCaFile);
        using var request = new HttpRequestMessage(method, path) { Content = body };
        if (GrantOf(options) is { } grant)
        {
            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", grant);
        }

        using HttpResponseMessage response = await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellationToken);
        await using Stream content = await response.Content.ReadAsStreamAsync(cancellationToken);
        if (!response.IsSuccessStatusCode)
        {
            ErrorsText? errors = await JsonSerializer.DeserializeAsync<ErrorsText>(content, JsonSerializerOptions.Web, cancellationToken);
            throw new HttpRequestException($"{(int)response.StatusCode}: {(errors?.Errors is [var error, ..] ? error.Message : "no reason given")}");
        }

        return await JsonSerializer.DeserializeAsync(content, type, cancellationToken) ?? throw new JsonException("the answer is empty");
    }

    private static async Task<T> AskStorageAsync<T>(string storage, Func<IServiceProvider, Task<T>> ask, CancellationToken cancellationToken)
    {
        if (storage.StartsWith("folder:", StringComparison.Ordinal) && !Directory.Exists(storage["folder:".Length..]))
        {
            throw new BadOptionException($"--storage: the folder of '{storage}' does not exist");
        }

        // The same services as serve has, without anybody being served.
        WebApplicationBuilder builder = ComponentHosting.CreateBuilder("registry");
        builder.Logging.SetMinimumLevel(LogLevel.Warning);
        builder.AddRegistry(new RegistryOptions { Storage = storage, Anonymous = true });
        await using WebApplication app = builder.Build();
        await app.Services.GetRequiredService<CapacityService>().CountAsync(cancellationToken);
        return await ask(app.Services);
    }

    private static string? GrantOf(InspectOptions options)
    {
        if (options.GrantKey is not { } file)
        {
            return options.Grant;
        }

        if (!File.Exists(file))
        {
            throw new BadOptionException($"--grant-key: {file} does not exist");
        }

        using GrantSigner signer = GrantSigner.Open(file, TimeProvider.System);
        return signer.Sign("operator", [new GrantAccess(GrantActions.Registry, [GrantActions.Inspect])], GrantLife, out _);
    }

    private static bool Print<T>(InspectOptions options, T value, JsonTypeInfo<T> type)
    {
        if (options.Json)
        {
            Console.WriteLine(JsonSerializer.Serialize(value, type));
        }

        return options.Json;
    }

    private static void Row(params string[] cells) =>
        Console.WriteLine(string.Join("  ", cells.Take(cells.Length - 1).Select(cell => cell.PadLeft(10))) + "  " + cells[^1]);

    private static string Size(long bytes)
    {
        string text = ByteText.Of(bytes);
        int open = text.IndexOf('(', StringComparison.Ordinal);
        return open < 0 ? bytes.ToString(CultureInfo.InvariantCulture) + " B" : text[(open + 1)..^1];
    }

    private sealed record ErrorsText(IReadOnlyList<ErrorText>? Errors);

    private sealed record ErrorText(string? Message);
}
