// What a check saw. The worker writes English; the sentences that it can write are known here, with their places for
// numbers and names, and a test compares the two. What is not known (an engine's own words) is shown as it is.

import { m } from "./messages";

type Message = (inputs: never, options?: { locale?: "en" | "zh-TW" }) => string;

/** Messages with the names of their places; of two that fit, the first is taken. */
const SAID: readonly (readonly [Message, ...string[]])[] = [
  [m.said_engine, "name", "version"],
  [m.said_isolation_word, "isolation"],
  [m.said_image, "image"],
  [m.said_pool_answers, "pool"],
  [m.said_pool_waits, "pool"],
  [m.said_pool_unasked, "pool"],
  [m.said_pool_connecting, "pool"],
  [m.said_signed_in, "name"],
  [m.said_nobody],
  [m.said_tls],
  [m.said_wireguard],
  [m.said_overlay],
  [m.said_loopback],
  [m.said_unencrypted],
  [m.said_before_connection],
  [m.said_memory, "n"],
  [m.said_disk_unknown],
  [m.said_disk, "n"],
  [m.said_gpu_unable, "names"],
  [m.said_no_keyring],
  [m.said_keyring],
  [m.said_keyring_locked],
  [m.said_before_engine],
  [m.said_plain, "word"],
  [m.said_userns, "word"],
  [m.said_userns_root],
  [m.said_rootless],
  [m.said_gvisor, "word"],
  [m.said_vm, "word"],
  [m.said_demanded, "word"],
  [m.said_no_hole],
  [m.said_hole, "id", "component", "found", "mended"],
  [m.said_proving],
  [m.said_unproved],
  [m.said_proved, "n"],
  [m.said_broken, "what"],
  [m.said_task_disk],
  [m.said_no_companion],
  [m.said_link_off],
  [m.said_link_unasked],
  [m.said_link_setting_up],
  [m.said_link_handshake, "address", "endpoint", "n"],
  [m.said_link_no_handshake, "address", "endpoint"],
  [m.said_link_bytes, "received", "sent", "mtu"],
  [m.said_link_process],
  [m.said_link_system],
  [m.said_link_exposed, "file"],
  [m.said_link_key, "file"],
  [m.said_link_tls],
  [m.said_sensor_unreadable, "names"],
  [m.said_sensor_ignored, "names"],
  [m.said_sensors],
  [m.said_clock_unknown],
  [m.said_clock],
  [m.said_clock_wrong, "n"],
  [m.said_no_page],
  [m.said_page],
  [m.said_port_taken, "n"],
  [m.said_journal],
];

interface Known {
  pattern: RegExp;
  message: Message;
  names: readonly string[];
}

let known: readonly Known[] | null = null;

/** Stands in a sentence where a number or name belongs; no sentence holds it. */
const place = (index: number): string => `\u{e000}${String(index)}\u{e001}`;

function call(message: Message, inputs: Record<string, string>, locale?: "en"): string {
  return (message as (inputs: object, options?: object) => string)(inputs, locale ? { locale } : undefined);
}

function learn([message, ...names]: readonly [Message, ...string[]]): Known {
  const english = call(message, Object.fromEntries(names.map((name, i) => [name, place(i)])), "en");
  const literal = english.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
  // In the order of the English sentence.
  const order = [...english.matchAll(/\u{e000}(\d+)\u{e001}/gu)].map(([, index]) => names[Number(index)] ?? "");
  return { pattern: new RegExp(`^${literal.replace(/\u{e000}\d+\u{e001}/gu, "(.+?)")}$`, "u"), message, names: order };
}

function one(sentence: string): string | null {
  known ??= SAID.map(learn);
  for (const { pattern, message, names } of known) {
    const found = pattern.exec(sentence);
    if (found) return call(message, Object.fromEntries(names.map((name, i) => [name, found[i + 1] ?? ""])));
  }
  return null;
}

/** With a capital at the beginning, where a sentence begins with a word: an address or a path keeps its own letters. */
export function opened(text: string): string {
  return /^\p{Ll}+(?=[\s,;.]|:\s|$)/u.test(text) ? text.charAt(0).toUpperCase() + text.slice(1) : text;
}

/** The proof as it stands alone on a line. */
export function proofLine(proof: string): { text: string; ours: boolean } {
  const { text, ours } = proofText(proof);
  return { text: opened(text), ours };
}

/** The proof in the reader's language; `ours` says whether all of it is. */
export function proofText(proof: string): { text: string; ours: boolean } {
  const whole = one(proof);
  if (whole !== null) return { text: whole, ours: true };
  const parts = proof.split("; ").map((part) => ({ part, text: one(part) }));
  if (parts.every(({ text }) => text === null)) return { text: proof, ours: false };
  return {
    text: parts.map(({ part, text }) => text ?? part).join(m.said_and()),
    ours: parts.every(({ text }) => text !== null),
  };
}
