#!/usr/bin/env bash
# Measures the registry on a folder against Debian's docker-registry on the same disk, and its pulls against nginx with the same file, with curl and oras as clients:
# ratios of pairs of one run, processor seconds of the servers, and the peak memory under many transfers.
#
#   hack/bench-registry.sh [--rounds N] [--size SIZE] [--blobs N] [--parallel N] [--parallel-size SIZE] [--work DIR]
. "$(dirname "$0")/lib.sh"

rounds=3 size=$((1 << 30)) blobs=1000 parallel=64 parallel_size=$((256 << 20)) work="" port=${BENCH_REGISTRY_PORT:-18700}
while [ $# -gt 0 ]; do
  case $1 in
    --rounds) rounds=$2; shift ;;
    --size) size=$(bytes --size "$2") || exit 1; shift ;;
    --blobs) blobs=$2; shift ;;
    --parallel) parallel=$2; shift ;;
    --parallel-size) parallel_size=$(bytes --parallel-size "$2") || exit 1; shift ;;
    --work) work=$2; shift ;;
    -h | --help) sed -n '2,6s/^# \{0,1\}//p' "$0"; exit 0 ;;
    *) fail "unknown argument '$1'" "want --rounds N, --size SIZE, --blobs N, --parallel N, --parallel-size SIZE, --work DIR" ;;
  esac
  shift
done
for program in docker-registry nginx oras curl; do
  have "$program" || fail "$program is not installed" "apt-get install -y --no-install-recommends docker-registry nginx curl, and oras of Debian sid"
done
work=${work:-$(mktemp -d "${TMPDIR:-/var/tmp}/ai-models-bench-registry.XXXXXX")}
mkdir -p "$work"/{www,small,nginx}

