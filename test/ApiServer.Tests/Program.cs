using AiModels.ApiServer.Tests;
using AiModels.ApiServer.Tests.ApiServer;
using AiModels.ApiServer.Tests.Storage;
using Microsoft.Testing.Platform.Builder;

// The test program, and the programs that tests start as processes of their own to kill them: "child NAME ARGUMENTS…".
if (args is ["child", var child, .. var arguments])
{
    return child switch
    {
        UploadServerChild.Name => await UploadServerChild.RunAsync(arguments),
        StoreWriterChild.Name => await StoreWriterChild.RunAsync(arguments),
        _ => throw new ArgumentException($"There is no child program '{child}'."),
    };
}

ITestApplicationBuilder builder = await TestApplication.CreateBuilderAsync(args);
SelfRegisteredExtensions.AddSelfRegisteredExtensions(builder, args);
using ITestApplication app = await builder.BuildAsync();
return await app.RunAsync();
