using System.Buffers;

namespace AiModels.ModelPack.Chunking;

/// <summary>Shows a run of segments as one sequence, without copying.</summary>
internal sealed class SegmentSequence : ReadOnlySequenceSegment<byte>
{
    private SegmentSequence(ReadOnlyMemory<byte> memory, long runningIndex)
    {
        Memory = memory;
        RunningIndex = runningIndex;
    }

    public static ReadOnlySequence<byte> Of(IEnumerable<ReadOnlyMemory<byte>> parts)
    {
        SegmentSequence? first = null;
        SegmentSequence? last = null;
        foreach (ReadOnlyMemory<byte> part in parts)
        {
            var next = new SegmentSequence(part, last is null ? 0 : last.RunningIndex + last.Memory.Length);
            first ??= next;
            if (last is not null)
            {
                last.Next = next;
            }

            last = next;
        }

        return first is null ? ReadOnlySequence<byte>.Empty : new ReadOnlySequence<byte>(first, 0, last!, last!.Memory.Length);
    }
}
