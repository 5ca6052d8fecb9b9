// A worker that lets everything through: wherever a stranger's words can stand in its state and its answers, there is one
// text of the list of hostile ones. `?stranger=` names it by its number there; `twin` says a harmless one, and `all` says
// all of them behind one another.

import list from "../../../../tests/hostile/texts.json";
import type { Event } from "../../generated/Event";
import { CallError, type CommandName, type Platform } from "../platform";

/** More of what is very long is cut by the bounds of every field. */
const MOST_TIMES = 200;

export const HARMLESS = "harmless";

/** What is tried; `ui/e2e` reads the names. */
export const TEXTS: readonly { name: string; text: string }[] = (list as { name: string; text: string; times?: number }[]).map(
  ({ name, text, times }) => ({ name, text: text.repeat(Math.min(times ?? 1, MOST_TIMES)) }),
);

/** A text as it stands in its field: as words, never as none. */
export function around(text: string, where = ""): string {
  return `a ${text} z${where}`;
}

/** Where a stranger's words can stand in the state; a star is any place of a list. */
const STATE = [
  "account.username",
  "engine.holes.*.component",
  "engine.holes.*.found",
  "engine.holes.*.lets",
  "engine.holes.*.mended",
  "engine.name",
  "engine.problem.message",
  "engine.version",
  "host.cpu_name",
  "host.gpu_note",
  "host.gpus.*.name",
  "host.hostname",
  "host_questions.*.host",
  "host_questions.*.task_name",
  "image_questions.*.image",
  "image_questions.*.repository",
  "notices.*.error.message",
  "pool.cause.message",
  "pool.node_id",
  "pool.url",
  "private_link.address",
  "private_link.endpoint",
  "private_link.problem.message",
  "pulls.*.image",
  "status.problem.message",
  "tasks.*.image_digest",
  "tasks.*.message",
  "tasks.*.name",
];

const TASK = ["image_digest", "message", "name", "report.image_digest", "result_sha256"];

/** The same in answers, by the command's name. */
const ANSWERS: Partial<Record<CommandName, readonly string[]>> = {
  snapshot: STATE,
  task: TASK,
  stop_task: TASK,
  tasks: TASK.map((place) => `tasks.*.${place}`),
  earnings: ["tasks.*.name", "electricity.idle.*.device"],
  network_ledger: ["entries.*.task_id", "entries.*.payer", "entries.*.computer", "entries.*.status"],
  programs: ["*"],
  earned_tasks: ["tasks.*.name"],
  logs: ["lines.*.text"],
  own_log: ["lines.*.text", "file"],
  doctor: ["findings.*.proof", "findings.*.fix"],
  prove: ["attacks.*.evidence"],
  metrics: ["samples.*.gpus.*.name"],
  footprint: ["versions.*.name", "versions.*.version", "traces.*.place", "updates.version", "updates.package", "updates.newest", "updates.ready", "updates.tried.version"],
  debug_data: ["folder", "files.*.name"],
  practice: ["lines.*", "problem.message"],
  begin_practice: ["lines.*", "problem.message"],
  link: ["link.address", "link.endpoint"],
  renew_link: ["address", "endpoint"],
  narrow_link: ["address", "endpoint"],
};

const EVENTS: Partial<Record<Event["event"], readonly string[]>> = {
  snapshot: STATE,
  log: ["lines.*.text"],
  metrics: ["gpus.*.name"],
};

/** The value with other words at these places. What keeps its words keeps its shape too: nothing becomes a text. */
function swapped(value: unknown, places: readonly string[], say: (where: string) => string, at = "", where = ""): unknown {
  if (typeof value === "string") return places.includes(at) ? say(where) : value;
  const step = (path: string, key: string): string => (path === "" ? key : `${path}.${key}`);
  if (Array.isArray(value)) return value.map((one, i) => swapped(one, places, say, step(at, "*"), `${where}${i}`));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, swapped(one, places, say, step(at, key), where)]));
}

/** The host in other words. */
export function stranger(host: Platform, which: string | null): Platform {
  if (which === null) return host;
  const everything = TEXTS.map(({ text }) => text).join(" ");
  const text = which === "twin" ? HARMLESS : which === "all" ? everything : (TEXTS[Number(which)]?.text ?? HARMLESS);
  // Names in a list differ.
  const say = (where: string): string => around(text, where);
  return {
    ...host,
    call: async (name, request) => {
      try {
        return swapped(await host.call(name, request), ANSWERS[name] ?? [], say) as never;
      } catch (e) {
        throw e instanceof CallError ? new CallError({ ...e.api, message: say("") }) : e;
      }
    },
    subscribe: (onEvent, onState) =>
      host.subscribe((event) => {
        const places = EVENTS[event.event];
        onEvent("data" in event && places ? ({ ...event, data: swapped(event.data, places, say) } as Event) : event);
      }, onState),
  };
}