started=()
finish() {
  [ ${#started[@]} -eq 0 ] || kill "${started[@]}" 2>/dev/null || true
  wait 2>/dev/null || true
  rm -rf "$work"
}
trap finish EXIT
say() { echo "bench: $*" >&2; }

say "building"
dotnet build "$ROOT/registry/Server" -c Release -v q --nologo >"$work/build.log" 2>&1 || { cat "$work/build.log" >&2; exit 1; }

# serves URL: waits for an answer.
serves() {
  for _ in $(seq 150); do
    curl -fs -o /dev/null "$1" && return
    sleep 0.1
  done
  fail "$1 does not answer" "see the logs in $work"
}
start_ours() {
  "$ROOT/artifacts/bin/AiModels.Registry/release/registry" serve --anonymous --listen "http://$ours" --storage "folder:$work/ours" --gc-interval 1h >"$work/ours.log" 2>&1 &
  started+=($!)
  serves "http://$ours/readyz"
}
# ours and docker are addresses; *_pid their processes.
ours=127.0.0.1:$port docker=127.0.0.1:$((port + 1)) static=127.0.0.1:$((port + 2))
start_ours
ours_pid=${started[-1]}
cat >"$work/docker.yml" <<EOF
version: 0.1
log: { level: error, accesslog: { disabled: true } }
storage: { filesystem: { rootdirectory: $work/docker }, delete: { enabled: true } }
http: { addr: "$docker" }
EOF
docker-registry serve "$work/docker.yml" >"$work/docker.log" 2>&1 &
started+=($!)
docker_pid=$!
serves "http://$docker/v2/"
cat >"$work/nginx.conf" <<EOF
daemon off; master_process off; pid $work/nginx/pid; error_log $work/nginx/error.log;
events {}
http { access_log off; sendfile on; tcp_nopush on; server { listen $static; root $work/www; } }
EOF
nginx -p "$work/nginx" -c "$work/nginx.conf" >"$work/nginx.log" 2>&1 &
started+=($!)
: >"$work/www/ready"
serves "http://$static/ready"

# --- measuring ----------------------------------------------------------------------------------------------------------------

# seconds COMMAND…
seconds() {
  local start end
  start=$(date +%s%N)
  "$@" >>"$work/output.log" 2>&1 || { tail -n 20 "$work/output.log" >&2; say "failed: $*"; exit 1; }
  end=$(date +%s%N)
  awk -v n=$((end - start)) 'BEGIN { printf "%.3f", n / 1e9 }'
}
# spent PID: processor seconds so far.
spent() { awk -v tick="$(getconf CLK_TCK)" '{ sub(/.*\) /, ""); printf "%.3f", ($12 + $13) / tick }' "/proc/$1/stat"; }
# note NAME PID COMMAND…: its seconds, and those of the server's processor.
note() {
  local name=$1 pid=$2 before took
  shift 2
  before=$(spent "$pid")
  took=$(seconds "$@")
  echo "$took" >>"$work/$name.times"
  awk -v a="$before" -v b="$(spent "$pid")" 'BEGIN { printf "%.3f\n", b - a }' >>"$work/$name.cpu"
  say "  $name: $took s"
}
peak() { awk '/VmHWM/ { print int($2 / 1024) }' "/proc/$1/status"; }
median() { sort -n "$1" | awk '{ v[NR] = $1 } END { m = int((NR + 1) / 2); printf "%.3f", NR % 2 ? v[m] : (v[m] + v[m + 1]) / 2 }'; }
# ratio A B: how many times as fast B is, median of the pairs of rounds.
ratio() { paste "$work/$1.times" "$work/$2.times" | awk '{ print $1 / $2 }' >"$work/ratio"; printf '%.2f' "$(median "$work/ratio")"; }
line() { printf '| %-44s | %8s | %9s | %s |\n' "$1" "$2" "$3" "$4"; }
# row TEXT NAME [WORDS]
row() { line "$1" "$(median "$work/$2.times")" "$(awk -v s="$(median "$work/$2.cpu")" -v b="$size" 'BEGIN { printf "%.2f", s * (2 ^ 30) / b }')" "${3:-}"; }
small_row() { line "$1" "$(median "$work/$2.times")" "" "${3:-}"; }

# --- what the clients do ------------------------------------------------------------------------------------------------------

quiet=(-sS --fail-with-body -o /dev/null)

# curl_push ADDRESS REPOSITORY FILE DIGEST: the two requests that every registry knows.
curl_push() {
  local location
  location=$(curl -sS --fail-with-body -o /dev/null -D - -X POST "http://$1/v2/$2/blobs/uploads/" | tr -d '\r' | sed -n 's/^[Ll]ocation: *//p')
  case $location in http*) ;; *) location=http://$1$location ;; esac
  case $location in *\?*) location+="&" ;; *) location+="?" ;; esac
  curl "${quiet[@]}" -H "Content-Type: application/octet-stream" -X PUT -T "$3" "${location}digest=sha256:$4"
}
curl_pull() { curl "${quiet[@]}" "http://$1/v2/$2/blobs/sha256:$3"; }
curl_static() { curl "${quiet[@]}" "http://$static/$1"; }
oras_push() { (cd "$work" && oras push --plain-http --no-tty "$1/bench/oras:$2" "blob:application/octet-stream"); }
oras_pull() { oras pull --plain-http --no-tty -o "$work/pulled" "$1/bench/oras:$2"; }
oras_small() { (cd "$work/small" && oras push --plain-http --no-tty --concurrency 16 "$1/bench/small:$2" ./*); }

# Leaves the page cache: what was written past it would be compared with what was kept in it.
evict() { find "$@" -type f -size +1M -exec dd if={} iflag=nocache count=0 status=none \; ; }

new_bytes() {
  head -c "$size" /dev/urandom >"$work/blob"
  digest=$(sha256sum "$work/blob" | cut -d' ' -f1)
  rm -f "$work/www/blob"
  cp "$work/blob" "$work/www/blob"
  sync "$work/blob" "$work/www/blob"
}
new_small() {
  rm -f "$work"/small/*
  head -c $((blobs * 4096)) /dev/urandom | split -b 4096 -a 4 -d - "$work/small/b"
}

# Not counted: just-in-time compilation and first connections.
counted=$size size=$((64 << 20)) counted_blobs=$blobs blobs=200
for _ in 1 2; do
  new_bytes
  new_small
  for at in "$ours" "$docker"; do
    curl_push "$at" warm "$work/blob" "$digest"
    curl_pull "$at" warm "$digest"
    { oras_push "$at" warm && oras_small "$at" warm; } >/dev/null
  done
done
curl_static blob
size=$counted blobs=$counted_blobs

for i in $(seq "$rounds"); do
  say "round $i"
  new_bytes
  # Who comes second finds a warmer or a busier disk: they take turns.
  pairs=("docker $docker $docker_pid" "ours $ours $ours_pid")
  [ $((i % 2)) -eq 0 ] || pairs=("${pairs[1]}" "${pairs[0]}")
  for pair in "${pairs[@]}"; do
    IFS=' ' read -r name at pid <<<"$pair"
    note "$name-push" "$pid" curl_push "$at" "bench/curl$i" "$work/blob" "$digest"
  done
  evict "$work/ours" "$work/docker" "$work/www/blob"
  for pair in "${pairs[@]}" "nginx - ${started[-1]}"; do
    IFS=' ' read -r name at pid <<<"$pair"
    if [ "$name" = nginx ]; then pull=(curl_static blob); else pull=(curl_pull "$at" "bench/curl$i" "$digest"); fi
    note "$name-cold" "$pid" "${pull[@]}"
    note "$name-pull" "$pid" "${pull[@]}"
  done
  for pair in "${pairs[@]}"; do
    IFS=' ' read -r name at pid <<<"$pair"
    curl "${quiet[@]}" -X DELETE "http://$at/v2/bench/curl$i/blobs/sha256:$digest"
  done
  new_bytes
  new_small
  for pair in "${pairs[@]}"; do
    IFS=' ' read -r name at pid <<<"$pair"
    note "$name-oras-push" "$pid" oras_push "$at" "r$i"
    evict "$work/ours" "$work/docker"
    note "$name-oras-pull" "$pid" oras_pull "$at" "r$i"
    note "$name-small" "$pid" oras_small "$at" "r$i"
  done
  rm -rf "$work/pulled"
done

# A process of its own: what one transfer after the other left behind is not what many at once take.
say "$parallel parallel transfers of $((parallel_size >> 20)) MiB"
kill "$ours_pid"
wait "$ours_pid" 2>/dev/null || true
rm -rf "$work/ours" "$work/docker"
start_ours
ours_pid=${started[-1]}
head -c "$parallel_size" /dev/urandom >"$work/blob"
digest=$(sha256sum "$work/blob" | cut -d' ' -f1)
# Each writes all of it: nobody has finished when the last begins.
push_one() { curl "${quiet[@]}" -X POST -T "$work/blob" "http://$ours/v2/bench/parallel$1/blobs/uploads?digest=sha256:$digest"; }
pull_one() { curl_pull "$ours" "bench/parallel$1" "$digest"; }
all() {
  local i pids=() status=0
  for i in $(seq "$parallel"); do "$1" "$i" & pids+=($!); done
  for i in "${pids[@]}"; do wait "$i" || status=1; done
  return $status
}
idle=$(peak "$ours_pid")
all push_one
pushed=$(peak "$ours_pid")
all pull_one

echo
echo "Registry on a folder: $((size >> 20)) MiB of random bytes, medians of $rounds rounds on $(nproc) processors; CPU: processor seconds of the server per GiB"
echo
line measurement seconds "CPU s/GiB" "speed"
line ":---" "---:" "---:" ":---"
row "push by curl, docker-registry" docker-push
row "push by curl" ours-push "$(ratio docker-push ours-push) x docker-registry"
row "pull by curl, nginx (static file)" nginx-pull
row "pull by curl, docker-registry" docker-pull
row "pull by curl" ours-pull "$(ratio docker-pull ours-pull) x docker-registry, $(ratio nginx-pull ours-pull) x nginx"
row "pull by curl, not in the page cache, nginx" nginx-cold
row "pull by curl, not in the page cache, docker" docker-cold
row "pull by curl, not in the page cache" ours-cold "$(ratio docker-cold ours-cold) x docker-registry, $(ratio nginx-cold ours-cold) x nginx"
row "push by oras, docker-registry" docker-oras-push
row "push by oras" ours-oras-push "$(ratio docker-oras-push ours-oras-push) x docker-registry"
row "pull by oras, not in the page cache, docker" docker-oras-pull
row "pull by oras, not in the page cache" ours-oras-pull "$(ratio docker-oras-pull ours-oras-pull) x docker-registry"
small_row "$blobs blobs of 4 KiB by oras, docker-registry" docker-small
small_row "$blobs blobs of 4 KiB by oras" ours-small "$(ratio docker-small ours-small) x docker-registry"
echo
echo "Peak memory with $parallel parallel transfers of $((parallel_size >> 20)) MiB: $pushed MiB after the pushes, $(peak "$ours_pid") MiB after the pulls ($idle MiB before)"
