// Tables for other programs (RFC 4180). Headings and words stay those of the API, so that they mean the same in every language.

import type { EarnedTask } from "../generated/EarnedTask";
import type { EarningsDay } from "../generated/EarningsDay";
import type { NetworkEntry } from "../generated/NetworkEntry";
import type { TaskView } from "../generated/TaskView";
import { energyOf } from "./electricity";
import type { Page } from "./pages";
import { taskKey } from "./reduce";

type Cell = string | number | boolean | null;

function cell(value: Cell): string {
  if (value === null) return "";
  if (typeof value !== "string") return String(value);
  // Names come from strangers, and a spreadsheet would run what begins like a formula.
  const harmless = /^[\s]*[=+\-@]/.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(harmless) ? `"${harmless.replaceAll('"', '""')}"` : harmless;
}

export function csv(heading: readonly string[], rows: readonly (readonly Cell[])[]): string {
  return [heading, ...rows].map((row) => `${row.map(cell).join(",")}\r\n`).join("");
}

function instant(ms: number | null): string | null {
  return ms === null || !Number.isFinite(new Date(ms).getTime()) ? null : new Date(ms).toISOString();
}

/** Watt-hours as a bare number; empty where nothing is known. */
const wattHours = (mwh: number | null): Cell => (mwh === null ? null : mwh / 1000);
/** Money as a bare number. */
const money = (micros: number | null): Cell => (micros === null ? null : micros / 1_000_000);

const TASK_HEADING = [
  "task_id", "attempt", "name", "phase", "verdict", "failure_class", "exit_code", "accepted_at", "started_at", "ended_at",
  "active_ms", "peak_memory_bytes", "network_bytes", "estimated_cpt", "credited_cpt", "settled", "result_sha256",
];

export function tasksCsv(tasks: readonly TaskView[]): string {
  const row = (t: TaskView): Cell[] => [
    t.task_id, t.attempt, t.name, t.phase, t.verdict, t.failure_class, t.exit_code, instant(t.accepted_at_ms),
    instant(t.started_at_ms), instant(t.ended_at_ms), t.active_ms, t.peak_memory_bytes, t.network_bytes, t.estimated_cpt,
    t.credited_cpt, t.settled, t.result_sha256,
  ];
  return csv(TASK_HEADING, tasks.map(row));
}

export function earningsCsv(days: readonly EarningsDay[]): string {
  return csv(
    ["day", "tasks", "estimated_cpt", "credited_cpt", "settled_cpt", "energy_wh", "cost"],
    days.map(({ day, sum, electricity }) => [
      day, sum.tasks, sum.estimated_cpt, sum.credited_cpt, sum.settled_cpt, wattHours(energyOf(electricity)), money(electricity.cost_micros),
    ]),
  );
}

/** The live network's ledger. */
export function ledgerCsv(entries: readonly NetworkEntry[]): string {
  return csv(
    ["at", "task_id", "attempt", "payer", "computer", "cpt", "state", "status"],
    entries.map((e) => [instant(e.at_ms), e.task_id, e.attempt, e.payer, e.computer, e.cpt, e.state, e.status]),
  );
}

/** Pay by attempt: what was estimated, credited and settled, the day on which it was earned, and the electricity it took. */
export function earnedCsv(tasks: readonly EarnedTask[]): string {
  return csv(
    ["day", "task_id", "attempt", "name", "ended_at", "estimated_cpt", "credited_cpt", "settled", "unanswered", "energy_wh", "cost"],
    tasks.map((t) => [
      t.day, t.task_id, t.attempt, t.name, instant(t.ended_at_ms), t.estimated_cpt, t.credited_cpt, t.settled, t.unanswered,
      wattHours(t.energy_mwh), money(t.cost_micros),
    ]),
  );
}

/** The largest page that the worker gives. */
const LIMIT = 500;

/** Every task behind a question, newest first. One that begins meanwhile moves the others down: none is told twice. */
export async function everyTask<T extends { task_id: string; attempt: number }>(load: (offset: number, limit: number) => Promise<Page<T>>): Promise<T[]> {
  const found = new Map<string, T>();
  for (let offset = 0, total = 1; offset < total; ) {
    const page = await load(offset, LIMIT);
    if (page.rows.length === 0) break;
    for (const task of page.rows) found.set(taskKey(task), task);
    offset += page.rows.length;
    total = page.total;
  }
  return [...found.values()];
}
