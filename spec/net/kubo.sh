#!/bin/sh
# kubo.sh - finds or builds the pinned Kubo that is the IPFS peer of the specs; prints its path. Starts nothing.
# Neither an `ipfs` of at least 0.43 nor Go of at least 1.26.5 here: says so loudly, exit 1; those specs are then skipped.
set -u
version=0.43.0
cache=${XDG_CACHE_HOME:-$HOME/.cache}/dt-swarm
built=$cache/ipfs-$version
here=$(cd "$(dirname "$0")/kubo" && pwd) || exit 1

at_least() { # at_least HAVE WANT: compares versions
  [ "$(printf '%s\n%s\n' "$2" "$1" | sort -V | head -n 1)" = "$2" ]
}

[ -x "$built" ] && { echo "$built"; exit 0; }
if command -v ipfs >/dev/null 2>&1; then
  have=$(ipfs version --number 2>/dev/null)
  at_least "${have:-0}" 0.43 && { command -v ipfs; exit 0; }
fi
have=$(go env GOVERSION 2>/dev/null | sed 's/^go//')
if [ -z "$have" ] || ! at_least "$have" 1.26.5; then
  echo "NO KUBO: the specs against a real IPFS node are SKIPPED. They need an ipfs of at least 0.43, or Go of at least 1.26.5 (here: ${have:-none}) to build one." >&2
  exit 1
fi
echo "Building Kubo $version once, into $cache (some minutes)" >&2
mkdir -p "$cache"
(cd "$here" && GOTOOLCHAIN=local go build -o "$built.$$" github.com/ipfs/kubo/cmd/ipfs) >&2 || {
  rm -f "$built.$$"
  echo "NO KUBO: it could not be built" >&2
  exit 1
}
mv "$built.$$" "$built" && echo "$built"
