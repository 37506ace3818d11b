#!/usr/bin/env bash
# Measures the byte path and the API against what people would use instead, as ratios of pairs taken in one run.
# How to read the table: test/README.md, "Benchmarks". It keeps no verdict.
#
#   hack/bench.sh [bytes|preparation|node|api|registry|s3] [--rounds N] [--size SIZE] [--work DIR]
. "$(dirname "$0")/lib.sh"
root=$ROOT

what=all rounds=3 size="" work=""
while [ $# -gt 0 ]; do
  case $1 in
    bytes | preparation | node) what=$1 ;;
    api) shift; exec "$root/hack/bench-api.sh" "$@" ;;
    registry) shift; exec "$root/hack/bench-registry.sh" "$@" ;;
    s3) shift; exec "$root/hack/bench-s3.sh" "$@" ;;
    --rounds) rounds=$2; shift ;;
    --size) size=$(bytes --size "$2") || exit 1; shift ;;
    --work) work=$2; shift ;;
    -h | --help) sed -n '2,5s/^# \{0,1\}//p' "$0"; exit 0 ;;
    *) echo "bench: unknown argument '$1' (bytes, preparation, node, api, registry, s3, --rounds N, --size SIZE, --work DIR)" >&2; exit 2 ;;
  esac
  shift
done

own_work=""
if [ -z "$work" ]; then
  work=$(mktemp -d "${TMPDIR:-/var/tmp}/ai-models-bench.XXXXXX")
  own_work=$work
fi
mkdir -p "$work"
data=$work/cluster
port=${BENCH_PORT:-17443}
docker_port=$((port + 10))
docker_pid="" hub_pid="" controllers_pid="" agent_pid="" driver_pid=""

finish() {
  stop_node
  for pid in $controllers_pid $hub_pid; do kill "$pid" 2>/dev/null || true; done
  "$root/hack/local-cluster.sh" down --data "$work/preparation" >/dev/null 2>&1 || true
  "$root/hack/local-cluster.sh" down --data "$data" >/dev/null 2>&1 || true
  "$root/hack/local-cluster.sh" down --data "$work/node-cluster" >/dev/null 2>&1 || true
  [ -z "$docker_pid" ] || kill "$docker_pid" 2>/dev/null || true
  [ -z "$own_work" ] || rm -rf "$own_work"
}
trap finish EXIT

# stop_node: ends the node's two programs.
stop_node() {
  local pid
  for pid in $driver_pid $agent_pid; do
    kill "$pid" 2>/dev/null || true
    wait "$pid" 2>/dev/null || true
  done
  agent_pid="" driver_pid=""
}

say() { echo "bench: $*" >&2; }

# --- what is needed -----------------------------------------------------------------------------------------------------------

# install COMMAND PACKAGE [SUITE]
install() {
  command -v "$1" >/dev/null && return
  say "installing $2"
  if [ "${3:-}" = sid ] && ! apt-cache policy "$2" | grep -q "Candidate: [0-9]"; then
    add_sid
  fi
  as_root apt-get update -qq >&2
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$2" >&2
  # The package starts a service of its own, which would take part in the measurement.
  if [ "$2" = docker-registry ] && command -v systemctl >/dev/null; then as_root systemctl disable --now docker-registry >/dev/null 2>&1 || true; fi
}

build() {
  say "building"
  for project in nodeagent csi-driver; do # as they are installed
    publish "$project" "$work/$project" >"$work/build.log" 2>&1 || { cat "$work/build.log" >&2; exit 1; }
  done
  for project in hack/local-cluster hack/bench controllers; do
    dotnet build "$root/$project" -c Release -v q --nologo >"$work/build.log" 2>&1 || { cat "$work/build.log" >&2; exit 1; }
  done
  bench=$root/artifacts/bin/AiModels.Bench/release/bench
  nodeagent=$work/nodeagent/nodeagent
  driver=$work/csi-driver/csi-driver
  controllers=$root/artifacts/bin/AiModels.Controllers/release/controllers
}

# --- measuring ----------------------------------------------------------------------------------------------------------------

