using AiModels.ApiServer.Storage;

namespace AiModels.ApiServer.Tests.Storage;

[TestClass]
public sealed class SqliteKillTests() : StoreKillContract(StorageEngines.Sqlite);
