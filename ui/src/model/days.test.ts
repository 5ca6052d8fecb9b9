import { describe, expect, it } from "vitest";
import { sum } from "../platform/fake/world";
import { dayOf, unbroken } from "./days";
import { NOTHING } from "./electricity";

const on = (day: string, paid: number) => ({ day, sum: sum(paid, paid, paid, 1), electricity: { ...NOTHING, tasks: 1 } });
const paid = (days: readonly { day: string; sum: { credited_cpt: number } }[]) => days.map((d) => [d.day, d.sum.credited_cpt]);

describe("days", () => {
  it("have no hole, across a change of month and of the clock", () => {
    const days = unbroken([on("2026-11-02", 5), on("2026-10-30", 3), on("2026-10-24", 1)], { asked: 365, today: "2026-11-02", most: 60 });
    expect(paid(days)).toEqual([
      ["2026-10-24", 1], ["2026-10-25", 0], ["2026-10-26", 0], ["2026-10-27", 0], ["2026-10-28", 0], ["2026-10-29", 0],
      ["2026-10-30", 3], ["2026-10-31", 0], ["2026-11-01", 0], ["2026-11-02", 5],
    ]);
  });

  it("are as many as were asked for and end today, also where nothing was paid", () => {
    const days = unbroken([on("2026-11-18", 5), on("2026-11-16", 3)], { asked: 7, today: "2026-11-20", most: 60 });
    expect(paid(days)).toEqual([
      ["2026-11-14", 0], ["2026-11-15", 0], ["2026-11-16", 3], ["2026-11-17", 0], ["2026-11-18", 5], ["2026-11-19", 0], ["2026-11-20", 0],
    ]);
    const ahead = unbroken([on("2026-11-21", 5)], { asked: 7, today: "2026-11-20", most: 60 });
    expect([ahead.length, ahead.at(-1)?.day]).toEqual([7, "2026-11-21"]);
  });

  it("are the newest when there are too many, and none when there is none", () => {
    const stretch = { asked: 3650, today: "2026-11-21", most: 30 };
    const days = unbroken([on("2026-11-21", 5), on("1996-01-01", 3)], stretch);
    expect([days.length, days[0]?.day, days.at(-1)?.day]).toEqual([30, "2026-10-23", "2026-11-21"]);
    expect(unbroken([], stretch)).toEqual([]);
    expect(unbroken([on("not a day", 1)], stretch)).toEqual([]);
  });

  it("have the name that the worker gives them", () => {
    expect(dayOf(new Date(2026, 0, 3, 23, 59))).toBe("2026-01-03");
  });
});