# seconds COMMAND…: wall time, with three digits.
seconds() {
  local start end
  start=$(date +%s%N)
  "$@" >>"$work/output.log" 2>&1 || { tail -n 20 "$work/output.log" >&2; say "failed: $*"; exit 1; }
  end=$(date +%s%N)
  awk -v n=$((end - start)) 'BEGIN { printf "%.3f", n / 1e9 }'
}

# note NAME COMMAND…: runs a command that prints seconds, and remembers them as a measurement of this round.
note() {
  local name=$1 value
  shift
  value=$("$@")
  echo "$value" >>"$work/$name.times"
  say "  $name: $value s"
}

median() { sort -n "$1" | awk '{ v[NR] = $1 } END { m = int((NR + 1) / 2); printf "%.3f", NR % 2 ? v[m] : (v[m] + v[m + 1]) / 2 }'; }

# ratio A B: median over the rounds of A's time divided by B's time of the same round.
ratio() {
  paste "$work/$1.times" "$work/$2.times" | awk '{ print $1 / $2 }' >"$work/ratio.tmp"
  median "$work/ratio.tmp"
}

copy_and_sync() { cp "$1" "$2" && sync "$2"; }

line() { printf '| %-46s | %10s | %s |\n' "$1" "$2" "$3"; }

# --- bytes --------------------------------------------------------------------------------------------------------------------

start_docker_registry() {
  cat >"$work/docker-registry.yml" <<EOF
version: 0.1
log: { level: error, accesslog: { disabled: true } }
storage: { filesystem: { rootdirectory: $work/docker }, delete: { enabled: true } }
http: { addr: "127.0.0.1:$docker_port" }
EOF
  docker-registry serve "$work/docker-registry.yml" >"$work/docker-registry.log" 2>&1 &
  docker_pid=$!
  for _ in $(seq 50); do
    curl -fs "http://127.0.0.1:$docker_port/v2/" >/dev/null && return
    sleep 0.1
  done
  say "docker-registry did not start"; cat "$work/docker-registry.log" >&2; exit 1
}

oras_push() { (cd "$work" && oras push --plain-http --no-tty "127.0.0.1:$docker_port/bench:r$1" "weights-$1.gguf:application/octet-stream"); }
oras_pull() { oras pull --plain-http --no-tty -o "$work/oras-$1" "127.0.0.1:$docker_port/bench:r$1"; }

materialize() {
  AIMODELS_NODEAGENT_GRANT=$4 "$nodeagent" materialize --registry "unix://$socket" --repository "$2" --digest "$3" --target "$work/files-$1"
}

bytes_round() {
  local i=$1 file=$work/weights-$1.gguf
  local -a grant
  "$bench" weights "$file" "$size" "$i"
  cat "$file" >/dev/null # in the page cache for everybody
  say "round $i"
  note sha256 seconds openssl dgst -sha256 "$file"
  note ready "$bench" ready "$KUBECONFIG" "bench-$i" "$file"
  note oras-push seconds oras_push "$i"
  "$bench" grant "$KUBECONFIG" "bench-$i" >"$work/grant"
  read -r -a grant <"$work/grant"
  note cp seconds copy_and_sync "$file" "$work/copy-$i"
  note materialize seconds materialize "$i" "${grant[@]}"
  note oras-pull seconds oras_pull "$i"
  cmp "$file" "$(find "$work/files-$i" -name '*.gguf')"
  chmod -R u+w "$work/files-$i"
  rm -rf "$work/files-$i" "$work/copy-$i" "$work/oras-$i" "$work/grant" "$file"
}

