// The hours of a week, as the settings write them: `mon-fri 18:00-08:00; sat,sun 10:00-20:00`. Pure.

export const DAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"] as const;
/** Half hours of a day. */
export const HALVES = 48;
const CELLS = DAYS.length * HALVES;

/** A week of half hours from Monday 00:00; true where work may be done. */
export type Week = readonly boolean[];

/** The same hours on these days, each from its beginning to its end. */
export interface Span {
  /** Of 0 (Monday) to 6, rising. */
  days: readonly number[];
  /** The half hour of the day, 0 to 47, at which it begins. */
  from: number;
  /** The half hour before which it ends, 1 to 48. Not after its beginning means on the next day. */
  to: number;
}

/** Weeks that many want. */
export const NIGHTS = "daily 22:00-08:00";
export const EVENINGS_AND_WEEKENDS = "mon 00:00-08:00; mon-thu 18:00-08:00; fri 18:00-24:00; sat,sun 00:00-24:00";

function half(time: string): number | null {
  const parts = /^(\d{1,2}):(00|30)$/.exec(time);
  if (!parts) return null;
  const at = Number(parts[1]) * 2 + (parts[2] === "30" ? 1 : 0);
  return at <= HALVES ? at : null;
}

function daysOf(text: string): number[] | null {
  if (text === "daily") return DAYS.map((_, i) => i);
  const place = (name: string | undefined): number => DAYS.findIndex((day) => day === name);
  const all: number[] = [];
  for (const part of text.split(",")) {
    const [first, last = first, more] = part.split("-");
    const [from, to] = [place(first), place(last)];
    if (from < 0 || to < from || more !== undefined) return null;
    for (let day = from; day <= to; day += 1) all.push(day);
  }
  return all;
}

/** The week that a text means, nothing being always; absent where the worker would refuse the text. */
export function readHours(text: string): Week | null {
  const week = new Array<boolean>(CELLS).fill(false);
  const spans = text.toLowerCase().split(";").map((span) => span.trim()).filter(Boolean);
  if (spans.length === 0) return week.map(() => true);
  for (const span of spans) {
    const [days, times, more] = span.split(/\s+/);
    const [begin, end, rest] = (times ?? "").split("-");
    const from = half(begin ?? "");
    const to = half(end ?? "");
    const on = daysOf(days ?? "");
    if (more !== undefined || rest !== undefined || on === null || from === null || to === null || from === to || from === HALVES) return null;
    const length = to > from ? to - from : HALVES - from + to;
    for (const day of on) {
      for (let i = 0; i < length; i += 1) {
        const cell = (day * HALVES + from + i) % CELLS;
        // Named twice is refused.
        if (week[cell]) return null;
        week[cell] = true;
      }
    }
  }
  return week;
}

/** The week as spans, none longer than a day, those with the same hours together. */
export function spansOf(week: Week): Span[] {
  const found = new Map<string, { days: number[]; from: number; to: number }>();
  const add = (start: number, length: number): void => {
    const from = start % HALVES;
    const to = from + length > HALVES ? from + length - HALVES : from + length;
    const day = Math.floor(start / HALVES) % DAYS.length;
    const same = found.get(`${from}/${to}`);
    if (same) same.days.push(day);
    else found.set(`${from}/${to}`, { days: [day], from, to });
  };
  const open = (cell: number): boolean => week[((cell % CELLS) + CELLS) % CELLS] === true;
  if (week.every(Boolean)) for (let day = 0; day < DAYS.length; day += 1) add(day * HALVES, HALVES);
  else {
    for (let start = 0; start < CELLS; start += 1) {
      if (!open(start) || open(start - 1)) continue;
      let length = 0;
      while (open(start + length)) length += 1;
      // A night is one span; what is longer than a day is cut at midnight.
      if (length < HALVES) add(start, length);
      else {
        for (let at = start; at < start + length; ) {
          const piece = Math.min(HALVES - (at % HALVES), start + length - at);
          add(at, piece);
          at += piece;
        }
      }
    }
  }
  const spans = [...found.values()].map((span) => ({ ...span, days: span.days.sort((a, b) => a - b) }));
  return spans.sort((a, b) => (a.days[0] ?? 0) - (b.days[0] ?? 0) || a.from - b.from);
}

/** Days in a row, as their first and last. */
export function runs(days: readonly number[]): [number, number][] {
  const rows: [number, number][] = [];
  for (const day of days) {
    const row = rows.at(-1);
    if (row && row[1] === day - 1) row[1] = day;
    else rows.push([day, day]);
  }
  return rows;
}

/** A half hour of the day as the clock shows it, `00:00` to `24:00`. */
export function clockOf(at: number): string {
  return `${String(Math.floor(at / 2)).padStart(2, "0")}:${at % 2 === 0 ? "00" : "30"}`;
}

/** The text that means this week; a week of nothing cannot be said, because no text means always. */
export function writeHours(week: Week): string {
  if (week.every(Boolean)) return "";
  return spansOf(week)
    .map(({ days, from, to }) => {
      const name = (day: number): string => DAYS[day] ?? "";
      const on = days.length === DAYS.length ? "daily" : runs(days).map(([a, b]) => (a === b ? name(a) : b === a + 1 ? `${name(a)},${name(b)}` : `${name(a)}-${name(b)}`)).join(",");
      return `${on} ${clockOf(from)}-${clockOf(to)}`;
    })
    .join("; ");
}

/** The week with every half hour of a rectangle of days and half hours of the day set. */
export function painted(week: Week, a: number, b: number, value: boolean): Week {
  const [top, bottom] = [Math.floor(a / HALVES), Math.floor(b / HALVES)].sort((x, y) => x - y) as [number, number];
  const [left, right] = [a % HALVES, b % HALVES].sort((x, y) => x - y) as [number, number];
  return week.map((open, cell) => {
    const day = Math.floor(cell / HALVES);
    const at = cell % HALVES;
    return day >= top && day <= bottom && at >= left && at <= right ? value : open;
  });
}
