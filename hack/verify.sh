#!/bin/bash
# Static checks, in seconds. Each failure names its cure. Code style and analyzers are part of every build (warnings are errors).
. "$(dirname "$0")/lib.sh"
cd "$ROOT"
failures=0
bad() {
  printf '    %s✗%s %s\n' "$red" "$plain" "$1"
  shift
  printf '      %s\n' "$@"
  failures=$((failures + 1))
}
files() { git ls-files --cached --others --exclude-standard "$@" 2>/dev/null || find . -name "${1#\*}" -not -path './artifacts/*'; }

step "Static checks"

# 1. White space and line ends, by .editorconfig.
if out=$(dotnet format whitespace . --folder --verify-no-changes --exclude artifacts 2>&1); then ok "white space"; else
  bad "white space differs from .editorconfig" "$(grep -oE '[^ ]+\.cs\([0-9]+,[0-9]+\)' <<<"$out" | head -n 10)" "cure: dotnet format whitespace . --folder --exclude artifacts"
fi

# 2. Shell scripts parse and can be run.
errors=''
while read -r script; do
  out=$(bash -n "$script" 2>&1) || errors+="$out"$'\n'
  [ -x "$script" ] || [ "$script" = hack/lib.sh ] || errors+="$script is not executable (cure: chmod +x $script)"$'\n'
done < <(files '*.sh'; echo .ci/run)
if [ -z "$errors" ]; then ok "shell scripts"; else bad "shell scripts" "$errors"; fi

# 3. YAML and JSON parse.
if out=$(files '*.yaml' '*.yml' '*.json' | python3 -c '
import json, sys
try:
    import yaml
except ImportError:
    yaml = None
bad = False
for path in sys.stdin.read().split():
    try:
        with open(path) as f:
            text = f.read()
        if path.endswith(".json"):
            json.loads(text)
        elif yaml:
            list(yaml.safe_load_all(text))
        else:
            # Without a parser: what breaks YAML most often.
            for n, line in enumerate(text.splitlines(), 1):
                if line[:len(line) - len(line.lstrip())].count("\t"):
                    raise ValueError(f"line {n}: a tab cannot indent YAML")
    except Exception as e:
        bad = True
        print(f"{path}: {e}")
sys.exit(bad)' 2>&1); then ok "YAML and JSON"; else bad "YAML or JSON does not parse" "$out"; fi

# 4. What must not be in the tree.
out=$(files '*.cs' '*.sh' '*.md' '*.yaml' | grep -v '^hack/verify.sh$' | xargs grep -nE 'TODO|FIXME|NotImplementedException|Thread\.Sleep' /dev/null | head -n 10 || true)
if [ -z "$out" ]; then ok "nothing is left for later"; else bad "left for later" "$out" "cure: do it, or write an issue"; fi
out=$(files | grep -v '^hack/verify.sh$' | xargs grep -lIF -e "$ROOT/" -e "${HOME:-/nonexistent}/" /dev/null 2>/dev/null | head -n 10 || true)
if [ -z "$out" ] || [ "$HOME" = / ]; then ok "no path of this machine"; else bad "paths of this machine in" "$out" "cure: use relative paths, or options"; fi

# 5. Every top-level folder says what it is.
errors=''
for folder in apiserver registry controllers nodeagent csi-driver manifests hack test; do
  [ -s "$folder/README.md" ] || errors+="$folder/README.md is missing"$'\n'
done
if [ -z "$errors" ]; then ok "READMEs"; else bad "READMEs" "$errors" "cure: write it, short and true"; fi

# 6. The manifests render.
if out=$(hack/verify-manifests.sh 2>&1); then ok "manifests${out:+ ($out)}"; else bad "manifests" "$out"; fi

[ $failures -eq 0 ] || exit 1
