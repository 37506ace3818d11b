#!/usr/bin/env bash
# Measures the registry over a real S3 server (Ceph's radosgw, on this machine) against the same client (curl) with that server directly, as ratios of pairs of one run.
#
#   hack/bench-s3.sh [--rounds N] [--size SIZE] [--parallel N] [--work DIR]
#
# Everything that is pushed stays in the memory of radosgw: nine times SIZE a round, and 32 MiB for each of the parallel pushes.
#
# The S3 server has half of the processors for itself, in every row. Pushes are compared with a server that takes what comes and (in brackets) with one that compares
# the hash that curl was told, which is what a registry promises; nginx beside it shows what passing bytes on costs.
# One blob of SIZE is a layer as other tools push it: parts, and by default one read to prove it. The same bytes as blobs of 16 MiB are what our own models are made of.
. "$(dirname "$0")/lib.sh"

rounds=4 size=$((256 << 20)) parallel=64 work="" port=${BENCH_S3_PORT:-18500}
while [ $# -gt 0 ]; do
  case $1 in
    --rounds) rounds=$2; shift ;;
    --size) size=$(bytes --size "$2") || exit 1; shift ;;
    --parallel) parallel=$2; shift ;;
    --work) work=$2; shift ;;
    -h | --help) sed -n '2,10s/^# \{0,1\}//p' "$0"; exit 0 ;;
    *) fail "unknown argument '$1'" "want --rounds N, --size SIZE, --parallel N, --work DIR" ;;
  esac
  shift
done
have nginx || fail "nginx is not installed" "apt-get install -y --no-install-recommends nginx"
work=${work:-$(mktemp -d "${TMPDIR:-/var/tmp}/ai-models-bench-s3.XXXXXX")}
mkdir -p "$work/chunks"

