#!/bin/bash
# Builds the programs (Release) when a source is newer than the last build; prints nothing when there is nothing to do.
. "$(dirname "$0")/lib.sh"

stamp=$ROOT/artifacts/.built
sources=(apiserver registry controllers nodeagent csi-driver manifests hack/local-cluster Directory.Build.props Directory.Build.targets Directory.Packages.props)
cd "$ROOT"
is_current() {
  [ -f "$stamp" ] && [ -z "$(find "${sources[@]}" \( -name '*.cs' -o -name '*.csproj' -o -name '*.proto' -o -name '*.props' -o -name '*.targets' -o -name 'rbac.yaml' \) -newer "$stamp" -print -quit)" ]
}
is_current && exit 0

mkdir -p artifacts
exec 9>artifacts/.build.lock
flock 9
is_current && exit 0 # somebody else built meanwhile
now=$(mktemp -p artifacts .stamp.XXXXXX)
step "Building (the first time takes about a minute)"
dotnet build hack/local-cluster/AiModels.LocalCluster.csproj -c Release -v quiet --nologo -clp:NoSummary >artifacts/build.log 2>&1 || {
  grep -E 'error|warn' artifacts/build.log | sort -u | head -n 20 >&2
  rm -f "$now"
  fail "the build failed" "the whole output is in artifacts/build.log"
}
mv "$now" "$stamp"
