#!/usr/bin/env bash
# Installs the .deb in a clean Debian 12 root, starts it as its menu entry does, lets it work, removes it, and compares
# before and after. As root; by `cargo xtask dist deb --try`.
#
#   try-deb.sh PACKAGE CACHE
#
# DOCKER_HOST=unix://… lends it an engine; without one the sample work is left out, and said so.
set -euo pipefail
deb=$(realpath "$1") cache=$(realpath "$2")
say() { printf '%s\n' "$*" >&2; }
now() { date +%s%N; }
took() { echo "$(( ($(now) - $1) / 1000000 )) ms"; }

[ "$(id -u)" = 0 ] || { say 'error: needs root'; exit 1; }
if [ ! -d "$cache/clean" ]; then
  command -v debootstrap >/dev/null || { say 'error: needs debootstrap'; exit 1; }
  # A desktop's bare bones, so that a menu entry can be started: none of it is needed by the package.
  rm -rf "$cache/clean.new"
  debootstrap --variant=minbase --include=ca-certificates,dbus,procps,xvfb,xauth,libgtk-3-bin,libglib2.0-bin \
    bookworm "$cache/clean.new" >"$cache/debootstrap.log" 2>&1
  chroot "$cache/clean.new" useradd --create-home --shell /bin/sh tester
  mv "$cache/clean.new" "$cache/clean"
fi

root=$(mktemp -d "$cache/root.XXXX")
cleanup() {
  for at in run/engine.sock proc dev/pts dev/shm dev; do umount -l "$root/$at" 2>/dev/null || true; done
  rm -rf --one-file-system "$root"
}
trap cleanup EXIT
cp -a --reflink=auto "$cache/clean/." "$root/"
cp /etc/resolv.conf "$root/etc/resolv.conf"
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev" && mount --make-rslave "$root/dev"
printf '#!/bin/sh\nexit 101\n' > "$root/usr/sbin/policy-rc.d" && chmod +x "$root/usr/sbin/policy-rc.d"
in_root() { chroot "$root" /usr/bin/env -i HOME=/root LANG=C.UTF-8 PATH=/usr/sbin:/usr/bin:/sbin:/bin \
  DEBIAN_FRONTEND=noninteractive "$@"; }

# Names, kinds, rights and owners of all that is no cache, log or list of apt and dpkg; accounts and units as text.
state() {
  (cd "$root" && find . -xdev \( -path ./proc -o -path ./dev -o -path ./var/cache -o -path ./var/log \
    -o -path ./var/lib/apt -o -path ./var/lib/dpkg -o -path ./tmp \) -prune -o -printf '%p %y %m %u %g %l\n' | sort)
  cat "$root"/etc/passwd "$root"/etc/group
  ls "$root"/etc/systemd/system "$root"/etc/xdg/autostart 2>/dev/null || true
}

cp "$deb" "$root/tmp/worker.deb"
in_root apt-get update -qq
begin=$(now)
in_root apt-get install -y -qq --no-install-recommends /tmp/worker.deb >"$cache/apt.log" 2>&1 \
  || { tail -20 "$cache/apt.log" >&2; exit 1; }
say "installed with apt in a clean root, with all it depends on: $(took "$begin")"
in_root apt-get purge -y -qq hivemind-worker >>"$cache/apt.log" 2>&1
state >"$cache/before"
begin=$(now)
in_root apt-get install -y -qq --no-install-recommends /tmp/worker.deb >>"$cache/apt.log" 2>&1
say "installed where all it depends on was there: $(took "$begin")"
in_root dpkg --verify hivemind-worker
in_root hivemind-worker --version
in_root test -s /usr/share/man/man1/hivemind-worker.1.gz
for group in docker sudo; do
  ! grep -q "^$group:.*tester" "$root/etc/group" || { say "error: somebody was added to the group $group"; exit 1; }
done

# As its menu entry, by an ordinary user, on a screen of its own.
cat >"$root/tmp/session.sh" <<'SESSION'
set -e
export LANG=C.UTF-8 XDG_RUNTIME_DIR=$HOME/run && mkdir -p -m 700 "$XDG_RUNTIME_DIR"
gtk-launch network.hivemind.worker >"$HOME/launch.log" 2>&1 &
begin=$(date +%s%N)
answered=
for _ in $(seq 600); do
  if [ -z "$answered" ] && hivemind-worker status >/dev/null 2>&1; then
    answered="$(( ($(date +%s%N) - begin) / 1000000 )) ms"
  fi
  if [ -n "$answered" ] && pgrep -u tester -x hivemind-worker >/dev/null && pgrep -u tester -f hivemind-worker-window >/dev/null; then
    echo "worker answered after $answered, window after $(( ($(date +%s%N) - begin) / 1000000 )) ms"
    sleep 3
    pgrep -u tester -f hivemind-worker-window >/dev/null || { echo 'the window ended again'; cat "$HOME/launch.log"; exit 1; }
    hivemind-worker doctor | head -30 || true
    hivemind-worker settings set start_at_login true >/dev/null
    test -f "$HOME/.config/autostart/hivemind-worker.desktop"
    # Somebody closes the window.
    for window in $(pgrep -u tester -f hivemind-worker-window); do kill "$window"; done
    for _ in $(seq 100); do pgrep -u tester -f hivemind-worker-window >/dev/null || break; sleep 0.1; done
    hivemind-worker uninstall
    for _ in $(seq 300); do pgrep -u tester -f hivemind-worker >/dev/null || exit 0; sleep 0.1; done
    echo 'it did not end'; exit 1
  fi
  sleep 0.1
done
echo 'no window came'; cat "$HOME/launch.log"; exit 1
SESSION
say 'started from its menu entry:'
chroot "$root" su tester -c 'xvfb-run -a dbus-run-session -- sh /tmp/session.sh' >&2
left=$(cd "$root/home/tester" && find . -ipath '*hivemind*' -o -path './.config/autostart/*')
[ -z "$left" ] || { say "error: left of the user's own: $left"; exit 1; }
say 'uninstall left nothing of the user'"'"'s own'

case "${DOCKER_HOST:-}" in
  unix://*)
    touch "$root/run/engine.sock" && mount --bind "${DOCKER_HOST#unix://}" "$root/run/engine.sock"
    say 'the sample work on its own pool:'
    in_root env DOCKER_HOST=unix:///run/engine.sock hivemind-worker demo --json | tail -1 >&2
    umount "$root/run/engine.sock" && rm "$root/run/engine.sock"
    ;;
  *) say 'no engine (DOCKER_HOST): the sample work was left out' ;;
esac

begin=$(now)
in_root apt-get purge -y -qq hivemind-worker >>"$cache/apt.log" 2>&1
say "removed: $(took "$begin")"
# Homes of whoever tried it, and what X and D-Bus made, are no part of the package.
rm -rf "$root"/home/tester/run "$root"/home/tester/launch.log "$root"/home/tester/.cache "$root"/home/tester/.local "$root"/home/tester/.config
state >"$cache/after"
if ! diff "$cache/before" "$cache/after" >&2; then
  say 'error: before and after differ'
  exit 1
fi
say "before = after: $(wc -l <"$cache/before") files, accounts and units"
