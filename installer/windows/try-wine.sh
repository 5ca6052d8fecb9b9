#!/usr/bin/env bash
# Runs the Windows worker under Wine against a pool on this computer: signs in, reports, keeps settings and sign-in over
# a restart, starts at login, takes everything back. With an MSI as third argument: installs, repairs, upgrades, removes.
#
#   try-wine.sh WINDOWS_WORKER LINUX_WORKER [MSI [NEWER_MSI]]
#
# Wine 8 (Debian: wine64) and mingw; no display, no Docker Desktop, no WebView2: those need a real Windows.
set -euo pipefail
here=$(dirname "$(realpath "$0")")
exe=$(realpath "$1") linux=$(realpath "$2") msi=${3:+$(realpath "$3")} newer=${4:+$(realpath "$4")}
work=$(mktemp -d)
say() { printf '%s\n' "$*" >&2; }
export WINEARCH=win64 WINEPREFIX=$work/prefix WINEDEBUG=-all WINEDLLOVERRIDES='mscoree,mshtml=;pdh=n,b'
wine=/usr/lib/wine/wine64
started=
cleanup() {
  for one in $started; do kill "$one" 2>/dev/null || true; done
  /usr/lib/wine/wineserver64 -k 2>/dev/null || true
  rm -rf "$work"
}
trap cleanup EXIT
wait_for() { # WHAT COMMAND…: until it succeeds
  local what=$1; shift
  for _ in $(seq 300); do "$@" >/dev/null 2>&1 && return 0; sleep 0.2; done
  say "error: $what did not happen"; for log in "$work"/*.log; do tail -n 15 "$log" >&2; done; exit 1
}

"$wine" wineboot -i >/dev/null 2>&1
for shim in bcryptprimitives pdh; do
  x86_64-w64-mingw32-gcc -shared -O2 -o "$work/prefix/drive_c/windows/system32/$shim.dll" "$here/wine/$shim.c" -ladvapi32
done
"$wine" winecfg -v win81
registry() { # KEY VALUE: whether it is there
  "$wine" reg query "$1" /v "$2" 2>/dev/null | grep -q "$2"
}
# Without what Windows Installer itself makes at its first use and keeps.
files() { (cd "$work/prefix/drive_c" && find . -ipath '*/temp/*' -prune -o -print | grep -v '/Installer$' | sort); }
export_of() { "$wine" reg export "$1" "Z:$work/export.reg" /y >/dev/null 2>&1 && iconv -f UTF-16LE -t UTF-8 "$work/export.reg"; }
PROGRAMS='HKLM\Software\Microsoft\Windows\CurrentVersion\Uninstall'
keys() {
  { export_of 'HKCU\Software'; export_of "$PROGRAMS"; } | grep -a '^\[' \
    | grep -a -v -i -e '\\wine' -e 'Software\\Microsoft\\Installer' | sort
}

RUN='HKCU\Software\Microsoft\Windows\CurrentVersion\Run'
grpc=${GRPC_PORT:-50951} http=${HTTP_PORT:-50952}
"$linux" pool serve --pool-data "$work/pool" --grpc "127.0.0.1:$grpc" --http "127.0.0.1:$http" >"$work/pool.log" 2>&1 &
started=$!
engine_port=
case "${DOCKER_HOST:-}" in
  unix://*)
    engine_port=${ENGINE_PORT:-50953}
    python3 "$here/wine/bridge.py" "$engine_port" "${DOCKER_HOST#unix://}" >"$work/bridge.log" 2>&1 &
    started="$started $!"
    ;;
esac
unset DOCKER_HOST
export HIVEMIND_POOL_URL=http://127.0.0.1:$http HIVEMIND_POOL_USER=wine HIVEMIND_POOL_PASSWORD=wine-password-1
wait_for 'the account at the pool' "$linux" pool register
say "$("$wine" "$exe" --version | tr -d '\r') under $("$wine" --version)"

worker() { "$wine" "$exe" --data 'C:\worker' "$@"; }
serve() {
  (worker --master-url "http://127.0.0.1:$http" run >"$work/worker.log" 2>&1 &)
  wait_for 'the worker answers' worker status
}
[ -d "$work/prefix/drive_c/users" ]
serve
say 'heartbeat: the worker runs and answers on its pipe'
printf 'wine-password-1\n' | worker login wine
[ -z "$engine_port" ] || worker settings set engine_address "tcp://127.0.0.1:$engine_port" >/dev/null
if [ -n "$engine_port" ]; then worker quit; sleep 2; serve; fi
worker start
wait_for 'registration' sh -c '"$0" pool nodes | grep -q .' "$linux"
"$linux" pool nodes >&2
if [ -n "$engine_port" ]; then
  printf 'import os\nopen(os.environ["HIVEMIND_OUTPUT"] + "/answer", "w").write(str(6 * 7))\n' >"$work/main.py"
  (cd "$work" && python3 -m zipfile -c task.zip main.py)
  id=$("$linux" pool submit "$work/task.zip" --name wine-task --cpu-cores 1 --memory-gb 1 | grep -o 't-[0-9a-f-]*' | head -n 1)
  "$linux" pool status "$id" --wait 120 >&2
  "$linux" pool result "$id" --out "$work/result.zip"
  [ "$(python3 -c 'import sys, zipfile; print(zipfile.ZipFile(sys.argv[1]).read("answer").decode())' "$work/result.zip")" = 42 ]
  say 'one real task through a Linux engine on loopback TCP: its answer is 42'
  worker tasks | tr -d '\r' >&2
else
  say 'no engine (DOCKER_HOST): no task was run'
fi
worker settings set max_cpu_cores 2 >/dev/null
worker settings show | grep max_cpu_cores | tr -d '\r' >&2
worker settings set start_at_login true >/dev/null
registry "$RUN" 'HiveMind Worker' && say 'autostart: the entry is in the registry'
worker doctor | tr -d '\r' | head -20 >&2 || true
worker metrics | tr -d '\r' | head -5 >&2
worker quit; sleep 2
serve
worker status | tr -d '\r' >&2
worker status | grep -q wine && say 'the sign-in was kept over a restart'
worker settings show | grep -q 'max_cpu_cores.*2' && say 'the setting was kept over a restart'
worker uninstall | tr -d '\r' >&2 || true
! registry "$RUN" 'HiveMind Worker' && say 'uninstall took the autostart entry back'

if [ -n "$msi" ]; then
  entries() { { export_of 'HKCU\Software'; export_of "$PROGRAMS"; } | grep -a -c '"DisplayName"="HiveMind Worker"' || true; }
  installer() { "$wine" msiexec "$1" "Z:$2" /qn /l*v "Z:$work/msi.log" "${@:3}"; }
  files >"$work/files.before"; keys >"$work/keys.before"
  if "$wine" winecfg -v win7 && installer /i "$msi"; then say 'error: it installs on Windows 7'; exit 1; fi
  find "$work/prefix/drive_c/users" -name hivemind-worker.exe | grep -q . && { say 'error: left by a refused installation'; exit 1; }
  say 'launch condition: refused on Windows 7, nothing left'
  "$wine" winecfg -v win81
  installer /i "$msi"
  at=$(find "$work/prefix/drive_c/users" -name hivemind-worker.exe | head -1)
  [ -n "$at" ] || { say 'error: the MSI installed nothing'; tail -n 40 "$work/msi.log" >&2; exit 1; }
  say "installed silently in $(dirname "$at" | sed "s|$work/prefix/drive_c||"): $(ls "$(dirname "$at")" | tr '\n' ' ')"
  find "$work/prefix/drive_c" -name '*.lnk' | grep -q 'HiveMind Worker' && say 'Start-menu entry: there'
  "$wine" "$at" --version | tr -d '\r' >&2
  rm "$(dirname "$at")/LICENSE.txt"
  # Wine's `/f` knows products by their code only.
  installer /i "$msi" REINSTALL=ALL REINSTALLMODE=amus
  [ -f "$(dirname "$at")/LICENSE.txt" ] && say 'repaired: a file that was deleted is back'
  last=$msi
  if [ -n "$newer" ]; then
    installer /i "$newer"; last=$newer
    say "upgraded: $(entries) entry among the installed programs"
    if installer /i "$msi"; then say 'error: it goes back to the older version'; exit 1; fi
    [ -f "$at" ] && say 'the older version over it: refused, the newer one stays'
  fi
  installer /x "$last"
  sleep 2
  files >"$work/files.after"; keys >"$work/keys.after"
  diff "$work/files.before" "$work/files.after" >&2 && say "files before = after: $(wc -l <"$work/files.after")"
  diff "$work/keys.before" "$work/keys.after" >&2 && say "registry before = after: $(wc -l <"$work/keys.after") keys"
fi
