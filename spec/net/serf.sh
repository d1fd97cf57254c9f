#!/bin/sh
# serf.sh - finds or builds the pinned Serf that a bench stands beside; prints its path. Starts nothing.
# No Go of at least 1.26.5 here: says so, exit 1; the bench then shows our figures alone.
set -u
version=0.10.2
cache=${XDG_CACHE_HOME:-$HOME/.cache}/dt-swarm
built=$cache/serf-$version
here=$(cd "$(dirname "$0")/serf" && pwd) || exit 1

[ -x "$built" ] && { echo "$built"; exit 0; }
have=$(go env GOVERSION 2>/dev/null | sed 's/^go//')
if [ "$(printf '1.26.5\n%s\n' "${have:-0}" | sort -V | head -n 1)" != 1.26.5 ]; then
  echo "NO SERF: it needs Go of at least 1.26.5 (here: ${have:-none}) to be built" >&2
  exit 1
fi
mkdir -p "$cache"
(cd "$here" && GOTOOLCHAIN=local go build -o "$built.$$" github.com/hashicorp/serf/cmd/serf) >&2 || {
  rm -f "$built.$$"
  echo "NO SERF: it could not be built" >&2
  exit 1
}
mv "$built.$$" "$built" && echo "$built"
