using System.Buffers;
using System.Runtime.InteropServices;
using AiModels.ModelPack;

namespace AiModels.Controllers.Preparation.Archives;

/// <summary>
/// Expands a stream of zstd frames (RFC 8878) with the system's libzstd. An end inside a frame, a wrong checksum or anything else that is not zstd is an
/// <see cref="InvalidDataException"/>. Windows of up to 32 MiB are accepted: the memory is taken for as long as an archive is read, and zstd -19 needs 8.
/// </summary>
internal sealed partial class ZstdStream : ForwardOnlyStream
{
    private const int WindowLogMax = 25;
    private const int WindowLogMaxParameter = 100; // ZSTD_d_windowLogMax
    private const int WindowTooLarge = 16; // ZSTD_error_frameParameter_windowTooLarge

    private readonly Stream _compressed;
    private readonly byte[] _input = ArrayPool<byte>.Shared.Rent(256 * 1024);
    private nint _context;
    private int _inputStart;
    private int _inputEnd;
    private bool _isInsideFrame;
    private long _total;

    public ZstdStream(Stream compressed)
    {
        _compressed = compressed;
        _context = CreateStream();
        if (_context == 0)
        {
            throw new InsufficientMemoryException("libzstd could not make a decompression context.");
        }

        _ = SetParameter(_context, WindowLogMaxParameter, WindowLogMax);
    }

    public override long Position => _total;

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        ObjectDisposedException.ThrowIf(_context == 0, this);
        while (!buffer.IsEmpty)
        {
            bool isEnd = false;
            if (_inputStart == _inputEnd)
            {
                _inputStart = 0;
                _inputEnd = await _compressed.ReadAsync(_input, cancellationToken);
                isEnd = _inputEnd == 0;
            }

            // At the end of the input there may still be output inside the context.
            int written = Expand(buffer.Span);
            if (written > 0)
            {
                _total += written;
                return written;
            }

            if (isEnd)
            {
                return _isInsideFrame ? throw new InvalidDataException("the zstd stream ends inside a frame; it is cut short.") : 0;
            }
        }

        return 0;
    }

    protected override void Dispose(bool disposing)
    {
        if (_context != 0)
        {
            _ = FreeStream(_context);
            _context = 0;
            ArrayPool<byte>.Shared.Return(_input);
        }

        base.Dispose(disposing);
    }

    private unsafe int Expand(Span<byte> output)
    {
        fixed (byte* source = _input)
        fixed (byte* target = output)
        {
            var input = new Buffer { Data = source, Size = (nuint)_inputEnd, Position = (nuint)_inputStart };
            var result = new Buffer { Data = target, Size = (nuint)output.Length, Position = 0 };
            nuint code = DecompressStream(_context, &result, &input);
            if (IsError(code) != 0)
            {
                throw new InvalidDataException(ErrorCode(code) == WindowTooLarge
                    ? $"it was packed with a window of more than {(1 << WindowLogMax) >> 20} MiB. Pack it with zstd -19 or less, without --ultra and --long."
                    : $"the zstd stream is broken ({Marshal.PtrToStringUTF8(ErrorName(code))}).");
            }

            // 0 means that a frame has just ended and everything was given out.
            _isInsideFrame = code != 0 && (_isInsideFrame || (int)input.Position > _inputStart);
            _inputStart = (int)input.Position;
            return (int)result.Position;
        }
    }

    [StructLayout(LayoutKind.Sequential)]
    private unsafe struct Buffer
    {
        public byte* Data;
        public nuint Size;
        public nuint Position;
    }

    [LibraryImport("libzstd.so.1", EntryPoint = "ZSTD_createDStream")]
    private static partial nint CreateStream();

    [LibraryImport("libzstd.so.1", EntryPoint = "ZSTD_freeDStream")]
    private static partial nuint FreeStream(nint context);

    [LibraryImport("libzstd.so.1", EntryPoint = "ZSTD_decompressStream")]
    private static unsafe partial nuint DecompressStream(nint context, Buffer* output, Buffer* input);

    [LibraryImport("libzstd.so.1", EntryPoint = "ZSTD_DCtx_setParameter")]
    private static partial nuint SetParameter(nint context, int parameter, int value);

    [LibraryImport("libzstd.so.1", EntryPoint = "ZSTD_getErrorCode")]
    private static partial int ErrorCode(nuint code);

    [LibraryImport("libzstd.so.1", EntryPoint = "ZSTD_isError")]
    private static partial uint IsError(nuint code);

    [LibraryImport("libzstd.so.1", EntryPoint = "ZSTD_getErrorName")]
    private static partial nint ErrorName(nuint code);
}
