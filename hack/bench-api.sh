#!/usr/bin/env bash
# Measures one API server, alone on loopback over TLS: rates with 32 clients, LIST against the same bytes as a file of nginx, CREATE against raw puts into
# the same etcd, watchers, memory. Ratios are of pairs taken in one run; there is no verdict. How to read them: test/README.md, "Benchmarks".
#
#   hack/bench-api.sh [--storage sqlite|etcd|all] [--objects N] [--seconds N] [--rounds N] [--watchers N] [--rate CHANGES-A-SECOND] [--work DIR]
. "$(dirname "$0")/lib.sh"

engines="sqlite etcd" objects=10000 seconds=5 rounds=3 watchers=1000 rate=200 work="" port=${BENCH_API_PORT:-18700}
while [ $# -gt 0 ]; do
  case $1 in
    --storage) engines=${2/all/sqlite etcd}; shift ;;
    --objects) objects=$2; shift ;;
    --seconds) seconds=$2; shift ;;
    --rounds) rounds=$2; shift ;;
    --watchers) watchers=$2; shift ;;
    --rate) rate=$2; shift ;;
    --work) work=$2; shift ;;
    -h | --help) sed -n '2,5s/^# \{0,1\}//p' "$0"; exit 0 ;;
    *) fail "unknown argument '$1'" "want --storage sqlite|etcd|all, --objects N, --seconds N, --rounds N, --watchers N, --rate N, --work DIR" ;;
  esac
  shift
