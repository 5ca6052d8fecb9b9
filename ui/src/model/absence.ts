// What came between two pictures of the worker: nothing, a lost connection, or another life of the worker.
// Pure: no clock, no host, no screen.

import type { Event } from "../generated/Event";
import type { Snapshot } from "../generated/Snapshot";
import type { LinkState } from "../platform/platform";

/** Said for so long, in milliseconds; long enough to be read after coming back to the desk. */
export const SAID_MS = 120_000;

/** The worker is there again. */
export interface Return {
  kind: "restarted" | "reconnected";
  /** When this page saw it, in milliseconds since the Unix epoch. */
  atMs: number;
}

export interface Absence {
  /** Nobody answered, for longer than one try or for lack of a session. */
  readonly noticed: boolean;
  /** The stream has ended at least once since the last picture. */
  readonly broken: boolean;
}

export const PRESENT: Absence = { noticed: false, broken: false };

/** With the link's new state. */
export function withLink(absence: Absence, link: LinkState): Absence {
  switch (link.kind) {
    case "lost":
      return { ...absence, broken: true, noticed: absence.noticed || link.attempt > 1 };
    case "unpaired":
      return { ...absence, broken: true, noticed: true };
    case "connecting":
    case "live":
      return absence;
  }
}

/** With an event of the stream. */
export function withEvent(absence: Absence, event: Event): Absence {
  return event.event === "snapshot" ? PRESENT : absence;
}

/** What there is to say when `after` comes; nothing when nothing came between, or too short to be noticed. */
export function returned(absence: Absence, before: Snapshot | null, after: Snapshot, atMs: number): Return | null {
  if (before === null || !absence.broken) return null;
  if (before.began_ms !== after.began_ms) return { kind: "restarted", atMs };
  return absence.noticed ? { kind: "reconnected", atMs } : null;
}
