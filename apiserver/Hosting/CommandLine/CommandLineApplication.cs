using System.CommandLine;
using System.CommandLine.Parsing;
using System.Reflection;
using System.Runtime.InteropServices;

namespace AiModels.Hosting.CommandLine;

/// <summary>
/// The command line of one of our programs, on System.CommandLine. Program.cs reads:
/// <code>
/// return await new CommandLineApplication("registry", "The internal OCI registry of AI Models.")
///     .Verb&lt;RegistryOptions&gt;("serve", "Serves the registry.", RegistryProgram.ServeAsync)
///     .RunAsync(args);
/// </code>
/// Exit codes: what the verb returns; 0 for --help; 2 for a bad option (one line on standard error); 1 for a failure.
/// </summary>
/// <param name="component">Name of the program, also the COMPONENT of AIMODELS_COMPONENT_OPTION.</param>
/// <param name="description">One sentence for --help.</param>
public sealed class CommandLineApplication(string component, string description)
{
    private readonly List<CommandVerb> _verbs = [];
    private Func<string, string?> _environment = Environment.GetEnvironmentVariable;
    private TextWriter _output = Console.Out;
    private TextWriter _error = Console.Error;

    /// <summary>Adds a verb. The token is cancelled by SIGTERM and SIGINT.</summary>
    public CommandLineApplication Verb<TOptions>(string name, string description, Func<TOptions, CancellationToken, Task<int>> run)
        where TOptions : class, new()
    {
        _verbs.Add(new CommandVerb(name, description, typeof(TOptions), OptionDescriptor.Of(typeof(TOptions), component), (o, t) => run((TOptions)o, t)));
        return this;
    }

    /// <summary>What the program does without a verb; others may stand beside it.</summary>
    public CommandLineApplication Root<TOptions>(Func<TOptions, CancellationToken, Task<int>> run)
        where TOptions : class, new() => Verb("", description, run);

    /// <summary>Replaces environment and console, for tests.</summary>
    internal CommandLineApplication With(Func<string, string?> environment, TextWriter output, TextWriter error)
    {
        (_environment, _output, _error) = (environment, output, error);
        return this;
    }

    /// <summary>Parses, binds, validates and runs.</summary>
    public async Task<int> RunAsync(IReadOnlyList<string> args)
    {
        CommandVerb? verb = null;
        try
        {
            if (ParseVerb(args, out verb, out IReadOnlyList<string> rest) is { } done) return done;
            object? options = BindVerb(verb!, rest);
            return options == null ? 0 : await RunVerbAsync(verb!, options);
        }
        catch (BadOptionException e)
        {
            await _error.WriteLineAsync($"{component}: {e.Message.ReplaceLineEndings(" ")} (see '{string.Join(' ', component, verb?.Name).TrimEnd()} --help')");
            return 2;
        }
    }

    /// <summary>Chooses the verb. Returns an exit code when there is nothing more to do.</summary>
    private int? ParseVerb(IReadOnlyList<string> args, out CommandVerb? verb, out IReadOnlyList<string> rest)
    {
        (verb, rest) = (_verbs.FirstOrDefault(v => v.Name.Length == 0), args);
        if (args.Contains("--version"))
        {
            Assembly program = Assembly.GetEntryAssembly() ?? typeof(CommandLineApplication).Assembly;
            _output.WriteLine($"{component} {program.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion}");
            return 0;
        }

        if (verb != null)
        {
            if (args is [var first, ..] && _verbs.Find(v => v.Name.Length > 0 && v.Name == first) is { } named) (verb, rest) = (named, [.. args.Skip(1)]);
            return null;
        }

        string commands = string.Join(", ", _verbs.Select(v => v.Name));
        if (args.Count == 0) throw new BadOptionException($"a command is missing: {commands}");
        if (args[0] is "--help" or "-h" or "-?" or "help")
        {
            _output.Write(HelpText.ForProgram(component, description, _verbs));
            return 0;
        }

        verb = _verbs.FirstOrDefault(v => v.Name == args[0]) ?? throw new BadOptionException($"unknown command '{args[0]}': expected {commands}");
        rest = [.. args.Skip(1)];
        return null;
    }

    /// <summary>Parses a verb's options with System.CommandLine and binds them. Null after --help.</summary>
    private object? BindVerb(CommandVerb verb, IReadOnlyList<string> args)
    {
        if (args.Any(a => a is "--help" or "-h" or "-?"))
        {
            _output.Write(HelpText.ForVerb(component, verb, component, verb.Name.Length == 0 ? [.. _verbs.Where(v => v != verb)] : []));
            return null;
        }

        // Every option is text to the parser, so that one set of rules and messages (OptionValue) covers all three origins.
        var command = new Command(verb.Name.Length > 0 ? verb.Name : component);
        var parsers = verb.Options.Select(o => new Option<string[]>("--" + o.Name)
        {
            Arity = new ArgumentArity(o.IsFlag ? 0 : 1, 1000),
            AllowMultipleArgumentsPerToken = false,
        }).ToList();
        var config = new Option<string>("--config");
        parsers.ForEach(command.Options.Add);
        command.Options.Add(config);

        ParseResult parsed = command.Parse(args, new ParserConfiguration { EnablePosixBundling = false, ResponseFileTokenReplacer = null });
        if (parsed.UnmatchedTokens is [var unmatched, ..])
            throw new BadOptionException($"unknown {(unmatched.StartsWith('-') ? "option" : "argument")} '{unmatched}'{OptionBinder.Suggestion(unmatched.TrimStart('-').Split('=')[0], verb.Options)}");
        if (parsed.Errors is [var error, ..])
            throw new BadOptionException(error.SymbolResult is OptionResult { Option.Name: var bare, Tokens.Count: 0 } ? $"{bare}: a value is missing" : error.Message);

        var given = new Dictionary<string, IReadOnlyList<string>>();
        foreach ((OptionDescriptor option, Option<string[]> parser) in verb.Options.Zip(parsers))
        {
            if (parsed.GetResult(parser) is not { Implicit: false } result) continue;
            if (result.IdentifierTokenCount > 1 && !option.IsList) throw new BadOptionException($"--{option.Name} is given more than once");
            given[option.Name] = result.Tokens.Count > 0 ? [.. result.Tokens.Select(t => t.Value)] : option.IsFlag ? ["true"] : [];
        }

        string? configFile = parsed.GetValue(config) ?? _environment($"AIMODELS_{component}_CONFIG".Replace('-', '_').ToUpperInvariant());
        return OptionBinder.Bind(verb.OptionsType, verb.Options, given, _environment, string.IsNullOrEmpty(configFile) ? null : configFile);
    }

    private async Task<int> RunVerbAsync(CommandVerb verb, object options)
    {
        using var stop = new CancellationTokenSource();
        void Stop(PosixSignalContext context)
        {
            context.Cancel = true;
            stop.Cancel();
        }

        using var term = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Stop);
        using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Stop);
        try
        {
            return await verb.Run(options, stop.Token);
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            return 0;
        }
    }
}
