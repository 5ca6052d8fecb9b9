// The last hours as a picture: what was done when. Pure.

import type { DecisionReason } from "../generated/DecisionReason";
import type { SpanView } from "../generated/SpanView";

/** What a stretch of time was good for, the most useful first. */
export const KINDS = ["working", "ready", "yielding", "trouble", "off"] as const;
export type Kind = (typeof KINDS)[number];

const TROUBLE: ReadonlySet<DecisionReason> = new Set<DecisionReason>([
  "journal_failed", "engine_unavailable", "isolation_too_low", "sandbox_broken", "disk_low", "sign_in_required",
  "pool_refused", "pool_unreachable", "connecting", "critically_hot", "tasks_failing",
]);
const OFF: ReadonlySet<DecisionReason> = new Set<DecisionReason>([
  "off", "finishing", "shutting_down", "suspending", "updating", "snoozed",
]);

/** Computing outweighs everything; then the reason says it, and whether work was taken: use may lessen it or stop it. */
export function kindOf({ reason, working, lends }: Pick<SpanView, "reason" | "working" | "lends">): Kind {
  if (working) return "working";
  if (OFF.has(reason)) return "off";
  if (TROUBLE.has(reason)) return "trouble";
  return lends ? "ready" : "yielding";
}

/** How high a kind is drawn, in tenths: told by shape, not by colour alone. */
const HEIGHT: Record<Kind, number> = { working: 10, ready: 6, yielding: 4, trouble: 8, off: 2 };

/** Narrower than this many of a thousand parts nothing is seen. */
const LEAST = 1.5;

/** One SVG path per kind inside a box of 1000 by 10; the time from `from` to `to` fills its width. */
export function paths(spans: readonly SpanView[], from: number, to: number): Record<Kind, string> {
  const drawn: Record<Kind, string> = { working: "", ready: "", yielding: "", trouble: "", off: "" };
  const whole = Math.max(1, to - from);
  for (const span of spans) {
    const begin = Math.max(0, ((span.from_ms - from) / whole) * 1000);
    const end = Math.min(1000, ((span.to_ms - from) / whole) * 1000);
    if (end <= begin) continue;
    const kind = kindOf(span);
    const wide = Math.max(LEAST, end - begin);
    const high = HEIGHT[kind];
    drawn[kind] += `M${begin.toFixed(1)} ${10 - high}h${wide.toFixed(1)}v${high}h-${wide.toFixed(1)}z`;
  }
  return drawn;
}

/** Time per kind and the time in which the worker did not run, in milliseconds. */
export function sums(spans: readonly SpanView[], from: number, to: number): { of: Record<Kind, number>; away: number } {
  const of: Record<Kind, number> = { working: 0, ready: 0, yielding: 0, trouble: 0, off: 0 };
  let known = 0;
  for (const span of spans) {
    const ms = Math.max(0, Math.min(to, span.to_ms) - Math.max(from, span.from_ms));
    of[kindOf(span)] += ms;
    known += ms;
  }
  return { of, away: Math.max(0, to - from - known) };
}

/** A stretch in which the worker did not run, or one in which it did. */
export interface Row {
  from_ms: number;
  to_ms: number;
  span: SpanView | null;
}

/** Shorter than this, no gap is told. */
const LEAST_GAP_MS = 60_000;

/** Every stretch of the time from `from` to `to`, oldest first; also those of which nothing is known. */
export function rows(spans: readonly SpanView[], from: number, to: number): Row[] {
  const told: Row[] = [];
  let known = from;
  const gap = (until: number): void => {
    if (until - known >= LEAST_GAP_MS) told.push({ from_ms: known, to_ms: until, span: null });
  };
  for (const span of spans) {
    if (span.to_ms <= from || span.from_ms >= to) continue;
    gap(span.from_ms);
    told.push({ from_ms: span.from_ms, to_ms: span.to_ms, span });
    known = span.to_ms;
  }
  gap(to);
  return told;
}

/** Time of one kind; with its reason where something held the work up, without a kind while the worker did not run. */
export interface Spent {
  kind: Kind | null;
  reason: DecisionReason | null;
  ms: number;
}

/** What the time from `from` to `to` was spent on, the longest first. */
export function spentOn(spans: readonly SpanView[], from: number, to: number): Spent[] {
  const told: Spent[] = [{ kind: null, reason: null, ms: sums(spans, from, to).away }];
  for (const span of spans) {
    const kind = kindOf(span);
    const reason = kind === "yielding" || kind === "trouble" ? span.reason : null;
    const ms = Math.max(0, Math.min(to, span.to_ms) - Math.max(from, span.from_ms));
    const known = told.find((spent) => spent.kind === kind && spent.reason === reason);
    if (known) known.ms += ms;
    else told.push({ kind, reason, ms });
  }
  return told.filter(({ ms }) => ms >= 1000).sort((a, b) => b.ms - a.ms);
}

/** Times rounded to minutes so that they sum up as the exact ones do. */
export function minutes(times: readonly number[]): number[] {
  const exact = times.map((ms) => ms / 60_000);
  const floors = exact.map(Math.floor);
  let left = Math.round(exact.reduce((a, b) => a + b, 0)) - floors.reduce((a, b) => a + b, 0);
  const byRest = exact.map((_, i) => i).sort((a, b) => (exact[b] ?? 0) % 1 - ((exact[a] ?? 0) % 1));
  for (const i of byRest) {
    if (left <= 0) break;
    floors[i] = (floors[i] ?? 0) + 1;
    left -= 1;
  }
  return floors.map((count) => count * 60_000);
}

/** The picture as it is at `now`: the last span goes on as long as the worker is heard. */
export function upTo(spans: readonly SpanView[], told: number, now: number): readonly SpanView[] {
  const last = spans.at(-1);
  if (!last || last.to_ms < told - 1000 || now <= last.to_ms) return spans;
  return [...spans.slice(0, -1), { ...last, to_ms: now }];
}

/** Full hours between two times by the local clock, every `step` hours. */
export function hours(from: number, to: number, step: number): number[] {
  const marks: number[] = [];
  const at = new Date(from);
  at.setMinutes(0, 0, 0);
  for (let i = 0; i < 60 && at.getTime() <= to; i += 1) {
    at.setHours(at.getHours() + 1);
    if (at.getTime() > from && at.getTime() < to && at.getHours() % step === 0) marks.push(at.getTime());
  }
  return marks;
}
