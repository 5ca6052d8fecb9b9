// A made-up day: what was done and why, and how busy the computer was.

import type { DecisionReason } from "../../generated/DecisionReason";
import type { PresetOffer } from "../../generated/PresetOffer";
import type { SettingChange } from "../../generated/SettingChange";
import type { SettingView } from "../../generated/SettingView";
import type { Snapshot } from "../../generated/Snapshot";
import type { SpanView } from "../../generated/SpanView";
import type { TimelineView } from "../../generated/TimelineView";
import type { TrendView } from "../../generated/TrendView";
import type { WhatIfOutcome } from "../../generated/WhatIfOutcome";
import type { WhatIfView } from "../../generated/WhatIfView";
import { allGpus } from "../../model/gpus";
import type { Current } from "./electricity";
import { chance, computing, GIB, sample } from "./world";

const HOUR = 3_600_000;

/** Hours before now, reason, whether a task computed. */
const DAY: readonly [number, number, DecisionReason, boolean][] = [
  [24, 17.2, "free", true],
  [17.2, 16.4, "free", false],
  [15.1, 15, "connecting", false],
  [15, 12.6, "in_use", true],
  [12.6, 11.9, "full_screen", false],
  [11.9, 9.5, "in_use", false],
  [9.5, 8.2, "on_battery", false],
  [8.2, 7.4, "engine_unavailable", false],
  [7.4, 3.1, "free", true],
  [3.1, 2.6, "snoozed", false],
  [2.6, 0.3, "free", true],
];
/** Reasons under which work was taken on that day. */
const LENDS: ReadonlySet<DecisionReason> = new Set<DecisionReason>(["free", "forced", "in_use"]);
/** Since then what is now, in hours before now. */
const NOW_SINCE = 0.3;

/** The day up to now; what is done now is what the world says. */
export function timelineOf(to: number, from: number | null, barren: boolean, { decision, tasks }: Snapshot): TimelineView {
  const begin = from ?? to - 24 * HOUR;
  const working = tasks.some((task) => task.started_at_ms !== null && !task.frozen);
  const day: typeof DAY = barren ? [[0.02, 0, decision.reason, false]] : [...DAY, [NOW_SINCE, 0, decision.reason, working]];
  const spans: SpanView[] = day.map(([since, until, reason, working]) => ({
    from_ms: to - since * HOUR,
    to_ms: to - until * HOUR,
    reason,
    working,
    lends: reason === decision.reason && until === 0 ? decision.takes_work : LENDS.has(reason),
  }));
  return { from_ms: begin, to_ms: to, spans, sums: [] };
}

/** So much of a trend is as it is now. */
const PRESENT = 0.08;

export function trendOf(minutes: number, now: number, { tasks, host }: Snapshot): TrendView {
  const step = minutes <= 120 ? 60_000 : minutes <= 2880 ? 300_000 : 1_800_000;
  const end = Math.floor(now / step) * step;
  const count = Math.floor((minutes * 60_000) / step);
  const points = Array.from({ length: count }, (_, i) => end - (count - 1 - i) * step)
    // It slept for a while.
    .filter((_, i) => i < count * 0.3 || i > count * 0.42)
    .map((at) => {
      const present = end - at < minutes * 60_000 * PRESENT;
      const s = sample(at / 40, present ? computing(tasks) : chance(Math.floor(at / HOUR / 5)) > 0.4 ? 2 : 0, host);
      return {
        at_ms: at,
        cpu_percent: s.cpu_percent,
        tasks_cpu_percent: s.tasks_cpu_percent,
        memory_used_bytes: s.memory_used_bytes,
        tasks_memory_bytes: s.tasks_memory_bytes,
        received_bytes_per_s: s.received_bytes_per_s,
        sent_bytes_per_s: s.sent_bytes_per_s,
        disk_used_bytes: s.disk_used_bytes,
        ...allGpus(s.gpus),
      };
    });
  return { from_ms: now - minutes * 60_000, to_ms: now, step_ms: step, points };
}

export function offers(): PresetOffer[] {
  const offer = (name: string, away: number, memory: number, inUse: number, idle: number): PresetOffer => ({
    name,
    away_cpu_millis: away,
    away_memory_bytes: memory * GIB,
    in_use_cpu_millis: inUse,
    in_use_memory_bytes: 4 * GIB,
    idle_minutes: idle,
  });
  return [offer("quiet", 3000, 4, 0, 10), offer("balanced", 4000, 4, 1500, 3), offer("max", 4000, 4, 3000, 1)];
}

/** Rules of which a larger value holds work up for longer. */
const STRICTER: ReadonlySet<string> = new Set(["idle_minutes", "keep_disk_free"]);

export function whatIfOf(changes: readonly SettingChange[], days: number, settings: readonly SettingView[], to: number, { cpu, gpu, price, currency }: Current): WhatIfView {
  const from = to - days * 24 * HOUR;
  const then = Math.round((to - from) * 0.4);
  const share = changes.reduce((whole, { key, value }) => {
    const before = settings.find((s) => s.key === key)?.value ?? "";
    if (value === null || value === before) return whole;
    const more = value === "true" || parseFloat(value) > parseFloat(before);
    return whole * (more === STRICTER.has(key) ? 0.9 : 1.2);
  }, 1);
  /** As much as a week of a few tasks a day takes. */
  const energy = (part: number): number | null => (cpu || gpu ? Math.round(part * (gpu ? 1_460_000 : 286_000)) : null);
  const cost = (mwh: number | null): number | null => (mwh === null || price === null ? null : Math.round(mwh * price));
  const outcome = (part: number): WhatIfOutcome => ({ lent_ms: Math.round(then * part), cpt: Math.round(310 * part), energy_mwh: energy(part), cost_micros: cost(energy(part)), sums: [{ reason: "free", ms: Math.round(then * part), working_ms: 0 }] });
  return { from_ms: from, to_ms: to, known_ms: to - from, lent_ms: then, cpt: 310, currency, now: outcome(1), changed: outcome(share) };
}
