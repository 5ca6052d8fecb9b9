// A host without a worker: plays one of the scenes. Chosen by the address, such as `?scene=ready&lang=en&theme=dark`.

import { READ_COMMANDS, type Commands } from "../../generated/commands";
import type { ErrorCode } from "../../generated/ErrorCode";
import type { Event } from "../../generated/Event";
import type { LogLine } from "../../generated/LogLine";
import type { PrivateLinkView } from "../../generated/PrivateLinkView";
import type { ProofView } from "../../generated/ProofView";
import type { Snapshot } from "../../generated/Snapshot";
import type { TaskView } from "../../generated/TaskView";
import { ATTACKS } from "../../text/attacks";
import rehearsed from "../../text/rehearsed.json";
import { isLive } from "../../model/network";
import { download } from "../download";
import { CallError, type CommandName, type LinkState, type Platform } from "../platform";
import { type Scene, SCENES, sceneOf } from "./scenes";
import { findings, rehearse } from "./doctor";
import { earningsOf } from "./earnings";
import { currentOf } from "./electricity";
import { footprintOf } from "./footprint";
import { receiptsFrom } from "./receipts";
import { ownLogPage } from "./own-log";
import { ledgerOf } from "./network";
import { offers, timelineOf, trendOf, whatIfOf } from "./past";
import { practiceAt } from "./practice";
import { QR } from "./qr";
import { changed, judged, settings } from "./settings";
import { stranger } from "./stranger";
import { computing, pastTask, problem, sample, snapshot, task } from "./world";

type Handlers = { [K in CommandName]: (request: Commands[K]["request"]) => Commands[K]["response"] };

const LOG_LINES = 100_000;

const READS: ReadonlySet<CommandName> = new Set<CommandName>(READ_COMMANDS);

/** What has not begun says nothing. */
const begun = (t: TaskView): boolean => t.started_at_ms !== null;

/** Programs that run, as the worker names them: each once, sorted. */
const RUNNING: string[] = [
  "Xorg", "bash", "blender", "cat, and dog", "code", "firefox", "game.exe", "gimp", "inkscape", "python3", "steam", "teams", "thunderbird", "vlc",
  "a-program-with-a-rather-long-name-that-somebody-wrote-out-in-full", "影音播放器",
];

/** Scenes without a past. */
const BARREN: ReadonlySet<Scene> = new Set<Scene>(["empty", "off", "fresh"]);

function logLine(number: number): LogLine {
  const stderr = number % 97 === 96;
  const text = stderr ? "warning: falling back to one thread" : `checked ${(number * 1000).toLocaleString("en")} numbers, ${number * 78} primes so far`;
  return { number, stderr, at_ms: 0, text: number === 3 ? "<script>alert(1)</script> \u{202e}not html" : text };
}

