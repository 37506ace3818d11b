using Amazon.Runtime;

namespace AiModels.Registry.Storage.Backends.S3;

/// <summary>
/// Credentials from a folder of files, as a mounted Secret looks. Read again every few seconds, and at once when the server refuses them, so that rotating them needs no restart.
/// While they cannot be read, the last ones count.
/// </summary>
internal sealed class FileCredentials(string folder, TimeProvider clock) : AWSCredentials
{
    public const string AccessKeyFile = "accessKey";
    public const string SecretKeyFile = "secretKey";
    public const string CaFile = "ca.crt";

    // Three small files: cheap enough to look often, and an operator sees a rotation take effect while looking.
    private static readonly TimeSpan Period = TimeSpan.FromSeconds(5);

    private readonly Lock _gate = new();
    private ImmutableCredentials? _current;
    private DateTimeOffset _readAt;

    public override ImmutableCredentials GetCredentials()
    {
        lock (_gate)
        {
            if (_current is null || clock.GetUtcNow() - _readAt > Period)
            {
                Read();
            }

            return _current!;
        }
    }

    /// <summary>Reads at once. Returns whether they are others than before.</summary>
    public bool Reload()
    {
        lock (_gate)
        {
            ImmutableCredentials? before = _current;
            Read();
            return before is null || before.AccessKey != _current!.AccessKey || before.SecretKey != _current.SecretKey;
        }
    }

    private void Read()
    {
        _readAt = clock.GetUtcNow();
        try
        {
            _current = new ImmutableCredentials(ReadFile(AccessKeyFile), ReadFile(SecretKeyFile), token: null);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException && _current is not null)
        {
            // A Secret that is being replaced: the old keys are right until the new ones can be read.
        }
    }

    private string ReadFile(string name)
    {
        string path = Path.Combine(folder, name);
        string text;
        try
        {
            text = File.ReadAllText(path).Trim();
        }
        catch (Exception failure) when (failure is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new IOException($"{path} is missing: the folder of --s3-credentials needs {AccessKeyFile} and {SecretKeyFile}.", failure);
        }

        return text.Length > 0 ? text : throw new IOException($"{path} is empty.");
    }
}
