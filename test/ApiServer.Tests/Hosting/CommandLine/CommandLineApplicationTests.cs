using System.ComponentModel.DataAnnotations;
using AiModels.Hosting.CommandLine;

namespace AiModels.ApiServer.Tests.Hosting.CommandLine;

[TestClass]
public sealed class CommandLineApplicationTests
{
    private readonly StringWriter _output = new();
    private readonly StringWriter _error = new();
    private readonly Dictionary<string, string> _environment = [];
    private SampleOptions? _bound;

    [TestMethod]
    public async Task Run_WithoutOptions_BindsDefaults()
    {
        Assert.AreEqual(0, await RunAsync("serve"));
        Assert.AreEqual(6443, _bound!.SecurePort);
        Assert.AreEqual(TimeSpan.FromMinutes(5), _bound.Timeout);
    }

    [TestMethod]
    public async Task Run_AllThreeOrigins_CommandLineWinsThenEnvironmentThenFile()
    {
        string file = Path.GetTempFileName();
        await File.WriteAllTextAsync(file, "secure-port: 1\ntimeout: 1s\ndata-dir: from-file\ntags: [a, b]\nsize: 16MiB\n", TestContext.CancellationToken);
        _environment["AIMODELS_SAMPLE_SECURE_PORT"] = "2";
        _environment["AIMODELS_SAMPLE_TIMEOUT"] = "1h30m";
        Assert.AreEqual(0, await RunAsync("serve", "--config", file, "--secure-port=3"), _error.ToString());
        Assert.AreEqual(3, _bound!.SecurePort);
        Assert.AreEqual(TimeSpan.FromMinutes(90), _bound.Timeout);
        Assert.AreEqual("from-file", _bound.DataDir);
        CollectionAssert.AreEqual(new[] { "a", "b" }, _bound.Tags.ToArray());
        Assert.AreEqual(16L << 20, _bound.Size);
        File.Delete(file);
    }

    [TestMethod]
    public async Task Run_Lists_RepeatedAndCommaSeparated()
    {
        Assert.AreEqual(0, await RunAsync("serve", "--tags", "a,b", "--tags", "c"), _error.ToString());
        CollectionAssert.AreEqual(new[] { "a", "b", "c" }, _bound!.Tags.ToArray());
    }

    [TestMethod]
    [DataRow("--anonymous", true)]
    [DataRow("--anonymous=false", false)]
    [DataRow("--anonymous=true", true)]
    public async Task Run_Flag_NeedsNoValue(string argument, bool expected)
    {
        Assert.AreEqual(0, await RunAsync("serve", argument), _error.ToString());
        Assert.AreEqual(expected, _bound!.Anonymous);
    }

    [TestMethod]
    [DataRow("--secure-port: 'abc' is not a whole number", "serve", "--secure-port", "abc")]
    [DataRow("--secure-port: a value is missing", "serve", "--secure-port")]
    [DataRow("unknown option '--secure-prt', did you mean 'secure-port'?", "serve", "--secure-prt", "1")]
    [DataRow("unknown argument 'stray'", "serve", "stray")]
    [DataRow("--timeout: 'soon' is not a duration such as 30s, 5m or 1h30m", "serve", "--timeout", "soon")]
    [DataRow("--secure-port: '70000' must be between 0 and 65535", "serve", "--secure-port", "70000")]
    [DataRow("--anonymous needs --bind-address 127.0.0.1", "serve", "--anonymous", "--bind-address", "0.0.0.0")]
    [DataRow("--size: '3 apples' is not a size such as 512MiB or 200Gi", "serve", "--size", "3 apples")]
    [DataRow("unknown command 'sing': expected serve", "sing")]
    [DataRow("a command is missing: serve")]
    public async Task Run_BadOption_ExitsTwoWithOneLine(string message, params string[] args)
    {
        Assert.AreEqual(2, await RunAsync(args));
        string command = args is ["serve", ..] ? "sample serve" : "sample";
        Assert.AreEqual($"sample: {message} (see '{command} --help')", _error.ToString().TrimEnd());
        Assert.IsNull(_bound);
    }

    [TestMethod]
    public async Task Run_UnknownNameInFile_NamesFileAndOption()
    {
        string file = Path.GetTempFileName();
        await File.WriteAllTextAsync(file, "data-dirr: x\n", TestContext.CancellationToken);
        Assert.AreEqual(2, await RunAsync("serve", "--config", file));
        StringAssert.Contains(_error.ToString(), $"{file}: unknown option 'data-dirr', did you mean 'data-dir'?");
        File.Delete(file);
    }

    [TestMethod]
    public async Task Run_BadEnvironment_NamesTheVariable()
    {
        _environment["AIMODELS_SAMPLE_SECURE_PORT"] = "many";
        Assert.AreEqual(2, await RunAsync("serve"));
        StringAssert.Contains(_error.ToString(), "AIMODELS_SAMPLE_SECURE_PORT: 'many' is not a whole number");
    }

    [TestMethod]
    public async Task Help_OfVerb_ListsOptionsWithDefaults()
    {
        Assert.AreEqual(0, await RunAsync("serve", "--help"));
        string help = _output.ToString();
        StringAssert.Contains(help, "--secure-port N");
        StringAssert.Contains(help, "Port to listen on. (default: 6443)");
        StringAssert.Contains(help, "(default: 5m)");
        StringAssert.Contains(help, "AIMODELS_SAMPLE_NAME");
    }

    public TestContext TestContext { get; set; } = null!;

    private Task<int> RunAsync(params string[] args) => new CommandLineApplication("sample", "A sample.")
        .Verb<SampleOptions>("serve", "Serves.", (options, _) =>
        {
            _bound = options;
            return Task.FromResult(0);
        })
        .With(name => _environment.GetValueOrDefault(name), _output, _error)
        .RunAsync(args);

    private sealed class SampleOptions : IValidatableObject
    {
        [Option("Port to listen on.")]
        [Range(0, 65535)]
        public int SecurePort { get; set; } = 6443;

        [Option("Address to listen on.", Placeholder = "ADDRESS")]
        public string BindAddress { get; set; } = "127.0.0.1";

        [Option("Folder of the data.", Placeholder = "DIR")]
        public string? DataDir { get; set; }

        [Option("How long to wait.")]
        public TimeSpan Timeout { get; set; } = TimeSpan.FromMinutes(5);

        [Option("Lets anybody in.")]
        public bool Anonymous { get; set; }

        [Option("Tags.")]
        public IReadOnlyList<string> Tags { get; set; } = [];

        [Option("Size of it.", Bytes = true)]
        public long Size { get; set; }

        public IEnumerable<ValidationResult> Validate(ValidationContext validationContext)
        {
            if (Anonymous && BindAddress != "127.0.0.1") yield return new ValidationResult("--anonymous needs --bind-address 127.0.0.1");
        }
    }
}
