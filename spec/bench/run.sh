#!/bin/sh
# run.sh - prints the figures of spec/bench/*.lua, one after the other, each with its peer beside it. Judges nothing.
# usage: spec/bench/run.sh [NAME…]
# A bench whose second line is `-- needs: PROGRAM…` is left out, in words, where one of them is not in the PATH.
cd "$(dirname "$0")/../.." || exit 2
[ $# -gt 0 ] || set -- $(basename -s .lua -a spec/bench/*.lua)

printf '%s, %s cores, Linux %s\n' "$(sed -n 's/^model name[^:]*: //p; s/^Model[^:]*: //p' /proc/cpuinfo | head -n 1)" \
  "$(nproc)" "$(uname -r)"
status=0
for name; do
  file=spec/bench/$name.lua
  [ -r "$file" ] || { echo "no such bench: $name" >&2; exit 2; }
  echo
  missing=
  for program in $(sed -n '2s/^-- needs: *//p' "$file"); do
    command -v "$program" >/dev/null 2>&1 || missing="$missing $program"
  done
  [ -z "$missing" ] || { echo "$name: not measured, for want of$missing"; continue; }
  "${LUA:-lua5.4}" "$file" < /dev/null || { echo "  $name FAILED"; status=1; }
done
exit $status
