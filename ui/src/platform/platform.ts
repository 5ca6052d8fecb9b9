// The one seam between the screens and their host. Everything the screens know about the world comes through here.

import type { ApiError } from "../generated/ApiError";
import type { Commands } from "../generated/commands";
import type { Event } from "../generated/Event";

export type CommandName = keyof Commands;

/** Where the link to the worker stands. */
export type LinkState =
  | { kind: "connecting" }
  | { kind: "live" }
  /** No answer; the next try begins at `retryAtMs` (milliseconds since the Unix epoch). */
  | { kind: "lost"; attempt: number; retryAtMs: number }
  /** This browser has no session; only the owner can give it one. */
  | { kind: "unpaired" };

/** What this page may do: everything; everything but deciding who looks in (from the network); look. */
export type Rights = "all" | "operate" | "look";

export interface Platform {
  readonly kind: "tauri" | "http" | "fake";
  /** Known from the moment at which the stream is live; the worker refuses the rest in any case. */
  rights(): Rights;
  /** Sends one command. Rejects with a {@link CallError} and nothing else. */
  call<K extends CommandName>(name: K, request: Commands[K]["request"]): Promise<Commands[K]["response"]>;
  /**
   * Saves a text as a new file of this plain name, and tells the file's whole path where the host knows it.
   * Rejects with a {@link CallError} and nothing else.
   */
  save(name: string, text: string): Promise<string | null>;
  /** Follows the worker, for ever and across its restarts. After every new beginning a full snapshot comes first. */
  subscribe(onEvent: (event: Event) => void, onState: (state: LinkState) => void): () => void;
}

/** Every failure of a call, as the worker or the host described it. */
export class CallError extends Error {
  override readonly name = "CallError";
  constructor(readonly api: ApiError) {
    super(api.message);
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Whether a value has the shape of the control API's error. */
export function isApiError(value: unknown): value is ApiError {
  return isRecord(value) && typeof value["code"] === "string" && typeof value["message"] === "string";
}

/** Brings whatever was thrown into the one shape. */
export function asCallError(thrown: unknown, code: ApiError["code"] = "INTERNAL"): CallError {
  if (thrown instanceof CallError) return thrown;
  if (isApiError(thrown)) return new CallError({ ...thrown, facts: thrown.facts ?? {}, action: thrown.action ?? null });
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  const action = code === "WORKER_NOT_RUNNING" ? "start_worker" : null;
  return new CallError({ code, message, facts: {}, action });
}

const EVENT_NAMES = new Set(["snapshot", "metrics", "log", "raise_window", "report_problem", "quitting"]);
/** Events that say everything by their name. */
const BARE = new Set(["raise_window", "report_problem", "quitting"]);

/** An event of the stream, or nothing when the text is none. A newer worker may send kinds we do not know. */
export function parseEvent(text: string): Event | null {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return null;
  }
  if (!isRecord(value) || typeof value["event"] !== "string" || !EVENT_NAMES.has(value["event"])) return null;
  if (!BARE.has(value["event"]) && !isRecord(value["data"])) return null;
  return value as Event;
}
