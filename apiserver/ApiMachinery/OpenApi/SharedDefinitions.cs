using AiModels.ApiMachinery.Schemas;

namespace AiModels.ApiMachinery.OpenApi;

/// <summary>Definitions that every document holds: the meta types operations speak of.</summary>
internal static class SharedDefinitions
{
    public static IReadOnlyList<(string Name, Schema Schema)> All { get; } =
    [
        ("ObjectMeta", StandardSchemas.ObjectMeta),
        ("ListMeta", StandardSchemas.ListMeta),
        ("ManagedFieldsEntry", StandardSchemas.ManagedFieldsEntry),
        ("OwnerReference", StandardSchemas.OwnerReference),
        ("Patch", new Schema { Type = SchemaType.Object, Description = "Body of a PATCH request; its form depends on the content type." }),
        ("DeleteOptions", Object(
            "How an object is to be deleted.",
            ("apiVersion", StandardSchemas.ApiVersion),
            ("dryRun", new Schema { Type = SchemaType.Array, Items = Text(null), Description = "All: go through everything but storing." }),
            ("gracePeriodSeconds", Integer("Seconds that the object may take to end; 0 at once.")),
            ("kind", StandardSchemas.Kind),
            ("orphanDependents", new Schema { Type = SchemaType.Boolean, Description = "Old form of propagationPolicy." }),
            ("preconditions", Object(
                "What must hold for the object to be deleted, else 409 Conflict.",
                ("resourceVersion", Text("Version that the object must have.")),
                ("uid", Text("UID that the object must have.")))),
            ("propagationPolicy", Text("What becomes of dependents: Orphan, Background or Foreground.")))),
        ("WatchEvent", Object(
            "One change of a watch.",
            ("object", new Schema { Type = SchemaType.Object, Description = "The object, or a Status when type is ERROR." }),
            ("type", Text("ADDED, MODIFIED, DELETED, BOOKMARK or ERROR.")))),
        ("Status", Object(
            "Outcome of a request that answers with no object.",
            ("apiVersion", StandardSchemas.ApiVersion),
            ("code", new Schema { Type = SchemaType.Integer, Format = "int32", Description = "HTTP status code." }),
            ("details", Object(
                "What the reason is about.",
                ("causes", new Schema
                {
                    Type = SchemaType.Array,
                    ListType = "atomic",
                    Description = "The single things that are wrong.",
                    Items = Object(
                        "One thing that is wrong.",
                        ("field", Text("Path of the field.")),
                        ("message", Text("In words.")),
                        ("reason", Text("In one word for programs."))),
                }),
                ("group", Text("API group of the resource.")),
                ("kind", Text("Resource, or kind.")),
                ("name", Text("Name of the object.")),
                ("retryAfterSeconds", new Schema { Type = SchemaType.Integer, Format = "int32", Description = "When to try again." }),
                ("uid", Text("UID of the object.")))),
            ("kind", StandardSchemas.Kind),
            ("message", Text("What happened, in words.")),
            ("metadata", StandardSchemas.ListMeta),
            ("reason", Text("What happened, in one word for programs.")),
            ("status", Text("Success or Failure.")))),
    ];

    private static Schema Text(string? description) => new() { Type = SchemaType.String, Description = description };

    private static Schema Integer(string description) => new() { Type = SchemaType.Integer, Format = "int64", Description = description };

    private static Schema Object(string description, params (string Name, Schema Schema)[] properties) => new()
    {
        Type = SchemaType.Object,
        Description = description,
        Properties = properties.ToDictionary(property => property.Name, property => property.Schema),
    };
}
