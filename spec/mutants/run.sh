#!/bin/sh
# run.sh - applies each defect to a copy of the tree and runs the spec that must go red. Changes nothing here.
# usage: spec/mutants/run.sh ['GLOB'…]   what a mutant is: mutate.lua
# Red without any defect, a mutant that does not fit or does not build: said, and a failure.
set -u
cd "$(dirname "$0")/../.." || exit 2
out=$(mktemp -d "${TMPDIR:-/tmp}/dt-swarm-mutants.XXXXXX") || exit 2
trap 'rm -rf "$out"' EXIT
trap 'exit 130' INT TERM

[ $# -gt 0 ] || set -- '*'
for glob; do
  find spec/mutants -name "${glob%.mutant}.mutant"
done | sort -u > "$out/mutants"
[ -s "$out/mutants" ] || { echo "no mutant fits: $*" >&2; exit 2; }

cat > "$out/one" <<'ONE'
# one OUT MUTANT SPEC: a mutant called `none` asks that its spec be green without a defect
out=$1 mutant=$2 spec=$3
name=$(basename "$mutant" .mutant) start=$(date +%s)
copy=$(mktemp -d "$out/copy.XXXXXX")
cp -a Makefile README.md .busted .luacheckrc core lua policies cli spec dt-swarm dt-swarm-cli .build "$copy" 2>/dev/null
verdict() {
  printf '  %-8s %-50s %s  %d s\n' "$1" "$name" "$spec" $(( $(date +%s) - start ))
  echo "$1" >> "$out/verdicts"
  rm -rf "$copy"
  exit 0
}
cd "$copy" || exit 2
if [ "$mutant" != none ]; then
  "${LUA:-lua5.4}" spec/mutants/mutate.lua "$mutant" > "$out/$name.out" 2>&1 || verdict STALE
  make -s --no-print-directory parts > "$out/$name.out" 2>&1 || verdict UNBUILT
fi
timeout -k 5 900 "${LUA:-lua5.4}" "$(command -v busted)" -o TAP "$spec" > "$out/$name.out" 2>&1 < /dev/null
status=$?
if [ "$mutant" = none ]; then
  [ $status = 0 ] && rm -rf "$copy" && exit 0
  name=$spec
  verdict RED
fi
[ $status != 0 ] && verdict caught
verdict MISSED
ONE

specs=$(xargs sed -n 's/^spec: //p' < "$out/mutants" | sort -u)
for spec in $specs; do echo none "$spec"; done > "$out/work"
while read -r mutant; do echo "$mutant" "$(sed -n 's/^spec: //p' "$mutant")"; done < "$out/mutants" >> "$out/work"
: > "$out/verdicts"
xargs -P "${JOBS:-2}" -L 1 sh "$out/one" "$out" < "$out/work"

all=$(wc -l < "$out/mutants") caught=$(grep -c '^caught$' "$out/verdicts")
echo "$caught of $all mutants caught"
[ "$caught" = "$all" ] && ! grep -q '^RED$' "$out/verdicts"
