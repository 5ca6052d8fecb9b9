// How this computer stands with the live network, in words, and what can be clicked about it.

import type { NetworkEntry } from "../generated/NetworkEntry";
import type { NetworkPay } from "../generated/NetworkPay";
import type { NetworkTrust } from "../generated/NetworkTrust";
import type { ReachWhy } from "../generated/ReachWhy";
import { LEAST_TRUST } from "../model/network";
import { m } from "./messages";

export const REACH_WHYS: Record<ReachWhy, () => string> = {
  not_connected: m.reach_why_not_connected,
  overlay: m.reach_why_overlay,
  same_computer: m.reach_why_same_computer,
  chosen: m.reach_why_chosen,
  no_overlay_address: m.reach_why_no_overlay_address,
  port_taken: m.reach_why_port_taken,
  through_proxy: m.reach_why_through_proxy,
  tokens_refused: m.reach_why_tokens_refused,
  pushed_in_vain: m.reach_why_pushed_in_vain,
  low_trust: m.reach_why_low_trust,
  banned: m.reach_why_banned,
};

/** Why work comes so. A word from a newer worker that we do not know is shown as it is. */
export function reachWhy(word: string): string {
  return Object.hasOwn(REACH_WHYS, word) ? REACH_WHYS[word as ReachWhy]() : word;
}

/** What mends it: a setting, or how to join the overlay, which only a person can do. */
export type NetworkFix = { words: string; setting: string } | { words: string; join: true };

/** The way out, where there is one. */
export function networkFix(why: string): NetworkFix | null {
  switch (why) {
    case "chosen":
      return { words: m.net_fix_work(), setting: "nodepool_work" };
    case "port_taken":
    case "pushed_in_vain":
      return { words: m.net_fix_port(), setting: "nodepool_port" };
    case "tokens_refused":
      return { words: m.net_fix_key(), setting: "nodepool_key" };
    case "through_proxy":
      return { words: m.net_fix_proxy(), setting: "nodepool_proxy" };
    case "no_overlay_address":
      return { words: m.net_fix_overlay(), join: true };
    default:
      return null;
  }
}

const PAYS: Record<NetworkPay, () => string> = {
  paid: m.ledger_paid,
  waiting: m.ledger_waiting,
  unpaid: m.ledger_unpaid,
  orphaned: m.ledger_orphaned,
  withdrawn: m.ledger_withdrawn,
};

/** How the pay of a task stands. A word from a newer worker that we do not know is shown as it is. */
export function networkPay(word: string): string {
  return Object.hasOwn(PAYS, word) ? PAYS[word as NetworkPay]() : word;
}

/** Why pay is missing, once for each kind that is. */
export function payMissing(entries: readonly Pick<NetworkEntry, "state">[]): string[] {
  const whys: [NetworkPay, () => string][] = [
    ["unpaid", m.ledger_why_unpaid],
    ["orphaned", m.ledger_why_orphaned],
    ["withdrawn", m.ledger_why_withdrawn],
  ];
  return whys.filter(([kind]) => entries.some(({ state }) => state === kind)).map(([, why]) => why());
}

/** What trust is good for. */
export function trustWord({ score, banned }: NetworkTrust): string {
  return banned ? m.net_trust_banned() : score < LEAST_TRUST ? m.net_trust_low() : m.net_trust_enough();
}

/** What joins a computer to the overlay, with what the network tells in capitals. */
export function joinCommand(os: string): string {
  return `${os === "windows" ? "" : "sudo "}tailscale up --login-server ADDRESS --auth-key KEY`;
}
