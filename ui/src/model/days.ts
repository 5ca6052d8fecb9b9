// Days without a hole.

import type { EarningsDay } from "../generated/EarningsDay";
import { NOTHING } from "./electricity";

const DAY_MS = 86_400_000;

/** What is drawn of the days: as many as were asked for and end with `today`, or, of a longer time, those from the first with work. */
export interface Stretch {
  asked: number;
  today: string;
  most: number;
}

/** This day by the device's own clock, named as the worker names days. */
export function dayOf(now: Date): string {
  return now.toLocaleDateString("sv-SE");
}

/** Every day of the stretch, oldest first; a day without work, which the worker leaves out, counts as nothing. */
export function unbroken(days: readonly EarningsDay[], { asked, today, most }: Stretch): EarningsDay[] {
  const known = new Map(days.map((entry) => [entry.day, entry]));
  // As UTC, where every day is as long as any other.
  const times = days.map((entry) => Date.parse(entry.day)).filter(Number.isFinite);
  if (times.length === 0) return [];
  // The worker's day may be ahead of the device's.
  const last = Math.max(...times, Date.parse(today));
  const count = asked <= most ? asked : Math.min(most, (last - Math.min(...times)) / DAY_MS + 1);
  return Array.from({ length: count }, (_, i) => {
    const day = new Date(last - (count - 1 - i) * DAY_MS).toISOString().slice(0, 10);
    return known.get(day) ?? { day, sum: { estimated_cpt: 0, credited_cpt: 0, settled_cpt: 0, tasks: 0 }, electricity: NOTHING };
  });
}
