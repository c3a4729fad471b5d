#!/bin/bash
# A whole Ceph of one monitor, one store in memory and one S3 gateway on loopback, for as long as standard input is open.
# Says "ready" when the gateway answers. All processes are children of this one, and end with it.
# usage: radosgw.sh EMPTY_DIRECTORY MONITOR_PORT GATEWAY_PORT ACCESS_KEY SECRET_KEY
set -eu
home=$1 monitor_port=$2 gateway_port=$3 access=$4 secret=$5
cd "$home"
mkdir monitor store gateway run
children=()
finish() {
  trap - EXIT TERM INT
  for child in "${children[@]}"; do kill -TERM "$child" 2>/dev/null || true; done
  for _ in $(seq 20); do
    alive=0
    for child in "${children[@]}"; do if kill -0 "$child" 2>/dev/null; then alive=1; fi; done
    if [ "$alive" = 0 ]; then break; fi
    sleep 0.1
  done
  for child in "${children[@]}"; do kill -KILL "$child" 2>/dev/null || true; done
  wait
}
trap finish EXIT
trap 'exit 1' TERM INT
cluster=$(cat /proc/sys/kernel/random/uuid)
store=$(cat /proc/sys/kernel/random/uuid)

cat > ceph.conf <<CONF
[global]
fsid = $cluster
mon host = v2:127.0.0.1:$monitor_port
keyring = $home/keys
public addr = 127.0.0.1
cluster addr = 127.0.0.1
ms bind msgr1 = false
run dir = $home/run
admin socket = $home/run/\$name.asok
log file = $home/\$name.log
mon data = $home/monitor
osd data = $home/store
osd objectstore = memstore
memstore device bytes = 1073741824
auth allow insecure global id reclaim = false
mon data avail crit = 1
mon allow pool size one = true
mon max pg per osd = 1000
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 1
osd pool default pgp num = 1
osd pool default pg autoscale mode = off
osd crush chooseleaf type = 0
rgw gc max objs = 1
rgw lc max objs = 1
CONF
export CEPH_CONF=$home/ceph.conf

ceph-authtool --create-keyring keys --gen-key -n mon. --cap mon 'allow *' > /dev/null
ceph-authtool keys --gen-key -n client.admin --cap mon 'allow *' --cap osd 'allow *' --cap mgr 'allow *' > /dev/null
ceph-authtool keys --gen-key -n osd.0 --cap mon 'allow profile osd' --cap osd 'allow *' --cap mgr 'allow profile osd' > /dev/null
monmaptool --create --clobber --fsid "$cluster" --addv a "[v2:127.0.0.1:$monitor_port]" map > /dev/null
ceph-mon --mkfs -i a --monmap map --keyring keys > /dev/null
ceph-mon -f -i a > monitor.out 2>&1 &
children+=($!)
timeout 30 ceph osd new "$store" > /dev/null
ceph-osd -i 0 --mkfs --osd-uuid "$store" > store.out 2>&1
ceph-osd -f -i 0 >> store.out 2>&1 &
children+=($!)
timeout 60 radosgw-admin user create --uid=anchors --display-name=anchors \
  --access-key="$access" --secret-key="$secret" > user.out 2>&1
radosgw -f -n client.admin --rgw_frontends="beast endpoint=127.0.0.1:$gateway_port" \
  --rgw_data="$home/gateway" > gateway.out 2>&1 &
children+=($!)
for _ in $(seq 240); do
  if (echo > "/dev/tcp/127.0.0.1/$gateway_port") 2> /dev/null; then
    echo ready
    cat > /dev/null
    exit 0
  fi
  sleep 0.25
done
echo "the gateway did not answer" >&2
exit 1
