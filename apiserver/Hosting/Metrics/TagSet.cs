namespace AiModels.Hosting.Metrics;

/// <summary>The labels of one time series.</summary>
internal sealed class TagSet(KeyValuePair<string, object?>[] tags)
{
    public KeyValuePair<string, object?>[] Tags { get; } = tags;

    /// <summary>Whether these are the very same objects. Equal ones may be others: then it takes the comparer to tell.</summary>
    public bool IsSame(ReadOnlySpan<KeyValuePair<string, object?>> others)
    {
        if (others.Length != Tags.Length) return false;
        for (int i = 0; i < others.Length; i++)
            if (!ReferenceEquals(others[i].Key, Tags[i].Key) || !ReferenceEquals(others[i].Value, Tags[i].Value)) return false;
        return true;
    }

    /// <summary>Looks series up by the measurement's span of tags, without allocating.</summary>
    public sealed class Comparer : IEqualityComparer<TagSet>, IAlternateEqualityComparer<ReadOnlySpan<KeyValuePair<string, object?>>, TagSet>
    {
        public TagSet Create(ReadOnlySpan<KeyValuePair<string, object?>> alternate) => new(alternate.ToArray());

        public bool Equals(TagSet? x, TagSet? y) => x != null && y != null && Equals(x.Tags, y);

        public int GetHashCode(TagSet obj) => GetHashCode(obj.Tags.AsSpan());

        public bool Equals(ReadOnlySpan<KeyValuePair<string, object?>> alternate, TagSet other)
        {
            if (alternate.Length != other.Tags.Length) return false;
            for (int i = 0; i < alternate.Length; i++)
                if (alternate[i].Key != other.Tags[i].Key || !Equals(alternate[i].Value, other.Tags[i].Value)) return false;
            return true;
        }

        public int GetHashCode(ReadOnlySpan<KeyValuePair<string, object?>> alternate)
        {
            var hash = default(HashCode);
            foreach (var tag in alternate)
            {
                hash.Add(tag.Key);
                hash.Add(tag.Value);
            }

            return hash.ToHashCode();
        }
    }
}
