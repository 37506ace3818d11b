namespace AiModels.NodeAgent.Materialization;

/// <summary>How far one materialization is; read from other threads while it runs.</summary>
internal sealed class MaterializationProgress
{
    private long _expected;
    private long _done;
    private long _fetched;

    /// <summary>Logical bytes of the model; 0 until its manifest was read.</summary>
    public long BytesExpected
    {
        get => Interlocked.Read(ref _expected);
        set => Interlocked.Exchange(ref _expected, value);
    }

    /// <summary>Logical bytes in place, those of an earlier run included.</summary>
    public long BytesDone => Interlocked.Read(ref _done);

    /// <summary>Logical bytes that came from the registry; less than what is in place where an earlier run or another model had some.</summary>
    public long BytesFetched => Interlocked.Read(ref _fetched);

    public void Add(long bytes) => Interlocked.Add(ref _done, bytes);

    public void AddFetched(long bytes)
    {
        Interlocked.Add(ref _done, bytes);
        Interlocked.Add(ref _fetched, bytes);
    }

    /// <summary>Another run begins, which counts anew what is in place.</summary>
    public void Restart() => Interlocked.Exchange(ref _done, 0);
}
