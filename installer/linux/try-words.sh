#!/usr/bin/env bash
# Does what the installation page says, word by word, on a clean Debian 12 that was booted with systemd, as an ordinary
# user with sudo; compares before and after. As root; by `cargo xtask dist deb appimage --try`.
#
#   try-words.sh DEB IMAGE COMMANDS CACHE
#
# COMMANDS holds one command in a line, as it stands on the page.
set -euo pipefail
here=$(dirname "$(realpath "$0")")
deb=$(realpath "$1") image=$(realpath "$2") commands=$(realpath "$3")
# shellcheck source=clean-root.sh
. "$here/clean-root.sh"
clean_root "$(realpath "$4")"
[ -n "$engine" ] || { say 'error: needs an engine (DOCKER_HOST)'; exit 1; }

# What a desktop with Docker has: a service manager, sudo, FUSE, the group of the engine's socket.
in_root apt-get update -qq
in_root apt-get install -y -qq --no-install-recommends systemd systemd-sysv dbus-user-session libpam-systemd sudo \
  libfuse2 fuse3 >"$cache/apt.log" 2>&1 || { tail -n 20 "$cache/apt.log" >&2; exit 1; }
in_root groupadd --system --non-unique --gid "$(stat -c %g "$engine")" docker
in_root usermod --append --groups docker tester
printf 'tester ALL=(ALL) NOPASSWD: ALL\n' >"$root/etc/sudoers.d/tester"
# The package names Docker as a recommendation; the engine is lent, and a second one would not start in here.
printf 'APT::Install-Recommends "false";\n' >"$root/etc/apt/apt.conf.d/no-recommends"
printf 'clean\n' >"$root/etc/hostname"
printf '127.0.0.1 localhost clean\n' >"$root/etc/hosts"
for unit in docker.service docker.socket containerd.service; do in_root systemctl mask --quiet "$unit"; done
# Once there and gone, so that what all depends on is no part of the difference.
cp "$deb" "$root/tmp/worker.deb"
in_root apt-get install -y -qq /tmp/worker.deb >>"$cache/apt.log" 2>&1
in_root apt-get purge -y -qq hivemind-worker >>"$cache/apt.log" 2>&1
for at in dev/fuse proc dev/pts dev/shm dev; do umount -l "$root/$at" 2>/dev/null || true; done
booted= leader=
halt() {
  [ -n "$booted" ] || return 0
  [ -z "$leader" ] || kill -s RTMIN+4 "$leader" 2>/dev/null || true
  for _ in $(seq 300); do kill -0 "$booted" 2>/dev/null || break; sleep 0.1; done
  kill -KILL "$booted" 2>/dev/null || true
  wait "$booted" || true
  booted=
}
trap halt EXIT
boot() {
  systemd-nspawn --quiet --register=no --keep-unit --directory="$root" --bind="$devices/fuse:/dev/fuse" --bind="$devices/tun:/dev/net/tun" \
    --bind="$engine:/run/docker.sock" --capability=CAP_NET_ADMIN --private-network --hostname=clean --boot </dev/null >"$cache/boot.log" 2>&1 &
  booted=$!
  leader=
  for _ in $(seq 300); do
    leader=$(pgrep --parent "$booted" || true)
    [ -z "$leader" ] || ! inside systemctl is-active --quiet multi-user.target 2>/dev/null || break
    sleep 0.1
  done
  inside systemctl is-system-running --wait >&2
  # Somebody has signed in.
  inside loginctl enable-linger tester
  for _ in $(seq 100); do [ -S "$root/run/user/1000/bus" ] || inside test -S /run/user/1000/bus && break; sleep 0.1; done
}
inside() { nsenter --target "$leader" --all -- /usr/bin/env -i HOME=/root LANG=C.UTF-8 PATH=/usr/sbin:/usr/bin:/sbin:/bin "$@"; }
person() {
  # What asks is answered with yes.
  inside su - tester -c "export XDG_RUNTIME_DIR=/run/user/1000 LANG=C.UTF-8; cd Downloads; $1" < <(yes 2>/dev/null)
}
# A first start makes what every later one finds.
boot
halt
state >"$cache/before"
mkdir -p "$root/home/tester/Downloads"
cp "$deb" "$image" "$root/home/tester/Downloads/"
chroot "$root" chown -R tester: /home/tester/Downloads
boot
said=0
while IFS= read -r line <&3; do
  say "\$ $line"
  begin=$(now)
  person "$line" >"$cache/said.log" 2>&1 || { cat "$cache/said.log" >&2; inside journalctl --no-pager -n 30 >&2; exit 1; }
  tail -n 3 "$cache/said.log" | sed 's/^/    /' >&2
  say "    $(took "$begin")"
  said=$((said + 1))
  case "$line" in
    *'enable --now hivemind-netd@'*)
      inside systemctl is-active --quiet hivemind-netd@1000 || { say 'error: the network service does not run'; exit 1; }
      say "    $(inside stat -c '%A %U %n' /run/hivemind-netd/1000/socket)"
      ;;
    *'enable --now hivemind-worker'*)
      sleep 2
      unit="systemctl ${line#*systemctl }" && unit=${unit/enable --now/is-active --quiet}
      person "$unit" || { say 'error: the service does not run'; inside journalctl --no-pager -n 30 >&2; exit 1; }
      ;;
  esac
done 3<"$commands"
halt

rm -rf "${root:?}/home/tester/Downloads"
sweep
compare
say "$said commands, each as it stands on the page"
