using System.Collections.Concurrent;
using System.Text.Json.Nodes;

namespace AiModels.Soak;

/// <summary>
/// Creates, updates and deletes objects that nobody else touches, each time on the condition that they are as it last saw them. What it was told is committed
/// it remembers; when it was told nothing (the replica died) it looks.
/// </summary>
internal sealed class SoakWriter(SoakApi api, int id, int restMilliseconds, ConcurrentQueue<string> failures)
{
    private const int Keys = 8;
    private readonly Random _random = new(id);
    private readonly State[] _states = [.. Enumerable.Range(0, Keys).Select(i => new State($"w{id}-{i}"))];

    /// <summary>What was acknowledged: the revision is 0 for deletions, whose answer does not tell it.</summary>
    public List<Change> Acknowledged { get; } = [];

    /// <summary>How many requests ended without an answer.</summary>
    public int Unanswered { get; private set; }

    public async Task RunAsync(CancellationToken until, CancellationToken cancellationToken)
    {
        while (!until.IsCancellationRequested)
        {
            await StepAsync(_states[_random.Next(Keys)], cancellationToken);
            await Task.Delay(TimeSpan.FromMilliseconds(_random.Next(2 * restMilliseconds + 1)), TimeProvider.System, cancellationToken);
        }
    }

    private async Task StepAsync(State state, CancellationToken cancellationToken)
    {
        if (!state.IsKnown)
        {
            await LookAsync(state, cancellationToken);
        }

        Attempt attempt = Next(state);
        try
        {
            (int code, JsonObject body) = await api.SendAsync(api.Any(), attempt.Method, attempt.Path, attempt.Body, cancellationToken, attempt.MediaType);
            Take(state, attempt, code, body);
        }
        catch (Exception gone) when (gone is HttpRequestException or IOException)
        {
            Unanswered++;
            (state.IsKnown, state.MayHaveChanged) = (false, true);
        }
    }

    private async Task LookAsync(State state, CancellationToken cancellationToken)
    {
        (int code, JsonObject body) = await api.ReadAsync($"{SoakApi.Collection}/{state.Name}", cancellationToken);
        state.Version = code == 200 ? (string)body["metadata"]!["resourceVersion"]! : null;
        state.Number = code == 200 ? Change.NumberOf(body) : state.Number;
        state.IsKnown = true;
    }

    private Attempt Next(State state)
    {
        string path = $"{SoakApi.Collection}/{state.Name}";
        long number = state.Number + 1;
        return state.Version is null ? new Attempt("ADDED", number, HttpMethod.Post, SoakApi.Collection, Change.Document(state.Name, number, null))
            : _random.Next(6) switch
            {
                0 => new Attempt("DELETED", state.Number, HttpMethod.Delete, path, new JsonObject
                {
                    ["apiVersion"] = "v1",
                    ["kind"] = "DeleteOptions",
                    ["preconditions"] = new JsonObject { ["resourceVersion"] = state.Version },
                }),
                1 or 2 => new Attempt("MODIFIED", number, HttpMethod.Put, path, Change.Document(state.Name, number, state.Version)),
                _ => new Attempt("MODIFIED", number, HttpMethod.Patch, path, Change.Patch(number, state.Version), "application/merge-patch+json"),
            };
    }

    private void Take(State state, Attempt attempt, int code, JsonObject body)
    {
        if (code is 200 or 201)
        {
            bool isDelete = attempt.Type == "DELETED";
            Acknowledged.Add(new Change(isDelete ? 0 : Change.RevisionOf(body), attempt.Type, state.Name, attempt.Number));
            (state.Version, state.Number, state.MayHaveChanged) = (isDelete ? null : (string)body["metadata"]!["resourceVersion"]!, attempt.Number, false);
            return;
        }

        // A write without an answer may have arrived after we looked; else nobody but us changes these objects.
        if (code < 500 && code != 429 && !state.MayHaveChanged)
        {
            failures.Enqueue($"{attempt.Method} {state.Name} number {attempt.Number} was refused with {code}: {(string?)body["message"]}");
        }

        state.MayHaveChanged |= code >= 500;
        Unanswered += code >= 500 ? 1 : 0;
        state.IsKnown = false;
    }

    private sealed record Attempt(string Type, long Number, HttpMethod Method, string Path, JsonObject Body, string MediaType = "application/json");

    private sealed class State(string name)
    {
        public string Name { get; } = name;
        public bool IsKnown { get; set; } = true;

        // A write without an answer may still be on its way.
        public bool MayHaveChanged { get; set; }
        public string? Version { get; set; }
        public long Number { get; set; }
    }
}
