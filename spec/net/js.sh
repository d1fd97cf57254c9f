#!/bin/sh
# js.sh - installs the pinned JavaScript IPFS client of the specs into the cache; prints its folder. Starts nothing.
# Neither Node of at least 20 nor npm here: says so loudly, exit 1; those specs are then skipped.
set -u
here=$(cd "$(dirname "$0")/js" && pwd) || exit 1
version=$(cat "$here"/* | cksum | cut -d ' ' -f 1)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/dt-swarm
made=$cache/js-1.0.0-$version

[ -d "$made/node_modules" ] && { echo "$made"; exit 0; }
have=$(node --version 2>/dev/null | sed 's/^v\([0-9]*\).*/\1/')
if [ "${have:-0}" -lt 20 ] || ! command -v npm >/dev/null 2>&1; then
  echo "NO JAVASCRIPT: the specs against its IPFS client are SKIPPED. They need Node of at least 20 and npm (here: ${have:-none})." >&2
  exit 1
fi
mkdir -p "$cache" && part=$(mktemp -d "$cache/js.XXXXXX") || exit 1
trap 'rm -rf "$part"' EXIT
cp "$here"/* "$part" || exit 1
(cd "$part" && npm ci --silent --no-audit --no-fund --ignore-scripts) >&2 || {
  echo "NO JAVASCRIPT: its IPFS client could not be installed" >&2
  exit 1
}
[ -d "$made" ] || mv "$part" "$made"
echo "$made"
