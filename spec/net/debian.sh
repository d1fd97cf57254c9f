#!/bin/sh
# debian.sh - finds or makes a small Debian 12 with systemd, in which specs install the package; prints its folder.
# Boots nothing. What is missing for it is said loudly, exit 1; those specs are then skipped.
set -u
tree=${XDG_CACHE_HOME:-$HOME/.cache}/dt-swarm/debian-12
[ -f "$tree/etc/os-release" ] && { echo "$tree"; exit 0; }
for tool in debootstrap systemd-nspawn nsenter; do
  command -v "$tool" >/dev/null && continue
  echo "NO DEBIAN: the specs with a real systemd are SKIPPED. They need $tool (debootstrap, systemd-container)." >&2
  exit 1
done
[ "$(id -u)" = 0 ] || { echo "NO DEBIAN: the specs with a real systemd are SKIPPED. They need root." >&2; exit 1; }
# The place that this machine's own apt asks.
mirror=$(apt-get indextargets --format '$(SITE) $(RELEASE) $(COMPONENT)' | sed -n 's/ bookworm main$//p' | head -n 1)
packages=systemd,systemd-sysv,libpam-systemd,dbus,dbus-user-session,lua-luv,lua-cjson,lua-argparse,libcurl4
packages=$packages,liblua5.4-0,libmicrohttpd12,libsodium23,libsqlite3-0,libssl3,sudo
echo "Making a Debian once, in $tree (a minute)" >&2
mkdir -p "${tree%/*}"
rm -rf "$tree.new"
debootstrap --variant=minbase "--include=$packages" bookworm "$tree.new" ${mirror:+"$mirror"} >"$tree.log" 2>&1 || {
  tail -n 5 "$tree.log" >&2
  rm -rf "$tree.new"
  echo "NO DEBIAN: it could not be made" >&2
  exit 1
}
rm -rf "$tree.new"/var/cache/apt/archives/*.deb "$tree.log"
mv "$tree.new" "$tree" && echo "$tree"
