namespace AiModels.Registry.Grants;

/// <summary>Counts the bytes of one transfer while they move.</summary>
internal readonly struct TransferMeter(TransferMeter.Totals totals, bool isPull, RegistryMetrics metrics, TimeProvider clock)
{
    public void Add(int count)
    {
        totals.Add(count, isPull, clock.GetUtcNow());
        metrics.Transferred(count, isPull, totals.ConsumerClass);
    }

    /// <summary>Counts bytes that the client fetches from the bucket itself.</summary>
    public void AddRedirected(long count)
    {
        totals.AddRedirected(count, clock.GetUtcNow());
        metrics.Redirected(count, totals.ConsumerClass);
    }

    /// <summary>The running sums of a grant in a repository.</summary>
    internal sealed class Totals(string subject, DateTimeOffset created)
    {
        private long _pulled;
        private long _pushed;
        private long _redirected;
        private long _lastActive = created.UtcTicks;

        public string Subject { get; } = subject;

        /// <summary>The kind of consumer, for metrics: what stands before the first separator of the subject, so that labels have few values.</summary>
        public string ConsumerClass { get; } = subject.IndexOfAny([':', '/']) is > 0 and var end ? subject[..end] : "other";

        public long Pulled => Interlocked.Read(ref _pulled);

        public long Pushed => Interlocked.Read(ref _pushed);

        public long Redirected => Interlocked.Read(ref _redirected);

        public DateTimeOffset LastActive => new(Interlocked.Read(ref _lastActive), TimeSpan.Zero);

        public void AddRedirected(long count, DateTimeOffset now)
        {
            Interlocked.Add(ref _redirected, count);
            Interlocked.Exchange(ref _lastActive, now.UtcTicks);
        }

        public void Add(int count, bool isPull, DateTimeOffset now)
        {
            Interlocked.Add(ref isPull ? ref _pulled : ref _pushed, count);
            Interlocked.Exchange(ref _lastActive, now.UtcTicks);
        }
    }
}