bytes() {
  # The node's services take no part in what is measured; materializing is done by the program alone.
  "$root/hack/local-cluster.sh" up --data "$data" --port "$port" --without nodeagent,csi-driver >&2
  eval "$("$root/hack/local-cluster.sh" env --data "$data")"
  export KUBECONFIG
  socket=$(find "$data/run" -name registry.sock)
  start_docker_registry
  rm -f "$work"/*.times
  # A warm-up that is not counted: just-in-time compilation and first connections, for both sides.
  local counted=$size
  size=$((64 << 20)); bytes_round 0; size=$counted; rm -f "$work"/*.times
  for i in $(seq "$rounds"); do bytes_round "$i"; done
  echo
  echo "Bytes: $((size >> 20)) MiB of bf16-like weights, $(nproc) processors, medians of $rounds rounds"
  echo
  line measurement seconds "ratio (of pairs, median)"
  line ":---" "---:" ":---"
  line "openssl dgst -sha256" "$(median "$work/sha256.times")" ""
  line "upload -> Ready (curl -T, TLS, durable)" "$(median "$work/ready.times")" "$(ratio ready sha256) x the time of openssl"
  line "oras push to docker-registry" "$(median "$work/oras-push.times")" "$(ratio oras-push ready) x the time of upload -> Ready"
  line "cp and sync" "$(median "$work/cp.times")" ""
  line "registry -> files (nodeagent materialize)" "$(median "$work/materialize.times")" "$(ratio materialize cp) x the time of cp and sync"
  line "oras pull from docker-registry" "$(median "$work/oras-pull.times")" "$(ratio oras-pull materialize) x the time of registry -> files"
}

# --- node cache ---------------------------------------------------------------------------------------------------------------

node_data=$work/node-cluster

# wait_for_socket PATH PID
wait_for_socket() {
  for _ in $(seq 100); do
    [ -S "$1" ] && return
    kill -0 "$2" 2>/dev/null || break
    sleep 0.1
  done
  say "no socket at $1"; tail -n 5 "$work"/*.serve.log >&2; exit 1
}

start_node() {
  rm -rf "$work/cache" "$work/pods"
  "$nodeagent" serve --listen "unix://$work/agent.sock" --node-name bench-node --cache-dir "$work/cache" --kubeconfig "$KUBECONFIG" \
    --registry "unix://$socket" >"$work/agent.serve.log" 2>&1 &
  agent_pid=$!
  "$driver" --endpoint "unix://$work/csi.sock" --node-id bench-node --agent "unix://$work/agent.sock" >"$work/driver.serve.log" 2>&1 &
  driver_pid=$!
  wait_for_socket "$work/agent.sock" "$agent_pid"
  wait_for_socket "$work/csi.sock" "$driver_pid"
}

# What a Pod would have without us: one stream from a registry to the disk, hashed on the way.
curl_and_hash() { curl -sSf "$1" | tee "$work/curled" | openssl dgst -sha256 >"$work/curled.sha256"; }

# A registry's disk is another machine's than the one that is written to: what it serves is in the page cache for everybody.
warm() { find "$1" -type f -size +1M -exec cat {} + >/dev/null; }

# node_model I: a model in both registries, and its file.
node_model() {
  "$bench" weights "$work/weights-$1.gguf" "$size" "$1"
  "$bench" ready "$KUBECONFIG" "bench-$1" "$work/weights-$1.gguf" >/dev/null 2>>"$work/output.log"
  oras_push "$1" >>"$work/output.log" 2>&1
}

node_round() {
  local i=$1 file=$work/weights-$1.gguf digest published peak first cold warm p99
  say "round $i"
  node_model "$i"
  digest=$(openssl dgst -sha256 -r "$file" | cut -d' ' -f1)
  start_node
  # A process that has just begun compiles what it uses for the first time; that is counted apart, with the small model that all rounds share.
  "$bench" node "$KUBECONFIG" bench-0 "$work/csi.sock" "$work/pods" >"$work/first.result"
  read -r first _ <"$work/first.result"
  echo "$first" >>"$work/first.times"
  warm "$node_data"
  sync # what was written to get here is not to be written while others are timed
  "$bench" node "$KUBECONFIG" "bench-$i" "$work/csi.sock" "$work/pods" >"$work/node.result"
  read -r cold warm p99 <"$work/node.result"
  echo "$cold" >>"$work/cold.times"; echo "$warm" >>"$work/warm.times"; echo "$p99" >>"$work/p99.times"
  peak=$(awk '/VmHWM/ { print int($2 / 1024) }' "/proc/$agent_pid/status")
  echo "$peak" >>"$work/peak.times"
  echo $(($(grep -c "files with" "$work/agent.serve.log") - 1)) >>"$work/downloads.times"
  published=$(find "$work/cache/models" -name '*.gguf' -newer "$work/first.result")
  echo $(($(du -sB1 "${published%/*}" | cut -f1) * 100 / size)) >>"$work/copies.times"
  say "  first of the process (64 MiB): $first s; cold: $cold s; warm publish: median $warm ms, p99 $p99 ms; agent's peak: $peak MiB"
  cmp "$file" "$published"
  stop_node
  chmod -R u+w "$work/cache"
  rm -rf "$work/cache"
  warm "$work/docker"
  sync
  note node-oras seconds oras_pull "$i"
  note oras-sync seconds sync -f "$work/oras-$i"
  paste "$work/node-oras.times" "$work/oras-sync.times" | awk '{ printf "%.3f\n", $1 + $2 }' >"$work/oras-durable.times"
  rm -rf "$work/oras-$i"
  warm "$work/docker"
  sync
  note curl seconds curl_and_hash "http://127.0.0.1:$docker_port/v2/bench/blobs/sha256:$digest"
  rm -rf "$work/curled" "$file"
}

node() {
  [ "$(id -u)" = 0 ] || { say "the node's part makes bind mounts and needs root: left out"; return; }
  size=${given_size:-$((4 << 30))}
  "$root/hack/local-cluster.sh" up --data "$node_data" --port $((port + 30)) --without nodeagent,csi-driver >&2
  eval "$("$root/hack/local-cluster.sh" env --data "$node_data")"
  export KUBECONFIG
  socket=$(find "$node_data/run" -name registry.sock)
  [ -n "$docker_pid" ] || start_docker_registry
  local counted=$size i
  size=$((64 << 20)); node_model 0; size=$counted
  oras_pull 0 >>"$work/output.log" 2>&1
  rm -rf "$work/oras-0" "$work/weights-0.gguf" "$work"/*.times
  for i in $(seq "$rounds"); do node_round "$i"; done
  echo
  echo "Node cache: twenty Pods on one node ask for $((size >> 20)) MiB of bf16-like weights, $(nproc) processors, medians of $rounds rounds"
  echo
  line measurement value "ratio (of pairs, median)"
  line ":---" "---:" ":---"
  line "cold: all twenty Pods have it (durable)" "$(median "$work/cold.times") s" ""
  line "the first fill of a new process, 64 MiB" "$(median "$work/first.times") s" ""
  line "oras pull from docker-registry" "$(median "$work/node-oras.times") s" "$(ratio node-oras cold) x the time of the cold fill"
  line "oras pull and sync (as durable as ours)" "$(median "$work/oras-durable.times") s" "$(ratio oras-durable cold) x the time of the cold fill"
  line "curl of the same bytes, written and hashed" "$(median "$work/curl.times") s" "$(ratio curl cold) x the time of the cold fill"
  line "warm NodePublishVolume, median" "$(median "$work/warm.times") ms" ""
  line "warm NodePublishVolume, p99" "$(median "$work/p99.times") ms" ""
  line "downloads for twenty Pods" "$(median "$work/downloads.times")" ""
  line "room on the disk, of the model's size" "$(median "$work/copies.times") %" ""
  line "peak memory of the node agent" "$(median "$work/peak.times") MiB" ""
}

# --- preparation --------------------------------------------------------------------------------------------------------------

# wait_for WHAT COMMAND…
wait_for() {
  local what=$1
  shift
  for _ in $(seq 600); do
    "$@" >/dev/null 2>&1 && return
    sleep 0.1
  done
  say "$what did not start"; tail -n 20 "$work"/hub.log "$work"/controllers.log >&2; exit 1
}

# All files of the repository over sixteen connections, as people do it, and the digest of each.
download_and_verify() {
  rm -rf "$work/downloaded"
  aria2c -q -x16 -s16 -j4 -k4M --file-allocation=none --ca-certificate="$HUB_CA" -d "$work/downloaded" -i "$work/urls"
  openssl dgst -sha256 "$work"/downloaded/*
}

# processor_seconds PID
processor_seconds() { awk -v ticks="$(getconf CLK_TCK)" '{ print ($14 + $15) / ticks }' "/proc/$1/stat"; }

# Every round has a registry of its own: what is stored once is not stored again.
preparation_round() {
  local i=$1 before after
  "$root/hack/local-cluster.sh" up --data "$work/preparation" --port "$((port + 40))" --without controllers,nodeagent,csi-driver >&2
  eval "$("$root/hack/local-cluster.sh" env --data "$work/preparation")"
  export KUBECONFIG
  "$controllers" run --kubeconfig "$KUBECONFIG" --registry "unix://$(find "$work/preparation/run" /tmp/ai-models-* -name registry.sock -newer "$work/urls" 2>/dev/null | head -n 1)" \
    --huggingface-endpoint "$HUB" --source-ca-file "$HUB_CA" --listen "http://127.0.0.1:$((port + 50))" >"$work/controllers.log" 2>&1 &
  controllers_pid=$!
  wait_for controllers curl -fs "http://127.0.0.1:$((port + 50))/readyz"
  say "round $i"
  note aria2 seconds download_and_verify
  before=$(processor_seconds "$controllers_pid")
  note prepare "$bench" prepare "$KUBECONFIG" "bench-$i" https://huggingface.co/owner/model
  after=$(processor_seconds "$controllers_pid")
  awk -v a="$after" -v b="$before" -v s="$size" 'BEGIN { printf "%.2f\n", (a - b) / (s / 2 ^ 30) }' >>"$work/processor.times"
  awk '/^VmHWM/ { printf "%.0f\n", $2 / 1024 }' "/proc/$controllers_pid/status" >>"$work/memory.times"
  kill "$controllers_pid"; wait "$controllers_pid" || true; controllers_pid=""
  "$root/hack/local-cluster.sh" down --data "$work/preparation" >/dev/null
  rm -rf "$work/preparation" "$work/downloaded"
}

preparation() {
  size=${given_size:-$((4 << 30))}
  say "writing $((size >> 20)) MiB of shards"
  "$bench" shards "$work/hub" "$size" 8 1
  "$bench" hub "$work/hub" "$work/hub.env" >"$work/hub.log" 2>&1 &
  hub_pid=$!
  wait_for "the hub" test -f "$work/hub.env"
  eval "$(cat "$work/hub.env")"
  (cd "$work/hub" && for file in *; do printf '%sowner/model/resolve/%s/%s\n  out=%s\n' "$HUB" "$HUB_COMMIT" "$file" "$file"; done) >"$work/urls"
  rm -f "$work"/{aria2,prepare,processor,memory}.times
  for i in $(seq "$rounds"); do preparation_round "$i"; done
  kill "$hub_pid"; wait "$hub_pid" || true; hub_pid=""
  rm -rf "$work/hub"
  echo
  echo "Preparation: $((size >> 20)) MiB of Safetensors in 8 shards from a hub on this machine (TLS), $(nproc) processors, medians of $rounds rounds"
  echo
  line measurement value "ratio (of pairs, median)"
  line ":---" "---:" ":---"
  line "aria2c -x16 and openssl dgst -sha256, s" "$(median "$work/aria2.times")" ""
  line "URL -> Ready (verified, stored durably), s" "$(median "$work/prepare.times")" "$(ratio aria2 prepare) x the speed of aria2c and openssl"
  line "processor seconds a GiB (controllers)" "$(median "$work/processor.times")" ""
  line "peak memory of controllers, MiB" "$(median "$work/memory.times")" ""
  "$bench" ratio $((256 << 20)) | while read -r kind ratio _; do line "stored bytes of $kind, of 1" "$ratio" ""; done
}

given_size=$size
size=${given_size:-$((1 << 30))}
install docker-registry docker-registry
install oras oras sid
install openssl openssl
case $what in preparation | all) install aria2c aria2 ;; esac
install curl curl
build
case $what in bytes | all) bytes ;; esac
case $what in preparation | all) preparation ;; esac
case $what in node | all) node ;; esac
if [ "$what" = all ]; then "$root/hack/bench-api.sh"; fi
