using AiModels.ApiMachinery.Errors;
using AiModels.ApiMachinery.Http;
using Microsoft.AspNetCore.Http;

namespace AiModels.ApiMachinery.Negotiation;

/// <summary>The shape an object is asked for in.</summary>
internal enum Transform
{
    None,
    Table,
    PartialObjectMetadata,
    PartialObjectMetadataList,
}

/// <summary>What the client takes: format, shape, indentation (contract section 5).</summary>
internal sealed record Negotiated(bool IsYaml, Transform Transform, bool IsPretty)
{
    private static readonly Negotiated Plain = new(false, Transform.None, false);
    private static readonly Negotiated Indented = new(false, Transform.None, true);
    private static readonly string[] People = ["curl", "Wget", "Mozilla/5.0"];

    /// <summary>Whether stored bytes can be sent as they are.</summary>
    public bool IsVerbatim => !IsYaml && !IsPretty && Transform == Transform.None;

    public string ContentType => IsYaml ? MediaTypes.Yaml : MediaTypes.Json;

    /// <summary>Of a Table: how much of each object its row carries.</summary>
    public string IncludeObject { get; init; } = "Metadata";

    /// <summary>Version of Tables and metadata: meta.k8s.io/v1, or v1beta1 where that is asked for.</summary>
    public string MetaVersion { get; init; } = "meta.k8s.io/v1";

    /// <summary>The first clause that can be served; 406 when there is none.</summary>
    /// <param name="isWatch">A watch has no YAML (contract W19).</param>
    /// <param name="transforms">Whether the answer is an object or a list of objects, which have Tables and metadata.</param>
    public static Negotiated For(HttpContext context, bool isWatch = false, bool transforms = true)
    {
        HttpRequest request = context.Request;
        bool isPretty = IsPrettyFor(request);
        string header = request.Headers.Accept.ToString();
        if (header.Length == 0 || header is "*/*" or MediaTypes.Json)
        {
            return isPretty && !isWatch ? Indented : Plain;
        }

        foreach (AcceptClause clause in AcceptClause.Parse(header))
        {
            bool isYaml = !clause.Takes(MediaTypes.Json);
            if (isYaml && (isWatch || !clause.Takes(MediaTypes.Yaml)))
            {
                continue;
            }

            if (TransformOf(clause) is { } transform && (transforms || transform == Transform.None))
            {
                return new Negotiated(isYaml, transform, isPretty && !isWatch)
                {
                    IncludeObject = IncludeObjectOf(request, transform),
                    MetaVersion = transform == Transform.None ? "meta.k8s.io/v1" : "meta.k8s.io/" + clause.Parameter("v"),
                };
            }
        }

        throw ApiError.NotAcceptable(isWatch ? MediaTypes.Streams : MediaTypes.Objects);
    }

    /// <summary>For errors: the first clause that can be served without a transform, else indented JSON (contract E1).</summary>
    public static Negotiated ForError(HttpContext context)
    {
        string header = context.Request.Headers.Accept.ToString();
        if (header.Length == 0)
        {
            return IsPrettyFor(context.Request) ? Indented : Plain;
        }

        foreach (AcceptClause clause in AcceptClause.Parse(header))
        {
            if (clause.Takes(MediaTypes.Json))
            {
                return IsPrettyFor(context.Request) ? Indented : Plain;
            }

            if (clause.Takes(MediaTypes.Yaml))
            {
                return new Negotiated(true, Transform.None, false);
            }
        }

        return Indented;
    }

    // Null: a transform that is not served, so that the next clause has its turn.
    private static Transform? TransformOf(AcceptClause clause)
    {
        string name = clause.Parameter("as");
        if (name.Length == 0)
        {
            return Transform.None;
        }

        return clause.Parameter("g") == "meta.k8s.io" && clause.Parameter("v") is "v1" or "v1beta1"
            ? name switch
            {
                "Table" => Transform.Table,
                "PartialObjectMetadata" => Transform.PartialObjectMetadata,
                "PartialObjectMetadataList" => Transform.PartialObjectMetadataList,
                _ => null,
            }
            : null;
    }

    private static string IncludeObjectOf(HttpRequest request, Transform transform)
    {
        string value = request.Query.First("includeObject");
        if (transform != Transform.Table || value is "" or "Metadata")
        {
            return "Metadata";
        }

        return value is "None" or "Object"
            ? value
            : throw ApiError.BadRequest(
                $"Unable to convert to Table as requested: includeObject: Invalid value: \"{value}\": must be 'Metadata', 'Object', 'None', or empty");
    }

    // curl and browsers are read by people (contract N14).
    private static bool IsPrettyFor(HttpRequest request)
    {
        if (request.Query.TryGetValue("pretty", out var pretty))
        {
            return pretty.ToString() is "true" or "1" or "";
        }

        string agent = request.Headers.UserAgent.ToString();
        return People.Any(name => agent.StartsWith(name, StringComparison.Ordinal));
    }
}
