// What is left to do before the first CPT, in order.

import type { Snapshot } from "../generated/Snapshot";
import { m } from "./messages";

export interface Step {
  name: "engine" | "sign_in" | "contribute";
  title: string;
  text: string;
  done: boolean;
}

/** Whether the steps are worth a place: nobody is signed in and nothing is on its way. */
export function isFresh({ account, pool }: Snapshot): boolean {
  return account === null && (pool.state === "idle" || pool.state === "auth_required");
}

export function firstSteps({ engine, account, pool, status }: Snapshot): Step[] {
  const ready = engine.ready === true;
  return [
    { name: "engine", title: m.first_engine(), text: ready ? m.first_engine_done() : m.first_engine_text(), done: ready },
    { name: "sign_in", title: m.sign_in_title(), text: m.sign_in_text({ url: pool.url }), done: account !== null },
    { name: "contribute", title: m.first_contribute(), text: m.first_contribute_text(), done: status.contributing },
  ];
}
