// Days without a hole.

import type { EarningsDay } from "../generated/EarningsDay";

const DAY_MS = 86_400_000;

/** The days up to the newest, oldest first, at most `most`; a day without work, which the worker leaves out, counts as nothing. */
export function unbroken(days: readonly EarningsDay[], most: number): EarningsDay[] {
  const known = new Map(days.map((entry) => [entry.day, entry]));
  // As UTC, where every day is as long as any other.
  const times = days.map((entry) => Date.parse(entry.day)).filter(Number.isFinite);
  if (times.length === 0) return [];
  const last = Math.max(...times);
  const count = Math.min(most, (last - Math.min(...times)) / DAY_MS + 1);
  return Array.from({ length: count }, (_, i) => {
    const day = new Date(last - (count - 1 - i) * DAY_MS).toISOString().slice(0, 10);
    return known.get(day) ?? { day, sum: { estimated_cpt: 0, credited_cpt: 0, settled_cpt: 0, tasks: 0 } };
  });
}
