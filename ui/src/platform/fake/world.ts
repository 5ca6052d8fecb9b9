// A made-up worker for tests, screenshots and work on the screens. Never part of the shipped bundle.

import type { EarningsSum } from "../../generated/EarningsSum";
import type { ErrorCode } from "../../generated/ErrorCode";
import type { ApiError } from "../../generated/ApiError";
import type { MetricsSample } from "../../generated/MetricsSample";
import type { Snapshot } from "../../generated/Snapshot";
import type { TaskView } from "../../generated/TaskView";
import { ACTION_OF } from "../../text/actions";

export const GIB = 1024 ** 3;

/** A cheap repeatable number of 0 to 1 for a place in a made-up list. */
export function chance(seed: number): number {
  const x = Math.sin(seed * 127.1 + 311.7) * 43758.5453;
  return x - Math.floor(x);
}

export function problem(code: ErrorCode, message: string): ApiError {
  return { code, message, facts: {}, action: ACTION_OF[code] };
}

export function sum(estimated: number, credited: number, settled: number, tasks: number): EarningsSum {
  return { estimated_cpt: estimated, credited_cpt: credited, settled_cpt: settled, tasks };
}

const NAMES = [
  "primes below 10 000 000",
  "word frequencies of a licence text",
  "mandelbrot 1200×800",
  "render frame 0412",
  "protein fold, part 7 of 32",
  "訓練資料前處理",
  "matrix benchmark",
];

/** Name number `i`; one of them is hostile on purpose. */
export function nameOf(i: number): string {
  return i % 41 === 40 ? "<img src=x onerror=alert(1)> & <b>bold</b>" : (NAMES[i % NAMES.length] ?? "task");
}

export function task(i: number, now: number, change: Partial<TaskView> = {}): TaskView {
  const active = (change.active_ms ?? 90_500) + (change.frozen_ms ?? 0);
  return {
    task_id: `7c9e6679-7425-40de-944b-${String(i).padStart(12, "0")}`,
    attempt: 1,
    name: nameOf(i),
    phase: "running",
    verdict: null,
    exit_code: null,
    message: null,
    failure_class: null,
    image_digest: "sha256:4f53cda18c2baa0c0354bb5f9a3ecbe5ed12ab4d8e11ba873c2f11161202b945",
    function: false,
    accepted_at_ms: now - active - 4_500,
    started_at_ms: now - active - 1_500,
    ended_at_ms: null,
    closed_at_ms: null,
    active_ms: 90_500,
    timeout_ms: 600_000,
    cpu_millis: 2000,
    memory_bytes: 2 * GIB,
    cpu_percent: 93.4,
    frozen: false,
    frozen_ms: 0,
    memory_used_bytes: 0.61 * GIB,
    peak_memory_bytes: 0.7 * GIB,
    gpus: [],
    gpu_percent: null,
    gpu_memory_bytes: null,
    network_bytes: 0,
    estimated_cpt: 3,
    credited_cpt: null,
    settled: false,
    orphaned: false,
    energy_mwh: Math.round((change.active_ms ?? 90_500) * 0.0125 * 1000) / 1000,
    result_sha256: null,
    result_bytes: null,
    report: null,
    ...change,
  };
}

/** Attempt number `i` of the past, 0 being the newest. */
export function pastTask(i: number, now: number): TaskView {
  const ended = now - (i + 1) * 1_260_000;
  const r = chance(i);
  const verdict = r < 0.8 ? "succeeded" : r < 0.88 ? "failed" : r < 0.93 ? "timed_out" : r < 0.97 ? "cancelled" : "handed_back";
  const pay = verdict !== "succeeded" ? 0 : 1 + Math.floor(chance(i + 9) * 14);
  const failed = verdict === "failed";
  const active = 20_000 + Math.floor(chance(i + 3) * 900_000);
  return task(i + 100, now, {
    attempt: chance(i + 5) < 0.1 ? 2 : 1,
    name: nameOf(i),
    phase: verdict === "handed_back" ? "handed_back" : i < 1 ? "reported" : "settled",
    verdict,
    exit_code: verdict === "succeeded" ? 0 : failed ? 3 : null,
    message: failed ? "The program ended with code 3." : null,
    failure_class: failed ? "exit_code" : verdict === "timed_out" ? "timed_out" : null,
    accepted_at_ms: ended - active - 10_000,
    started_at_ms: ended - active,
    ended_at_ms: ended,
    closed_at_ms: ended + 4_000,
    active_ms: active,
    cpu_percent: 0,
    estimated_cpt: pay,
    credited_cpt: pay,
    settled: i >= 1,
    orphaned: false,
    result_sha256: verdict === "succeeded" ? "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08" : null,
    result_bytes: verdict === "succeeded" ? 48_213 : null,
    report: {
      exit_class: failed ? "exit_code" : verdict,
      exit_code: verdict === "succeeded" ? 0 : failed ? 3 : null,
      wall_ms: active,
      cpu_ms: Math.round(active * 0.9),
      peak_memory_bytes: 0.7 * GIB,
      bytes_in: 12_345,
      bytes_out: verdict === "succeeded" ? 48_213 : 0,
      disk_bytes: 3_145_728,
      network_bytes: 0,
      gpu_ms: 0,
      frozen_ms: 0,
      image_digest: "sha256:4f53cda18c2baa0c0354bb5f9a3ecbe5ed12ab4d8e11ba873c2f11161202b945",
      phases: { queue_ms: 4, fetch_ms: 31, pull_ms: 0, prepare_ms: 312, run_ms: active, collect_ms: 54, upload_ms: 120, install_ms: 0, saved_ms: 0 },
    },
  });
}

