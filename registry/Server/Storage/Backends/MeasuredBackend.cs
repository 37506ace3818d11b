using System.Buffers;
using System.Diagnostics;
using System.Runtime.CompilerServices;

namespace AiModels.Registry.Storage.Backends;

/// <summary>What every backend needs and none should repeat: checks paths, opens a span, measures the duration, names the operation in errors.</summary>
internal sealed class MeasuredBackend(IStorageBackend inner, RegistryMetrics metrics) : IStorageBackend
{
    internal static readonly ActivitySource Activities = new("AiModels.Registry.Storage");

    // What our own layout uses, and nothing that a file system or a bucket could read in another way.
    private static readonly SearchValues<char> PathCharacters =
        SearchValues.Create("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./");

    public string Name => inner.Name;

    public bool IsShared => inner.IsShared;

    public async ValueTask CheckAsync(CancellationToken cancellationToken) => await MeasureAsync("check", "", async () =>
    {
        await inner.CheckAsync(cancellationToken);
        return true;
    });

    public ValueTask<DateTimeOffset> GetTimeAsync(CancellationToken cancellationToken) => MeasureAsync("time", "", () => inner.GetTimeAsync(cancellationToken));

    public ValueTask<StorageEntry?> StatAsync(string path, CancellationToken cancellationToken) =>
        MeasureAsync("stat", Checked(path), () => inner.StatAsync(path, cancellationToken));

    public ValueTask<StorageReader?> OpenReadAsync(string path, long offset, CancellationToken cancellationToken) =>
        MeasureAsync("open", Checked(path), () => inner.OpenReadAsync(path, offset, cancellationToken));

    public ValueTask<StorageReader?> OpenRangeAsync(string path, long offset, long length, CancellationToken cancellationToken) =>
        MeasureAsync("open", Checked(path), () => inner.OpenRangeAsync(path, offset, length, cancellationToken));

    public async ValueTask<IStorageWriter> CreateAsync(WriteIntent intent, CancellationToken cancellationToken)
    {
        if (intent.Path is not null)
        {
            Checked(intent.Path);
        }

        return new MeasuredWriter(this, await MeasureAsync("create", intent.Path ?? "", () => inner.CreateAsync(intent, cancellationToken)));
    }

    public ValueTask<bool> PutAsync(string path, ReadOnlyMemory<byte> content, PutMode mode, CancellationToken cancellationToken) =>
        MeasureAsync("put", Checked(path), () => inner.PutAsync(path, content, mode, cancellationToken));

    public async ValueTask ComposeAsync(IReadOnlyList<string> sources, string destination, CancellationToken cancellationToken)
    {
        foreach (string source in sources)
        {
            Checked(source);
        }

        await MeasureAsync("compose", Checked(destination), async () =>
        {
            await inner.ComposeAsync(sources, destination, cancellationToken);
            return true;
        });
    }

    public ValueTask<bool> DeleteAsync(string path, CancellationToken cancellationToken) =>
        MeasureAsync("delete", Checked(path), () => inner.DeleteAsync(path, cancellationToken));

    public async IAsyncEnumerable<StorageEntry> ListAsync(string folder, string? startAfter, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        if (folder.Length > 0)
        {
            Checked(folder.EndsWith('/') ? folder[..^1] : throw new ArgumentException($"'{folder}' is no folder: it must end with '/'.", nameof(folder)));
        }

        await foreach (StorageEntry entry in inner.ListAsync(folder, startAfter, cancellationToken))
        {
            yield return entry;
        }
    }

    public ValueTask<Uri?> GetDirectLinkAsync(string path, TimeSpan lifetime, CancellationToken cancellationToken) =>
        inner.GetDirectLinkAsync(Checked(path), lifetime, cancellationToken);

    public ValueTask<StorageSpace?> GetSpaceAsync(CancellationToken cancellationToken) => inner.GetSpaceAsync(cancellationToken);

    private static string Checked(string path)
    {
        bool valid = path.Length > 0 && !path.AsSpan().ContainsAnyExcept(PathCharacters);
        foreach (Range segment in path.AsSpan().Split('/'))
        {
            valid = valid && path.AsSpan(segment) is not ("" or "." or "..");
        }

        return valid ? path : throw new ArgumentException($"'{path}' is no storage path.", nameof(path));
    }

    private async ValueTask<T> MeasureAsync<T>(string operation, string path, Func<ValueTask<T>> act)
    {
        using Activity? activity = Activities.StartActivity(operation);
        activity?.SetTag("storage.path", path);
        long started = Stopwatch.GetTimestamp();
        string outcome = "error";
        try
        {
            T result = await act();
            outcome = "ok";
            return result;
        }
        catch (OperationCanceledException)
        {
            outcome = "cancelled";
            throw;
        }
        catch (StorageUnavailableException failure)
        {
            activity?.SetStatus(ActivityStatusCode.Error, failure.Message);
            throw new StorageUnavailableException(Told(failure), failure);
        }
        catch (IOException failure) when (failure is not StorageFullException)
        {
            activity?.SetStatus(ActivityStatusCode.Error, failure.Message);
            throw new IOException(Told(failure), failure);
        }
        finally
        {
            metrics.StorageOperation(inner.Name, operation, outcome, Stopwatch.GetElapsedTime(started));
        }

        // A check is of no path.
        string Told(IOException failure) => $"Storage ({Name}): {operation}{(path.Length > 0 ? " " + path : "")}: {failure.Message}";
    }

    private sealed class MeasuredWriter(MeasuredBackend owner, IStorageWriter writer) : IStorageWriter
    {
        public long Length => writer.Length;

        public bool IsProven => writer.IsProven;

        // Not measured one by one: a blob is many of these, and the commit tells how the medium does.
        public ValueTask WriteAsync(ReadOnlyMemory<byte> content, CancellationToken cancellationToken) => writer.WriteAsync(content, cancellationToken);

        public async ValueTask CommitAsync(string path, CancellationToken cancellationToken) =>
            await owner.MeasureAsync("commit", Checked(path), async () =>
            {
                await writer.CommitAsync(path, cancellationToken);
                return true;
            });

        public ValueTask DisposeAsync() => writer.DisposeAsync();
    }
}
