#!/bin/bash
# A real S3 server for tests and measurements: a Ceph cluster of one node (monitor, object store, radosgw) on loopback. It lives as long as this script, which ends when
# its standard input ends or on a signal, and takes its data with it.
#
#   hack/radosgw.sh --port N [--data DIR] [--memory SIZE | --disk]       takes ports N to N+39; objects are in memory (default: 6Gi; writes to a full one hang), or on disk
#
# Prints "ready http://127.0.0.1:N DIR" when it serves. DIR/main holds accessKey and secretKey of a user without limits, DIR/second another key of the same user,
# DIR/full those of a user whose buckets take 4 MiB. DIR/ceph.conf is for radosgw-admin.
. "$(dirname "$0")/lib.sh"

port="" data="" store=memstore memory=$((6 << 30))
while [ $# -gt 0 ]; do
  case $1 in
    --port) port=$2; shift ;;
    --data) data=$2; shift ;;
    --memory) memory=$(bytes --memory "$2") || exit 1; shift ;;
    --disk) store=bluestore ;;
    -h | --help) sed -n '2,9s/^# \{0,1\}//p' "$0"; exit 0 ;;
    *) fail "unknown argument '$1'" "want --port N [--data DIR] [--memory SIZE | --disk]" ;;
  esac
  shift
done
[ -n "$port" ] || fail "--port is required"
for program in ceph-mon ceph-osd radosgw radosgw-admin ceph; do
  have "$program" || fail "$program is not installed" "apt-get install -y --no-install-recommends ceph-mon ceph-osd radosgw ceph-common (hack/setup.sh does)"
done

data=${data:-$(mktemp -d "${TMPDIR:-/var/tmp}/ai-models-radosgw.XXXXXX")}
mkdir -p "$data"/{mon,osd,rgw,run,log}
data=$(cd "$data" && pwd)
started=()
finish() {
  trap - EXIT
  [ ${#started[@]} -eq 0 ] || kill -KILL "${started[@]}" 2>/dev/null || true # nothing in it is to be kept
  wait 2>/dev/null || true
  rm -rf "$data"
}
trap finish EXIT
trap 'exit 0' TERM INT HUP

conf=$data/ceph.conf
cat >"$conf" <<EOF
[global]
fsid = $(cat /proc/sys/kernel/random/uuid)
mon host = v2:127.0.0.1:$((port + 1))/0
mon initial members = a
public network = 127.0.0.0/8
ms bind ipv6 = false
ms bind port min = $((port + 2))
ms bind port max = $((port + 39))
keyring = $data/keyring
# One of everything.
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 1
osd pool default pgp num = 1
osd pool default pg autoscale mode = off
osd crush chooseleaf type = 0
mon allow pool size one = true
mon max pg per osd = 1000
mon warn on insecure global id reclaim allowed = false
# Every step of the setup is a decision of the monitor, which waits a second for company by default.
paxos propose interval = 0.05
paxos min wait = 0.01
mon data avail crit = 1
run dir = $data/run
admin socket = $data/run/\$name.asok
pid file = $data/run/\$name.pid
log file = $data/log/\$name.log
[mon.a]
mon data = $data/mon
keyring = $data/mon.keyring
[osd.0]
osd data = $data/osd
keyring = $data/osd/keyring
osd objectstore = $store
osd memory target = 939524096
memstore device bytes = $memory
bluestore block size = 17179869184
[client.admin]
rgw data = $data/rgw
rgw frontends = beast endpoint=127.0.0.1:$port
rgw thread pool size = 64
rgw gc obj min wait = 60
# A quota counts from the next request on.
rgw bucket quota ttl = 0
rgw cache enabled = true
EOF

ceph_() { timeout 60 ceph -c "$conf" "$@" >>"$data/log/setup.log" 2>&1; }
admin() { timeout 60 radosgw-admin -c "$conf" "$@" >>"$data/log/setup.log" 2>&1; }
launch() { # NAME COMMAND…
  "${@:2}" </dev/null >>"$data/log/$1.out" 2>&1 &
  started+=($!)
}
keys() { # FOLDER ACCESS SECRET
  mkdir -p "$data/$1"
  printf %s "$2" >"$data/$1/accessKey"
  printf %s "$3" >"$data/$1/secretKey"
}
broken() { tail -n 20 "$data"/log/*.out "$data/log/setup.log" >&2; fail "$1"; }

ceph-authtool --create-keyring "$data/keyring" --gen-key -n client.admin --cap mon 'allow *' --cap osd 'allow *' --cap mgr 'allow *' --cap mds 'allow *' >>"$data/log/setup.log"
cp "$data/keyring" "$data/mon.keyring"
ceph-authtool "$data/mon.keyring" --gen-key -n mon. --cap mon 'allow *' >>"$data/log/setup.log"
monmaptool --create --fsid "$(sed -n 's/^fsid = //p' "$conf")" --addv a "[v2:127.0.0.1:$((port + 1))]" "$data/monmap" >/dev/null
ceph-mon -c "$conf" --mkfs -i a --monmap "$data/monmap" --keyring "$data/mon.keyring" >>"$data/log/setup.log" 2>&1
launch mon ceph-mon -c "$conf" -f -i a
ceph_ osd create || broken "the monitor does not answer"
ceph_ auth get-or-create osd.0 mon 'allow profile osd' osd 'allow *' mgr 'allow profile osd' -o "$data/osd/keyring"
ceph-osd -c "$conf" -i 0 --mkfs >>"$data/log/setup.log" 2>&1 || broken "the object store could not be made"
launch osd ceph-osd -c "$conf" -f -i 0
launch rgw radosgw -c "$conf" -f -n client.admin

for _ in $(seq 900); do
  curl -s -o /dev/null "http://127.0.0.1:$port/" && break
  kill -0 "${started[@]}" 2>/dev/null || broken "a part of the cluster ended"
  sleep 0.1
done
curl -s -o /dev/null "http://127.0.0.1:$port/" || broken "radosgw did not start within 90 s"

keys main MAINKEY mainsecret
keys second SECONDKEY secondsecret
keys full FULLKEY fullsecret
admin user create --uid=main --display-name=main --access-key=MAINKEY --secret=mainsecret --max-buckets=0 || broken "no user could be made"
admin key create --uid=main --key-type=s3 --access-key=SECONDKEY --secret=secondsecret
admin user create --uid=full --display-name=full --access-key=FULLKEY --secret=fullsecret
admin quota set --uid=full --quota-scope=bucket --max-size=4194304
admin quota enable --uid=full --quota-scope=bucket

echo "ready http://127.0.0.1:$port $data"
# A signal ends cat as well, or its input does.
exec 3<&0
cat <&3 >/dev/null &
wait $!