/** Attempts that compute. */
export const computing = (tasks: readonly TaskView[]): number => tasks.filter((t) => t.phase === "running" && !t.frozen).length;

const HOST: Snapshot["host"] = {
  hostname: "living-room",
  os: "linux",
  cpu_name: "AMD Ryzen 5 5600",
  cpu_cores: 6,
  memory_bytes: 16 * GIB,
  gpus: [],
  gpu_note: "no NVIDIA driver",
  benchmark: null,
};

/** A reading while so many tasks compute. */
export function sample(at: number, tasks: number, { cpu_cores, memory_bytes, gpus }: Snapshot["host"] = HOST): MetricsSample {
  const t = at / 1000;
  const ours = tasks * 24 + Math.sin(t / 6) * 3;
  const whole = Math.min(99, Math.max(4, (tasks > 0 ? ours : 0) + 11 + Math.sin(t / 3.1) * 6 + chance(Math.floor(t)) * 4));
  return {
    at_ms: at,
    cpu_percent: whole,
    cores_percent: Array.from({ length: cpu_cores }, (_, i) => Math.min(100, Math.max(1, whole + Math.sin(t / 4 + i * 1.7) * 28))),
    tasks_cpu_percent: tasks > 0 ? Math.max(0, ours) : 0,
    memory_used_bytes: (5.2 + tasks * 0.6 + Math.sin(t / 9) * 0.2) * GIB,
    memory_total_bytes: memory_bytes,
    tasks_memory_bytes: tasks * 0.61 * GIB,
    disk_used_bytes: 183 * GIB,
    disk_total_bytes: 465 * GIB,
    received_bytes_per_s: Math.round(180_000 + 150_000 * Math.abs(Math.sin(t / 5))),
    sent_bytes_per_s: Math.round(40_000 + 35_000 * Math.abs(Math.cos(t / 4))),
    load: [1.42, 1.18, 0.96],
    cpu_power_w: 11 + whole * 0.55,
    cpu_power_denied: false,
    // They swing about what they are now.
    gpus: gpus.map((gpu) => {
      const swing = (value: number | null, by: number): number | null => (value === null ? null : Math.max(0, value + Math.sin(t / 5) * by));
      return { ...gpu, percent: swing(gpu.percent, 9), temperature_c: swing(gpu.temperature_c, 3), power_w: swing(gpu.power_w, 20) };
    }),
  };
}

export function snapshot(change: Partial<Snapshot> = {}): Snapshot {
  return {
    seq: 1,
    version: "0.1.0",
    began_ms: 1_700_000_000_000,
    status: { state: "ready", contributing: true, draining: false, running_tasks: 0, problem: null },
    decision: { takes_work: true, reason: "free", all: ["free"], until_ms: null, until: null, remedy: "nothing", gpus_snoozed: false, gpus_until: null, gpu_app: false, preset_now: null, unreadable: [], ignored: [] },
    pool: {
      url: "https://pool.example",
      state: "online",
      failures: 0,
      retry_at_ms: null,
      cause: null,
      link: "tls",
      dialect: "hivemind.v1",
      node_id: "node-5b1f0c",
      trust: "medium",
      standing: null,
    },
    private_link: { state: "off", kind: "process", address: "", endpoint: "", mtu: 0, file: "", key_in_file: false, file_exposed: false, problem: null },
    engine: { ready: true, name: "docker", version: "20.10.24", isolation: "plain", minimum_isolation: "plain", gpus: false, holes: [], functions_only: false, problem: null },
    account: { username: "mei", balance_cpt: 1284, tokens_in_file: false },
    tasks: [],
    today: sum(41, 38, 33, 6),
    limits: {
      max_tasks: 3,
      cpu_millis: 4000,
      memory_bytes: 4 * GIB,
      granted_cpu_millis: 0,
      granted_memory_bytes: 0,
      cpu_only: false,
      gpus: 0,
      granted_gpus: 0,
      now_cpu_millis: 2000,
      now_memory_bytes: 4 * GIB,
      cpu_shares: 1024,
    },
    host: HOST,
    image_questions: [],
    pulls: [],
    notices: [],
    host_questions: [],
    give_back: null,
    preset: { name: "balanced", differs: [] },
    alerts: [],
    traffic: { day_bytes: 412_000_000, day_quota_bytes: null, month_bytes: 6_210_000_000, month_quota_bytes: null },
    language: "auto",
    theme: "system",
    ...change,
  };
}
