# A prefix of Wine 8 (Debian: wine64) of its own in $work, with what Wine lacks (mingw); sourced. No display is needed.
wine=/usr/lib/wine/wine64
export WINEARCH=win64 WINEPREFIX=$work/prefix WINEDEBUG=-all HOME=$work/home
# Neither .NET nor a browser, nor entries in the menu of whoever runs this.
export WINEDLLOVERRIDES='mscoree,mshtml,winemenubuilder.exe=;pdh=n,b'
unset DISPLAY WAYLAND_DISPLAY
say() { printf '%s\n' "$*" >&2; }

make_prefix() {
  mkdir -p "$HOME"
  "$wine" wineboot -i >/dev/null 2>&1
  for shim in bcryptprimitives pdh; do
    x86_64-w64-mingw32-gcc -shared -O2 -o "$WINEPREFIX/drive_c/windows/system32/$shim.dll" \
      "$(dirname "${BASH_SOURCE[0]}")/$shim.c" -ladvapi32
  done
}
end_prefix() {
  /usr/lib/wine/wineserver64 -k 2>/dev/null || true
  /usr/lib/wine/wineserver64 -w 2>/dev/null || true
}
value_of() { # KEY VALUE: what it says, nothing where it is not there
  "$wine" reg query "$1" /v "$2" 2>/dev/null | tr -d '\r' | sed -n "s/^    $2    REG_[A-Z_]*    //p"
}
