using AiModels.ApiMachinery.Http;
using Microsoft.AspNetCore.Http;

namespace AiModels.ApiServer.Tests.ApiMachinery.Http;

/// <summary>Paths and methods in the words of the API (contract A20).</summary>
[TestClass]
public sealed class RequestInfoTests
{
    [TestMethod]
    [DataRow("GET", "/api/v1/namespaces/ns/pods/a", "", "get", "", "v1", "ns", "pods", "a", "")]
    [DataRow("GET", "/apis/g.io/v1/widgets", "", "list", "g.io", "v1", "", "widgets", "", "")]
    [DataRow("GET", "/apis/g.io/v1/widgets", "?watch", "watch", "g.io", "v1", "", "widgets", "", "")]
    [DataRow("GET", "/apis/g.io/v1/widgets", "?watch=0", "list", "g.io", "v1", "", "widgets", "", "")]
    [DataRow("GET", "/apis/g.io/v1/namespaces/ns/widgets", "?watch=1&fieldSelector=metadata.name=a", "watch", "g.io", "v1", "ns", "widgets", "a", "")]
    [DataRow("GET", "/apis/g.io/v1/namespaces/ns/widgets/a", "?watch=1", "get", "g.io", "v1", "ns", "widgets", "a", "")]
    [DataRow("GET", "/apis/g.io/v1/watch/namespaces/ns/widgets/a", "", "watch", "g.io", "v1", "ns", "widgets", "a", "")]
    [DataRow("POST", "/apis/g.io/v1/namespaces/ns/widgets", "", "create", "g.io", "v1", "ns", "widgets", "", "")]
    [DataRow("PUT", "/apis/g.io/v1/namespaces/ns/widgets/a/status", "", "update", "g.io", "v1", "ns", "widgets", "a", "status")]
    [DataRow("PATCH", "/apis/g.io/v1/widgets/a", "", "patch", "g.io", "v1", "", "widgets", "a", "")]
    [DataRow("DELETE", "/apis/g.io/v1/namespaces/ns/widgets", "", "deletecollection", "g.io", "v1", "ns", "widgets", "", "")]
    [DataRow("DELETE", "/apis/g.io/v1/namespaces/ns/widgets/a", "", "delete", "g.io", "v1", "ns", "widgets", "a", "")]
    [DataRow("GET", "/api/v1/namespaces", "", "list", "", "v1", "", "namespaces", "", "")]
    [DataRow("GET", "/api/v1/namespaces/ns", "", "get", "", "v1", "ns", "namespaces", "ns", "")]
    [DataRow("PUT", "/api/v1/namespaces/ns/status", "", "update", "", "v1", "ns", "namespaces", "ns", "status")]
    public void A20_Parse_OfAResourcePath(
        string method, string path, string query, string verb, string group, string version, string ns, string resource, string name, string subresource)
    {
        RequestInfo info = Parse(method, path, query);

        Assert.IsTrue(info.IsResource);
        Assert.AreEqual((verb, group, version, ns, resource, name, subresource),
            (info.Verb, info.Group, info.Version, info.Namespace, info.Resource, info.Name, info.Subresource));
    }

    [TestMethod]
    [DataRow("/")]
    [DataRow("/apis")]
    [DataRow("/apis/g.io/v1")]
    [DataRow("/api/v1")]
    [DataRow("/healthz")]
    public void A20_Parse_OfAnotherPath_IsNoResource(string path)
    {
        RequestInfo info = Parse("GET", path, "");

        Assert.IsFalse(info.IsResource);
        Assert.AreEqual("get", info.Verb);
    }

    private static RequestInfo Parse(string method, string path, string query)
    {
        var context = new DefaultHttpContext();
        context.Request.Method = method;
        context.Request.Path = path;
        context.Request.QueryString = new QueryString(query);
        return RequestInfo.Parse(context.Request);
    }
}
