// How this computer stands with the live network, as far as more than words depends on it.

import type { EngineView } from "../generated/EngineView";
import type { Level } from "../generated/Level";
import type { PoolView } from "../generated/PoolView";
import type { ReachWhy } from "../generated/ReachWhy";
import type { TaskView } from "../generated/TaskView";

/** What is spoken with the live network. */
const LIVE = "nodepool";
/** Below this trust no work comes. */
export const LEAST_TRUST = 20;
/** Where trust begins. */
export const FIRST_TRUST = 100;
/** The most trust there is. */
export const MOST_TRUST = 1000;
/** What a failed task takes. */
const FAILURE = 5;

/** How much a reason asks for somebody. */
const GRAVITY: Record<ReachWhy, Level> = {
  not_connected: "notice",
  overlay: "ok",
  same_computer: "ok",
  chosen: "ok",
  no_overlay_address: "notice",
  port_taken: "notice",
  through_proxy: "notice",
  tokens_refused: "warning",
  pushed_in_vain: "warning",
  low_trust: "error",
  banned: "error",
};

export const isLive = (pool: Pick<PoolView, "dialect">): boolean => pool.dialect === LIVE;

/** How much the standing asks for somebody. That there is no connection is told elsewhere. */
export function networkLevel({ state, standing }: Pick<PoolView, "state" | "standing">): Level {
  if (standing === null) return "ok";
  const why = presentWhy({ state, standing });
  // Or a word of a newer worker.
  return Object.hasOwn(GRAVITY, why) ? GRAVITY[why] : "notice";
}

/** Whether something is wrong there that nobody else tells of. */
export function networkTrouble(pool: Pick<PoolView, "state" | "standing">): boolean {
  const level = networkLevel(pool);
  return level === "warning" || level === "error";
}

/** Why work comes so at present. */
export function presentWhy({ state, standing }: Pick<PoolView, "state" | "standing">): ReachWhy {
  if (standing === null || state !== "online") return "not_connected";
  return standing.trust?.banned ? "banned" : standing.why;
}

/** Whether the network gives no work, for a reason of its own. */
export const barred = (pool: Pick<PoolView, "state" | "standing">): boolean => pool.standing?.reach === "neither" && networkTrouble(pool);

/** How many tasks in a row may fail until trust is too low, the last of them included. */
export function failuresLeft(score: number): number {
  return score < LEAST_TRUST ? 0 : Math.floor((score - LEAST_TRUST) / FAILURE) + 1;
}

/** Whether functions alone are computed, as they need no container. Not every worker says so. */
export function functionsOnly(engine: EngineView): boolean {
  return (engine as { functions_only?: boolean }).functions_only ?? false;
}

/** Whether a task was a function. Not every worker says so. */
export function isFunction(task: TaskView): boolean {
  return (task as { function?: boolean }).function ?? false;
}

/** Whether a task was completed and brought nothing for good. */
export function isUnpaid(task: Pick<TaskView, "verdict" | "settled" | "credited_cpt">): boolean {
  return task.verdict === "succeeded" && task.settled && task.credited_cpt === 0;
}
