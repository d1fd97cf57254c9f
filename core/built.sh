#!/bin/sh
# built.sh - when these sources were last changed, in Unix seconds: no clock is right that shows an earlier time.
# usage: core/built.sh   SOURCE_DATE_EPOCH; without it the date of the last commit; without git that of the newest file
cd "$(dirname "$0")/.." || exit 2
case ${SOURCE_DATE_EPOCH-} in
  '') ;;
  *[!0-9]*)
    echo "SOURCE_DATE_EPOCH is '$SOURCE_DATE_EPOCH', and should be whole seconds as \`date +%s\` prints them" >&2
    exit 2 ;;
  *) echo "$SOURCE_DATE_EPOCH"; exit ;;
esac
# Not that of another repository in which somebody unpacked these sources. Root may build what a user has cloned.
git() { command git -c safe.directory='*' "$@" 2>/dev/null; }
git ls-files --error-unmatch core/built.sh >/dev/null && git log -1 --format=%ct && exit
find Makefile core lua cli policies -type f -exec stat -c %Y {} + | sort -n | tail -n 1
