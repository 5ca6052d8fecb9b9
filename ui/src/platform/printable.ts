// The worker makes text from pools and tasks printable before it tells it. The page does not lean on that: nothing that
// turns the direction of what stands around it, or is there and cannot be seen, comes further than here.

import type { Event } from "../generated/Event";
import { CallError, type CommandName, type Platform } from "./platform";

/** As `is_unsafe` in `crates/domain/src/text.rs`. */
const UNSAFE =
  /[\p{Cc}\u{ad}\u{34f}\u{61c}\u{115f}\u{1160}\u{17b4}\u{17b5}\u{180b}-\u{180f}\u{200b}-\u{200f}\u{2028}-\u{202e}\u{2060}-\u{206f}\u{3164}\u{feff}\u{ffa0}\u{fff0}-\u{fffb}\u{1bca0}-\u{1bca3}\u{1d173}-\u{1d17a}\u{e0000}-\u{e0fff}]/gu;

/** What is no text to be shown but a file to be saved, byte for byte. */
const FILES: ReadonlySet<CommandName> = new Set<CommandName>(["receipts"]);

/** Most of what is told: nothing in it needs a look at each of its letters. */
const HARMLESS = /^[ -~]*$/;

/** The text without what is not printable: one line. */
export function plainLine(text: string): string {
  return HARMLESS.test(text) ? text : text.replaceAll("\t", " ").replace(UNSAFE, "");
}

/** The same value with every text in it made printable. */
export function plain<T>(value: T): T {
  if (typeof value === "string") return plainLine(value) as T;
  if (Array.isArray(value)) return value.map(plain) as T;
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, plain(one)])) as T;
}

/** The host, of whose words only what is printable is heard. */
export function printable(host: Platform): Platform {
  return {
    ...host,
    call: async (name, request) => {
      try {
        const answer = await host.call(name, request);
        return FILES.has(name) ? answer : plain(answer);
      } catch (e) {
        throw e instanceof CallError ? new CallError(plain(e.api)) : e;
      }
    },
    subscribe: (onEvent, onState) => host.subscribe((event) => onEvent(plain<Event>(event)), onState),
  };
}
