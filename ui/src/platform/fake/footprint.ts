// What the installation is and what it left on the computer, as the scripted worker tells it.

import type { FootprintView } from "../../generated/FootprintView";
import type { Snapshot } from "../../generated/Snapshot";
import type { UpdatesView } from "../../generated/UpdatesView";
import type { Scene } from "./scenes";

const HOUR_MS = 3_600_000;

/** As a package of the system stands with updates. */
export const PACKAGE: UpdatesView = {
  version: "0.1.0",
  standing: "package",
  package: "deb",
  looked_ms: null,
  newest: null,
  ready: null,
  next: "",
  why: null,
  tried: null,
};

function updatesOf(scene: Scene, now: number): UpdatesView {
  const own = { ...PACKAGE, package: null, looked_ms: now - 3 * HOUR_MS, newest: "0.2.0" };
  switch (scene) {
    case "measured":
      return { ...own, standing: "takes", next: "offered" };
    case "planned":
      return { ...own, standing: "takes", ready: "0.2.0", next: "ready", tried: { version: "0.1.0", taken_back: null } };
    case "off":
      return { ...own, standing: "off", next: "known" };
    case "hostile": {
      const silent = { word: "silent", text: "it did not say within 120 s that it is well" };
      const why = { word: "not_signed", text: "the signature is not by a key of this program, or not of these bytes" };
      return { ...own, standing: "takes", next: "known", why, tried: { version: "0.2.0-rc.1", taken_back: silent } };
    }
    // Windows, where an installer brought it.
    case "no_virtualization":
      return { ...PACKAGE, standing: "msi", package: null };
    default:
      return PACKAGE;
  }
}

export function footprintOf(scene: Scene, held: Snapshot, now: number): FootprintView {
  return {
    versions: [
      { name: "hivemind-worker", version: "0.1.0" },
      { name: "SQLite", version: "3.51.1" },
      { name: "docker", version: held.engine.version || "20.10.24" },
    ],
    traces: [
      { what: "data", place: "/home/ann/.local/share/hivemind-worker", size_bytes: 48_312_320, present: true },
      { what: "settings", place: "/home/ann/.config/hivemind-worker/settings.toml", size_bytes: 412, present: true },
      { what: "socket", place: "/run/user/1000/hivemind-worker/worker.sock", size_bytes: null, present: true },
      { what: "log", place: "/home/ann/.local/share/hivemind-worker/worker.log", size_bytes: 1_204_118, present: true },
      { what: "monitor", place: "http://127.0.0.1:5001/", size_bytes: null, present: true },
      { what: "autostart", place: "/home/ann/.config/autostart/hivemind-worker.desktop", size_bytes: null, present: false },
      { what: "secrets", place: "keyring", size_bytes: null, present: held.account !== null },
      { what: "containers", place: String(held.tasks.length), size_bytes: null, present: held.tasks.length > 0 },
    ],
    updates: updatesOf(scene, now),
    unsigned: scene === "no_virtualization",
  };
}
