#!/bin/bash
# Every overlay of manifests/ renders, and names no object twice. What is in them is checked by the tests ManifestTests and RightsTests.
. "$(dirname "$0")/lib.sh"
cd "$ROOT"

if ! have kubectl; then
  note "kubectl is not installed: the manifests are not rendered (cure: hack/setup.sh)"
  exit 0
fi
for overlay in manifests/overlays/*/; do
  rendered=$(kubectl kustomize "$overlay" 2>&1) || { echo "$overlay: $rendered"; exit 1; }
  twice=$(awk '
    /^---$/ { print kind, ns, name; kind = ns = name = ""; meta = 0 }
    /^kind: / { kind = $2 }
    /^[a-z]/ { meta = ($1 == "metadata:") }
    meta && /^  name: / { name = $2 }
    meta && /^  namespace: / { ns = $2 }
    END { print kind, ns, name }' <<<"$rendered" | sort | uniq -d)
  [ -z "$twice" ] || { echo "$overlay: twice: $twice"; exit 1; }
done
