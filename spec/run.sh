#!/bin/sh
# run.sh - runs spec files, each in a process of its own, two at a time, and counts. Checks nothing itself.
# usage: spec/run.sh [FILE…]     without files: every *_spec.lua
# A file with a line `-- mostly waits: WHAT FOR` needs little of a processor: of these one more than of the others run
# beside.
# A file with a line `-- runs alone: WHY` (it measures time or memory) comes after all of them, by itself.
# Last line: `N passed, N failed, N skipped`. In CI (CI=true) a skipped spec is a failure.
set -u
cd "$(dirname "$0")/.." || exit 2
lua=${LUA:-lua5.4}
jobs=${JOBS:-2}
out=$(mktemp -d "${TMPDIR:-/tmp}/dt-swarm-spec.XXXXXX") || exit 2
lane=
trap 'rm -rf "$out"; [ -z "$lane" ] || kill "$lane" 2>/dev/null' EXIT INT TERM

[ $# -gt 0 ] || set -- $(find spec -name '*_spec.lua' | sort)

cat > "$out/one" <<'ONE'
file=$1; out=$2; lua=$3
name=$(echo "$file" | tr / _)
start=$(date +%s)
timeout -k 5 "${SPEC_TIMEOUT:-1500}" "$lua" "$(command -v busted)" -o TAP "$file" > "$out/$name.tap" 2> "$out/$name.err" < /dev/null
status=$?
ok=$(grep -c '^ok ' "$out/$name.tap"); bad=$(grep -c '^not ok ' "$out/$name.tap")
skip=$(grep -c '^ok .*# SKIP' "$out/$name.tap"); ok=$((ok - skip))
if [ "$bad" = 0 ] && { [ "$status" != 0 ] || [ $((ok + skip)) = 0 ]; }; then bad=1; fi
printf '%s %s %s\n' "$ok" "$bad" "$skip" > "$out/$name.count"
printf '  %-44s %4d passed %3d s' "$file" "$ok" $(( $(date +%s) - start ))
[ "$bad" = 0 ] || printf '   %d FAILED' "$bad"
[ "$skip" = 0 ] || printf '   %d skipped' "$skip"
printf '\n'
if [ "$bad" != 0 ]; then
  [ "$status" = 124 ] && echo "    ran out of time"
  sed -n '/^not ok/,/^ok /p' "$out/$name.tap" | grep -v '^ok ' | head -60 | sed 's/^/    /'
  head -20 "$out/$name.err" | sed 's/^/    /'
fi
[ "$skip" = 0 ] || grep '^ok .*# SKIP' "$out/$name.tap" | sed 's/^/    /'
ONE

grep -l '^-- runs alone: ' "$@" > "$out/alone"
grep -l '^-- mostly waits: ' "$@" | grep -vxFf "$out/alone" > "$out/waits"
printf '%s\n' "$@" | grep -vxFf "$out/alone" | grep -vxFf "$out/waits" > "$out/others"
several() { exec xargs -r -P "$2" -I{} sh "$out/one" {} "$out" "$lua" < "$out/$1"; }
( several waits $((jobs + 1)) ) & lane=$!
( several others "$jobs" )
wait "$lane"; lane=
for file in $(cat "$out/alone"); do sh "$out/one" "$file" "$out" "$lua"; done
set -- $(cat "$out"/*.count | awk '{ p += $1; f += $2; s += $3 } END { print p + 0, f + 0, s + 0 }')
passed=$1 failed=$2 skipped=$3
if [ "${CI:-}" = true ] && [ "$skipped" -gt 0 ]; then
  echo "In CI a skipped spec fails."
  failed=$((failed + skipped)); skipped=0
fi
line="$passed passed, $failed failed"
[ "$skipped" = 0 ] || line="$line, $skipped skipped"
echo "$line"
[ "$failed" = 0 ] && [ "$passed" -gt 0 ]
