import { describe, expect, it } from "vitest";
import type { SpanView } from "../generated/SpanView";
import { hours, kindOf, minutes, paths, rows, spentOn, sums, upTo } from "./timeline";

const span = (from_ms: number, to_ms: number, reason: SpanView["reason"], working = false): SpanView => ({ from_ms, to_ms, reason, working, lends: ["free", "forced", "in_use"].includes(reason) });

describe("the timeline", () => {
  it("books every moment to one kind, and the rest to nobody", () => {
    const spans = [span(0, 100, "free", true), span(100, 150, "in_use"), span(150, 160, "on_battery"), span(160, 200, "off"), span(300, 400, "engine_unavailable")];
    const { of, away } = sums(spans, 50, 500);
    expect(of).toEqual({ working: 50, ready: 50, yielding: 10, trouble: 100, off: 40 });
    expect(away + Object.values(of).reduce((a, b) => a + b)).toBe(450);
  });

  it("draws within its box, and a second is not lost to the eye", () => {
    const drawn = paths([span(-500, 500, "free", true), span(500, 501, "snoozed"), span(900, 5000, "too_hot"), span(2000, 3000, "off")], 0, 1000);
    expect(drawn.working).toBe("M0.0 0h500.0v10h-500.0z");
    expect(drawn.off).toBe("M500.0 8h1.5v2h-1.5z");
    expect(drawn.yielding).toBe("M900.0 6h100.0v4h-100.0z");
    expect(drawn.ready + drawn.trouble).toBe("");
  });

  it("goes on while the worker is heard, and only then", () => {
    const spans = [span(0, 100, "free")];
    expect(upTo(spans, 100, 250).at(-1)?.to_ms).toBe(250);
    expect(upTo(spans, 90_000, 100_000).at(-1)?.to_ms).toBe(100);
    expect(upTo([], 0, 5)).toEqual([]);
  });

  it("tells the gaps too, unless they are short", () => {
    const spans = [span(-50, 100_000, "free"), span(100_500, 200_000, "in_use"), span(900_000, 1_000_000, "off")];
    expect(rows(spans, 0, 1_500_000).map((row) => [row.from_ms, row.to_ms, row.span?.reason ?? null])).toEqual([
      [-50, 100_000, "free"], [100_500, 200_000, "in_use"], [200_000, 900_000, null], [900_000, 1_000_000, "off"], [1_000_000, 1_500_000, null],
    ]);
    expect(rows([], 0, 60_000)).toEqual([{ from_ms: 0, to_ms: 60_000, span: null }]);
    expect(rows([span(0, 10, "off")], 20, 1000)).toEqual([]);
  });

  it("sums up what the time went into, with the reason of what held it up", () => {
    const spans = [span(0, 5000, "on_battery"), span(5000, 6000, "free"), span(6000, 9000, "on_battery"), span(9000, 9500, "off")];
    expect(spentOn(spans, 0, 20_000)).toEqual([
      { kind: null, reason: null, ms: 10_500 }, { kind: "yielding", reason: "on_battery", ms: 8000 }, { kind: "ready", reason: null, ms: 1000 },
    ]);
  });

  it("rounds to minutes without losing one", () => {
    const parts = [10.4, 20.4, 30.2].map((m) => m * 60_000);
    expect(minutes(parts)).toEqual([11, 20, 30].map((m) => m * 60_000));
    expect(minutes([])).toEqual([]);
  });

  it("knows a reason that computes from one that only waits", () => {
    expect(kindOf({ reason: "in_use", working: true, lends: true })).toBe("working");
    expect(kindOf({ reason: "in_use", working: false, lends: true })).toBe("ready");
    expect(kindOf({ reason: "in_use", working: false, lends: false })).toBe("yielding");
    expect(kindOf({ reason: "schedule", working: false, lends: false })).toBe("yielding");
    expect(kindOf({ reason: "tasks_failing", working: false, lends: false })).toBe("trouble");
  });

  it("marks full hours only", () => {
    const from = new Date(2026, 10, 21, 9, 30).getTime();
    const marks = hours(from, from + 24 * 3_600_000, 4).map((ms) => new Date(ms).getHours());
    expect(marks).toEqual([12, 16, 20, 0, 4, 8]);
  });
});
