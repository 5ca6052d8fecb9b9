#!/usr/bin/env bash
# Puts the AppImage into a clean Debian 12 root, double-clicks it mounted and unpacked, lets it work, deletes it, and
# compares before and after. As root; by `cargo xtask dist appimage --try`.
#
#   try-appimage.sh IMAGE CACHE
set -euo pipefail
here=$(dirname "$(realpath "$0")")
image=$(realpath "$1")
# shellcheck source=clean-root.sh
. "$here/clean-root.sh"
clean_root "$(realpath "$2")"

in_root apt-get update -qq
# What a desktop has: the web engine, and what mounts images.
in_root apt-get install -y -qq --no-install-recommends libwebkit2gtk-4.1-0 libfuse2 fuse3 >"$cache/apt.log" 2>&1 \
  || { tail -20 "$cache/apt.log" >&2; exit 1; }
state >"$cache/before"
say "one file of $(stat -c %s "$image") bytes"
own=/home/tester/Apps/HiveMind.AppImage
install -D -m 755 "$image" "$root$own"
chroot "$root" chown -R tester: /home/tester/Apps

extract=
if [ -e "$devices/fuse" ]; then
  say 'double-clicked, mounted:'
  session "$own" "$own"
else
  say 'not tried mounted: no /dev/fuse here'
fi
extract=1
say 'double-clicked, unpacked:'
session "$own" "$own"
sample_work "$own"

rm -r "${root:?}/home/tester/Apps"
# The lock of whoever mounts and unmounts images, the system's own.
rm -f "$root/etc/mtab.fuselock"
sweep
compare
