#!/bin/sh
# install.sh - puts what was built below PREFIX, and takes out exactly what it put there. Builds nothing.
# usage: DESTDIR= PREFIX= BUILD= core/service/install.sh install|uninstall|rock
# The list of it is PREFIX/share/dt-swarm/installed: a path a line below PREFIX; one that ends with / is a folder that
# was not there before. The tree may be moved as a whole; only the service units name where it was put.
set -eu
cd "$(dirname "$0")/../.."
case $PREFIX in
  /*) ;;
  "~"/*) PREFIX=$HOME/${PREFIX#??} ;; # not every shell knows it behind PREFIX=
  *) PREFIX=$PWD/$PREFIX ;;
esac
root=${DESTDIR-}$PREFIX
list=share/dt-swarm/installed
old=$(mktemp) new=$(mktemp)
trap 'rm -f "$old" "$new"' EXIT
[ ! -f "$root/$list" ] || cat "$root/$list" > "$old"

folder() { # PATH below the prefix
  [ -d "$root/$1" ] && return
  case $1 in */*) folder "${1%/*}" ;; esac
  install -d -m 755 "$root/$1"
  echo "$1/" >> "$new"
}

put() { # MODE FROM PATH
  folder "${3%/*}"
  install -m "$1" "$2" "$root/$3"
  echo "$3" >> "$new"
}

unit() { # FROM PATH
  folder "${2%/*}"
  sed "s|@PREFIX@|$(printf %s "$PREFIX" | sed 's/[&|\\]/\\&/g')|" "$1" > "$root/$2"
  chmod 644 "$root/$2"
  echo "$2" >> "$new"
}

take_out() { # the paths on standard input
  sort -r | while IFS= read -r path; do
    case $path in
      /* | *..*) ;;
      */) rmdir "$root/$path" 2>/dev/null || : ;; # somebody put something of his own there
      *) rm -f "$root/$path" ;;
    esac
  done
}

install_all() {
  install -d -m 755 "$root"
  put 755 dt-swarm bin/dt-swarm
  ln -sf dt-swarm "$root/bin/dt-swarm-cli"
  echo bin/dt-swarm-cli >> "$new"
  for name in http sim; do put 644 "$BUILD/core/$name.so" "lib/dt-swarm/core/$name.so"; done # sim: rollout plan
  for file in $(find lua cli policies '(' -name '*.lua' -o -path 'lua/clients/web/page/*' ')' -print); do
    put 644 "$file" "share/dt-swarm/$file"
  done
  for page in "$BUILD"/man/*.[1-9]; do
    [ ! -f "$page" ] || put 644 "$page" "share/man/man${page##*.}/${page##*/}"
  done
  for file in "$BUILD"/completion/bash/*; do
    [ ! -f "$file" ] || put 644 "$file" "share/bash-completion/completions/${file##*/}"
  done
  for file in "$BUILD"/completion/zsh/*; do
    [ ! -f "$file" ] || put 644 "$file" "${ZSH_COMPLETION:-share/zsh/site-functions}/${file##*/}"
  done
  for name in deb docker install.sh; do put 755 "policies/handlers/$name" "share/dt-swarm/policies/handlers/$name"; done
  for name in README.md handlers.conf sudoers; do
    put 644 "policies/handlers/$name" "share/dt-swarm/policies/handlers/$name"
  done
  put 755 core/service/dt-swarm-back lib/dt-swarm/dt-swarm-back
  unit core/service/system.service lib/systemd/system/dt-swarm.service
  unit core/service/back.service lib/systemd/system/dt-swarm-back.service
  unit core/service/user.service "${USER_UNITS:-share/systemd/user}/dt-swarm.service"
  put 644 core/service/sysusers.conf lib/sysusers.d/dt-swarm.conf
}

# What an earlier install made stays on the list; what it put and this one did not is taken out.
write_list() {
  echo "$list" >> "$new"
  grep -vxF -f "$new" "$old" | grep -v '/$' | take_out || :
  grep '/$' "$old" >> "$new" || :
  sort -u "$new" > "$root/$list"
  chmod 644 "$root/$list"
}

next() {
  echo "Installed below $PREFIX; make uninstall takes it out."
  case $PREFIX in
    /usr | /usr/local) echo "As a service: systemd-sysusers && systemctl enable --now dt-swarm" ;;
    "${HOME-}/.local") echo "As a service of yours: systemctl --user enable --now dt-swarm" ;;
  esac
}

case "${1-}" in
  install)
    install_all
    write_list
    [ -n "${DESTDIR-}" ] || next
    ;;
  rock) # luarocks takes bin and lib apart, so the tree lies beside them, and starters in bin
    install_all
    write_list
    install -d -m 755 "$root/../bin"
    for name in dt-swarm dt-swarm-cli; do
      printf '#!/bin/sh\nset -e # else it were Lua, too, which luarocks would run\nexec "%s/bin/%s" "$@"\n' "$PREFIX" "$name" > "$root/../bin/$name"
      chmod 755 "$root/../bin/$name"
    done
    ;;
  uninstall)
    if [ -s "$old" ]; then take_out < "$old"; else echo "No dt-swarm is installed below $root."; fi
    ;;
  *) echo "usage: core/service/install.sh install|uninstall|rock" >&2; exit 2 ;;
esac
