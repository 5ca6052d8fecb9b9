// What a check saw. The worker writes English; the sentences that it can write are known here, with their places for
// numbers and names, and a test compares the two. What is not known (an engine's own words) is shown as it is.

import { ATTACKS } from "./attacks";
import { bytes, duration, integer } from "./format";
import { SAID_OF_LINK } from "./link-said";
import { m } from "./messages";
import { engineName, gpuNote, isolation } from "./words";

export type Message = (inputs: never, options?: { locale?: "en" | "zh-TW" }) => string;

/** Messages with the names of their places. */
export const SAID: readonly (readonly [Message, ...string[]])[] = [
  [m.said_engine, "engine", "version"],
  [m.said_isolation_word, "isolation"],
  [m.said_image, "image"],
  [m.said_pool_answers, "pool"],
  [m.said_pool_waits, "pool"],
  [m.said_pool_unasked, "pool"],
  [m.said_pool_locked, "pool"],
  [m.said_pool_connecting, "pool"],
  [m.said_signed_in, "name"],
  [m.said_nobody],
  [m.said_before_keyring],
  [m.said_tls],
  [m.said_wireguard],
  [m.said_overlay],
  [m.said_loopback],
  [m.said_unencrypted],
  [m.said_before_pool],
  [m.said_memory, "n"],
  [m.said_memory_low, "n"],
  [m.said_engine_memory, "n"],
  [m.said_engine_memory_low, "n"],
  [m.said_disk_unknown],
  [m.said_disk, "n"],
  [m.said_gpu_unable, "names"],
  [m.said_no_gpu, "note"],
  [m.said_processor],
  [m.said_no_keyring],
  [m.said_keyring],
  [m.said_keyring_locked],
  [m.said_keyring_lost],
  [m.said_nothing_kept],
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
  [m.said_maybe_hole, "id", "component", "found", "mended"],
  [m.said_proving],
  [m.said_unproved],
  [m.said_proved, "n"],
  [m.said_broken, "what"],
  [m.said_task_disk],
  [m.said_no_companion],
  [m.said_link_off],
  [m.said_link_unasked],
  [m.said_link_setting_up],
  [m.said_link_handshake, "address", "endpoint", "seconds"],
  [m.said_link_no_handshake, "address", "endpoint"],
  [m.said_link_bytes, "received", "sent", "mtu"],
  [m.said_link_process],
  [m.said_link_system],
  [m.said_link_exposed, "file"],
  [m.said_link_key, "file"],
  [m.said_link_tls],
  [m.said_link_clock],
  [m.said_sensor_unreadable, "sensors"],
  [m.said_sensor_ignored, "sensors"],
  [m.said_sensors],
  [m.said_clock_unknown],
  [m.said_clock, "seconds"],
  [m.said_clock_behind, "seconds"],
  [m.said_clock_ahead, "seconds"],
  [m.said_link_unused],
  [m.said_no_failing],
  [m.said_last_one, "why"],
  [m.said_no_start, "why"],
  [m.said_no_runtime],
  [m.said_certificate_early, "pool"],
  [m.said_certificate_expired, "pool"],
  [m.said_certificate_wrong, "pool"],
  [m.said_certificate_other, "pool"],
  [m.said_no_page],
  [m.said_page],
  [m.said_port_taken, "n"],
  [m.said_lan_off],
  [m.said_lan, "addresses"],
  [m.said_lan_sha256, "sha256"],
  [m.said_lan_taken, "n"],
  [m.said_lan_failed, "why"],
  [m.said_certificate, "why"],
  [m.said_no_certificate],
  [m.said_tray],
  [m.said_tray_coming],
  [m.said_tray_unwanted],
  [m.said_no_desktop],
  [m.said_no_tray],
  [m.said_window],
  [m.said_window_lacks, "part"],
  [m.said_storage, "part"],
  [m.said_storage_slow, "part"],
  [m.said_open_files, "n"],
  [m.said_open_files_few, "n"],
  [m.said_swappiness, "n"],
  [m.said_swappiness_high, "n"],
  [m.said_socket_buffers, "n"],
  [m.said_socket_buffers_small, "n"],
  [m.said_untunable],
  [m.said_virtualization_off],
  [m.said_no_kvm, "path"],
  [m.said_journal],
  [m.said_no_wsl],
  [m.said_no_wsl_for_desktop],
  [m.said_engine_absent_socket],
  [m.said_engine_absent, "path"],
  [m.said_engine_idle_socket],
  [m.said_engine_idle, "path"],
  [m.said_engine_user],
  [m.said_engine_mute],
  [m.said_engine_mute_why, "words"],
  [m.said_engine_own, "n", "words"],
  [m.said_engine_old, "found", "needed"],
  [m.said_nothing_at, "path"],
  [m.said_no_right, "path"],
  [m.said_name_unknown, "pool", "host"],
  [m.said_not_taken, "pool"],
  [m.said_pool_mute, "pool"],
  [m.said_no_manifest, "image"],
  [m.said_pool_late],
  [m.said_pool_silent],
  [m.said_no_handshake_within, "n"],
  [m.said_no_room, "file"],
  [m.said_no_write, "file"],
  [m.said_records],
  [m.said_ended_with, "n"],
  ...SAID_OF_LINK,
];

/** Sentences that are easier read in other words or units than the worker writes. */
const TOLD: ReadonlyMap<Message, Message> = new Map<Message, Message>([
  [m.said_link_handshake, m.told_link_handshake],
  [m.said_link_bytes, m.told_link_bytes],
  [m.said_clock, m.told_clock],
  [m.said_clock_behind, m.told_clock_behind],
  [m.said_clock_ahead, m.told_clock_ahead],
  [m.said_no_manifest, m.told_no_manifest],
]);

