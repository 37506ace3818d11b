namespace AiModels.EndToEnd.Tests;

/// <summary>The checkout this test was built from.</summary>
internal static class Checkout
{
    public static string Root { get; } = Find();

    public static string File(string path) => Path.Combine(Root, path);

    private static string Find()
    {
        string? folder = AppContext.BaseDirectory;
        while (folder != null && !System.IO.File.Exists(Path.Combine(folder, "ApiServer.sln"))) folder = Path.GetDirectoryName(folder);
        return folder ?? throw new DirectoryNotFoundException("ApiServer.sln is not above " + AppContext.BaseDirectory);
    }
}
