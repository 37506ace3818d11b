#!/bin/bash
# All checks and all tests. Installs what they need first. The last line is "N passed, N failed, N skipped"; the exit code says whether all is well.
# usage: hack/test.sh [PROJECT …]      for instance: hack/test.sh Registry CsiDriver      (default: all)
. "$(dirname "$0")/lib.sh"
cd "$ROOT"

projects=(Registry ApiServer Controllers NodeAgent CsiDriver EndToEnd)
[ $# -gt 0 ] && projects=("$@")
passed=0 failed=0 skipped=0
readonly PATIENCE=900 # seconds for the tests of one project

hack/setup.sh
hack/verify.sh || failed=$((failed + 1))

step "Building"
mkdir -p artifacts
started=$(mktemp -p artifacts .stamp.XXXXXX)
if ! dotnet build ApiServer.sln -c Release -v quiet --nologo -clp:NoSummary >artifacts/build.log 2>&1; then
  grep -E 'error|warn' artifacts/build.log | sort -u | head -n 20
  echo "0 passed, $((failed + 1)) failed, 0 skipped"
  exit 1
fi
mv "$started" artifacts/.built # hack/build.sh need not build again

for project in "${projects[@]}"; do
  name=AiModels.$project.Tests
  step "$name"
  log=$ROOT/artifacts/test-$project.log
  code=0
  timeout --kill-after=30 $PATIENCE "artifacts/bin/$name/release/$name" --progress off --no-ansi >"$log" 2>&1 || code=$?
  count() { grep -oE "^ *$1: [0-9]+" "$log" | tail -n 1 | grep -oE '[0-9]+' || echo 0; }
  p=$(count succeeded) f=$(count failed) s=$(count skipped)
  # A run that ended without a word (a crash, the time limit) is a failure too.
  [ "$code" -ne 0 ] && [ "$f" -eq 0 ] && f=1
  passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
  if [ "$f" -eq 0 ]; then
    ok "$p passed$([ "$s" -gt 0 ] && echo ", $s skipped") ($(grep -oE '^ *duration: .*' "$log" | tail -n 1 | sed 's/.*: //'))"
    grep -E '^skipped ' "$log" | head -n 20 | sed 's/^/      /' || true
  else
    grep -vE '^ *at System\.|^$' "$log" | tail -n 80 || true # Nothing, of tests that were ended.
    case $code in
      124 | 137) note "ended, because it was not done in $PATIENCE s; what it said is in $log" ;;
      *) note "exit code $code; the whole output is in $log" ;;
    esac
  fi
done

echo
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
