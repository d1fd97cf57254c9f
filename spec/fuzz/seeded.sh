#!/bin/sh
# seeded.sh - shows that each fuzzer finds the defect made for it (spec/mutants/fuzz_*.mutant), from the seeds alone.
# usage: spec/fuzz/seeded.sh [FUZZER…]      SECONDS_MAX=60 for each. Changes nothing here.
set -u
cd "$(dirname "$0")/../.." || exit 2
most=${SECONDS_MAX:-60}
make -s --no-print-directory -f spec/fuzz/Makefile build .build/fuzz/corpus/made || exit 2
[ $# -gt 0 ] || set -- $(make -s -f spec/fuzz/Makefile list)
out=$(mktemp -d "${TMPDIR:-/tmp}/dt-swarm-seeded.XXXXXX") || exit 2
trap 'rm -rf "$out"' EXIT
trap 'exit 130' INT TERM
missed=0
for name; do
  copy=$out/$name
  mkdir -p "$copy/.build" && cp -a Makefile core lua policies cli spec "$copy" && cp -a .build/fuzz "$copy/.build" || exit 2
  rm -f "$copy"/.build/fuzz/corpus/"$name"/kept-*
  (cd "$copy" && "${LUA:-lua5.4}" spec/mutants/mutate.lua "spec/mutants/fuzz_$name.mutant" &&
    make -s --no-print-directory -f spec/fuzz/Makefile ".build/fuzz/$name") || { echo "  $name: STALE"; missed=1; continue; }
  start=$(date +%s)
  (cd "$copy" && rm -rf .build/fuzz/grown .build/fuzz/found &&
    make -s --no-print-directory -f spec/fuzz/Makefile "run-$name" FUZZ_SECONDS="$most" > /dev/null 2>&1)
  status=$? took=$(( $(date +%s) - start ))
  why=$(grep -a -m1 -E 'ERROR: AddressSanitizer|runtime error|does not hold|^[a-z]+: .*lua:[0-9]+|ERROR: libFuzzer' \
    "$copy/.build/fuzz/$name.log" | cut -c1-90)
  found=$(find "$copy/.build/fuzz/found" -type f 2> /dev/null | head -1)
  if [ $status != 0 ] && [ -n "$found" ]; then
    printf '  %-10s found in %2d s  %s\n' "$name" "$took" "$why"
    [ -z "${KEEP:-}" ] || { mkdir -p "$KEEP/$name" && cp "$found" "$KEEP/$name/"; }
  else
    printf '  %-10s MISSED in %d s\n' "$name" "$took"
    missed=1
  fi
  rm -rf "$copy"
done
exit $missed
