#!/bin/sh
# Runs a command in the unpacked root of an image as a strict container would: uid 1337, a root that is read-only and
# has no shell, no network but its own loopback, no capability, process 1. DATA is the one place that can be written to.
#   contain.sh ROOT DATA NODE-ARGUMENTS…      as root, on Linux, with util-linux and iproute2
set -eu
root=$1 data=$2
shift 2
chown 1337:1337 "$data"
exec unshare --mount --net --pid --ipc --uts --fork --kill-child sh -euc '
  root=$1 data=$2
  shift 2
  mount --make-rprivate /
  mount --bind "$root" "$root"
  mount --bind "$data" "$root/data"
  mount -t proc proc "$root/proc"
  mount --rbind /dev "$root/dev"
  nothing=$(mktemp)
  chmod 0444 "$nothing"
  for shell in "$root/usr/bin/dash" "$root/usr/bin/bash"; do mount --bind "$nothing" "$shell"; done
  rm "$nothing"
  mount -o remount,bind,ro "$root"
  ip link set lo up
  cd /
  exec setpriv --inh-caps=-all --bounding-set=-all,+setuid,+setgid,+sys_chroot --no-new-privs \
    env -i PATH=/usr/local/bin:/usr/bin \
    NODE_ENV=production MALLOC_ARENA_MAX=1 HALTGATE_DATA=/data HALTGATE_LISTEN=0.0.0.0:3128 HALTGATE_POLICY=/app/policies.yaml \
    /usr/sbin/chroot --userspec=1337:1337 --groups= "$root" /usr/local/bin/node "$@"
' contain "$root" "$data" "$@"
