#!/bin/sh
# run.sh - prints the figures of spec/bench/*.lua, one after the other, each with its peer beside it. Judges nothing.
# usage: spec/bench/run.sh [NAME…]
cd "$(dirname "$0")/../.." || exit 2
[ $# -gt 0 ] || set -- $(basename -s .lua -a spec/bench/*.lua)

printf '%s, %s cores, Linux %s\n' "$(sed -n 's/^model name[^:]*: //p; s/^Model[^:]*: //p' /proc/cpuinfo | head -n 1)" \
  "$(nproc)" "$(uname -r)"
status=0
for name; do
  file=spec/bench/$name.lua
  [ -r "$file" ] || { echo "no such bench: $name" >&2; exit 2; }
  echo
  "${LUA:-lua5.4}" "$file" < /dev/null || { echo "  $name FAILED"; status=1; }
done
exit $status
