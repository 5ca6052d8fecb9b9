import { describe, expect, it } from "vitest";
import { sum } from "../platform/fake/world";
import { unbroken } from "./days";

const on = (day: string, paid: number) => ({ day, sum: sum(paid, paid, paid, 1) });

describe("days", () => {
  it("have no hole, across a change of month and of the clock", () => {
    const days = unbroken([on("2026-11-02", 5), on("2026-10-30", 3), on("2026-10-24", 1)], 60);
    expect(days.map((d) => d.day)).toEqual([
      "2026-10-24", "2026-10-25", "2026-10-26", "2026-10-27", "2026-10-28", "2026-10-29", "2026-10-30", "2026-10-31",
      "2026-11-01", "2026-11-02",
    ]);
    expect(days.map((d) => d.sum.credited_cpt)).toEqual([1, 0, 0, 0, 0, 0, 3, 0, 0, 5]);
  });

  it("are the newest when there are too many, and none when there is none", () => {
    const days = unbroken([on("2026-11-21", 5), on("1996-01-01", 3)], 30);
    expect([days.length, days[0]?.day, days.at(-1)?.day]).toEqual([30, "2026-10-23", "2026-11-21"]);
    expect(unbroken([], 30)).toEqual([]);
    expect(unbroken([on("not a day", 1)], 30)).toEqual([]);
  });
});
