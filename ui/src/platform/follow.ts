// Keeps one stream open for ever: opens it, waits after a failure, opens it again. Both hosts use it.

import { waitMs } from "./backoff";
import type { LinkState } from "./platform";

/** How one connection ended. */
export type StreamEnd = "ended" | "unpaired";

/** Opens the stream, calls `onLife` at its first event and settles when it is over. */
export type OpenStream = (signal: AbortSignal, onLife: () => void) => Promise<StreamEnd>;

export interface FollowClock {
  now(): number;
  chance(): number;
  /** Resolves after `ms`, or earlier when `signal` is aborted or something suggests that a try is worth it now. */
  sleep(ms: number, signal: AbortSignal): Promise<void>;
}

/** Waits, but not while the person is looking: coming back to the page or onto the network ends the wait. */
export const pageClock: FollowClock = {
  now: () => Date.now(),
  chance: () => Math.random(),
  sleep: (ms, signal) =>
    new Promise((resolve) => {
      const wake = (): void => {
        clearTimeout(timer);
        removeEventListener("online", wake);
        document.removeEventListener("visibilitychange", seen);
        signal.removeEventListener("abort", wake);
        resolve();
      };
      const seen = (): void => {
        if (document.visibilityState === "visible") wake();
      };
      const timer = setTimeout(wake, ms);
      addEventListener("online", wake);
      document.addEventListener("visibilitychange", seen);
      signal.addEventListener("abort", wake);
    }),
};

/** How often an unpaired page looks whether it has been paired meanwhile, in milliseconds. */
export const UNPAIRED_WAIT_MS = 5_000;

/** Follows a stream until the returned function is called. */
export function follow(open: OpenStream, onState: (state: LinkState) => void, clock: FollowClock = pageClock): () => void {
  const stop = new AbortController();
  void (async () => {
    let attempt = 0;
    onState({ kind: "connecting" });
    while (!stop.signal.aborted) {
      let end: StreamEnd = "ended";
      try {
        end = await open(stop.signal, () => {
          attempt = 0;
          onState({ kind: "live" });
        });
      } catch {
        // Refused, broken off or garbled: all of it means trying again.
      }
      if (stop.signal.aborted) return;
      if (end === "unpaired") {
        onState({ kind: "unpaired" });
        await clock.sleep(UNPAIRED_WAIT_MS, stop.signal);
        continue;
      }
      attempt += 1;
      const wait = waitMs(attempt, clock.chance);
      onState({ kind: "lost", attempt, retryAtMs: clock.now() + wait });
      await clock.sleep(wait, stop.signal);
    }
  })();
  return () => stop.abort();
}
