// How this installation stands with updates, in the reader's language: what `hivemind-worker update` tells as well.

import type { FootprintView } from "../generated/FootprintView";
import type { UpdateTried } from "../generated/UpdateTried";
import type { UpdatesView } from "../generated/UpdatesView";
import { moment } from "./format";
import { m } from "./messages";

type Words = Record<string, () => string>;

const WHY: Words = {
  address: m.upd_why_address,
  sent_away: m.upd_why_sent_away,
  unreachable: m.upd_why_unreachable,
  too_slow: m.upd_why_too_slow,
  status: m.upd_why_status,
  too_much: m.upd_why_too_much,
  broke_off: m.upd_why_broke_off,
  disk: m.upd_why_disk,
  too_large: m.upd_why_too_large,
  signature_unreadable: m.upd_why_signature_unreadable,
  not_signed: m.upd_why_not_signed,
  manifest_unreadable: m.upd_why_manifest_unreadable,
  field: m.upd_why_field,
  other_program: m.upd_why_other_program,
  expired: m.upd_why_expired,
  from_the_future: m.upd_why_from_the_future,
  not_newer: m.upd_why_not_newer,
  replayed: m.upd_why_replayed,
  tried_before: m.upd_why_tried_before,
  too_old: m.upd_why_too_old,
  no_artefact: m.upd_why_no_artefact,
  wrong_size: m.upd_why_wrong_size,
  wrong_hash: m.upd_why_wrong_hash,
};

const BACK: Words = {
  ended: m.upd_back_ended,
  not_started: m.upd_back_not_started,
  not_watched: m.upd_back_not_watched,
  silent: m.upd_back_silent,
};

const STANDINGS: Words = {
  takes: m.upd_takes,
  off: m.upd_off,
  msi: m.upd_msi,
  no_key: m.upd_no_key,
  unknown: m.upd_unknown,
};

/** Of a word that a newer worker says, nothing is claimed. */
function because(words: Words, word: string): string {
  return (Object.hasOwn(words, word) ? words[word] : undefined)?.() ?? m.upd_no_reason();
}

/** Whether an answer tells of updates. A worker that was started before its package was renewed does not. */
export function tells(answer: Partial<FootprintView>): boolean {
  return (answer.updates?.standing ?? "") !== "";
}

/** Whether the owner decides here if updates are taken. */
export function isOwners(updates: UpdatesView): boolean {
  return updates.standing === "takes" || updates.standing === "off";
}

/** Who looks after updates, in one sentence; nothing of a standing that we do not know. */
export function standing(updates: UpdatesView): string {
  if (updates.standing === "package") return m.upd_package({ name: updates.package ?? m.unknown() });
  return (Object.hasOwn(STANDINGS, updates.standing) ? STANDINGS[updates.standing] : undefined)?.() ?? "";
}

/** One sentence; `wrong` where something did not go as it should. */
export interface Line {
  text: string;
  wrong: boolean;
}

const plain = (text: string): Line => ({ text, wrong: false });
const wrong = (text: string): Line => ({ text, wrong: true });

function outcome({ version, taken_back }: UpdateTried): Line {
  if (taken_back === null) return plain(m.upd_put_in_place({ version }));
  return wrong(m.upd_taken_back({ version, why: because(BACK, taken_back.word) }));
}

function next({ next, newest, ready }: UpdatesView): string {
  if (next === "newest") return m.upd_newest();
  if (next === "ready" && ready !== null) return m.upd_ready({ version: ready });
  if (next === "offered" && newest !== null) return m.upd_offered({ version: newest });
  return next === "known" && newest !== null ? m.upd_known({ version: newest }) : "";
}

/** What was looked for, found and tried, sentence by sentence. */
export function found(updates: UpdatesView): Line[] {
  const lines = updates.tried === null ? [] : [outcome(updates.tried)];
  if (!isOwners(updates)) return lines;
  lines.push(plain(updates.looked_ms === null ? m.upd_not_looked() : m.upd_looked({ at: moment(updates.looked_ms) })));
  const coming = next(updates);
  if (coming !== "") lines.push(plain(coming));
  if (updates.why !== null) lines.push(wrong(m.upd_not_taken({ why: because(WHY, updates.why.word) })));
  return lines;
}
