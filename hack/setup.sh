#!/bin/bash
# Installs what the tests and the quick start need on a bare Debian that has the .NET 10 SDK. Does nothing when everything is there.
# usage: hack/setup.sh [--quickstart]     --quickstart leaves out what only the tests use (skopeo, oras, crane, Ceph's radosgw)
. "$(dirname "$0")/lib.sh"

want=all
[ "${1:-}" = --quickstart ] && want=quickstart

have dotnet || fail "the .NET 10 SDK is missing" "get it from https://dotnet.microsoft.com/download/dotnet/10.0, or let dotnet-install.sh put it into \$HOME/.dotnet"
dotnet --list-sdks | grep -q '^10\.' || fail "the .NET SDK here is $(dotnet --version 2>/dev/null || echo unknown), but version 10 is needed" "get it from https://dotnet.microsoft.com/download/dotnet/10.0"

packages=() sid=()
have_library() { ldconfig -p 2>/dev/null | grep -q "$1" || ls /usr/lib/*/"$1"* /lib/*/"$1"* >/dev/null 2>&1; }
have_library libzstd.so.1 || packages+=(libzstd1)
have_library libsqlite3.so.0 || packages+=(libsqlite3-0)
have curl || packages+=(curl)
have openssl || packages+=(openssl)
have mount || packages+=(mount)
have setsid || packages+=(util-linux)
have kubectl || sid+=(kubectl)
if [ $want = all ]; then
  python3 -c 'import yaml' 2>/dev/null || packages+=(python3 python3-yaml)
  have etcd || packages+=(etcd-server)
  have etcdctl || packages+=(etcd-client)
  have skopeo || packages+=(skopeo)
  have mkfs.xfs || packages+=(xfsprogs)
  { have ceph-mon && have ceph-osd && have radosgw && have radosgw-admin; } || packages+=(ceph-mon ceph-osd radosgw ceph-common)
  have oras || sid+=(oras)
  have crane || sid+=(crane)
fi
[ $((${#packages[@]} + ${#sid[@]})) -eq 0 ] && exit 0

missing="${packages[*]} ${sid[*]}"
if [ "$(id -u)" != 0 ] && ! { have sudo && sudo -n true 2>/dev/null; }; then
  fail "missing packages: $missing" \
    "this user may not install them; as root:  apt-get install -y --no-install-recommends ${packages[*]}" \
    "${sid[*]:+not in Debian 12: ${sid[*]} (Debian sid has them; or https://kubernetes.io/docs/tasks/tools, https://oras.land)}"
fi
have apt-get || fail "missing: $missing" "this is no Debian: install them with the system's own package manager"

step "Installing $missing"
export DEBIAN_FRONTEND=noninteractive
log=$(mktemp)
run() { as_root "$@" >>"$log" 2>&1 || { tail -n 20 "$log" >&2; fail "'$*' failed" "the whole output is in $log"; }; }
run apt-get update
[ ${#packages[@]} -gt 0 ] && run apt-get install -y --no-install-recommends "${packages[@]}"
if [ ${#sid[@]} -gt 0 ]; then
  add_sid
  run apt-get update
  run apt-get install -y --no-install-recommends "${sid[@]}"
fi
rm -f "$log"
ok "installed"
