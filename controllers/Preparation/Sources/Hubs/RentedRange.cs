using System.Buffers;

namespace AiModels.Controllers.Preparation.Sources.Hubs;

/// <summary>A range's bytes and the connection that brings them. Disposed when they are consumed: only then may the connection be used for another range.</summary>
internal sealed class RentedRange(int length, TransferBudget budget) : IDisposable
{
    private readonly byte[] _bytes = ArrayPool<byte>.Shared.Rent(length);
    private int _isDisposed;

    public int Length => length;

    public Memory<byte> Memory => _bytes.AsMemory(0, length);

    public void Dispose()
    {
        if (Interlocked.Exchange(ref _isDisposed, 1) == 0)
        {
            ArrayPool<byte>.Shared.Return(_bytes);
            budget.ReleaseConnection();
        }
    }
}
