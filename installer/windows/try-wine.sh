#!/usr/bin/env bash
# Runs the Windows worker under Wine against a pool on this computer: signs in, reports, keeps settings and sign-in over
# a restart, starts at login, takes everything back. With an installer and a newer one: tries those as well, by try-msi.sh.
#
#   try-wine.sh WINDOWS_WORKER LINUX_WORKER [MSI NEWER_MSI]
#
# Wine 8 (Debian: wine64) and mingw; no display, no Docker Desktop, no WebView2: those need a real Windows.
set -euo pipefail
here=$(dirname "$(realpath "$0")")
exe=$(realpath "$1") linux=$(realpath "$2")
work=$(mktemp -d)
. "$here/wine/prefix.sh"
started=
cleanup() {
  for one in $started; do kill "$one" 2>/dev/null || true; done
  end_prefix
  rm -rf "$work"
}
trap cleanup EXIT
wait_for() { # WHAT COMMAND…: until it succeeds
  local what=$1; shift
  for _ in $(seq 300); do "$@" >/dev/null 2>&1 && return 0; sleep 0.2; done
  say "error: $what did not happen"; for log in "$work"/*.log; do tail -n 15 "$log" >&2; done; exit 1
}

make_prefix
"$wine" winecfg -v win81
registry() { # KEY VALUE: whether it is there
  [ -n "$(value_of "$1" "$2")" ]
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
told() { (worker doctor || true) | tr -d '\r' | grep -qF "$1"; }
told 'the window needs WebView2'
if told 'Docker needs virtualization'; then
  say 'doctor: virtualization comes before WSL here, which was not tried'
else
  told 'neither is WSL 2'
  "$wine" reg add 'HKLM\SYSTEM\CurrentControlSet\Services\WSLService' /f >/dev/null
  told 'no container engine is installed ('
fi
"$wine" reg add 'HKCU\Software\Microsoft\EdgeUpdate\Clients\{F3017226-FE2A-4295-8BDF-00C3A9A7E4C5}' /v pv /d 130.0.1 /f >/dev/null
told 'the window has what it needs'
say 'doctor: WSL 2 and WebView2 are missed while they are not there'
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

if [ $# -gt 2 ]; then "$here/try-msi.sh" "${@:3}"; fi
