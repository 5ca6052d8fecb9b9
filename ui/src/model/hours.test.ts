import { describe, expect, it } from "vitest";
import { canSay, type Cell, EVENINGS_AND_WEEKENDS, HALVES, NIGHTS, painted, PRESETS, readHours, runs, spansOf, type Week, writeHours } from "./hours";

const PLAN = { presets: true };
/** A week, every half hour the same. */
const all = (cell: Cell): Week => new Array<Cell>(7 * HALVES).fill(cell);

const cell = (day: number, hour: number): number => day * HALVES + hour * 2;
/** A cheap repeatable row of numbers of 0 to 1. */
function chances(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
    return state / 2_147_483_648;
  };
}

describe("hours of a week", () => {
  it("are read as the worker reads them", () => {
    const night = readHours("mon-fri 18:00-08:00; sat,sun 10:00-20:00");
    expect(night?.filter(Boolean).length).toBe(5 * 28 + 2 * 20);
    expect([night?.[cell(0, 17.5)], night?.[cell(0, 18)], night?.[cell(1, 7.5)], night?.[cell(1, 8)]]).toEqual([false, true, true, false]);
    // Friday's night ends on Saturday morning, Sunday's on Monday.
    expect([night?.[cell(5, 7.5)], night?.[cell(0, 0)]]).toEqual([true, false]);
    expect(readHours(" Daily  9:00-24:00 ;")?.[cell(6, 23.5)]).toBe(true);
    expect(readHours("sun 22:00-02:00")?.[cell(0, 1.5)]).toBe(true);
    expect(readHours("")?.every(Boolean)).toBe(true);
  });

  it("are refused where the worker refuses them", () => {
    for (const text of ["mon", "mon 18:00", "fri-mon 18:00-20:00", "mon 18:15-20:00", "mon 18:00-18:00", "mon 24:00-02:00", "mon 18:00-25:00", "noday 18:00-20:00",
      "mon-tue-wed 18:00-20:00", "mon 18:00-20:00-22:00", "mon 18:00-20:00 more", "mon 18:00-20:00; mon 19:00-21:00", "mon-fri 18:00-08:00; sat,sun 00:00-24:00"]) {
      expect([text, readHours(text)]).toEqual([text, null]);
    }
  });

  it("are written shortly, nights in one piece, whole days as such", () => {
    for (const text of ["mon-fri 18:00-08:00; sat,sun 10:00-20:00", "daily 22:00-06:00", "sat,sun 00:00-24:00", "mon,wed,fri 06:30-07:00", "", NIGHTS, EVENINGS_AND_WEEKENDS]) {
      expect(writeHours(readHours(text) ?? [])).toBe(text);
    }
    // From Friday evening to Monday morning without a hole.
    const weekend = readHours(EVENINGS_AND_WEEKENDS) ?? [];
    expect(weekend.slice(cell(4, 18)).every(Boolean) && weekend.slice(0, cell(0, 8)).every(Boolean) && !weekend[cell(0, 8)]).toBe(true);
    expect(writeHours(readHours("daily 00:00-24:00") ?? [])).toBe("");
  });

  it("mean the same after they were written and read, whatever they are", () => {
    for (let seed = 1; seed <= 300; seed += 1) {
      const next = chances(seed);
      const share = next();
      let open = next() < share;
      const week = Array.from({ length: 7 * HALVES }, () => {
        if (next() < 0.1) open = next() < share;
        return open;
      });
      if (!week.some(Boolean)) continue;
      const text = writeHours(week);
      expect([text, readHours(text)]).toEqual([text, week]);
      expect(spansOf(week).every(({ days, from, to }) => days.length > 0 && from < HALVES && to > 0 && from !== to)).toBe(true);
    }
  });

  it("name the preset that holds in them, as the worker reads and writes it", () => {
    const week = readHours("Mon-Fri 18:00-08:00 QUIET; sat,sun  10:00-20:00   max ; mon-fri 12:00-13:00", PLAN);
    expect([week?.[cell(0, 18)], week?.[cell(5, 7.5)], week?.[cell(5, 10)], week?.[cell(2, 12)], week?.[cell(2, 13)]]).toEqual(["quiet", "quiet", "max", true, false]);
    for (const text of ["mon-fri 18:00-08:00 quiet", "daily 00:00-24:00 max", "mon-fri 12:00-13:00; mon-fri 18:00-08:00 quiet; sat,sun 10:00-20:00 max", "daily 08:00-12:00 quiet; daily 12:00-18:00 balanced; daily 18:00-24:00"]) {
      expect(writeHours(readHours(text, PLAN) ?? [])).toBe(text);
    }
    // Hours with a preset are never what no text means.
    expect(writeHours(all("balanced"))).toBe("daily 00:00-24:00 balanced");
    // Two kinds side by side are two spans, across midnight too.
    expect(writeHours(painted(painted(all(false), cell(0, 20), cell(0, 23.5), "max"), cell(1, 0), cell(1, 3.5), "quiet"))).toBe("mon 20:00-24:00 max; tue 00:00-04:00 quiet");
  });

  it("are refused with words that the worker does not know, and with presets where they may have none", () => {
    for (const text of ["mon 18:00-20:00 loud", "mon 18:00-20:00 quiet more", "mon 18:00-20:00 quiet quiet", "mon quiet 18:00-20:00", "quiet", "mon 18:00-20:00quiet", "mon 18:00-20:00 constructor",
      "mon 18:00-20:00 quiet; mon 19:00-21:00 quiet", "mon 18:00-20:00 quiet; mon 19:00-21:00"]) {
      expect([text, readHours(text, PLAN)]).toEqual([text, null]);
    }
    for (const preset of PRESETS) expect([readHours(`mon 18:00-20:00 ${preset}`), readHours(`mon 18:00-20:00 ${preset}`, PLAN) === null]).toEqual([null, false]);
  });

  it("are none where no text means none", () => {
    const NEVER = { never: true };
    expect(readHours("", NEVER)).toEqual(all(false));
    expect([writeHours(all(false), NEVER), writeHours(all(true), NEVER)]).toEqual(["", "daily 00:00-24:00"]);
    expect([canSay(all(false), NEVER), canSay(all(false)), canSay(all("max"))]).toEqual([true, false, true]);
  });

  it("with presets mean the same after they were written and read, whatever they are", () => {
    const kinds: readonly Cell[] = [false, true, ...PRESETS];
    for (let seed = 1; seed <= 300; seed += 1) {
      const next = chances(seed);
      const often = next() * 0.4;
      const any = (): Cell => kinds[Math.floor(next() * kinds.length)] ?? false;
      let now = any();
      const week = Array.from({ length: 7 * HALVES }, () => {
        if (next() < often) now = any();
        return now;
      });
      if (!canSay(week)) continue;
      const text = writeHours(week);
      expect([text, readHours(text, PLAN)]).toEqual([text, week]);
    }
  });

  it("are painted as a rectangle, from any of its corners", () => {
    const none = all(false);
    const box = painted(none, cell(4, 20), cell(2, 18), true);
    expect(writeHours(box)).toBe("wed-fri 18:00-20:30");
    expect(painted(box, cell(2, 18), cell(4, 20), false)).toEqual(none);
    expect(runs([0, 1, 2, 4, 6])).toEqual([[0, 2], [4, 4], [6, 6]]);
  });
});