started=()
finish() {
  exec 7>&- 2>/dev/null || true # radosgw ends with its standard input
  [ ${#started[@]} -eq 0 ] || kill "${started[@]}" 2>/dev/null || true
  wait 2>/dev/null || true
  rm -rf "$work"
}
trap finish EXIT
say() { echo "bench: $*" >&2; }

say "building"
publish registry/Server "$work/registry" >"$work/build.log" 2>&1 || { cat "$work/build.log" >&2; exit 1; }

# A bucket's server has processors of its own, as many in every row; what a proxy takes is not taken from it.
theirs=0-$(($(nproc) / 2 - 1)) ours=$(($(nproc) / 2))-$(($(nproc) - 1))
taskset -pc "$ours" $$ >/dev/null
say "starting radosgw"
mkfifo "$work/hold" "$work/told"
# A fifth more than it will hold: a store that is nearly full refuses writes.
memory=$(((9 * size * rounds + ((parallel * 32 + 512) << 20)) * 6 / 5))
taskset -c "$theirs" "$ROOT/hack/radosgw.sh" --port "$port" --data "$work/ceph" --memory "$memory" <"$work/hold" >"$work/told" 2>"$work/radosgw.log" &
exec 7>"$work/hold"
IFS=' ' read -r _ s3 data <"$work/told" || { cat "$work/radosgw.log" >&2; exit 1; }
login=(--aws-sigv4 aws:amz:us-east-1:s3 --user "$(cat "$data/main/accessKey"):$(cat "$data/main/secretKey")")
signed=("${login[@]}" -H "x-amz-content-sha256: UNSIGNED-PAYLOAD")
curl -sS --fail-with-body -o /dev/null -X PUT "${signed[@]}" "$s3/bench"

# The least that stands between a client and a bucket; requests are signed for its address.
proxy=127.0.0.1:$((port + 53))
mkdir -p "$work/nginx"
cat >"$work/nginx.conf" <<EOF
daemon off; pid $work/nginx/pid; error_log $work/nginx/error.log;
events {}
http {
  access_log off; client_max_body_size 0; proxy_request_buffering off; proxy_buffering off;
  client_body_temp_path $work/nginx; proxy_temp_path $work/nginx;
  upstream s3 { server ${s3#http://}; keepalive 8; }
  server { listen $proxy; location / { proxy_pass http://s3; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host \$http_host; } }
}
EOF
nginx -p "$work/nginx" -c "$work/nginx.conf" >"$work/nginx.log" 2>&1 &
started+=($!)

# start_registry PORT OPTION…: prints nothing; its process is the last of ${started[@]}.
start_registry() {
  "$work/registry/registry" serve --anonymous --listen "http://127.0.0.1:$1" --storage s3:bench --s3-endpoint "$s3" --s3-path-style \
    --s3-credentials "$data/main" --gc-interval 1h "${@:2}" >"$work/registry-$1.log" 2>&1 &
  started+=($!)
  for _ in $(seq 100); do
    curl -fs -o /dev/null "http://127.0.0.1:$1/readyz" && return
    sleep 0.1
  done
  fail "the registry did not start: $(tail -n 3 "$work/registry-$1.log")"
}

# seconds COMMAND…
seconds() {
  local start end
  start=$(date +%s%N)
  "$@" >>"$work/output.log" 2>&1 || { tail -n 20 "$work/output.log" >&2; say "failed: $*"; exit 1; }
  end=$(date +%s%N)
  awk -v n=$((end - start)) 'BEGIN { printf "%.3f", n / 1e9 }'
}
note() { local name=$1 value; shift; value=$("$@"); echo "$value" >>"$work/$name.times"; say "  $name: $value s"; }
median() { sort -n "$1" | awk '{ v[NR] = $1 } END { m = int((NR + 1) / 2); printf "%.3f", NR % 2 ? v[m] : (v[m] + v[m + 1]) / 2 }'; }
# percent A B: how fast B is, when A is 100 %: median of the pairs of rounds.
percent() { paste "$work/$1.times" "$work/$2.times" | awk '{ print 100 * $1 / $2 }' >"$work/ratio"; printf '%.0f %%' "$(median "$work/ratio")"; }
both() { printf '%s (%s)' "$(percent "direct-push$1" "$2")" "$(percent "compared-push$1" "$2")"; }
line() { printf '| %-58s | %8s | %s |\n' "$1" "$2" "$3"; }
export CURL_QUIET="-sS --fail-with-body -o /dev/null"

# What the same client does on either side. The lists are "FILE NAME" per line.
direct_push() { xargs -P 4 -L 1 sh -c "curl $CURL_QUIET ${signed_text} -T \"\$0\" \"$s3/bench/direct/\$1\"" <"$1"; }
# The promise that our pushes make: the bucket has nothing that was not compared with its hash.
compared_push() { xargs -P 4 -L 1 sh -c "curl $CURL_QUIET ${login_text} -H \"x-amz-content-sha256: \$1\" -T \"\$0\" \"$s3/bench/compared/\$1\"" <"$1"; }
proxy_push() { xargs -P 4 -L 1 sh -c "curl $CURL_QUIET ${login_text} -H \"x-amz-content-sha256: \$1\" -T \"\$0\" \"http://$proxy/bench/proxied/\$1\"" <"$1"; }
direct_pull() { xargs -P 4 -L 1 sh -c "curl $CURL_QUIET ${signed_text} \"$s3/bench/direct/\$1\"" <"$1"; }
push() { xargs -P 4 -L 1 sh -c "curl $CURL_QUIET -X POST -T \"\$0\" \"http://127.0.0.1:$2/v2/bench/$3/blobs/uploads?digest=sha256:\$1\"" <"$1"; }
pull() { xargs -P 4 -L 1 sh -c "curl $CURL_QUIET \$CURL_MORE \"http://127.0.0.1:$2/v2/bench/$3/blobs/sha256:\$1\"" <"$1"; }
export CURL_MORE=""
signed_text=""
for word in "${signed[@]}"; do signed_text+=" '$word'"; done
login_text=""
for word in "${login[@]}"; do login_text+=" '$word'"; done

new_bytes() {
  head -c "$size" /dev/urandom >"$work/blob"
  rm -f "$work"/chunks/*
  split -b $((16 << 20)) "$work/blob" "$work/chunks/"
  sha256sum "$work/blob" | awk '{ print $2, $1 }' >"$work/one.list"
  sha256sum "$work"/chunks/* | awk '{ print $2, $1 }' >"$work/many.list"
}

full=$((port + 50)) parts=$((port + 51)) redirecting=$((port + 52))
start_registry "$full"
measured=${started[-1]}
start_registry "$parts" --s3-verification parts
start_registry "$redirecting" --s3-redirects on

# Not counted: just-in-time compilation and first connections.
counted=$size size=$((64 << 20))
new_bytes
push "$work/one.list" "$parts" warm && push "$work/many.list" "$full" warm && pull "$work/one.list" "$full" warm && pull "$work/one.list" "$parts" warm && pull "$work/many.list" "$redirecting" warm
direct_push "$work/many.list"
proxy_push "$work/many.list"
size=$counted
# The store gets slower while it fills, so that who comes first is at an advantage: rounds take turns.
push_one=(direct compared proxied full parts) push_many=(direct compared proxied registry)
measure_push() { # WHO LIST SUFFIX
  case $1 in
    direct) note "direct-push$3" seconds direct_push "$work/$2.list" ;;
    compared) note "compared-push$3" seconds compared_push "$work/$2.list" ;;
    proxied) note "proxy-push$3" seconds proxy_push "$work/$2.list" ;;
    parts) note "push-parts$3" seconds push "$work/$2.list" "$parts" "parts-$i" ;;
    full) note "push-full$3" seconds push "$work/$2.list" "$full" "full-$i" ;;
    registry) note "push$3" seconds push "$work/$2.list" "$full" "many-$i" ;;
  esac
}
in_turn() { if [ $((i % 2)) = 1 ]; then printf '%s\n' "$@"; else printf '%s\n' "$@" | tac; fi; }
for i in $(seq "$rounds"); do
  say "round $i"
  for who in $(in_turn "${push_one[@]}"); do
    new_bytes
    measure_push "$who" one ""
    case $who in
      direct) note direct-pull seconds direct_pull "$work/one.list" ;;
      full)
        note pull seconds pull "$work/one.list" "$full" "full-$i"
        CURL_MORE=-L note pull-redirected seconds pull "$work/one.list" "$redirecting" "full-$i"
        ;;
    esac
  done
  for who in $(in_turn "${push_many[@]}"); do
    new_bytes
    measure_push "$who" many -many
    case $who in
      direct) note direct-pull-many seconds direct_pull "$work/many.list" ;;
      registry) note pull-many seconds pull "$work/many.list" "$full" "many-$i" ;;
    esac
  done
done

say "$parallel parallel pushes and pulls"
peak() { awk '/VmHWM/ { print int($2 / 1024) }' "/proc/$1/status"; }
rm -f "$work"/chunks/*
for i in $(seq "$parallel"); do head -c $((32 << 20)) /dev/urandom >"$work/chunks/$i"; done
sha256sum "$work"/chunks/* | awk '{ print $2, $1 }' >"$work/parallel.list"
all_push() { xargs -P "$parallel" -L 1 sh -c "curl $CURL_QUIET -X POST -T \"\$0\" \"http://127.0.0.1:$full/v2/bench/parallel/blobs/uploads?digest=sha256:\$1\"" <"$work/parallel.list"; }
all_pull() { xargs -P "$parallel" -L 1 sh -c "curl $CURL_QUIET \"http://127.0.0.1:$full/v2/bench/parallel/blobs/sha256:\$1\"" <"$work/parallel.list"; }
all_push
after_push=$(peak "$measured")
all_pull

echo
echo "S3: $((size >> 20)) MiB of random bytes, curl as the client, radosgw on processors $theirs, all else on $ours, medians of $rounds rounds"
echo
line measurement seconds "speed, when the same curl and radosgw directly are 100 % (and when radosgw compares the hash there, too)"
line ":---" "---:" ":---"
line "push one blob to radosgw directly" "$(median "$work/direct-push.times")" ""
line "push one blob to radosgw directly, hash compared" "$(median "$work/compared-push.times")" "$(percent direct-push compared-push)"
line "push one blob through nginx, hash compared by radosgw" "$(median "$work/proxy-push.times")" "$(both "" proxy-push)"
line "push one blob, proven by one read (default)" "$(median "$work/push-full.times")" "$(both "" push-full)"
line "push one blob, --s3-verification parts" "$(median "$work/push-parts.times")" "$(both "" push-parts)"
line "push blobs of 16 MiB to radosgw directly" "$(median "$work/direct-push-many.times")" ""
line "push blobs of 16 MiB to radosgw directly, hashes compared" "$(median "$work/compared-push-many.times")" "$(percent direct-push-many compared-push-many)"
line "push blobs of 16 MiB through nginx, hashes compared" "$(median "$work/proxy-push-many.times")" "$(both -many proxy-push-many)"
line "push blobs of 16 MiB" "$(median "$work/push-many.times")" "$(both -many push-many)"
line "pull one blob from radosgw directly" "$(median "$work/direct-pull.times")" ""
line "pull one blob" "$(median "$work/pull.times")" "$(percent direct-pull pull)"
line "pull one blob, --s3-redirects on" "$(median "$work/pull-redirected.times")" "$(percent direct-pull pull-redirected)"
line "pull blobs of 16 MiB from radosgw directly" "$(median "$work/direct-pull-many.times")" ""
line "pull blobs of 16 MiB" "$(median "$work/pull-many.times")" "$(percent direct-pull-many pull-many)"
echo
echo "Peak memory of the registry with $parallel parallel transfers of 32 MiB: $after_push MiB after the pushes, $(peak "$measured") MiB after the pulls"
