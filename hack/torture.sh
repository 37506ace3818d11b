#!/bin/bash
# Creates, deletes, fails and restarts models, workloads, Pods and components in a random order, and looks at every Pod meanwhile (test/EndToEnd.Tests/Torture).
# Afterwards every workload must have its models, and then nothing may be left. The seed it prints repeats the order.
#
#   hack/torture.sh [--steps N] [--seed N]      default: 120 steps, two to six minutes a delivery type, and a seed of its own
. "$(dirname "$0")/lib.sh"
cd "$ROOT"

export AIMODELS_TORTURE_STEPS=120 AIMODELS_TORTURE_SEED=$RANDOM
while [ $# -gt 0 ]; do
  case $1 in
    --steps) AIMODELS_TORTURE_STEPS=${2:?--steps wants a number}; shift ;;
    --seed) AIMODELS_TORTURE_SEED=${2:?--seed wants a number}; shift ;;
    -h | --help) sed -n '2,5s/^# \{0,1\}//p' "$0"; exit 0 ;;
    *) echo "torture: unknown argument '$1' (--steps N, --seed N)" >&2; exit 2 ;;
  esac
  shift
done

hack/setup.sh
step "Building"
dotnet build test/EndToEnd.Tests -c Release -v q --nologo
step "$AIMODELS_TORTURE_STEPS steps for each delivery type, seed $AIMODELS_TORTURE_SEED"
dotnet artifacts/bin/AiModels.EndToEnd.Tests/release/AiModels.EndToEnd.Tests.dll --filter "FullyQualifiedName~OrderTorture" --output Detailed --no-progress
