# shellcheck shell=bash
# Sourced by try-deb.sh and try-appimage.sh: a clean Debian 12 root with a user `tester`, thrown away at the end.
#
#   clean_root CACHE    sets `root`
#
# DOCKER_HOST=unix://… lends it an engine; without one what needs an engine is left out, and said so.

say() { printf '%s\n' "$*" >&2; }
now() { date +%s%N; }
took() { echo "$(( ($(now) - $1) / 1000000 )) ms"; }

# The rest of the script that sources this runs in mounts and processes of its own: whatever it leaves, nothing of it is
# left outside, and nothing outside is seen or ended by it. The root goes when all of that is gone.
if [ -z "${HIVEMIND_APART:-}" ]; then
  [ "$(id -u)" = 0 ] || { say 'error: needs root'; exit 1; }
  scratch=$(mktemp)
  code=0
  HIVEMIND_APART=$scratch unshare --mount --pid --fork --kill-child --mount-proc --propagation private \
    bash "$0" "$@" || code=$?
  root=$(cat "$scratch") && rm -f "$scratch"
  if [ -n "$root" ]; then
    if grep -q -F " $root/" /proc/mounts; then
      say "error: something is still mounted below $root"
      exit 1
    fi
    rm -rf --one-file-system "$root"
  fi
  exit "$code"
fi

clean_root() {
  cache=$1
  if [ ! -d "$cache/clean" ]; then
    command -v debootstrap >/dev/null || { say 'error: needs debootstrap'; exit 1; }
    say 'a clean root is made; that is kept for the next time'
    rm -rf --one-file-system "$cache/clean.new"
    debootstrap --variant=minbase --include=ca-certificates bookworm "$cache/clean.new" >"$cache/debootstrap.log" 2>&1 \
      || { tail -n 20 "$cache/debootstrap.log" >&2; exit 1; }
    # A desktop's bare bones, so that a menu entry can be started: none of it is needed by a package of ours. By apt,
    # since debootstrap understands no alternatives.
    root=$cache/clean.new
    start_nothing
    in_root apt-get install -y -qq --no-install-recommends dbus dbus-x11 procps xvfb xauth libgtk-3-bin libglib2.0-bin \
      >>"$cache/debootstrap.log" 2>&1 || { tail -n 20 "$cache/debootstrap.log" >&2; exit 1; }
    chroot "$root" useradd --create-home --shell /bin/sh tester
    mv "$root" "$cache/clean"
  fi
  root=$(mktemp -d "$cache/root.XXXX")
  printf '%s' "$root" >"$HIVEMIND_APART"
  cp -a --reflink=auto "$cache/clean/." "$root/"
  cp /etc/resolv.conf "$root/etc/resolv.conf"
  mount -t proc proc "$root/proc"
  mount --rbind /dev "$root/dev" && mount --make-rslave "$root/dev"
  # As everywhere where udev runs: open to all.
  devices=$cache/devices && mkdir -p "$devices"
  open_device fuse 10 229 && open_device tun 10 200
  if [ -e "$devices/fuse" ]; then mount --bind "$devices/fuse" "$root/dev/fuse"; fi
  start_nothing
  case "${DOCKER_HOST:-}" in
    unix://*) engine=${DOCKER_HOST#unix://} ;;
    *) engine= ;;
  esac
}

start_nothing() {
  printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d" && chmod +x "$root/usr/sbin/policy-rc.d"
}

open_device() { # NAME MAJOR MINOR
  rm -f "$devices/$1"
  if [ -e "/dev/$1" ] || [ -e "/dev/net/$1" ]; then mknod --mode=666 "$devices/$1" c "$2" "$3"; fi
}

in_root() {
  chroot "$root" /usr/bin/env -i HOME=/root LANG=C.UTF-8 PATH=/usr/sbin:/usr/bin:/sbin:/bin \
    DEBIAN_FRONTEND=noninteractive "$@"
}

# Names, kinds, rights and owners of all that is no cache, log or list of apt and dpkg; accounts and units as text; what
# the lent engine has.
state() {
  (cd "$root" && find . -xdev \( -path ./proc -o -path ./dev -o -path ./var/cache -o -path ./var/log \
    -o -path ./var/lib/apt -o -path ./var/lib/dpkg -o -path ./tmp \) -prune -o -printf '%p %y %m %u %g %l\n' | sort)
  cat "$root"/etc/passwd "$root"/etc/group
  ls "$root"/etc/systemd/system "$root"/etc/xdg/autostart 2>/dev/null || true
  if [ -n "$engine" ] && command -v docker >/dev/null; then
    for kind in container volume network image; do
      # shellcheck disable=SC2086 # words
      docker -H "unix://$engine" "$kind" ls --quiet ${all[$kind]:-} | sed "s/^/$kind /" | sort
    done
  fi
}
extract=
declare -A all=([container]='--all --no-trunc' [image]='--all --no-trunc' [network]=--no-trunc)

# A whole session of an ordinary user on a screen of its own: WORKER, then what a double click starts.
session() {
  cp "$here/session.sh" "$root/tmp/session.sh"
  chroot "$root" su tester -c "${extract:+APPIMAGE_EXTRACT_AND_RUN=1 }xvfb-run -a dbus-run-session -- sh /tmp/session.sh $*" >&2
  local left
  left=$(cd "$root/home/tester" && find . \( -ipath '*hivemind*' -o -path './.config/autostart/*' \) -not -path './Apps/*')
  [ -z "$left" ] || { say "error: left of the user's own: $left"; exit 1; }
  say 'uninstall left nothing of the user'"'"'s own'
}

# The sample work by an ordinary user on a pool of its own.
sample_work() {
  if [ -z "$engine" ]; then
    say 'no engine (DOCKER_HOST): the sample work was left out'
    return
  fi
  touch "$root/run/engine.sock" && mount --bind "$engine" "$root/run/engine.sock"
  say "the sample work on its own pool, as an ordinary user: $*"
  chroot "$root" setpriv --reuid tester --regid tester --groups "$(stat -c %g "$engine")" --no-new-privs \
    /usr/bin/env -i HOME=/home/tester LANG=C.UTF-8 PATH=/usr/bin:/bin DOCKER_HOST=unix:///run/engine.sock \
    ${extract:+APPIMAGE_EXTRACT_AND_RUN=1} "$@" demo --json | tail -n 1 >&2
  umount "$root/run/engine.sock" && rm "$root/run/engine.sock"
}

# Homes of whoever tried it, and what X and D-Bus made, are no part of a package.
sweep() {
  rm -rf "$root"/home/tester/run "$root"/home/tester/launch.log "$root"/home/tester/.cache "$root"/home/tester/.local \
    "$root"/home/tester/.config "$root"/home/tester/.dbus
}

compare() {
  state >"$cache/after"
  if ! diff "$cache/before" "$cache/after" >&2; then
    say 'error: before and after differ'
    exit 1
  fi
  say "before = after: $(wc -l <"$cache/before") files, accounts, units and things of the engine"
}
