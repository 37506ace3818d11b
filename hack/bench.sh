#!/usr/bin/env bash
# Measures the byte path and the API against what people would use instead, as ratios of pairs taken in one run.
# How to read the table: test/README.md, "Benchmarks". It keeps no verdict.
#
#   hack/bench.sh [bytes|api] [--rounds N] [--size BYTES] [--work DIR]
. "$(dirname "$0")/lib.sh"
root=$ROOT

what=all rounds=3 size=$((1 << 30)) work=""
while [ $# -gt 0 ]; do
  case $1 in
    bytes | api) what=$1 ;;
    --rounds) rounds=$2; shift ;;
    --size) size=$2; shift ;;
    --work) work=$2; shift ;;
    -h | --help) sed -n '2,5s/^# \{0,1\}//p' "$0"; exit 0 ;;
    *) echo "bench: unknown argument '$1' (bytes, api, --rounds N, --size BYTES, --work DIR)" >&2; exit 2 ;;
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
api_data=$work/api-cluster
port=${BENCH_PORT:-17443}
docker_port=$((port + 10))
docker_pid=""

finish() {
  "$root/hack/local-cluster.sh" down --data "$data" >/dev/null 2>&1 || true
  "$root/hack/local-cluster.sh" down --data "$api_data" >/dev/null 2>&1 || true
  [ -z "$docker_pid" ] || kill "$docker_pid" 2>/dev/null || true
  [ -z "$own_work" ] || rm -rf "$own_work"
}
trap finish EXIT

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
  for project in hack/local-cluster hack/bench nodeagent; do
    dotnet build "$root/$project" -c Release -v q --nologo >"$work/build.log" 2>&1 || { cat "$work/build.log" >&2; exit 1; }
  done
  bench=$root/artifacts/bin/AiModels.Bench/release/bench
  nodeagent=$root/artifacts/bin/AiModels.NodeAgent/release/nodeagent
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

# --- API ----------------------------------------------------------------------------------------------------------------------

api() {
  # Without controllers, which would open 5,000 upload sessions beside what is measured.
  "$root/hack/local-cluster.sh" up --data "$api_data" --port $((port + 20)) --without controllers,nodeagent,csi-driver >&2
  eval "$("$root/hack/local-cluster.sh" env --data "$api_data")"
  echo
  echo "API: through the host's API server and its aggregation layer, as kubectl goes, over TLS"
  echo
  "$bench" api "$KUBECONFIG"
}

[ "$what" = api ] || { install docker-registry docker-registry; install oras oras sid; install openssl openssl; }
install curl curl
build
[ "$what" = api ] || bytes
[ "$what" = bytes ] || api
