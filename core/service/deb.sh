#!/bin/sh
# deb.sh - packs what was built as BUILD/dt-swarm_VERSION_ARCH.deb, the same bytes for the same sources. Builds nothing.
# usage: BUILD= VERSION= SOURCE_DATE_EPOCH= core/service/deb.sh
set -eu
cd "$(dirname "$0")/../.."
for tool in dpkg-deb dpkg-shlibdeps strip; do
  command -v "$tool" >/dev/null || { echo "make deb needs $tool: apt-get install dpkg-dev" >&2; exit 3; }
done
umask 022
here=core/service/debian
arch=${ARCH:-$(dpkg --print-architecture)}
work=$PWD/$BUILD/deb
rm -rf "$work"
mkdir -p "$work/debian" "$work/root/DEBIAN"
root=$work/root
doc=$root/usr/share/doc/dt-swarm

DESTDIR=$root PREFIX=/usr USER_UNITS=lib/systemd/user ZSH_COMPLETION=share/zsh/vendor-completions \
  core/service/install.sh install
rm "$root/usr/share/dt-swarm/installed" # dpkg has its own
strip --strip-unneeded --remove-section=.comment "$root/usr/bin/dt-swarm" "$root/usr/lib/dt-swarm/core/http.so"
install -D -m 644 "$here/policy.lua" "$root/etc/dt-swarm/policy.lua"
install -D -m 644 "$here/copyright" "$doc/copyright"
printf 'dt-swarm (%s) unstable; urgency=medium\n\n  * As the history of the sources tells.\n\n -- %s  %s\n' "$VERSION" \
  "$(sed -n 's/^Maintainer: //p' "$here/control")" "$(LC_ALL=C date -u -R -d "@$SOURCE_DATE_EPOCH")" > "$doc/changelog"
gzip -9n "$doc/changelog"
for page in "$root"/usr/share/man/man*/*; do [ ! -f "$page" ] || gzip -9n "$page"; done

# Which libraries, and which versions of them, the linker found.
printf 'Source: dt-swarm\n\nPackage: dt-swarm\nArchitecture: any\n' > "$work/debian/control"
depends=$(cd "$work" && dpkg-shlibdeps -O -eroot/usr/bin/dt-swarm -eroot/usr/lib/dt-swarm/core/http.so |
  sed -n 's/^shlibs:Depends=//p')

install -m 755 "$here/postinst" "$here/prerm" "$here/postrm" "$root/DEBIAN"
echo /etc/dt-swarm/policy.lua > "$root/DEBIAN/conffiles"
(cd "$root" && find usr -type f -exec md5sum {} + | LC_ALL=C sort -k 2) > "$root/DEBIAN/md5sums"
size=$(cd "$root" && find etc usr -type f -printf '%s\n' | awk '{ n += int(($1 + 1023) / 1024) } END { print n }')
sed "s/@VERSION@/$VERSION/; s/@ARCH@/$arch/; s/@SIZE@/$size/; s/@DEPENDS@/$depends/" "$here/control" \
  > "$root/DEBIAN/control"
chmod 644 "$root/DEBIAN/control" "$root/DEBIAN/md5sums" "$root/DEBIAN/conffiles"
find "$root" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +
dpkg-deb --root-owner-group -Zxz --build "$root" "$BUILD/dt-swarm_${VERSION}_$arch.deb" >/dev/null
rm -rf "$work"
echo "$BUILD/dt-swarm_${VERSION}_$arch.deb"
