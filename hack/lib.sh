# Sourced by every script here: strict mode, the root folder, and messages.
set -o errexit -o nounset -o pipefail -o errtrace
# A command that fails unforeseen says where, so that no script ends without a word.
trap 'printf "error: %s, line %s: \x27%s\x27 ended with status %s\n" "${BASH_SOURCE[0]}" "$LINENO" "$BASH_COMMAND" "$?" >&2' ERR

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1 MSBUILDTERMINALLOGGER=off

if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then
  bold=$'\e[1m' dim=$'\e[2m' red=$'\e[31m' green=$'\e[32m' blue=$'\e[34m' plain=$'\e[0m'
else
  bold='' dim='' red='' green='' blue='' plain=''
fi

# step "text": what happens next.
step() { printf '\n%s==>%s %s%s%s\n' "$blue" "$plain" "$bold" "$*" "$plain"; }
# note "text": a detail.
note() { printf '    %s\n' "$*"; }
# ok "text": something that was checked and is true.
ok() { printf '    %s✓%s %s\n' "$green" "$plain" "$*"; }
# fail "text" ["cure" …]: says what is wrong and what to do, and ends.
fail() {
  printf '%serror:%s %s\n' "$red" "$plain" "$1" >&2
  shift
  for line in "$@"; do printf '       %s\n' "$line" >&2; done
  exit 1
}
# show command …: prints a command as one would type it, then runs it.
show() {
  printf '    %s$ %s%s\n' "$dim" "$*" "$plain"
  "$@" 2>&1 | sed 's/^/    /'
}
# publish PROJECT DIR: the program as it is installed, for this machine's platform. Compiled ahead of time (ReadyToRun): a Job that lives for seconds would spend
# one of them compiling itself.
publish() {
  local platform
  case $(uname -m) in
    x86_64) platform=linux-x64 ;;
    aarch64) platform=linux-arm64 ;;
    *) fail "$(uname -m) is a processor that nothing here is published for" "x86_64 and aarch64 are" ;;
  esac
  dotnet publish "$ROOT/$1" -c Release -r "$platform" --self-contained false -p:PublishReadyToRun=true -o "$2" -v quiet --nologo -clp:NoSummary
}
# bytes OPTION SIZE: a size in bytes, which may be written with Ki, Mi, Gi (and a B).
bytes() { numfmt --from=auto "${2%B}" 2>/dev/null || fail "$1: '$2' is no size" "want bytes, as 1073741824, or 512Mi, 4Gi"; }
have() { command -v "$1" >/dev/null 2>&1; }

# as_root command …: runs it as root, through sudo when this user is not.
as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi; }
# add_sid: what Debian's release does not have comes from sid, whose priority of 100 keeps everything else where it is. The mirror is the machine's own.
add_sid() {
  local mirror
  # grep's status says that one of the two places does not exist: either may be missing.
  mirror=$(grep -rhoE 'https?://[^ ]+/debian/?( |$)' /etc/apt/sources.list /etc/apt/sources.list.d 2>/dev/null | head -n 1 | tr -d ' ') || true
  [ -n "$mirror" ] || fail "apt's sources name no Debian mirror to take sid's packages from" "add one to /etc/apt/sources.list.d"
  as_root tee /etc/apt/sources.list.d/ai-models-sid.list >/dev/null <<<"deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror sid main"
  as_root tee /etc/apt/preferences.d/ai-models-sid >/dev/null <<<$'Package: *\nPin: release n=sid\nPin-Priority: 100'
}
