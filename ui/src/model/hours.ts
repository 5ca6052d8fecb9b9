// The hours of a week, as the settings write them: `mon-fri 18:00-08:00 quiet; sat,sun 10:00-20:00`. Pure.

export const DAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"] as const;
/** Half hours of a day. */
export const HALVES = 48;
const CELLS = DAYS.length * HALVES;

/** The presets that hours can name, the one that lends least first. */
export const PRESETS = ["quiet", "balanced", "max"] as const;
export type Preset = (typeof PRESETS)[number];

/** What a half hour is: nothing, hours as the settings are, or hours in which a preset holds instead of them. */
export type Cell = boolean | Preset;

/** A week of half hours from Monday 00:00. */
export type Week = readonly Cell[];

/** What the text of a setting can say. */
export interface HoursKind {
  /** Whether a preset may stand behind the times. */
  presets?: boolean;
  /** Whether no text means no hour at all, instead of every hour. */
  never?: boolean;
}

/** What a setting of hours can say where nothing else is known of it. */
const PLAIN: HoursKind = {};

/** The same hours on these days, each from its beginning to its end. */
export interface Span {
  /** What they are. */
  as: true | Preset;
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

/** What hours with this word behind them are; absent where the worker knows no such word. */
function cellOf(word: string | undefined, presets: boolean): true | Preset | null {
  if (word === undefined) return true;
  return (presets ? PRESETS.find((preset) => preset === word) : undefined) ?? null;
}

/** The week that a text means; absent where the worker would refuse the text. */
export function readHours(text: string, { presets = false, never = false } = PLAIN): Week | null {
  const week = new Array<Cell>(CELLS).fill(false);
  const spans = text.toLowerCase().split(";").map((span) => span.trim()).filter(Boolean);
  if (spans.length === 0) return week.map(() => !never);
  for (const span of spans) {
    const [days, times, word, more] = span.split(/\s+/);
    const [begin, end, rest] = (times ?? "").split("-");
    const from = half(begin ?? "");
    const to = half(end ?? "");
    const on = daysOf(days ?? "");
    const as = cellOf(word, presets);
    if (more !== undefined || rest !== undefined || as === null || on === null || from === null || to === null || from === to || from === HALVES) return null;
    const length = to > from ? to - from : HALVES - from + to;
    for (const day of on) {
      for (let i = 0; i < length; i += 1) {
        const cell = (day * HALVES + from + i) % CELLS;
        // Named twice is refused.
        if (week[cell] !== false) return null;
        week[cell] = as;
      }
    }
  }
  return week;
}

/** The week as spans, none longer than a day, those with the same hours together. */
export function spansOf(week: Week): Span[] {
  const found = new Map<string, { as: true | Preset; days: number[]; from: number; to: number }>();
  const add = (as: true | Preset, start: number, length: number): void => {
    const from = start % HALVES;
    const to = from + length > HALVES ? from + length - HALVES : from + length;
    const day = Math.floor(start / HALVES) % DAYS.length;
    const same = found.get(`${as}/${from}/${to}`);
    if (same) same.days.push(day);
    else found.set(`${as}/${from}/${to}`, { as, days: [day], from, to });
  };
  const at = (cell: number): Cell => week[((cell % CELLS) + CELLS) % CELLS] ?? false;
  const whole = at(0);
  if (week.every((cell) => cell === whole)) {
    if (whole !== false) for (let day = 0; day < DAYS.length; day += 1) add(whole, day * HALVES, HALVES);
  } else {
    for (let start = 0; start < CELLS; start += 1) {
      const as = at(start);
      if (as === false || at(start - 1) === as) continue;
      let length = 0;
      while (at(start + length) === as) length += 1;
      // A night is one span; what is longer than a day is cut at midnight.
      if (length < HALVES) add(as, start, length);
      else {
        for (let next = start; next < start + length; ) {
          const piece = Math.min(HALVES - (next % HALVES), start + length - next);
          add(as, next, piece);
          next += piece;
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

/** Whether a text can mean this week: one of nothing only where no text means that. */
export function canSay(week: Week, { never = false } = PLAIN): boolean {
  return never || week.some((cell) => cell !== false);
}

/** The text that means this week. */
export function writeHours(week: Week, { never = false } = PLAIN): string {
  if (week.every((cell) => cell === !never)) return "";
  return spansOf(week)
    .map(({ as, days, from, to }) => {
      const name = (day: number): string => DAYS[day] ?? "";
      const on = days.length === DAYS.length ? "daily" : runs(days).map(([a, b]) => (a === b ? name(a) : b === a + 1 ? `${name(a)},${name(b)}` : `${name(a)}-${name(b)}`)).join(",");
      return `${on} ${clockOf(from)}-${clockOf(to)}${as === true ? "" : ` ${as}`}`;
    })
    .join("; ");
}

/** The week with every half hour of a rectangle of days and half hours of the day set. */
export function painted(week: Week, a: number, b: number, value: Cell): Week {
  const [top, bottom] = [Math.floor(a / HALVES), Math.floor(b / HALVES)].sort((x, y) => x - y) as [number, number];
  const [left, right] = [a % HALVES, b % HALVES].sort((x, y) => x - y) as [number, number];
  return week.map((before, cell) => {
    const day = Math.floor(cell / HALVES);
    const at = cell % HALVES;
    return day >= top && day <= bottom && at >= left && at <= right ? value : before;
  });
}
