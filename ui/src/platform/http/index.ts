// The worker behind its browser listener: same origin, a cookie from pairing, and our own header as a proof.

import type { Commands } from "../../generated/commands";
import { download } from "../download";
import { follow, pageClock, type FollowClock, type StreamEnd } from "../follow";
import type { CallError} from "../platform";
import { asCallError, isApiError, parseEvent, type CommandName, type Platform, type Rights } from "../platform";
import { FrameReader } from "./frames";

/** The worker sends a comment every 15 s; three missed ones mean that nobody is there. In milliseconds. */
export const SILENCE_MS = 45_000;

const HEADERS = { "X-HiveMind": "1" };

type Fetch = typeof globalThis.fetch;

async function refusal(response: Response): Promise<CallError> {
  const body: unknown = await response.json().catch(() => null);
  if (isApiError(body)) return asCallError(body);
  const code = response.status === 401 ? "NOT_PAIRED" : response.status === 403 ? "FORBIDDEN" : "INTERNAL";
  return asCallError(new Error(`The worker answered with status ${response.status}.`), code);
}

async function call<K extends CommandName>(
  fetch: Fetch,
  name: K,
  request: Commands[K]["request"],
): Promise<Commands[K]["response"]> {
  let response: Response;
  try {
    response = await fetch(`/rpc/${name}`, {
      method: "POST",
      headers: { ...HEADERS, "Content-Type": "application/json" },
      body: JSON.stringify(request),
      credentials: "same-origin",
      redirect: "error",
    });
  } catch (e) {
    throw asCallError(e, "WORKER_NOT_RUNNING");
  }
  if (!response.ok) throw await refusal(response);
  try {
    return (await response.json()) as Commands[K]["response"];
  } catch (e) {
    throw asCallError(e);
  }
}

/** The worker's word about this session; an older worker says nothing, and knows no session that only looks. */
function rightsOf(response: Response): Rights {
  const word = response.headers.get("x-hivemind-rights");
  return word === "look" || word === "operate" ? word : "all";
}

async function read(
  fetch: Fetch,
  stop: AbortSignal,
  onRights: (rights: Rights) => void,
  onFrame: (text: string) => void,
): Promise<StreamEnd> {
  const over = new AbortController();
  const end = (): void => over.abort();
  stop.addEventListener("abort", end);
  let timer = setTimeout(end, SILENCE_MS);
  try {
    const response = await fetch("/events", {
      headers: { ...HEADERS, Accept: "text/event-stream" },
      credentials: "same-origin",
      cache: "no-store",
      redirect: "error",
      signal: over.signal,
    });
    if (response.status === 401) return "unpaired";
    if (!response.ok || response.body === null) return "ended";
    onRights(rightsOf(response));
    const frames = new FrameReader();
    const utf8 = new TextDecoder();
    const reader = response.body.getReader();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return "ended";
      clearTimeout(timer);
      timer = setTimeout(end, SILENCE_MS);
      for (const frame of frames.feed(utf8.decode(value, { stream: true }))) onFrame(frame);
    }
  } finally {
    clearTimeout(timer);
    stop.removeEventListener("abort", end);
    end();
  }
}

/** The host for browsers. */
export function httpPlatform(
  fetch: Fetch = (...args) => globalThis.fetch(...args),
  clock: FollowClock = pageClock,
): Platform {
  let rights: Rights = "all";
  return {
    kind: "http",
    rights: () => rights,
    call: (name, request) => call(fetch, name, request),
    save: download,
    subscribe: (onEvent, onState) =>
      follow(
        (stop, onLife) => {
          let alive = false;
          const told = (word: Rights): void => {
            rights = word;
          };
          return read(fetch, stop, told, (text) => {
            if (stop.aborted) return;
            const event = parseEvent(text);
            if (event === null) return;
            if (!alive) {
              alive = true;
              onLife();
            }
            onEvent(event);
          });
        },
        onState,
        clock,
      ),
  };
}