const SENSES: Readonly<Record<string, () => string>> = {
  suspend: m.sense_suspend,
  update: m.sense_update,
  disk: m.sense_disk,
  "cpu heat": m.sense_cpu_heat,
  "gpu heat": m.sense_gpu_heat,
  battery: m.sense_battery,
  "exclusive app": m.sense_exclusive_app,
  "full screen": m.sense_full_screen,
  idle: m.sense_idle,
  lock: m.sense_lock,
  "remote session": m.sense_remote_session,
  "other programs": m.sense_other_programs,
  metered: m.sense_metered,
  traffic: m.sense_traffic,
};

/** Inside a sentence, with a small letter; `gVisor` and `GPU` keep theirs. */
const within = (text: string): string => text.replace(/^\p{Lu}(?=\p{Ll})/u, (letter) => letter.toLowerCase());

/** What stands in a place, in the reader's language and with its unit. */
const SHOWN: Readonly<Record<string, (said: string) => string>> = {
  engine: engineName,
  isolation: (word) => within(isolation(word)),
  word: (word) => within(isolation(word)),
  note: gpuNote,
  // The worker writes 16.0 GiB where every other screen says 16 GiB.
  n: (count) => count.replace(/\.0$/, ""),
  received: (count) => bytes(Number(count)),
  sent: (count) => bytes(Number(count)),
  mtu: (count) => integer(Number(count)),
  seconds: (count) => duration(Number(count) * 1000),
  sensors: (list) => list.split(", ").map((name) => (Object.hasOwn(SENSES, name) ? (SENSES[name]?.() ?? name) : name)).join(m.list_comma()),
  why: (text) => one(text) ?? headed(text),
  what: (list) => attempts(list).join(m.list_comma()),
};

/** A reason with what it is about behind it. */
function headed(text: string): string {
  const [, head = "", about = ""] = /^(.+?): (.*)$/su.exec(text) ?? [];
  const known = one(head);
  return known === null ? text : m.refused_about({ head: known, about });
}

/** The self-test's attempts, of which the worker tells the English words; some have a comma of their own. */
function attempts(list: string): string[] {
  const said: string[] = [];
  for (let rest = list; rest !== ""; ) {
    const known = Object.values(ATTACKS).find((words) => words !== undefined && `${rest}, `.startsWith(`${call(words, {}, "en")}, `));
    const length = known ? call(known, {}, "en").length : `${rest}, `.indexOf(", ");
    said.push(known ? within(known()) : rest.slice(0, length));
    rest = rest.slice(length + 2);
  }
  return said;
}

/** In the reader's language; `ours` says whether all of it is. */
interface Said {
  text: string;
  ours: boolean;
}

interface Known {
  pattern: RegExp;
  /** How much of the sentence is its own, and not a place's. */
  own: number;
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
  // An image's name has no space, and what stands before it is none of it.
  const places = literal.replace(/\u{e000}(\d+)\u{e001}/gu, (_, index: string) => (names[Number(index)] === "image" ? "(\\S+)" : "(.+?)"));
  const pattern = new RegExp(`^${places}$`, "u");
  return { pattern, own: english.replace(/\u{e000}\d+\u{e001}/gu, "").length, message, names: order };
}

/** Of two that fit, the one that leaves less to its places: "{pool} answers" would take in "not known before the pool answers". */
const learned = (): readonly Known[] => SAID.map(learn).sort((a, b) => b.own - a.own);

/** Which message a sentence is, and what stands in its places. */
export function recognise(sentence: string): { message: Message; said: Record<string, string> } | null {
  known ??= learned();
  for (const { pattern, message, names } of known) {
    const found = pattern.exec(sentence);
    if (found) return { message, said: Object.fromEntries(names.map((name, i) => [name, found[i + 1] ?? ""])) };
  }
  return null;
}

function one(sentence: string): string | null {
  const found = recognise(sentence);
  if (!found) return null;
  const { message, said } = found;
  // The weakest isolation is no demand.
  if (message === m.said_demanded && said.word === "plain") return "";
  return call(TOLD.get(message) ?? message, Object.fromEntries(Object.entries(said).map(([name, value]) => [name, SHOWN[name]?.(value) ?? value])));
}

/** With a capital at the beginning, where a sentence begins with a word: an address or a path keeps its own letters, and so
 * does a name in a Chinese sentence. */
export function opened(text: string): string {
  return !/\p{Script=Han}/u.test(text) && /^\p{Ll}+(?=[\s,;.]|:\s|$)/u.test(text) ? text.charAt(0).toUpperCase() + text.slice(1) : text;
}

/** The proof as it stands alone on a line. */
export function proofLine(proof: string): Said {
  const { text, ours } = proofText(proof);
  return { text: opened(text), ours };
}

/** The proof's first statement, for a finding that has no other sentence, and what else was seen. */
export function proofHead(proof: string): { head: Said; rest: Said | null } {
  const [first = "", ...rest] = proof.split("; ");
  return { head: proofLine(first), rest: rest.length > 0 ? proofLine(rest.join("; ")) : null };
}

export function proofText(proof: string): Said {
  // Parts first: the first place of a sentence would else take in what stands before it.
  const parts = proof.split("; ").map((part) => ({ part, text: one(part) }));
  const ours = parts.every(({ text }) => text !== null);
  const whole = ours ? null : one(proof);
  if (whole !== null) return { text: whole, ours: true };
  if (parts.every(({ text }) => text === null)) return { text: proof, ours: false };
  return { text: parts.map(({ part, text }) => text ?? part).filter(Boolean).join(m.said_and()), ours };
}
