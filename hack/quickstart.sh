#!/bin/bash
# The main job on one machine: declare a Model, upload a file, get it mounted into a workload.
# usage: hack/quickstart.sh [--data DIR] [--port N] [--delivery-type SharedPVC|NodeCache] [FILE.gguf]
. "$(dirname "$0")/lib.sh"
cd "$ROOT"

data=$ROOT/.data file='' up=()
while [ $# -gt 0 ]; do
  case $1 in
    --help | -h) sed -n '2,3s/^# //p' "$0"; exit 0 ;;
    --data | --port | --delivery-type)
      [ $# -ge 2 ] || { echo "quickstart.sh: $1: a value is missing (see --help)" >&2; exit 2; }
      if [ "$1" = --data ]; then data=$2; else up+=("$1" "$2"); fi
      shift ;;
    -*) echo "quickstart.sh: unknown option '$1' (see --help)" >&2; exit 2 ;;
    *) file=$1; [ -r "$file" ] || { echo "quickstart.sh: $file cannot be read" >&2; exit 2; } ;;
  esac
  shift
done

# le BYTES NUMBER: a number in little-endian bytes.
le() { local n=$2; for ((i = 0; i < $1; i++)); do printf "\\x$(printf %02x $((n & 255)))"; n=$((n >> 8)); done; }
text() { le 8 ${#1}; printf %s "$1"; }
number() { text "$1"; le 4 4; le 4 "$2"; }
string() { text "$1"; le 4 8; text "$2"; }
# generate_gguf FILE: a small but complete GGUF (version 3): one f16 tensor of 32 MiB, always the same bytes.
generate_gguf() {
  local rows=4096 columns=4096
  {
    printf GGUF; le 4 3; le 8 1; le 8 6
    string general.architecture llama
    string general.name Quickstart
    number general.file_type 1
    number llama.context_length 8192
    number llama.embedding_length $columns
    number llama.block_count 1
    text token_embd.weight; le 4 2; le 8 $columns; le 8 $rows; le 4 1; le 8 0
  } >"$1"
  head -c $(((32 - $(stat -c %s "$1") % 32) % 32)) /dev/zero >>"$1"
  head -c $((rows * columns * 2)) /dev/zero | openssl enc -aes-128-ctr -K 00112233445566778899aabbccddeeff -iv 00000000000000000000000000000000 >>"$1"
}
size() { numfmt --to=iec-i --suffix=B "$(stat -c %s "$1")"; }
phase() { kubectl get model quickstart -o jsonpath='{.status.phase}' 2>/dev/null || true; }
wait_phase() {
  for _ in $(seq 300); do
    [ "$(phase)" = "$1" ] && return
    [ "$(phase)" = Failed ] && break
    sleep 0.2
  done
  kubectl describe model quickstart >&2 || true
  fail "the model did not become $1" "the cluster's output is in $data/cluster.log"
}

hack/setup.sh --quickstart
hack/build.sh

step "Starting everything in one process"
hack/local-cluster.sh up --data "$data" "${up[@]}" | sed 's/^/    /'
data=$(cd "$data" && pwd)
eval "$(hack/local-cluster.sh env --data "$data")"
export KUBECONFIG
# Leftovers of an earlier run.
kubectl delete deployment,model quickstart --ignore-not-found --wait --timeout=60s >/dev/null 2>&1 || true

step "Declaring a model"
show kubectl apply -f manifests/examples/01-model.yaml
wait_phase WaitForUpload
show kubectl get models

step "Uploading a file"
if [ -z "$file" ]; then
  file=$data/quickstart.gguf
  [ -s "$file" ] || generate_gguf "$file"
  note "generated $(basename "$file"), $(size "$file")"
fi
secret=$(kubectl get model quickstart -o jsonpath='{.status.upload.secretName}')
url=$(kubectl get secret "$secret" -o jsonpath='{.data.url}' | base64 -d)
token=$(kubectl get secret "$secret" -o jsonpath='{.data.token}' | base64 -d)
note "Secret $secret holds the address and the token"
note "${dim}\$ curl -T $(basename "$file") -H 'Authorization: Bearer …' $url${plain}"
curl --fail-with-body --silent --show-error --cacert "$data/pki/ca.crt" -H "Authorization: Bearer $token" -T "$file" "$url?filename=$(basename "$file")" >"$data/upload.out" ||
  fail "the upload failed: $(cat "$data/upload.out")"
ok "uploaded"

step "Watching it become Ready"
last=''
for _ in $(seq 600); do
  now=$(kubectl get model quickstart --no-headers 2>/dev/null || true)
  state=$(awk '{print $2, $3}' <<<"$now")
  [ "$state" != "$last" ] && note "$now" && last=$state
  case $(phase) in Ready | Failed) break ;; esac
  sleep 0.2
done
wait_phase Ready
show kubectl get models -o wide

step "Asking for it from a workload"
show kubectl apply -f manifests/examples/03-deployment.yaml
kubectl rollout status deployment quickstart --timeout=60s >"$data/rollout.out" 2>&1 || {
  kubectl describe deployment quickstart | tail -n 20 >&2
  fail "the Deployment did not become ready" "the cluster's output is in $data/cluster.log"
}
show kubectl get pods -l app=quickstart
pod=$(kubectl get pods -l app=quickstart --field-selector=status.phase=Running -o jsonpath='{.items[0].metadata.name}')

step "What the container sees"
models=$NODE_ROOT/default/$pod/server/data/modelcache/models
mounted=$(find "$models/quickstart" -type f -name '*.gguf' | head -n 1)
note "/data/modelcache/models/quickstart:"
ls -lh "$models/quickstart" | tail -n +2 | sed 's/^/      /'
want=$(sha256sum <"$file") got=$(sha256sum <"$mounted")
note "uploaded  sha256:${want%% *}"
note "mounted   sha256:${got%% *}"
[ "$want" = "$got" ] || fail "the mounted file is not the one that was uploaded"
ok "the same, bit for bit"

step "Everything works. Try next:"
cat <<TEXT
    export KUBECONFIG=$KUBECONFIG
    kubectl describe model quickstart                  # conditions and events
    kubectl explain model.spec.source                  # the API, documented
    kubectl get --raw /apis/ai.deckhouse.io/v1alpha1/namespaces/default/models/quickstart/progress
    kubectl get model quickstart -o jsonpath='{.status.resolved}'
    kubectl annotate deployment quickstart ai.deckhouse.io/model-      # gives the model back

    hack/local-cluster.sh status --data $data
    hack/local-cluster.sh down --data $data        # stops it; its data stays
TEXT
