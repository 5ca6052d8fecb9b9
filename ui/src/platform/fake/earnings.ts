// Made-up pay of any number of days.

import type { EarningsDay } from "../../generated/EarningsDay";
import type { ForecastView } from "../../generated/ForecastView";
import type { EarnedTask } from "../../generated/EarnedTask";
import type { EarningsSum } from "../../generated/EarningsSum";
import type { EarningsView } from "../../generated/EarningsView";
import type { Snapshot } from "../../generated/Snapshot";
import { isLive } from "../../model/network";
import { energyOf, NOTHING } from "../../model/electricity";
import { type Current, takenBy, together, viewOf } from "./electricity";
import { chance, nameOf, sum } from "./world";

const DAY = 86_400_000;

export function earningsOf(days: number, barren: boolean, { today, account, pool }: Snapshot, now: number, current: Current): EarningsView {
  if (barren) {
    return { days: [], sum: sum(0, 0, 0, 0), balance_cpt: 150, tasks: [], forecast: null, unpaid: [{ why: "no_task", tasks: 0, estimated_cpt: 0 }], electricity: viewOf(NOTHING, current) };
  }
  const list = daysOf(Math.min(days, 400), today, now, current);
  const total = list.reduce(
    (a, d) =>
      sum(
        a.estimated_cpt + d.sum.estimated_cpt,
        a.credited_cpt + d.sum.credited_cpt,
        a.settled_cpt + d.sum.settled_cpt,
        a.tasks + d.sum.tasks,
      ),
    sum(0, 0, 0, 0),
  );
  const tasks = Array.from({ length: Math.min(500, total.tasks) }, (_, i): EarnedTask => {
    const credited = 1 + Math.floor(chance(i + 9) * 14);
    const ended = now - (i + 1) * 5_400_000;
    const taken = takenBy(i, current);
    return {
      task_id: `7c9e6679-7425-40de-944b-${String(i + 100).padStart(12, "0")}`,
      attempt: 1,
      name: nameOf(i),
      day: new Date(ended).toISOString().slice(0, 10),
      ended_at_ms: ended,
      estimated_cpt: credited + (i % 7 === 3 ? 2 : 0),
      credited_cpt: i === 0 ? null : credited,
      settled: i > 2,
      unanswered: i === 0 && days > 30,
      energy_mwh: energyOf(taken),
      cost_micros: taken.cost_micros,
    };
  });
  const missing = total.estimated_cpt - total.credited_cpt;
  const waiting = Math.min(3, missing);
  const failed = Math.floor((missing - waiting) * 0.4);
  return {
    days: list,
    sum: total,
    balance_cpt: account?.balance_cpt ?? null,
    tasks,
    electricity: viewOf(together(list.map((entry) => entry.electricity)), current),
    forecast: forecastOf(daysOf(8, today, now, current), now),
    unpaid: [
      { why: "handed_back", tasks: 4, estimated_cpt: 0 },
      { why: "less_than_estimated", tasks: 3, estimated_cpt: missing - waiting - failed },
      { why: "failed", tasks: 2, estimated_cpt: failed },
      ...(isLive(pool) ? [{ why: "credited_nothing", tasks: 2, estimated_cpt: 0 }] : []),
      { why: "waiting", tasks: 1, estimated_cpt: waiting },
    ],
  };
}

/** The last days, the newest first; now and then one without work. */
function daysOf(count: number, today: EarningsSum, now: number, current: Current): EarningsDay[] {
  return Array.from({ length: count }, (_, i) => {
    const paid = 14 + Math.floor(chance(i + 77) * 70);
    const own = sum(paid + (i % 5 === 0 ? 3 : 0), paid, i === 0 ? paid - 5 : paid, 3 + Math.floor(chance(i) * 9));
    const paying = i === 0 ? today : own;
    const electricity = together(Array.from({ length: paying.tasks }, (_, n) => takenBy(i * 31 + n, current)));
    return { day: new Date(now - i * DAY).toISOString().slice(0, 10), sum: paying, electricity };
  }).filter((_, i) => i === 0 || chance(i + 31) > 0.12);
}

/** The means of the worse and of the better half of the seven days before today, as the worker reckons them. */
function forecastOf(list: readonly EarningsDay[], now: number): ForecastView {
  const paid = Array.from({ length: 7 }, (_, i) => {
    const day = new Date(now - (i + 1) * DAY).toISOString().slice(0, 10);
    return list.find((entry) => entry.day === day)?.sum.credited_cpt ?? 0;
  }).sort((a, b) => a - b);
  const mean = (days: readonly number[]): number => Math.floor(days.reduce((a, b) => a + b, 0) / days.length);
  return { low_cpt: mean(paid.slice(0, 4)), high_cpt: mean(paid.slice(3)), days: 7 };
}
