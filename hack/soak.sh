#!/bin/bash
# Writers and watchers against real API servers that are killed now and then; a checker proves that every watcher saw each change exactly once, in order,
# and that lists agree. Exit code 0 when all is well.
#
#   hack/soak.sh [--storage sqlite|etcd] [--seconds 120] [--writers 20] [--watchers 50] …      hack/soak.sh --help lists the rest
. "$(dirname "$0")/lib.sh"
cd "$ROOT"
have etcd || hack/setup.sh
mkdir -p artifacts
dotnet build hack/soak -c Release -v quiet --nologo -clp:NoSummary >artifacts/soak-build.log 2>&1 || { cat artifacts/soak-build.log >&2; fail "the build failed"; }
exec artifacts/bin/AiModels.Soak/release/soak "$@"
