// The situations of the live network, by name.

import type { NetworkEntry } from "../../generated/NetworkEntry";
import type { NetworkLedger } from "../../generated/NetworkLedger";
import type { NetworkPay } from "../../generated/NetworkPay";
import type { NetworkStanding } from "../../generated/NetworkStanding";
import type { PoolView } from "../../generated/PoolView";
import type { ReachWhy } from "../../generated/ReachWhy";
import type { Snapshot } from "../../generated/Snapshot";
import { problem, snapshot, sum, task } from "./world";

/** A pool of the live network, and how this computer stands with it. */
function live(change: Partial<NetworkStanding> = {}): PoolView {
  const trust = { score: 424, successful: 339, failed: 3, banned: false };
  return {
    ...snapshot().pool,
    url: "https://network.example",
    link: "overlay",
    dialect: "nodepool",
    node_id: "living-room-5b1f0c",
    trust: null,
    standing: { reach: "push", why: "overlay", address: "100.64.0.17:50053", trust, earned_cpt: 6_031, ...change },
  };
}

/** What a pool may say of itself, as large and as long as it can get. */
export const HOSTILE: NetworkStanding = {
  reach: "push",
  why: "overlay",
  address: "a-worker-with-a-long-name.in-the-overlay:50053",
  trust: { score: 9_007_199_254_740_991, successful: 9_007_199_254_740_991, failed: -9_007_199_254_740_991, banned: false },
  earned_cpt: 9_007_199_254_740_991,
};

/** The network's ledger, of a size that scrolls, with everything in it that can be missing. */
export function ledgerOf({ pool }: Snapshot, now: number): NetworkLedger {
  if (pool.standing === null) return { told: false, earner: "", total_cpt: 0, entries: [], cut: false };
  const hostile = pool.standing.earned_cpt === HOSTILE.earned_cpt;
  const states: NetworkPay[] = ["waiting", "paid", "unpaid", "paid", "paid", "orphaned", "withdrawn"];
  const entries = Array.from({ length: hostile ? 100 : 24 }, (_, i): NetworkEntry => {
    const state = states[i] ?? "paid";
    const ours = state !== "paid" || i % 3 !== 1;
    return {
      task_id: hostile ? "t".repeat(128) : `7c9e6679-7425-40de-944b-${String(i + 100).padStart(12, "0")}`,
      attempt: ours ? 1 : null,
      payer: state !== "paid" ? "" : hostile ? "p".repeat(128) : i % 2 === 0 ? "render-studio" : "mei",
      computer: ours ? "" : hostile ? "c".repeat(128) : "attic-91c2aa",
      cpt: hostile ? 1_000_000_000_000 : state === "paid" || state === "withdrawn" ? 9 + ((i * 7) % 40) : 0,
      state,
      status: state !== "paid" ? "" : hostile ? "s".repeat(32) : "settled",
      at_ms: hostile && i === 4 ? null : now - i * 5_400_000,
    };
  });
  return { told: true, earner: "mei@100.64.0.1:50051", total_cpt: pool.standing.earned_cpt ?? 0, entries, cut: hostile };
}

/** A standing in which this computer asks. */
const asks = (why: ReachWhy, link = "overlay"): Snapshot => snapshot({ pool: { ...live({ reach: "pull", why, address: "" }), link } });

/** A standing in which no work comes. */
function barred(why: ReachWhy, banned: boolean): Snapshot {
  const trust = { score: 16, successful: 1, failed: 17, banned };
  return snapshot({ pool: live({ reach: "neither", why, address: "", trust, earned_cpt: 9 }), today: sum(0, 0, 0, 0) });
}

export const NETWORK_SCENES = {
  /** The live network's pool calls this computer. */
  network_push: (now) =>
    snapshot({
      status: { state: "earning", contributing: true, draining: false, running_tasks: 1, problem: null },
      tasks: [task(1, now, { active_ms: 212_000 })],
      pool: live(),
    }),
  /** This computer asks, as it has no address there. */
  network_pull: () => asks("no_overlay_address", "unencrypted"),
  /** As another program holds the port. */
  network_port: () => asks("port_taken"),
  /** As what was pushed is not the pool's by its key. */
  network_tokens: () => asks("tokens_refused"),
  /** As what was pushed never arrived. */
  network_vain: () => asks("pushed_in_vain"),
  network_low: () => barred("low_trust", false),
  network_banned: () => barred("banned", true),
  /** Without a container engine, with small functions alone. */
  network_functions: () => {
    const missing = problem("ENGINE_MISSING", "no container engine is installed (/var/run/docker.sock is missing)");
    const only = { functions_only: true };
    return snapshot({
      pool: live(),
      engine: { ready: false, name: "", version: "", isolation: "", minimum_isolation: "plain", gpus: false, holes: [], problem: missing, ...only },
    });
  },
  /** Its connection is lost for now. */
  network_away: (now) =>
    snapshot({
      status: { state: "connecting", contributing: true, draining: false, running_tasks: 0, problem: null },
      decision: { ...snapshot().decision, takes_work: false, reason: "pool_unreachable", all: ["pool_unreachable"], remedy: "wait" },
      pool: { ...live(), state: "backoff", failures: 2, retry_at_ms: now + 8_000, cause: problem("POOL_UNREACHABLE", "Connection refused.") },
    }),
} satisfies Record<string, (now: number) => Snapshot>;
