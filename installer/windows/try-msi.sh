#!/usr/bin/env bash
# Tries one installer under Wine: refused where it must be, installed silently, used, repaired, upgraded, not downgraded,
# removed; files, registry and services are the same before and after. By `cargo xtask dist msi --try`.
#
#   try-msi.sh MSI NEWER_MSI [NETD_CLIENT]
#
# NETD_CLIENT speaks with the network service of the installer for all users (`cargo xtask windows --link` makes it).
# Wine 8 is no Windows: it has no rights, no UAC, no driver, and its `sc` knows no `config`.
set -euo pipefail
here=$(dirname "$(realpath "$0")")
msi=$(realpath "$1") newer=$(realpath "$2") client=${3:+$(realpath "$3")}
work=$(mktemp -d)
. "$here/wine/prefix.sh"
trap 'end_prefix; rm -rf "$work"' EXIT
fail() { say "error: $*"; [ ! -f "$work/msi.log" ] || tail -n 30 "$work/msi.log" >&2; exit 1; }
check() { # WHAT COMMAND…
  local what=$1; shift
  "$@" >/dev/null 2>&1 || fail "not so: $what"
  say "$what"
}
gone() { ! "$@"; }

drive=$WINEPREFIX/drive_c
KEY='Software\HiveMind\Worker' SERVICE=hivemind-netd
RUN='HKCU\Software\Microsoft\Windows\CurrentVersion\Run'
if grep -q '^ALLUSERS' <<<"$(msiinfo export "$msi" Property)"; then
  all=1 root=HKLM other=HKCU folder=$drive/'Program Files/HiveMind Worker'
else
  all= root=HKCU other=HKLM folder=
fi
# A link that nobody has, with keys of RFC 7748, section 6.1.
LINK='[Interface]
PrivateKey = dwdtCnMYpX08FsFyUbJmRd9ML4frwJkqsXf7pR25LCo=
Address = 10.77.0.2/32
[Peer]
PublicKey = 3p7bfXt9wbTTW2HC7OQ1Nz+DQ8hbeGdNrfx+FG+IK08=
Endpoint = 203.0.113.2:51820
AllowedIPs = 10.77.0.0/24'

installer() { "$wine" msiexec "$1" "Z:$2" /qn /l*v "Z:$work/msi.log" "${@:3}"; }
refused() { # WHY MSI PROPERTY…: refused by a launch condition, before anything is done
  rm -f "$work/msi.log"
  if installer /i "${@:2}"; then fail "it is installed: $1"; fi
  # Wine keeps the words of a condition to itself where nobody looks; which action came last it says.
  grep -a 'Action start' "$work/msi.log" | tail -n 1 | grep -q LaunchConditions || fail "refused, but not by a launch condition: $1"
  say "refused: $1"
}
# Without what Windows Installer itself makes at its first use and keeps, and without what is temporary.
files() { (cd "$drive" && find . -ipath '*/temp/*' -prune -o -print | grep -v '/Installer$' | sort); }
# Without Wine's own, and without the network cards that it finds as it goes.
registry() {
  for part in 'HKCU\Software' 'HKLM\Software' 'HKLM\System\CurrentControlSet\Services'; do
    "$wine" reg export "$part" "Z:$work/export.reg" /y >/dev/null 2>&1 || true
    iconv -f UTF-16LE -t UTF-8 "$work/export.reg"
  done | tr -d '\r' | awk '/^\[/ { key = $0 } NF { print key, $0 }' | grep -a -v -i -e '\\wine\\' -e '\\NetworkCards\\' | sort
}
services() { "$wine" reg query 'HKLM\System\CurrentControlSet\Services' | tr -d '\r' | sort; }
remember() { files >"$work/files.$1"; registry >"$work/registry.$1"; services >"$work/services.$1"; }
same() { # WHAT
  remember after
  for kind in files registry services; do
    diff "$work/$kind.before" "$work/$kind.after" >&2 || fail "$kind differ: $1"
    say "$1: $kind before = after ($(wc -l <"$work/$kind.before"))"
  done
}
find_folder() {
  [ -z "$all" ] || return 0
  folder=$(find "$drive/users" "$drive/Hive Mind" -name hivemind-worker.exe -printf '%h\n' 2>/dev/null | head -1) || true
  [ -n "$folder" ] || fail 'nothing was installed'
}
entries() { registry | grep -a -c 'Uninstall.*"DisplayName"="HiveMind Worker"' || true; }
version() { registry | grep -a 'Uninstall.*"DisplayVersion"=' | sed 's/.*="\(.*\)"/\1/' | sort -u | paste -sd ' '; }
worker() { "$wine" "$folder/hivemind-worker.exe" "$@" 2>&1 | tr -d '\r'; }
stands() { # STATE
  for _ in $(seq 100); do "$wine" sc query "$SERVICE" 2>/dev/null | grep -q "$1" && return 0; sleep 0.2; done
  return 1
}
asked() { # as the worker asks: the service looks whose program it is
  mv "$folder/hivemind-worker.exe" "$work/worker.exe"
  cp "$client" "$folder/hivemind-worker.exe"
  local said
  said=$("$wine" "$folder/hivemind-worker.exe" "$@" 2>/dev/null | tr -d '\r') || true
  mv "$work/worker.exe" "$folder/hivemind-worker.exe"
  printf '%s\n' "$said"
}
value_is() { [ -n "$(value_of "$1" "$2")" ]; }
frame() { printf '%04x' "${#1}"; printf %s "$1" | od -An -v -tx1 | tr -d ' \n'; }