done
packages=()
for tool in wrk nginx etcd:etcd-server curl openssl; do have "${tool%:*}" || packages+=("${tool#*:}"); done
if [ ${#packages[@]} -gt 0 ]; then
  as_root apt-get update -qq >&2
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${packages[@]}" >&2
fi
work=${work:-$(mktemp -d "${TMPDIR:-/var/tmp}/ai-models-bench-api.XXXXXX")}
mkdir -p "$work/www"
ulimit -n "$(ulimit -Hn)"

token=bench-token server="https://127.0.0.1:$port" etcd="http://127.0.0.1:$((port + 1))" nginx="https://127.0.0.1:$((port + 3))"
collection=/apis/ai.deckhouse.io/v1alpha1/namespaces
started=() server_pid="" etcd_pid=""
finish() {
  [ ${#started[@]} -eq 0 ] || kill "${started[@]}" 2>/dev/null || true
  wait 2>/dev/null || true
  rm -rf "$work"
}
trap finish EXIT
say() { echo "bench: $*" >&2; }

# --- servers ------------------------------------------------------------------------------------------------------------------

# wait_for NAME COMMAND…
wait_for() {
  local name=$1
  shift
  for _ in $(seq 300); do
    "$@" >/dev/null 2>&1 && return
    sleep 0.2
  done
  tail -n 10 "$work/$name.log" >&2
  fail "$name did not start"
}

# Both servers show the same certificate.
make_certificate() {
  openssl req -x509 -newkey rsa:2048 -nodes -keyout "$work/tls.key" -out "$work/tls.crt" -days 2 -subj /CN=localhost \
    -addext "subjectAltName=DNS:localhost,IP:127.0.0.1" 2>/dev/null
  export SSL_CERT_FILE=$work/tls.crt CURL_CA_BUNDLE=$work/tls.crt
}

start_nginx() {
  cat >"$work/nginx.conf" <<CONF
user $(id -un) $(id -gn);
pid $work/nginx.pid;
error_log $work/nginx.log;
daemon off;
worker_processes auto;
events { }
http {
  access_log off;
  sendfile on;
  server { listen 127.0.0.1:$((port + 3)) ssl; ssl_certificate $work/tls.crt; ssl_certificate_key $work/tls.key; root $work/www; }
}
CONF
  nginx -c "$work/nginx.conf" -p "$work" &
  started+=($!)
  echo ready >"$work/www/ready"
  wait_for nginx curl -sf "$nginx/ready"
}

start_etcd() {
  etcd --name bench --data-dir "$work/etcd" --listen-client-urls "$etcd" --advertise-client-urls "$etcd" --listen-peer-urls "http://127.0.0.1:$((port + 2))" \
    --initial-advertise-peer-urls "http://127.0.0.1:$((port + 2))" --initial-cluster "bench=http://127.0.0.1:$((port + 2))" --max-request-bytes 8388608 \
    --quota-backend-bytes 8589934592 >"$work/etcd.log" 2>&1 &
  etcd_pid=$!
  started+=("$etcd_pid")
  wait_for etcd curl -sf "$etcd/health"
}

start_server() { # ENGINE
  local options=(--storage "$1")
  [ "$1" != etcd ] || options+=(--etcd-servers "$etcd")
  echo "$token,bench,1,\"system:masters\"" >"$work/tokens"
  AIMODELS_LOG_LEVEL=Warning "$apiserver" --bind-address 127.0.0.1 --secure-port "$port" --data-dir "$work/$1" --token-auth-file "$work/tokens" \
    --tls-cert-file "$work/tls.crt" --tls-private-key-file "$work/tls.key" \
    --registry http://127.0.0.1:1 "${options[@]}" >"$work/server.log" 2>&1 &
  server_pid=$!
  started+=("$server_pid")
  wait_for server curl -sf "$server/readyz"
}

stop() { kill "$1"; wait "$1" 2>/dev/null || true; }

# --- measuring ----------------------------------------------------------------------------------------------------------------

# run_wrk NAME CONNECTIONS URL VERB [PREFIX]: notes requests and bytes a second of this round.
run_wrk() {
  local result
  result=$(wrk -t 1 -c "$2" -d "${seconds}s" --timeout 60s -s "$ROOT/hack/bench/requests.lua" "$3" -- "$4" "$token" "$objects" "${5:-model}" | sed -n 's/^RESULT //p')
  [ -n "$result" ] || fail "wrk could not measure $1"
  read -r requests bytes <<<"$result"
  echo "$requests" >>"$work/$1.requests"
  echo "$bytes" >>"$work/$1.bytes"
  say "  $1: $requests/s"
}
median() { sort -n "$1" | awk '{ v[NR] = $1 } END { m = int((NR + 1) / 2); printf "%.1f", NR % 2 ? v[m] : (v[m] + v[m + 1]) / 2 }'; }
whole() { printf '%.0f' "$(median "$work/$1")"; }
# percent A B: B, when A is 100 %: median of the pairs of rounds.
percent() { paste "$work/$1" "$work/$2" | awk '{ print 100 * $2 / $1 }' >"$work/ratio"; printf '%.0f %%' "$(median "$work/ratio")"; }
memory() { awk -v what="$1" '$1 == what ":" { printf "%.0f", $2 / 1024 }' "/proc/$server_pid/status"; }
line() { printf '| %-52s | %12s | %s |\n' "$1" "$2" "$3"; }

# The server gives memory back when it has had nothing to do for a whole minute of its own.
idle_memory() { sleep 125; memory VmRSS; }

measure_reads() {
  for i in $(seq "$rounds"); do
    say "round $i"
    run_wrk list 2 "$server$collection/default/models" list
    run_wrk file 2 "$nginx/list.json" list
    run_wrk get 32 "$server$collection/default/models" get
  done
}

measure_writes() { # ENGINE
  for i in $(seq "$rounds"); do
    say "round $i"
    run_wrk create 32 "$server$collection/load/models" create "load-$i"
    if [ "$1" = etcd ]; then
      "$bench" etcd-puts "$etcd" 32 "$seconds" 3072 >>"$work/puts.requests"
      say "  raw puts: $(tail -n 1 "$work/puts.requests")/s"
    fi
    run_wrk patch 32 "$server$collection/default/models" patch
  done
}

measure() { # ENGINE
  rm -f "$work"/*.requests "$work"/*.bytes
  [ "$1" != etcd ] || start_etcd
  start_server "$1"
  say "$1: making $objects Models"
  "$bench" api-fill "$server" "$token" "$objects"
  filled=$(idle_memory)
  curl -sf --http1.1 -A bench -H "Authorization: Bearer $token" -o "$work/www/list.json" "$server$collection/default/models"
  measure_reads
  read_peak=$(memory VmHWM)
  after_reads=$(idle_memory)
  say "watchers"
  read -r alone p50 p99 changes <<<"$("$bench" api-watch "$server" "$token" "$objects" "$watchers" "$rate" "$seconds")"
  read -r stalled s50 s99 stalled_changes <<<"$("$bench" api-watch "$server" "$token" "$objects" "$watchers" "$rate" "$seconds" stalled)"
  watch_peak=$(memory VmHWM)
  measure_writes "$1"
  report "$1"
  stop "$server_pid"
  [ "$1" != etcd ] || stop "$etcd_pid"
}

report() { # ENGINE
  local size
  size=$(stat -c %s "$work/www/list.json")
  echo
  echo "API on $1: $objects Models of $((size / objects)) bytes, HTTPS on loopback, $(nproc) processors shared with the clients, medians of $rounds rounds of $seconds s"
  echo
  line measurement value "ratio (of pairs, median)"
  line ":---" "---:" ":---"
  line "LIST of all ($((size >> 20)) MiB), 2 clients, MB/s" "$(awk -v v="$(median "$work/list.bytes")" 'BEGIN { printf "%.0f", v / 1e6 }')" "$(percent file.bytes list.bytes) of the same file from nginx"
  line "GET, 32 clients, requests/s" "$(whole get.requests)" ""
  line "PATCH, 32 clients, requests/s" "$(whole patch.requests)" ""
  if [ "$1" = etcd ]; then
    line "raw puts of 3 KiB into this etcd, 32 clients, /s" "$(whole puts.requests)" ""
    line "CREATE, 32 clients, requests/s" "$(whole create.requests)" "$(percent puts.requests create.requests) of the raw puts"
  else
    line "CREATE, 32 clients, requests/s" "$(whole create.requests)" ""
  fi
  line "$watchers watchers, $changes changes/s: deliveries/s" "$alone" "p50 $p50 ms, p99 $p99 ms"
  line "the same beside one that never reads, $stalled_changes changes/s" "$stalled" "p50 $s50 ms, p99 $s99 ms"
  line "idle memory with $objects Models, MiB" "$filled" "after filling; $after_reads after the reads"
  line "peak memory, MiB" "$read_peak" "of the reads; $watch_peak with watchers"
}

say "building"
{ publish apiserver/ApiServer "$work/apiserver" && dotnet build "$ROOT/hack/bench" -c Release -v q --nologo; } >"$work/build.log" 2>&1 || { cat "$work/build.log" >&2; exit 1; }
apiserver=$work/apiserver/apiserver
bench=$ROOT/artifacts/bin/AiModels.Bench/release/bench
make_certificate
start_nginx
for engine in $engines; do measure "$engine"; done
