#!/bin/sh
# need.sh - looks whether what `run` or `test` needs is here, and installs what is missing. Builds nothing.
# usage: core/need.sh run|test
# Nothing missing: says nothing, touches no network. No rights and no terminal: prints the command, exit 3.
set -eu

run="gcc libc6-dev pkg-config liblua5.4-dev lua-luv lua-cjson lua-argparse libsodium-dev libssl-dev \
libcurl4-openssl-dev libmicrohttpd-dev libsqlite3-dev"
test="$run git lua5.4 lua-busted lua-check lua-readline clang-format curl faketime \
iproute2 mandoc nftables chromium chromium-driver python3 openssh-client openssl procps patch strace tmux"

case "${1:-}" in
  run) packages=$run ;;
  test) packages=$test ;;
  *) echo "usage: core/need.sh run|test" >&2; exit 2 ;;
esac

# Not Debian: what is missing by pkg-config's names, and the rest is left to the person.
if ! command -v dpkg-query >/dev/null 2>&1; then
  missing=
  for name in lua5.4 libsodium libcrypto libcurl libmicrohttpd sqlite3; do
    pkg-config --exists "$name" 2>/dev/null || missing="$missing $name"
  done
  [ -z "$missing" ] && exit 0
  echo "Missing (names of pkg-config):$missing" >&2
  echo "Also needed: luv, cjson and argparse for Lua 5.4. Install them with this system's own tool." >&2
  exit 3
fi

missing=
for package in $packages; do
  case "$(dpkg-query -W -f '${db:Status-Abbrev}' "$package" 2>/dev/null || true)" in
    ii*) ;;
    *) missing="$missing $package" ;;
  esac
done
[ -z "$missing" ] && exit 0

echo "Missing:$missing"
install="apt-get install -y --no-install-recommends$missing"
if [ "$(id -u)" = 0 ]; then
  sudo=
elif command -v sudo >/dev/null 2>&1 && { [ -t 0 ] || sudo -n true 2>/dev/null; }; then
  sudo="sudo "
else
  echo "Install them as root:  $install" >&2
  exit 3
fi
echo "+ $sudo$install"

said=$(mktemp)
trap 'rm -f "$said"' EXIT
attempt() { LC_ALL=C DEBIAN_FRONTEND=noninteractive $sudo$install > "$said" 2>&1; }

attempt && exit 0
# The lists are asked for only where the install failed for want of them, or because they are old.
if grep -qE 'Unable to locate|no installation candidate|Failed to fetch' "$said"; then
  echo "+ ${sudo}apt-get update"
  ${sudo}apt-get update -q > "$said" 2>&1 && attempt && exit 0
fi
tail -n 12 "$said" >&2
echo "The packages could not be installed. Try by hand:  $sudo$install" >&2
exit 3