export function fakePlatform(parameters: URLSearchParams, now: () => number = Date.now): Platform {
  const scene = sceneOf(parameters.get("scene"));
  const historyTotal = Number(parameters.get("history") ?? (BARREN.has(scene) ? 0 : 10_000));
  let lines = 240;
  const fault = parameters.get("fault") ?? "";
  let proved: ProofView | null = null;
  let held: Snapshot = {
    ...SCENES[scene](now()),
    language: parameters.get("lang") ?? "auto",
    theme: parameters.get("theme") ?? "system",
  };
  const worst = fault in rehearsed ? rehearse(fault as keyof typeof rehearsed).find((f) => f.level === "error") : undefined;
  if (worst?.code) {
    const state = worst.code === "POOL_UNREACHABLE" ? "connecting" : "needs_you";
    held = { ...held, status: { ...held.status, state, problem: problem(worst.code, worst.proof) } };
  }
  let list = settings(held.language, held.theme, scene);
  let finished: TaskView[] = [];
  let practised: number | null = null;
  let tell: (event: Event) => void = () => undefined;

  function show(change: Partial<Snapshot>): Snapshot {
    held = { ...held, ...change, seq: held.seq + 1 };
    tell({ event: "snapshot", data: held });
    return held;
  }

  function past(index: number): TaskView {
    const ended = finished[index] ?? pastTask(index - finished.length, now());
    // The live network's requesters may have nothing left to pay with.
    return isLive(held.pool) && ended.task_id.endsWith("101") ? { ...ended, verdict: "succeeded", phase: "settled", credited_cpt: 0, settled: true } : ended;
  }

  /** The private link is up again, once it was down; the worker's own tunnel carries it. */
  function linked(): PrivateLinkView {
    if (held.private_link.state !== "down") return held.private_link;
    const link = { ...held.private_link, state: "up" as const, kind: "process" as const, problem: null };
    show({
      private_link: { ...link, address: "10.100.0.7/32", endpoint: "203.0.113.7:51820", mtu: 1220 },
      pool: { ...held.pool, state: "online", link: "tunnel", cause: null },
      status: { ...held.status, state: "ready", problem: null },
      decision: snapshot().decision,
    });
    return held.private_link;
  }

  function stopped(): Snapshot {
    const status = { state: "off", contributing: false, draining: false, running_tasks: 0, problem: null } as const;
    return show({ status, tasks: [] });
  }

  const handlers: Handlers = {
    snapshot: () => held,
    start: () => {
      const n = held.tasks.length;
      const state = n > 0 ? "earning" : "ready";
      return show({ status: { state, contributing: true, draining: false, running_tasks: n, problem: null } });
    },
    stop: stopped,
    snooze: ({ length }) => {
      const on = length !== "off";
      const decision = { ...held.decision, takes_work: !on, reason: on ? ("snoozed" as const) : ("free" as const), all: [on ? ("snoozed" as const) : ("free" as const)], until: null };
      return show({ status: { ...held.status, state: on ? "snoozed" : "ready" }, decision });
    },
    ignore_rules: ({ minutes }) => {
      const reason = minutes > 0 ? ("forced" as const) : ("free" as const);
      const status = { ...held.status, state: held.tasks.length > 0 ? ("earning" as const) : ("ready" as const) };
      return show({ status, decision: { ...held.decision, takes_work: true, reason, all: [reason], until: null } });
    },
    set_preset: ({ name }) => {
      show({ preset: { name, differs: [] } });
      return list;
    },
    presets: () => offers(),
    trend: ({ minutes }) => trendOf(minutes, now(), held),
    timeline: (query) => timelineOf(query.to_ms ?? now(), query.from_ms, BARREN.has(scene), held),
    what_if: ({ changes, days }) => whatIfOf(changes, days, list, now(), currentOf(scene)),
    finish: () => show({ status: { ...held.status, contributing: false, draining: true } }),
    tasks: (query) => {
      if (scene === "lost") throw new CallError(problem("WORKER_NOT_RUNNING", ""));
      const limit = query.limit || 50;
      const total = historyTotal + finished.length;
      if (!query.search && !query.state) {
        const count = Math.max(0, Math.min(limit, total - query.offset));
        return { tasks: Array.from({ length: count }, (_, i) => past(query.offset + i)), total };
      }
      const wanted = query.search?.toLowerCase() ?? "";
      const found = Array.from({ length: total }, (_, i) => past(i)).filter(
        (t) =>
          (wanted === "" || t.name.toLowerCase().includes(wanted) || t.task_id.includes(wanted)) &&
          (!query.state || t.verdict === query.state || t.phase === query.state),
      );
      return { tasks: found.slice(query.offset, query.offset + limit), total: found.length };
    },
    task: (ref) => {
      const all = [...held.tasks, ...Array.from({ length: Math.min(500, historyTotal) }, (_, i) => past(i))];
      const found = all.find((t) => t.task_id === ref.task_id);
      if (!found) throw new CallError(problem("TASK_UNKNOWN", "There is no such task."));
      return found;
    },
    logs: (query) => {
      const total = held.tasks.some((t) => t.task_id === query.task.task_id) ? lines : LOG_LINES;
      const limit = query.limit || 200;
      const from = query.from ?? Math.max(0, total - limit);
      const count = Math.max(0, Math.min(limit, total - from));
      return { lines: Array.from({ length: count }, (_, i) => logLine(from + i)), total, first_kept: 0 };
    },
    own_log: (query) => ownLogPage(query, now()),
    debug_data: (ref) => {
      const name = `${ref.task_id}.${ref.attempt ?? 1}`;
      return {
        folder: `/home/ann/.local/share/hivemind-worker/debug/${name}`,
        kept_at_ms: now() - 3_600_000,
        until_ms: now() + 6 * 86_400_000,
        files: [
          { name: "about.json", size_bytes: 57 },
          { name: "container.json", size_bytes: 2_310 },
          { name: "log.txt", size_bytes: 48_120 },
          { name: "outputs.zip", size_bytes: 1_204 },
          { name: "package.txt", size_bytes: 212 },
          { name: "report.json", size_bytes: 1_903 },
        ],
      };
    },
    open_debug_data: () => null,
    stop_task: (ref) => {
      const found = held.tasks.find((t) => t.task_id === ref.task_id);
      if (!found) throw new CallError(problem("TASK_ENDED", "This task has already ended."));
      const ended = { ...found, phase: "handed_back", verdict: "handed_back", ended_at_ms: now(), closed_at_ms: now() };
      finished = [ended, ...finished];
      const tasks = held.tasks.filter((t) => t !== found);
      const state = tasks.length > 0 ? "earning" : "ready";
      show({ tasks, status: { ...held.status, state, running_tasks: tasks.length } });
      return ended;
    },
    answer_host: (answer) => {
      show({ host_questions: held.host_questions.filter((q) => q.host !== answer.host) });
      return held;
    },
    earnings: (query) => earningsOf(query.days || 30, BARREN.has(scene), held, now(), currentOf(scene)),
    earned_tasks: (query) => {
      const { tasks } = earningsOf(query.days || 30, BARREN.has(scene), held, now(), currentOf(scene));
      return { tasks: tasks.slice(query.offset, query.offset + (query.limit || 50)), total: tasks.length };
    },
    network_ledger: () => ledgerOf(held, now()),
    receipts: ({ from }) => receiptsFrom(from),
    login: ({ username, password }) => {
      if (password === "wrong") throw new CallError(problem("WRONG_CREDENTIALS", "The pool knows no such name and password."));
      const account = { username, balance_cpt: 150, tokens_in_file: true };
      show({
        account,
        pool: { ...held.pool, state: "online", cause: null },
        status: { state: "ready", contributing: true, draining: false, running_tasks: 0, problem: null },
      });
      return account;
    },
    logout: () => show({ account: null, pool: { ...held.pool, state: "idle" } }),
    settings: () => list,
    check_setting: ({ key, value }) => {
      judged(list, key, value);
      return null;
    },
    set_setting: ({ key, value }) => {
      list = changed(list, key, value);
      if (key === "private_link_tunnel" && value === "worker") linked();
      const of = (name: string): string => list.find((s) => s.key === name)?.value ?? "";
      show({ language: of("language"), theme: of("theme") });
      return list;
    },
    programs: () => {
      if (parameters.has("no_programs")) throw new CallError(problem("INTERNAL", "the list of processes cannot be read"));
      return RUNNING;
    },
    answer_image: ({ repository }) => {
      show({ image_questions: held.image_questions.filter((q) => q.repository !== repository) });
      return list;
    },
    metrics: () => {
      const end = now();
      const totals = { succeeded: 12, failed: 1, timed_out: 0, cancelled: 0, handed_back: 1, lost: 0, run_ms: 5_400_000, cpu_ms: 4_900_000, bytes_in: 120_000, bytes_out: 480_000 };
      return { samples: Array.from({ length: 60 }, (_, i) => sample(end - (59 - i) * 1000, computing(held.tasks), held.host)), totals };
    },
    doctor: () => ({ findings: fault in rehearsed ? rehearse(fault as keyof typeof rehearsed) : findings(held, proved) }),
    prove: () => {
      const broken = problem("SANDBOX_BROKEN", "the self-test found that tasks could break out here");
      if (parameters.has("broken")) show({ status: { ...held.status, state: "needs_you", problem: broken } });
      proved = {
        at_ms: now(),
        attacks: Object.keys(ATTACKS).map((name) => ({
          name,
          what: name,
          denied: !(parameters.has("broken") && name === "local_network"),
          evidence: name === "local_network" ? "192.168.1.1:80: packets left the container" : "Operation not permitted",
        })),
      };
      return proved;
    },
    renew_link: () => linked(),
    narrow_link: () => linked(),
    link: () =>
      parameters.has("link")
        ? {
            link: { ...held.private_link, state: "up", address: "10.77.0.2", endpoint: "203.0.113.2:51820", mtu: 1220 },
            handshake_s: 42,
            received_bytes: 73_400_320,
            sent_bytes: 5_242_880,
          }
        : held.private_link.state === "up"
          ? { link: held.private_link, handshake_s: 142, received_bytes: 73_400_320, sent_bytes: 5_242_880 }
          : { link: held.private_link, handshake_s: null, received_bytes: 0, sent_bytes: 0 },
    footprint: () => footprintOf(scene, held, now()),
    practice: () => practiceAt(practised, now()),
    begin_practice: () => {
      practised = now();
      return practiceAt(practised, now());
    },
    open_window: () => null,
    report_problem: () => null,
    invite: ({ lan }) => ({
      url: lan ? "https://192.168.1.7:5443/pair?code=00112233445566778899aabbccddeeff" : "http://127.0.0.1:5001/pair?code=00112233445566778899aabbccddeeff",
      expires_in_seconds: 120,
      read_only: true,
      certificate_sha256: lan ? "0f1e2d3c4b5a69788796a5b4c3d2e1f0".repeat(2) : null,
      qr: QR,
    }),
    pair: () => {
      throw new CallError(problem("FORBIDDEN", "This can only be done from the tray."));
    },
    quit: () => null,
  };

  /** One second of work. */
  function tick(): void {
    tell({ event: "metrics", data: sample(now(), computing(held.tasks), held.host) });
    if (held.tasks.length === 0 || parameters.has("still")) return;
    for (const t of held.tasks.filter(begun)) {
      const fresh = [logLine(lines)];
      tell({ event: "log", data: { task: { task_id: t.task_id, attempt: t.attempt }, lines: fresh } });
    }
    lines += 1;
    const tasks = held.tasks.map((t) => ({ ...t, active_ms: t.active_ms + 1000, estimated_cpt: 1 + Math.floor(t.active_ms / 60_000) }));
    const credited = held.today.credited_cpt + (lines % 5 === 0 ? 1 : 0);
    show({ tasks, today: { ...held.today, credited_cpt: credited, estimated_cpt: Math.max(credited, held.today.estimated_cpt) } });
  }

  return {
    kind: "fake",
    rights: () => (scene === "looking" ? "look" : parameters.has("from_network") ? "operate" : "all"),
    call: async (name, request) => {
      await new Promise((resolve) => setTimeout(resolve, 5));
      if (scene === "looking" && !READS.has(name)) throw new CallError(problem("READ_ONLY", "This page may look and not change anything."));
      return (handlers[name] as (r: unknown) => never)(request);
    },
    // A browser by itself; with `saves` a window, which knows the path or fails with this code.
    save: async (name, text) => {
      const saves = parameters.get("saves");
      if (saves === null) return download(name, text);
      await new Promise((resolve) => setTimeout(resolve, 5));
      if (!saves.startsWith("/")) throw new CallError(problem(saves as ErrorCode, ""));
      return `${saves}/${name}`;
    },
    subscribe: (onEvent, onState: (state: LinkState) => void) => {
      tell = onEvent;
      onState({ kind: "connecting" });
      const timers: ReturnType<typeof setTimeout>[] = [];
      timers.push(
        setTimeout(() => {
          if (scene === "unpaired") return onState({ kind: "unpaired" });
          if (scene === "starting") return onState({ kind: "lost", attempt: 1, retryAtMs: now() + 9_000 });
          onState({ kind: "live" });
          onEvent({ event: "snapshot", data: held });
          for (const t of held.tasks.filter(begun)) {
            const tail = Array.from({ length: 5 }, (_, i) => logLine(lines - 5 + i));
            onEvent({ event: "log", data: { task: { task_id: t.task_id, attempt: t.attempt }, lines: tail } });
          }
          if (scene === "lost") return onState({ kind: "lost", attempt: 3, retryAtMs: now() + 9_000 });
          timers.push(setInterval(tick, 1000));
        }, 10),
      );
      // Lets a test play the pool: a new task appears. And the owner, who chooses another language and theme; and see
      // what the screens are answered.
      (globalThis as { hivemindFake?: unknown }).hivemindFake = {
        answer: (name: CommandName, request: unknown) => (handlers[name] as (r: unknown) => unknown)(request),
        wear: (language: string, theme: string) => {
          list = settings(language, theme, scene);
          show({ language, theme });
        },
        assign: (i: number) => {
          const tasks = [...held.tasks, task(i, now())];
          show({ tasks, status: { ...held.status, state: "earning", running_tasks: tasks.length } });
        },
      };
      return () => timers.forEach(clearTimeout);
    },
  };
}

const asked = new URLSearchParams(globalThis.location?.search ?? "");

export const platform: Platform = stranger(fakePlatform(asked), asked.get("stranger"));
