namespace AiModels.NodeAgent.Materialization;

/// <summary>How far one materialization is; read from other threads while it runs.</summary>
internal sealed class MaterializationProgress
{
    private long _expected;
    private long _done;

    /// <summary>Logical bytes of the model; 0 until its manifest was read.</summary>
    public long BytesExpected
    {
        get => Interlocked.Read(ref _expected);
        set => Interlocked.Exchange(ref _expected, value);
    }

    /// <summary>Logical bytes in place, those of an earlier run included.</summary>
    public long BytesDone => Interlocked.Read(ref _done);

    public void Add(long bytes) => Interlocked.Add(ref _done, bytes);
}
