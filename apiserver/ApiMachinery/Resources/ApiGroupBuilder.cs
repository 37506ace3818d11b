using Microsoft.Extensions.DependencyInjection;

namespace AiModels.ApiMachinery.Resources;

/// <summary>Registers resources: each gets its routes, its place in discovery and OpenAPI, and a ResourceStore.</summary>
public sealed class ApiGroupBuilder(IServiceCollection services)
{
    public IServiceCollection Services { get; } = services;

    public ApiGroupBuilder AddResource(ResourceDefinition definition) => AddResource(_ => definition);

    /// <summary>For a definition whose subresources need services.</summary>
    public ApiGroupBuilder AddResource(Func<IServiceProvider, ResourceDefinition> create)
    {
        Services.AddSingleton(new ResourceRegistration(create));
        return this;
    }

    /// <summary>Adds a guard on writes; guards are asked in the order they were added.</summary>
    public ApiGroupBuilder AddAdmission<T>()
        where T : class, IAdmission
    {
        Services.AddSingleton<IAdmission, T>();
        return this;
    }
}
