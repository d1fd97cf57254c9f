#!/bin/sh
# install.sh - puts deb and docker to where dt-swarm looks for handlers, and lets them become root. Run by root.
# usage: DESTDIR= install.sh [deb] [docker]     without names: both
set -eu
umask 022
here=$(cd "$(dirname "$0")" && pwd)
etc=${DESTDIR-}/etc
[ $# -gt 0 ] || set -- deb docker
list=
for name; do
  [ -x "$here/$name" ] && [ "$name" != install.sh ] || { echo "no handler $name in $here" >&2; exit 2; }
  list="$list${list:+, }/etc/dt-swarm/handlers/$name"
done
install -d -m 755 "$etc/dt-swarm/handlers" "$etc/systemd/system/dt-swarm.service.d"
install -d -m 750 "$etc/sudoers.d"
for name; do install -m 755 "$here/$name" "$etc/dt-swarm/handlers/$name"; done
install -m 644 "$here/handlers.conf" "$etc/systemd/system/dt-swarm.service.d/handlers.conf"
lines=$(mktemp)
trap 'rm -f "$lines"' EXIT
sed "s|@HANDLERS@|$list|" "$here/sudoers" > "$lines"
if command -v visudo >/dev/null; then visudo -cqf "$lines"; fi
install -m 440 "$lines" "$etc/sudoers.d/dt-swarm-handlers"
[ -n "${DESTDIR-}" ] || echo "In force after: systemctl daemon-reload && systemctl restart dt-swarm"
