#!/bin/sh
# need.sh - looks whether what `run` or `test` needs is here, and installs what is missing. Builds nothing.
# Nothing missing: says nothing, touches no network. No rights and no terminal: prints the command, exit 3.
set -eu

run="gcc libc6-dev pkg-config liblua5.4-dev lua-luv lua-cjson lua-argparse libsodium-dev libssl-dev libcurl4-openssl-dev libmicrohttpd-dev"
test="$run lua5.4 lua-busted lua-check clang-format curl iproute2 nftables util-linux procps strace tmux"

case "${1:-}" in
  run) packages=$run ;;
  test) packages=$test ;;
  *) echo "usage: core/need.sh run|test" >&2; exit 2 ;;
esac

if ! command -v dpkg-query >/dev/null 2>&1; then
  # Not Debian: what is missing by pkg-config's names, and leave the rest to the person.
  missing=
  for name in lua5.4 libsodium libcrypto libcurl libmicrohttpd; do
    pkg-config --exists "$name" 2>/dev/null || missing="$missing $name"
  done
  [ -z "$missing" ] && exit 0
  echo "Missing (names of pkg-config):$missing" >&2
  echo "Also needed: luv and argparse for Lua 5.4. Install them with this system's own tool." >&2
  exit 3
fi

missing=
for package in $packages; do
  status=$(dpkg-query -W -f '${db:Status-Abbrev}' "$package" 2>/dev/null || true)
  case "$status" in
    ii*) ;;
    *) missing="$missing $package" ;;
  esac
done
[ -z "$missing" ] && exit 0

echo "Missing:$missing"
if [ "$(id -u)" = 0 ]; then
  sudo=
elif command -v sudo >/dev/null 2>&1 && { [ -t 0 ] || sudo -n true 2>/dev/null; }; then
  sudo="sudo "
else
  echo "Install them as root:  apt-get install --no-install-recommends$missing" >&2
  exit 3
fi
command="${sudo}apt-get install -y --no-install-recommends$missing"
echo "+ $command"
export DEBIAN_FRONTEND=noninteractive
# The lists are asked for only where the install fails for want of them.
$command >/dev/null 2>&1 || { ${sudo}apt-get update -q >/dev/null && $command >/dev/null; } || {
  echo "The packages could not be installed; try by hand:  $command" >&2
  exit 3
}
