// The one big sentence and the line below it. Tray, window and command line tell the same from the same state.

import type { Snapshot } from "../generated/Snapshot";
import { barred, functionsOnly } from "../model/network";
import { detail, sentence } from "./errors";
import { locale } from "./locale.svelte";
import { m } from "./messages";
import { proofLine } from "./proofs";
import { REASONS } from "./words";

export interface Told {
  headline: string;
  reason: string;
}

/** Whole seconds until a time, 0 when it has passed. */
export function secondsUntil(atMs: number | null, nowMs: number): number {
  return atMs === null ? 0 : Math.max(0, Math.ceil((atMs - nowMs) / 1000));
}

function connecting({ pool }: Snapshot, nowMs: number): Told {
  if (pool.failures === 0) return { headline: m.say_connecting(), reason: m.say_connecting_reason() };
  const seconds = secondsUntil(pool.retry_at_ms, nowMs);
  const attempt = pool.failures + 1;
  const headline = seconds > 0 ? m.say_reconnecting({ attempt, seconds }) : m.say_reconnecting_now({ attempt });
  return { headline, reason: pool.cause ? sentence(pool.cause) : m.say_connecting_reason() };
}

function withoutStop(text: string): string {
  return text.replace(/[.。]$/, "");
}

/** As a sentence of its own, which another may follow. */
function withStop(text: string): string {
  return /[.。!?…]$/.test(text) ? text : `${text}${locale.current === "en" ? "." : "。"}`;
}

/** What is computed all the same while no container can run; nothing where they can. */
export function withoutEngine({ engine }: Pick<Snapshot, "engine">): string | null {
  if (!functionsOnly(engine)) return null;
  return engine.problem?.code === "ENGINE_MISSING" ? m.functions_only_missing() : m.functions_only_unusable();
}

/** What the worker does and why. */
export function tell(snapshot: Snapshot, nowMs: number): Told {
  const { status, decision } = snapshot;
  const n = status.running_tasks;
  switch (status.state) {
    case "needs_you": {
      if (!status.problem) return { headline: m.say_needs_you(), reason: "" };
      const headline = withoutStop(sentence(status.problem));
      // The headline and the form below it say the same.
      const own = status.problem.code === "SIGN_IN_REQUIRED" ? null : detail(status.problem);
      const words = own === null ? null : proofLine(own);
      // The worker's own words are English; below a translated headline they would only confuse.
      const said = words !== null && (words.ours || locale.current === "en") ? withStop(words.text) : null;
      // After failures in a row nothing goes on by itself.
      const then = decision.reason === "tasks_failing" ? m.say_failing_reason() : null;
      const reason = [said, then].filter(Boolean).join(locale.current === "en" ? " " : "") || m.say_needs_you_reason();
      return { headline, reason };
    }
    case "off": {
      const left = snapshot.tasks.length;
      return { headline: left > 0 ? m.say_off_delivering({ n: left }) : m.say_off(), reason: m.say_off_reason() };
    }
    case "connecting":
      return connecting(snapshot, nowMs);
    case "yielding":
      return {
        // The reason's first word begins a line with the next.
        headline: m.say_yielding({ why: REASONS[decision.reason]().replace(" ", "\u00a0") }),
        reason: snapshot.tasks.some((task) => task.frozen) ? m.say_yielding_frozen() : decision.until === null ? m.say_yielding_reason() : m.say_yielding_until({ until: decision.until }),
      };
    case "snoozed":
      return {
        headline: decision.until === null ? m.say_snoozed() : m.say_snoozed_until({ until: decision.until }),
        reason: m.say_snoozed_reason(),
      };
    case "earning":
      if (status.draining) return { headline: m.say_draining({ n }), reason: m.say_draining_reason() };
      return { headline: m.say_earning({ n }), reason: withoutEngine(snapshot) ?? m.say_earning_reason() };
    case "ready":
      if (status.draining && snapshot.tasks.length > 0) {
        return { headline: m.say_draining({ n: snapshot.tasks.length }), reason: m.say_draining_reason() };
      }
      // Why, a note of its own says.
      if (barred(snapshot.pool)) return { headline: m.say_ready_barred(), reason: "" };
      return { headline: m.say_ready(), reason: withoutEngine(snapshot) ?? m.say_ready_reason() };
  }
}
