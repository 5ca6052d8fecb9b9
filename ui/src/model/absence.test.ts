import { describe, expect, it } from "vitest";
import type { Event } from "../generated/Event";
import { snapshot } from "../platform/fake/world";
import type { LinkState } from "../platform/platform";
import { PRESENT, type Return, returned, withEvent, withLink } from "./absence";

const lost = (attempt: number): LinkState => ({ kind: "lost", attempt, retryAtMs: 0 });
const live: LinkState = { kind: "live" };
const seen = (began_ms: number): Event => ({ event: "snapshot", data: snapshot({ began_ms }) });

/** What is said at the last picture of a course of events. */
function said(course: readonly (LinkState | Event)[]): Return["kind"] | null {
  let absence = PRESENT;
  let before: ReturnType<typeof snapshot> | null = null;
  let last: Return | null = null;
  for (const one of course) {
    if ("kind" in one) absence = withLink(absence, one);
    else {
      if (one.event === "snapshot") {
        last = returned(absence, before, one.data, 5);
        before = one.data;
      }
      absence = withEvent(absence, one);
    }
  }
  return last?.kind ?? null;
}

describe("what is said when the worker is there again", () => {
  it("is nothing at the beginning, and nothing while all is well", () => {
    expect(said([{ kind: "connecting" }, live, seen(1)])).toBe(null);
    expect(said([{ kind: "connecting" }, lost(1), lost(2), live, seen(1)])).toBe(null);
    expect(said([live, seen(1), seen(1), { event: "quitting" }])).toBe(null);
  });

  it("is a restart where another life of the worker answers, however short it was away", () => {
    expect(said([live, seen(40), lost(1), live, seen(41)])).toBe("restarted");
    expect(said([live, seen(40), lost(1), lost(2), live, seen(39)])).toBe("restarted");
    expect(said([live, seen(2), { event: "quitting" }, lost(1), live, seen(9)])).toBe("restarted");
  });

  it("is the lost connection where the same worker goes on, if anybody could notice", () => {
    expect(said([live, seen(40), lost(1), live, seen(40)])).toBe(null);
    expect(said([live, seen(40), lost(1), lost(2), live, seen(40)])).toBe("reconnected");
    expect(said([live, seen(40), { kind: "unpaired" }, live, seen(40)])).toBe("reconnected");
  });

  it("is said once", () => {
    expect(said([live, seen(40), lost(1), lost(2), live, seen(43), seen(43)])).toBe(null);
    expect(said([live, seen(40), { event: "quitting" }, lost(1), live, seen(43), lost(1), live, seen(43)])).toBe(null);
  });
});
