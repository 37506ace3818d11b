using AiModels.EtcdStore.Protos;
using AiModels.Hosting.Grpc;

namespace AiModels.EtcdStore;

/// <summary>The methods of etcd's API that are called.</summary>
internal static class EtcdMethods
{
    public static readonly GrpcMethod<RangeRequest, RangeResponse> Range = new("etcdserverpb.KV", "Range", RangeRequest.Parser, RangeResponse.Parser);
    public static readonly GrpcMethod<PutRequest, PutResponse> Put = new("etcdserverpb.KV", "Put", PutRequest.Parser, PutResponse.Parser);
    public static readonly GrpcMethod<TxnRequest, TxnResponse> Txn = new("etcdserverpb.KV", "Txn", TxnRequest.Parser, TxnResponse.Parser);
    public static readonly GrpcMethod<CompactionRequest, CompactionResponse> Compact = new("etcdserverpb.KV", "Compact", CompactionRequest.Parser, CompactionResponse.Parser);
    public static readonly GrpcMethod<WatchRequest, WatchResponse> Watch = new("etcdserverpb.Watch", "Watch", WatchRequest.Parser, WatchResponse.Parser);
    public static readonly GrpcMethod<AuthenticateRequest, AuthenticateResponse> Authenticate =
        new("etcdserverpb.Auth", "Authenticate", AuthenticateRequest.Parser, AuthenticateResponse.Parser);
    public static readonly GrpcMethod<StatusRequest, StatusResponse> Status = new("etcdserverpb.Maintenance", "Status", StatusRequest.Parser, StatusResponse.Parser);
}
