namespace AiModels.Controllers.Preparation.Sources.Hubs;

/// <summary>
/// What a hub says to people beside its answers: <c>X-HF-Warning: topic; message</c> of Hugging Face, and the headers by which any server announces the end of
/// an interface (<c>Deprecation</c>, RFC 9745; <c>Sunset</c>, RFC 8594). Each topic once, for one preparation. Thread-safe.
/// </summary>
internal sealed class HubNotices
{
    private const int Most = 8;
    private const int Longest = 400;

    private readonly Dictionary<string, string> _byTopic = [];

    public IReadOnlyList<string> All
    {
        get
        {
            lock (_byTopic)
            {
                return [.. _byTopic.Values];
            }
        }
    }

    public void Note(HttpResponseMessage response)
    {
        string host = response.RequestMessage!.RequestUri!.Host;
        foreach (string warning in Values(response, "X-HF-Warning"))
        {
            int end = warning.IndexOf(';', StringComparison.Ordinal);
            Add(end < 0 ? warning : warning[..end], $"{host} warns: {warning[(end + 1)..].Trim()}");
        }

        if (Values(response, "Deprecation").FirstOrDefault() is not null || Values(response, "Sunset").FirstOrDefault() is not null)
        {
            string until = Values(response, "Sunset").FirstOrDefault() is { } end ? $" and ends on {end}" : "";
            Add($"deprecation of {host}", $"{host} announces that the interface by which models are fetched is deprecated{until}. A newer version of AI Models may be needed.");
        }
    }

    private void Add(string topic, string message)
    {
        // The words are a stranger's: one line, and not too long.
        string line = string.Concat(message.Select(c => char.IsControl(c) ? ' ' : c));
        lock (_byTopic)
        {
            if (_byTopic.Count < Most)
            {
                _byTopic.TryAdd(topic.Trim(), line.Length <= Longest ? line : string.Concat(line.AsSpan(0, Longest - 1), "…"));
            }
        }
    }

    private static IEnumerable<string> Values(HttpResponseMessage response, string name) =>
        response.Headers.TryGetValues(name, out IEnumerable<string>? values) ? values.Where(value => value.Length > 0) : [];
}
