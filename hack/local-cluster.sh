#!/bin/bash
# Everything of AI Models in one background process on loopback, beside a stand-in for the host cluster.
. "$(dirname "$0")/lib.sh"

usage() {
  cat <<TEXT
usage: hack/local-cluster.sh COMMAND [options]

  up      start in the background and return when it is ready; does nothing when it runs already
  env     print KUBECONFIG=…, REGISTRY=… and NODE_ROOT=… as lines for eval
  status  say whether it runs (exit code 0) or not (3)
  down    stop it; its data stays

  --data DIR       folder of all data (default: .data in this checkout); several clusters run side by side with different folders and ports
  --port N         port of the API, up only; the next four are used as well (default: 16443)
  --without LIST   up only: components not to start (apiserver,registry,controllers,nodeagent,csi-driver)
  --delivery-type SharedPVC|NodeCache     up only: how models reach Pods (default: SharedPVC)
  --node-cache-storage HostPath|SDS     up only: whether the controllers ask SDS, which is played here, for storage of caches (default: HostPath)
  --preparation in-process|jobs           up only: who prepares models (default: in-process)
  --huggingface-endpoint URL, --ollama-endpoint URL, --source-ca-file FILE
                                          up only: mirrors of the hubs and the CA of their certificates
  --request-timeout TIME                  up only: how long a request through the host's API may take (default: 60s, as kube-apiserver's)
  --scrub-interval TIME                   up only: how often the registry reads again all that is stored (default: 168h)
  --capacity-limit SIZE                   up only: how much the registry may store, for instance 20Gi (default: what the disk takes)

example:
  hack/local-cluster.sh up && eval "\$(hack/local-cluster.sh env)" && export KUBECONFIG && kubectl get nodes
TEXT
}

command=${1:-}
[ $# -gt 0 ] && shift
data=$ROOT/.data
arguments=()
while [ $# -gt 0 ]; do
  case $1 in
    --help | -h) usage; exit 0 ;;
    --data=*) data=${1#*=} ;;
    --port=* | --without=* | --delivery-type=* | --preparation=* | --huggingface-endpoint=* | --ollama-endpoint=* | --source-ca-file=* | --request-timeout=* | --capacity-limit=* | --scrub-interval=* | --node-cache-storage=*) arguments+=("$1") ;;
    --data | --port | --without | --delivery-type | --preparation | --huggingface-endpoint | --ollama-endpoint | --source-ca-file | --request-timeout | --capacity-limit | --scrub-interval | --node-cache-storage)
      [ $# -ge 2 ] || { echo "local-cluster.sh: $1: a value is missing (see --help)" >&2; exit 2; }
      if [ "$1" = --data ]; then data=$2; else arguments+=("$1" "$2"); fi
      shift ;;
    *) echo "local-cluster.sh: unknown option '$1' (see --help)" >&2; exit 2 ;;
  esac
  shift
done
case $command in
  up | env | status | down) ;;
  --help | -h | help) usage; exit 0 ;;
  '') usage >&2; exit 2 ;;
  *) echo "local-cluster.sh: unknown command '$command' (see --help)" >&2; exit 2 ;;
esac

mkdir -p "$data"
data=$(cd "$data" && pwd)
pid_file=$data/cluster.pid ready=$data/run.env log=$data/cluster.log
program=$ROOT/artifacts/bin/AiModels.LocalCluster/release/local-cluster

# The process of this folder, if it lives. A pid alone could be somebody else's after a restart of the machine.
running() {
  local pid
  pid=$(cat "$pid_file" 2>/dev/null) && [ -n "$pid" ] && [ -r "/proc/$pid/cmdline" ] &&
    tr '\0' '\n' <"/proc/$pid/cmdline" 2>/dev/null | grep -qxF -- "$data" && echo "$pid"
}

up() {
  if pid=$(running); then
    echo "runs already (pid $pid): $data"
    return
  fi
  "$ROOT/hack/build.sh"
  rm -f "$ready"
  setsid nohup "$program" --data "$data" "${arguments[@]}" >>"$log" 2>&1 </dev/null &
  pid=$!
  echo "$pid" >"$pid_file"
  for _ in $(seq 600); do
    if [ -f "$ready" ]; then
      echo "ready (pid $pid): $data"
      return
    fi
    if ! kill -0 "$pid" 2>/dev/null; then
      code=0
      wait "$pid" || code=$?
      rm -f "$pid_file"
      tail -n 5 "$log" >&2
      [ "$code" = 2 ] && exit 2
      fail "the cluster did not start (exit code $code)" "its output is in $log"
    fi
    sleep 0.1
  done
  fail "the cluster is not ready after a minute" "its output is in $log; stop it with: hack/local-cluster.sh down --data $data"
}

down() {
  if ! pid=$(running); then
    echo "does not run: $data"
    return
  fi
  kill -TERM "$pid"
  for _ in $(seq 300); do
    if ! kill -0 "$pid" 2>/dev/null; then
      rm -f "$pid_file" "$ready"
      echo "stopped: $data"
      return
    fi
    sleep 0.1
  done
  fail "process $pid does not stop" "its output is in $log; kill -9 $pid is safe, nothing that was acknowledged is lost"
}

case $command in
  up) up ;;
  down) down ;;
  env)
    running >/dev/null && [ -f "$ready" ] || fail "no cluster runs with the data folder $data" "start it with: hack/local-cluster.sh up --data $data"
    cat "$ready" ;;
  status)
    if pid=$(running) && [ -f "$ready" ]; then
      echo "running (pid $pid): $data"
      sed 's/^/  /' "$ready"
    else
      echo "not running: $data"
      exit 3
    fi ;;
esac
