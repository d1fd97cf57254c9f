#!/bin/sh
# servers.sh - finds or fetches the servers that specs meet (ngircd, inspircd, microsocks, tinyproxy, socat, avahi, prometheus, bindfs); prints their folder.
# Starts nothing and installs nothing: Debian's packages of these would start themselves, so they are only unpacked.
# Where there is no apt or nothing comes by it: says so loudly, exit 1; those specs are then skipped.
set -u
tree=${XDG_CACHE_HOME:-$HOME/.cache}/dt-swarm/servers-5
packages="ngircd libident inspircd microsocks tinyproxy-bin socat libwrap0 avahi-daemon \
avahi-utils dbus-daemon libapparmor1 libavahi-client3 libavahi-common3 libavahi-core7 libdaemon0 libdbus-1-3 \
libexpat1 libgdbm6 prometheus bindfs libfuse2"
[ -d "$tree" ] && { echo "$tree"; exit 0; }
give_up() {
  rm -rf "$tree.$$"
  echo "NO SERVERS: the specs against real IRC servers and proxies are SKIPPED. $1" >&2
  exit 1
}
command -v apt-get >/dev/null 2>&1 || give_up "They need Debian's packages $packages."
mkdir -p "$tree.$$/debs" && cd "$tree.$$/debs" || give_up "No folder can be made: $tree.$$"
apt-get download $packages >log 2>&1 || {
  [ "$(id -u)" = 0 ] && apt-get update -q >log 2>&1 # the lists may be old, or not there yet
  apt-get download $packages >log 2>&1 || give_up "$(tail -n 1 log)"
}
for deb in *.deb; do dpkg-deb -x "$deb" "$tree.$$" || give_up "$deb cannot be unpacked."; done
rm -rf "$tree.$$/debs" "$tree.$$/usr/share"
cd / && mv -T "$tree.$$" "$tree" 2>/dev/null || rm -rf "$tree.$$" # another one may have made it meanwhile
echo "$tree"
