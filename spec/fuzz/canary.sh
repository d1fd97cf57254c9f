#!/bin/sh
# canary.sh - shows that the sanitisers are awake: three defects that no plain spec sees must turn them red.
# usage: spec/fuzz/canary.sh     Works on a copy; changes nothing here.
set -u
cd "$(dirname "$0")/../.." || exit 2
out=$(mktemp -d "${TMPDIR:-/tmp}/dt-swarm-canary.XXXXXX") || exit 2
trap 'rm -rf "$out"' EXIT
trap 'exit 130' INT TERM
failed=0
say() { printf '  %-10s %s\n' "$1" "$2"; [ "$3" = 0 ] || failed=1; }

# Each runs in the copy with the defect: cid_spec as it is, cid_spec sanitised, the replay of inputs with leaks counted
plain() { make -s parts > "$out/log" 2>&1 && lua5.4 "$(command -v busted)" -o TAP spec/core/cid_spec.lua > "$out/log" 2>&1; }
asan() { make asan SPECS=spec/core/cid_spec.lua > "$out/log" 2>&1; }
leaks() { make asan SPECS=spec/fuzz_spec.lua > "$out/log" 2>&1; }

for name in none overflow undefined leak; do
  copy=$out/$name
  mkdir "$copy" && cp -a Makefile .busted core lua policies cli spec "$copy" || exit 2
  for built in .build .asan; do [ ! -d $built ] || cp -a $built "$copy"; done
  cd "$copy" || exit 2
  [ $name = none ] || sed 1d "spec/fuzz/canaries/$name.patch" | patch -p1 -s -f || { say $name STALE 1; cd - > /dev/null; continue; }
  plain || say $name 'seen by the plain spec: no use as a canary' 1
  if [ $name = none ]; then
    asan && say none 'sanitisers say nothing where there is nothing' 0 || say none 'RED without a defect' 1
    leaks && say none 'no leaks where there are none' 0 || say none 'LEAKS without a defect' 1
  elif [ $name = leak ]; then
    leaks; [ $? != 0 ] && grep -q 'LeakSanitizer' "$out/log" && say leak caught 0 || say leak MISSED 1
  else
    asan; [ $? != 0 ] && grep -qE 'AddressSanitizer|runtime error' "$out/log" && say $name caught 0 || say $name MISSED 1
  fi
  cd - > /dev/null || exit 2
  rm -rf "$copy"
done
exit $failed
