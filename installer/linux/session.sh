# In the clean root, by its user: `sh session.sh WORKER START…` starts the app as a double click does, looks whether
# worker and window come, what it says of itself, and whether `uninstall` takes everything back.
set -e
worker=$1 && shift
export LANG=C.UTF-8 XDG_RUNTIME_DIR=$HOME/run && mkdir -p -m 700 "$XDG_RUNTIME_DIR"
ms() { echo "$(( ($(date +%s%N) - begin) / 1000000 )) ms"; }
runs() { pgrep -u tester "$@" >/dev/null; }
begin=$(date +%s%N)
"$@" >"$HOME/launch.log" 2>&1 &
answered=
for _ in $(seq 600); do
  # Not sooner: where nothing mounts an image, its runtime lets all calls of it unpack into one folder, and whichever ends
  # first deletes it, also under one that has not begun.
  if [ -z "$answered" ] && runs -x hivemind-worker && "$worker" status >/dev/null 2>&1; then answered=$(ms); fi
  if [ -n "$answered" ] && runs -x hivemind-worker && runs -f hivemind-worker-window; then
    echo "worker answered after $answered, window after $(ms)"
    sleep 3
    runs -f hivemind-worker-window || { echo 'the window ended again'; cat "$HOME/launch.log"; exit 1; }
    "$worker" doctor || true
    "$worker" settings set start_at_login true >/dev/null
    grep '^Exec=' "$HOME/.config/autostart/hivemind-worker.desktop"
    # Somebody closes the window.
    for window in $(pgrep -u tester -f hivemind-worker-window); do kill "$window"; done
    for _ in $(seq 100); do runs -f hivemind-worker-window || break; sleep 0.1; done
    # The runtime of an unpacked image says that it failed where another call took the tree away before it.
    "$worker" uninstall || [ -n "${APPIMAGE_EXTRACT_AND_RUN:-}" ]
    for _ in $(seq 300); do runs -x hivemind-worker || exit 0; sleep 0.1; done
    echo 'it did not end'; exit 1
  fi
  sleep 0.1
done
echo 'no window came'; cat "$HOME/launch.log"; exit 1
