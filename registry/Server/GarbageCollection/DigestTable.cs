using System.Globalization;
using AiModels.ModelPack.Oci;

namespace AiModels.Registry.GarbageCollection;

/// <summary>
/// Which digests are held, and by how many repositories, in about 20 bytes for each: a million blobs take some 24 MiB where digests as text would take 300.
/// Only the first 64 bits of a digest are kept. Two that agree in them count as one, which can only keep what nobody holds until its twin goes, and never loses anything.
/// </summary>
internal sealed class DigestTable
{
    // A key of zero marks an empty place; a digest that begins with 64 zero bits is counted here.
    private ulong[] _keys = new ulong[1024];
    private int[] _counts = new int[1024];
    private int _zero;

    /// <summary>How many digests are in it.</summary>
    public int Count { get; private set; }

    public void Add(Digest digest)
    {
        ulong key = KeyOf(digest);
        if (key == 0)
        {
            Count += _zero++ == 0 ? 1 : 0;
            return;
        }

        // Three quarters full: beyond that, looking for a free place takes long.
        if (Count >= _keys.Length / 4 * 3)
        {
            Grow();
        }

        int place = PlaceOf(_keys, key);
        Count += _counts[place] == 0 ? 1 : 0;
        _keys[place] = key;
        _counts[place]++;
    }

    /// <summary>How often the digest was added.</summary>
    public int this[Digest digest]
    {
        get
        {
            ulong key = KeyOf(digest);
            return key == 0 ? _zero : _counts[PlaceOf(_keys, key)];
        }
    }

    private static ulong KeyOf(Digest digest) => ulong.Parse(digest.Hex.AsSpan(0, 16), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture);

    private static int PlaceOf(ulong[] keys, ulong key)
    {
        // Digests are random already: their low bits are a hash.
        int place = (int)(key & (ulong)(keys.Length - 1));
        while (keys[place] != 0 && keys[place] != key)
        {
            place = (place + 1) & (keys.Length - 1);
        }

        return place;
    }

    private void Grow()
    {
        ulong[] keys = new ulong[_keys.Length * 2];
        int[] counts = new int[keys.Length];
        for (int i = 0; i < _keys.Length; i++)
        {
            if (_keys[i] != 0)
            {
                int place = PlaceOf(keys, _keys[i]);
                (keys[place], counts[place]) = (_keys[i], _counts[i]);
            }
        }

        (_keys, _counts) = (keys, counts);
    }
}
