namespace AiModels.ApiMachinery.Schemas;

/// <summary>Schemas of the types every kind shares (k8s.io/apimachinery/pkg/apis/meta/v1), described in our words.</summary>
public static class StandardSchemas
{
    public static Schema ApiVersion { get; } = Text("Group and version of the API that this object is written in, for instance ai.deckhouse.io/v1alpha1.");

    public static Schema Kind { get; } = Text("Kind of the object, in CamelCase. It cannot be changed.");

    /// <summary>metav1.FieldsV1: the fields of one owner, see https://kubernetes.io/docs/reference/using-api/server-side-apply/.</summary>
    public static Schema FieldsV1 { get; } = new()
    {
        Type = SchemaType.Object,
        PreserveUnknownFields = true,
        Description = "Set of fields in the form of a trie: f:<name> is a field, k:<keys> and v:<value> are items of lists, '.' is the thing itself.",
    };

    public static Schema ManagedFieldsEntry { get; } = new()
    {
        Type = SchemaType.Object,
        Description = "Which fields one manager owns.",
        Properties = new Dictionary<string, Schema>
        {
            ["apiVersion"] = Text("Version of the resource that the field set is written in."),
            ["fieldsType"] = Text("Format of the field set: FieldsV1."),
            ["fieldsV1"] = FieldsV1,
            ["manager"] = Text("Name of the workflow that owns the fields."),
            ["operation"] = Text("How the fields came to be owned: Apply or Update."),
            ["subresource"] = Text("Subresource that the fields were written through; empty for the resource itself."),
            ["time"] = Time("When the entry last changed."),
        },
    };

    public static Schema OwnerReference { get; } = new()
    {
        Type = SchemaType.Object,
        Description = "An object whose deletion takes this one along. It lives in the same namespace or has none.",
        Required = ["apiVersion", "kind", "name", "uid"],
        MapType = "atomic",
        Properties = new Dictionary<string, Schema>
        {
            ["apiVersion"] = Text("API version of the owner."),
            ["blockOwnerDeletion"] = Flag("Whether a foreground deletion of the owner waits for this object. Setting it needs the right to delete the owner."),
            ["controller"] = Flag("Whether this owner is the managing controller. At most one is."),
            ["kind"] = Text("Kind of the owner."),
            ["name"] = Text("Name of the owner."),
            ["uid"] = Text("UID of the owner."),
        },
    };

    public static Schema ObjectMeta { get; } = new()
    {
        Type = SchemaType.Object,
        Description = "Standard metadata of an object.",
        Properties = new Dictionary<string, Schema>
        {
            ["annotations"] = TextMap("Notes that tools and people attach to the object; they cannot be selected by."),
            ["creationTimestamp"] = Time("When the object was created. Set by the server."),
            ["deletionGracePeriodSeconds"] = Number("Seconds that the object may take to end. Set by the server with deletionTimestamp."),
            ["deletionTimestamp"] = Time("When the object's deletion was asked for. Set by the server; the object goes when its finalizers are gone."),
            ["finalizers"] = new()
            {
                Type = SchemaType.Array,
                Items = Text(),
                ListType = "set",
                Description = "Who must have done their part before the object goes. Each removes its own entry.",
            },
            ["generateName"] = Text("Prefix of a name that the server completes, when name is not given."),
            ["generation"] = Number("Counts changes of what is wanted. Set by the server."),
            ["labels"] = TextMap("Keys and values that objects are selected by."),
            ["managedFields"] = new()
            {
                Type = SchemaType.Array,
                Items = ManagedFieldsEntry,
                ListType = "atomic",
                Description = "Who owns which fields. Kept by the server.",
            },
            ["name"] = Text("Name of the object, unique among its kind in its namespace. It cannot be changed."),
            ["namespace"] = Text("Namespace of the object; absent for kinds without namespaces. It cannot be changed."),
            ["ownerReferences"] = new()
            {
                Type = SchemaType.Array,
                Items = OwnerReference,
                ListType = "map",
                ListMapKeys = ["uid"],
                Description = "Objects that this one depends on. When all of them are gone it is collected as garbage.",
            },
            ["resourceVersion"] = Text("Version of the stored object, for optimistic concurrency and watches. Set by the server."),
            ["selfLink"] = Text("No longer set by the server."),
            ["uid"] = Text("Identity of the object in time and space. Set by the server."),
        },
    };

    public static Schema ListMeta { get; } = new()
    {
        Type = SchemaType.Object,
        Description = "Standard metadata of a list.",
        Properties = new Dictionary<string, Schema>
        {
            ["continue"] = Text("Token to ask for the next page with; empty at the end."),
            ["remainingItemCount"] = Number("How many items follow this page, when that is known."),
            ["resourceVersion"] = Text("Version that the list is a picture of."),
            ["selfLink"] = Text("No longer set by the server."),
        },
    };

    /// <summary>The schema of a kind from those of its own parts: apiVersion, kind and metadata come first.</summary>
    public static Schema Root(string description, IEnumerable<KeyValuePair<string, Schema>> fields, params IReadOnlyList<string> required)
    {
        var properties = new Dictionary<string, Schema> { ["apiVersion"] = ApiVersion, ["kind"] = Kind, ["metadata"] = ObjectMeta };
        foreach ((string name, Schema schema) in fields)
        {
            properties[name] = schema;
        }

        return new Schema { Type = SchemaType.Object, Description = description, Properties = properties, Required = required };
    }

    private static Schema Text(string? description = null) => new() { Type = SchemaType.String, Description = description };

    private static Schema Flag(string description) => new() { Type = SchemaType.Boolean, Description = description };

    private static Schema Number(string description) => new() { Type = SchemaType.Integer, Format = "int64", Description = description };

    private static Schema Time(string description) => new() { Type = SchemaType.String, Format = "date-time", Description = description };

    private static Schema TextMap(string description) =>
        new() { Type = SchemaType.Object, AdditionalProperties = Text(), Description = description };
}
