#!/usr/bin/env bash
# Installs the .deb in a clean Debian 12 root, starts it as its menu entry does, lets it work, removes it, and compares
# before and after. As root; by `cargo xtask dist deb --try`.
#
#   try-deb.sh PACKAGE CACHE
set -euo pipefail
here=$(dirname "$(realpath "$0")")
deb=$(realpath "$1")
# shellcheck source=clean-root.sh
. "$here/clean-root.sh"
clean_root "$(realpath "$2")"

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

say 'started from its menu entry:'
session hivemind-worker gtk-launch network.hivemind.worker
sample_work hivemind-worker

begin=$(now)
in_root apt-get purge -y -qq hivemind-worker >>"$cache/apt.log" 2>&1
say "removed: $(took "$begin")"
sweep
compare
