// A practice task that takes a few seconds and needs nothing.

import type { PracticeStage } from "../../generated/PracticeStage";
import type { PracticeView } from "../../generated/PracticeView";

const PACE: [until: number, stage: PracticeStage][] = [
  [400, "pool"],
  [900, "engine"],
  [1500, "preparing"],
  [3200, "running"],
  [3800, "paying"],
];

/** The practice task at a time, begun at `began` or not at all. */
export function practiceAt(began: number | null, now: number): PracticeView {
  const nothing: PracticeView = { stage: "idle", began_at_ms: null, ended_at_ms: null, lines: [], cpu_ms: 0, peak_memory_bytes: 0, credited_cpt: null, problem: null };
  if (began === null) return nothing;
  const passed = now - began;
  const lines = Array.from({ length: Math.max(0, Math.min(10, Math.floor((passed - 1500) / 170))) }, (_, i) => `${(i + 1) * 10} % of 150,000,000 numbers checked`).slice(-6);
  const stage = PACE.find(([until]) => passed < until)?.[1];
  if (stage) return { ...nothing, stage, began_at_ms: began, lines };
  return { ...nothing, stage: "done", began_at_ms: began, ended_at_ms: began + 3800, lines, cpu_ms: 2100, peak_memory_bytes: 41_000_000, credited_cpt: 1 };
}
