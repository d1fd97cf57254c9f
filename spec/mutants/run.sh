#!/bin/sh
# run.sh - applies each defect to a copy of the tree and runs the spec that must go red. Changes nothing here.
# usage: spec/mutants/run.sh ['GLOB'…]   a patch's first line is `# spec: FILE`
# Red without any defect, a patch that does not apply or does not build: said, and a failure.
set -u
cd "$(dirname "$0")/../.." || exit 2
out=$(mktemp -d "${TMPDIR:-/tmp}/dt-swarm-mutants.XXXXXX") || exit 2
trap 'rm -rf "$out"' EXIT
trap 'exit 130' INT TERM

[ $# -gt 0 ] || set -- '*'
for glob; do
  find spec/mutants -name "${glob%.patch}.patch"
done | sort -u > "$out/patches"
[ -s "$out/patches" ] || { echo "no mutant fits: $*" >&2; exit 2; }

cat > "$out/one" <<'ONE'
# one OUT PATCH: a patch called `none` asks that its spec be green without a defect
out=$1 patch=$2 spec=$3
name=$(basename "$patch" .patch) start=$(date +%s)
copy=$(mktemp -d "$out/copy.XXXXXX")
cp -a Makefile .busted .luacheckrc core lua policies cli spec dt-swarm dt-swarm-cli .build "$copy" 2>/dev/null
verdict() {
  printf '  %-8s %-50s %s  %d s\n' "$1" "$name" "$spec" $(( $(date +%s) - start ))
  echo "$1" >> "$out/verdicts"
  rm -rf "$copy"
  exit 0
}
cd "$copy" || exit 2
if [ "$patch" != none ]; then
  sed 1d "spec/mutants/$name.patch" | patch -p1 -F0 -s -f > "$out/$name.out" 2>&1 || verdict STALE
  make -s --no-print-directory parts > "$out/$name.out" 2>&1 || verdict UNBUILT
fi
timeout -k 5 900 "${LUA:-lua5.4}" "$(command -v busted)" -o TAP "$spec" > "$out/$name.out" 2>&1 < /dev/null
status=$?
if [ "$patch" = none ]; then
  [ $status = 0 ] && rm -rf "$copy" && exit 0
  name=$spec
  verdict RED
fi
[ $status != 0 ] && verdict caught
verdict MISSED
ONE

specs=$(xargs sed -n '1s/^# spec: *//p' < "$out/patches" | sort -u)
for spec in $specs; do echo none "$spec"; done > "$out/work"
while read -r patch; do echo "$patch" "$(sed -n '1s/^# spec: *//p' "$patch")"; done < "$out/patches" >> "$out/work"
: > "$out/verdicts"
xargs -P "${JOBS:-2}" -L 1 sh "$out/one" "$out" < "$out/work"

all=$(wc -l < "$out/patches") caught=$(grep -c '^caught$' "$out/verdicts")
echo "$caught of $all mutants caught"
[ "$caught" = "$all" ] && ! grep -q '^RED$' "$out/verdicts"