make_prefix
# Wine does not start a service whose name was deleted since it began; and ends its services with the last other program.
begin_anew() {
  end_prefix; wait 2>/dev/null || true
  coproc stays { "$wine" cmd >/dev/null 2>&1; }
}
say "$(basename "$msi") under $("$wine" --version)${all:+, for all users}"
"$wine" winecfg -v win10 2>/dev/null
# The first use of Windows Installer and of these tools leaves traces of their own.
installer /i "$msi" >/dev/null && installer /x "$msi" >/dev/null
begin_anew
remember before

for old in win7 win81; do
  "$wine" winecfg -v "$old" 2>/dev/null
  refused "$old is older than Windows 10" "$msi"
done
"$wine" winecfg -v win10 2>/dev/null
"$wine" reg add "$other\\$KEY" /v folder /d 'C:\elsewhere' /f >/dev/null
refused 'the other installer was here' "$msi"
"$wine" reg delete "$other\\Software\\HiveMind" /f >/dev/null 2>&1
[ -n "$all" ] || refused 'ALLUSERS is for the other installer' "$msi" ALLUSERS=1
same 'refused'

installer /i "$msi" || fail 'it is not installed'
find_folder
say "installed silently in ${folder#"$drive"}: $(cd "$folder" && echo *)"
check "registry: $root\\$KEY names the folder" [ -n "$(value_of "$root\\$KEY" folder)" ]
# Wine's is the menu of whoever installs, whomever it is for.
check 'Start-menu entry: there' test -f "$(find "$drive" -path '*Start Menu*' -name 'HiveMind Worker.lnk')"
check "the worker starts: $(worker --version)" test -n "$(worker --version)"
check 'nothing starts at login that nobody asked for' gone value_is "$RUN" 'HiveMind Worker'
if [ -n "$all" ]; then
  key="HKLM\\System\\CurrentControlSet\\Services\\$SERVICE"
  check "service: $(value_of "$key" ImagePath), LocalSystem, on demand" \
    test "$(value_of "$key" Start) $(value_of "$key" ObjectName)" = '0x3 LocalSystem'
  check 'service: not started by the installation' stands STOPPED
  "$wine" sc start "$SERVICE" >"$work/sc.log" 2>&1 || fail "it cannot be started by hand: $(tr -d '\r' <"$work/sc.log")"
  check 'service: started by hand' stands RUNNING
  if [ -n "$client" ]; then
    said=$(asked say "$(frame '{"hello":{"version":1}}')" "$(frame '"status"')")
    check "service: answers on its pipe: $(echo $said)" grep -q '"welcome".*driver' <<<"$said"
    printf '%s\n' "$LINK" >"$work/wg0.conf"
    said=$(asked link "Z:$work")
    check 'service: wireguard.dll beside it is the right one and is loaded; there is no driver in Wine' \
      grep -q 'the system refused' <<<"$said"
  else
    say 'service: not asked on its pipe, its client was not linked (cargo xtask windows --link)'
  fi
else
  check 'no service' gone "$wine" sc query "$SERVICE"
fi
installer /x "$msi" || fail 'it is not removed'
same 'installed and removed'

begin_anew
chosen=()
[ -n "$all" ] || chosen=('INSTALLDIR=C:\Hive Mind')
installer /i "$msi" STARTATLOGIN=1 NETWORKSERVICE=1 "${chosen[@]}" || fail 'it is not installed with properties'
find_folder
say "installed with properties in ${folder#"$drive"}"
is_set() { # the very words that the worker writes itself
  [ "$(value_of "$RUN" 'HiveMind Worker')" = "\"C:$(sed "s|^$drive||; s|/|\\\\|g" <<<"$folder")\\hivemind-worker.exe\" run --tray" ]
}
check "STARTATLOGIN=1: $(value_of "$RUN" 'HiveMind Worker')" is_set
check 'STARTATLOGIN=1: the setting says so as well' grep -q 'start_at_login.*true' <<<"$(worker settings show)"
[ -z "$all" ] || check 'NETWORKSERVICE=1: the service runs' stands RUNNING
rm "$folder/LICENSE.txt"
# Wine's `/f` knows products by their code only.
installer /i "$msi" REINSTALL=ALL REINSTALLMODE=amus || fail 'it is not repaired'
check 'repaired: a file that was deleted is back' test -f "$folder/LICENSE.txt"
installer /i "$newer" || fail 'it is not upgraded'
before=$folder; find_folder
check "upgraded in the same folder: one entry among the programs, version $(version)" \
  test "$(entries) $folder" = "1 $before"
[ -z "$all" ] || check 'upgraded: the service is there' stands .
refused 'the older version over the newer one' "$msi"
check 'the newer version stays' test "$(entries)" = 1 -a -f "$folder/hivemind-worker.exe"
"$wine" reg add "$RUN" /v 'HiveMind Worker' /d x /f >/dev/null
worker uninstall >/dev/null || fail 'the worker does not take back its own'
installer /x "$newer" || fail 'the newer version is not removed'
same 'installed, repaired, upgraded, removed'
