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
const OPEN: ReadonlySet<DecisionReason> = new Set<DecisionReason>(["free", "forced", "in_use"]);

/** Computing outweighs everything; then the reason says it. */
export function kindOf(reason: DecisionReason, working: boolean): Kind {
  if (working) return "working";
  if (OFF.has(reason)) return "off";
  if (TROUBLE.has(reason)) return "trouble";
  return OPEN.has(reason) ? "ready" : "yielding";
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
    const kind = kindOf(span.reason, span.working);
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
    of[kindOf(span.reason, span.working)] += ms;
    known += ms;
  }
  return { of, away: Math.max(0, to - from - known) };
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
