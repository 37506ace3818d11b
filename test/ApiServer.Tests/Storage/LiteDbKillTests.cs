using AiModels.ApiServer.Storage;

namespace AiModels.ApiServer.Tests.Storage;

[TestClass]
public sealed class LiteDbKillTests() : StoreKillContract(StorageEngines.LiteDb);
