using System.Runtime.InteropServices;
using AiModels.Bench;

// What hack/bench.sh cannot do in shell. Each command prints one number or one line per measurement.
using var stop = new CancellationTokenSource();
using var ended = PosixSignalRegistration.Create(PosixSignal.SIGTERM, signal =>
{
    signal.Cancel = true;
    stop.Cancel();
});
Console.CancelKeyPress += (_, pressed) =>
{
    pressed.Cancel = true;
    stop.Cancel();
};

switch (args)
{
    case ["weights", var file, var bytes, var seed]:
        await GgufWeights.WriteAsync(file, long.Parse(bytes), int.Parse(seed), stop.Token);
        return 0;
    case ["encode", var file]:
        await EncodeStages.RunAsync(file, stop.Token);
        return 0;
    case ["push", var address, var repository, var file]:
        await RegistryTransfer.PushAsync(address, repository, file, stop.Token);
        return 0;
    case ["pull", var address, var repository, var folder]:
        await RegistryTransfer.PullAsync(address, repository, folder, stop.Token);
        return 0;
    case ["ready", var kubeconfig, var name, var file]:
        await UploadToReady.RunAsync(kubeconfig, name, file, stop.Token);
        return 0;
    case ["grant", var kubeconfig, var name]:
        await UploadToReady.GrantAsync(kubeconfig, name, stop.Token);
        return 0;
    case ["node", var kubeconfig, var name, var socket, var targets]:
        await NodeCacheFill.RunAsync(kubeconfig, name, socket, targets, stop.Token);
        return 0;
    case ["prepare", var kubeconfig, var name, var url]:
        await UploadToReady.PrepareAsync(kubeconfig, name, url, stop.Token);
        return 0;
    case ["shards", var folder, var bytes, var count, var seed]:
        await ShardedRepository.WriteAsync(folder, long.Parse(bytes), int.Parse(count), int.Parse(seed), stop.Token);
        return 0;
    case ["hub", var folder, var ready]:
        await HubServer.RunAsync(folder, ready, stop.Token);
        return 0;
    case ["ratio", var bytes]:
        await StoredRatio.RunAsync(int.Parse(bytes), stop.Token);
        return 0;
    case ["api-fill", var server, var token, var count]:
        await ApiFill.RunAsync(new Uri(server), token, int.Parse(count), stop.Token);
        return 0;
    case ["api-watch", var server, var token, var objects, var watchers, var rate, var seconds, .. var more]:
        Console.WriteLine(await WatchFanOut.RunAsync(
            new Uri(server), token, int.Parse(objects), int.Parse(watchers), int.Parse(rate), int.Parse(seconds), more is ["stalled"], stop.Token));
        return 0;
    case ["etcd-puts", var server, var clients, var seconds, var bytes]:
        Console.WriteLine($"{await EtcdPuts.RunAsync(new Uri(server), int.Parse(clients), int.Parse(seconds), int.Parse(bytes), stop.Token):0}");
        return 0;
    default:
        Console.Error.WriteLine("usage: bench weights FILE BYTES SEED | encode FILE | push ADDRESS REPOSITORY FILE | pull ADDRESS REPOSITORY FOLDER | ready KUBECONFIG NAME FILE | grant KUBECONFIG NAME | prepare KUBECONFIG NAME URL | shards FOLDER BYTES COUNT SEED | hub FOLDER READY-FILE | ratio BYTES | node KUBECONFIG NAME CSI_SOCKET TARGETS | api-fill URL TOKEN COUNT | api-watch URL TOKEN OBJECTS WATCHERS RATE SECONDS [stalled] | etcd-puts URL CLIENTS SECONDS BYTES");
        return 2;
}
