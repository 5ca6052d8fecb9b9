// The situations that tests and screenshots look at, by name.

import type { ApiError } from "../../generated/ApiError";
import type { DecisionReason } from "../../generated/DecisionReason";
import type { DecisionView } from "../../generated/DecisionView";
import type { PrivateLinkView } from "../../generated/PrivateLinkView";
import type { Snapshot } from "../../generated/Snapshot";
import { timeOfDay } from "../../text/format";
import { HOSTILE, NETWORK_SCENES } from "./network";
import { GIB, problem, snapshot, sum, task } from "./world";

/** Why the world does what it does. */
function because(reason: DecisionReason, change: Partial<DecisionView> = {}): DecisionView {
  return { ...snapshot().decision, takes_work: false, reason, all: [reason], ...change };
}

/** So many minutes from now, as a clock shows it. */
const later = (now: number, minutes: number): string => timeOfDay(now + minutes * 60_000);

const NO_IMAGE = "justin308/hivemind-worker:latest: manifest unknown";

function withGpu(): Snapshot {
  const gpus = [
    {
      uuid: "GPU-1",
      name: "NVIDIA GeForce RTX 4070",
      percent: 71,
      memory_used_bytes: 5.3 * GIB,
      memory_total_bytes: 12 * GIB,
      temperature_c: 66,
      power_w: 148,
    },
  ];
  return snapshot({ host: { ...snapshot().host, gpus, gpu_note: "" }, limits: { ...snapshot().limits, gpus: 1 } });
}

/** A private link that is down, at a pool that is reached through it alone. */
function linkless(cause: ApiError, now: number, change: Partial<PrivateLinkView> = {}): Snapshot {
  const link = { ...snapshot().private_link, file: "/home/ann/.local/share/hivemind-worker/wg0.conf", state: "down" as const, problem: cause };
  return snapshot({
    status: { state: "connecting", contributing: true, draining: false, running_tasks: 0, problem: null },
    decision: because("pool_unreachable", { remedy: "wait" }),
    pool: { ...snapshot().pool, state: "backoff", link: "", failures: 3, retry_at_ms: now + 8_000, cause },
    private_link: { ...link, ...change },
  });
}

export const SCENES = {
  earning: (now) =>
    snapshot({
      status: { state: "earning", contributing: true, draining: false, running_tasks: 2, problem: null },
      tasks: [
        task(1, now, { active_ms: 212_000 }),
        task(5, now, { active_ms: 41_000, cpu_millis: 1500, cpu_percent: 61.2, memory_bytes: GIB, estimated_cpt: 1 }),
      ],
      limits: { ...snapshot().limits, granted_cpu_millis: 3500, granted_memory_bytes: 3 * GIB },
      notices: [
        {
          at_ms: now - 640_000,
          level: "warning",
          error: problem("POOL_UNREACHABLE", "the pool did not answer in time"),
        },
      ],
    }),
  /** Everything that a person may be asked or warned about at once. */
  asked: (now) =>
    snapshot({
      status: { state: "earning", contributing: true, draining: false, running_tasks: 1, problem: null },
      tasks: [
        task(1, now, { memory_used_bytes: 1.94 * GIB, peak_memory_bytes: 1.94 * GIB }),
        task(2, now, { phase: "preparing", started_at_ms: null, active_ms: 0, cpu_percent: 0, memory_used_bytes: 0 }),
      ],
      limits: { ...snapshot().limits, granted_cpu_millis: 4000, granted_memory_bytes: 4 * GIB },
      pool: { ...snapshot().pool, trust: "low" },
      engine: {
        ...snapshot().engine,
        minimum_isolation: "userns",
        isolation: "userns",
        holes: [
          {
            id: "CVE-2024-21626",
            component: "runc",
            found: "1.1.4",
            lets: "A task could see files of this computer.",
            mended: "1.1.12",
            maybe_mended: true,
            source: "https://nvd.nist.gov",
          },
        ],
      },
      account: { username: "mei", balance_cpt: 1284, tokens_in_file: true },
      image_questions: [
        { repository: "pytorch/pytorch", image: "pytorch/pytorch:2.8.0-cuda12.8-cudnn9-runtime", declined: 4, since_ms: now - 900_000 },
        {
          repository: "registry.example.org/a-team-with-a-long-name/render",
          image: `registry.example.org/a-team-with-a-long-name/render@sha256:${"4f53cda1".repeat(8)}`,
          declined: 1,
          since_ms: now - 60_000,
        },
      ],
      host_questions: [
        { host: "huggingface.co", task_name: "protein fold, part 7 of 32", asked_at_ms: now - 30_000 },
        {
          host: "a-rather-long-subdomain.of-some-bucket.eu-central-1.storage.example.org:8443",
          task_name: "<img src=x onerror=alert(1)> & <b>bold</b>",
          asked_at_ms: now - 90_000,
        },
      ],
      pulls: [
        { image: "justin308/hivemind-worker:latest", done_bytes: 31_000_000, total_bytes: 57_000_000 },
        { image: "registry.example.org/a-team-with-a-long-name/render:2026.11", done_bytes: 0, total_bytes: 0 },
      ],
      alerts: ["cpu_high", "disk_high", "temperature_high", "task_near_limit", "of_a_newer_worker"],
    }),
  /** Just installed: nobody is signed in, nothing runs. */
  fresh: () =>
    snapshot({
      status: { state: "off", contributing: false, draining: false, running_tasks: 0, problem: null },
      decision: because("off", { remedy: "start" }),
      pool: { ...snapshot().pool, state: "idle", link: "", node_id: null, trust: null },
      account: null,
      today: sum(0, 0, 0, 0),
    }),
  ready: () => snapshot(),
  off: () =>
    snapshot({
      status: { state: "off", contributing: false, draining: false, running_tasks: 0, problem: null },
      decision: because("off", { remedy: "start" }),
      pool: { ...snapshot().pool, state: "idle", link: "", node_id: null, trust: null },
      today: sum(0, 0, 0, 0),
    }),
  draining: (now) =>
    snapshot({
      status: { state: "earning", contributing: false, draining: true, running_tasks: 1, problem: null },
      decision: because("finishing"),
      tasks: [task(1, now)],
    }),
  yielding: () =>
    snapshot({
      status: { state: "yielding", contributing: true, draining: false, running_tasks: 0, problem: null },
      decision: because("in_use", { remedy: "wait" }),
    }),
  snoozed: (now) =>
    snapshot({
      status: { state: "snoozed", contributing: true, draining: false, running_tasks: 0, problem: null },
      decision: because("snoozed", { until: later(now, 50), remedy: "resume" }),
    }),
  engine: () => {
    const stopped = problem("ENGINE_STOPPED", "a container engine is installed but not running (/var/run/docker.sock is missing)");
    return snapshot({
      status: { state: "needs_you", contributing: true, draining: false, running_tasks: 0, problem: stopped },
      decision: because("engine_unavailable", { remedy: "mend_engine" }),
      engine: { ready: false, name: "docker", version: "", isolation: "", minimum_isolation: "plain", gpus: false, holes: [], functions_only: false, problem: stopped },
    });
  },
  sign_in: () => {
    const wanted = problem("SIGN_IN_REQUIRED", "nobody is signed in");
    return snapshot({
      status: { state: "needs_you", contributing: true, draining: false, running_tasks: 0, problem: wanted },
      decision: because("sign_in_required", { remedy: "sign_in" }),
      pool: { ...snapshot().pool, state: "auth_required", link: "", node_id: null, trust: null, cause: wanted },
      account: null,
      today: sum(0, 0, 0, 0),
    });
  },
  reconnecting: (now) =>
    snapshot({
      status: { state: "connecting", contributing: true, draining: false, running_tasks: 0, problem: null },
      decision: because("pool_unreachable", { remedy: "wait" }),
      pool: {
        ...snapshot().pool,
        state: "backoff",
        link: "",
        failures: 2,
        retry_at_ms: now + 8_000,
        cause: problem("POOL_UNREACHABLE", "Connection refused."),
      },
    }),
  unencrypted: () => snapshot({ pool: { ...snapshot().pool, url: "http://192.168.1.20:5000", link: "unencrypted" } }),
  gpu: () => withGpu(),
  /** The GPUs alone were sent to rest. */
  gpu_snoozed: (now) => {
    const before = withGpu();
    return { ...before, decision: { ...before.decision, gpus_snoozed: true, gpus_until: later(now, 50) } };
  },
  missing: () => {
    const missing = problem("ENGINE_MISSING", "no container engine is installed (/var/run/docker.sock is missing)");
    return snapshot({
      status: { state: "needs_you", contributing: true, draining: false, running_tasks: 0, problem: missing },
      decision: because("engine_unavailable", { remedy: "mend_engine" }),
      engine: { ready: false, name: "", version: "", isolation: "", minimum_isolation: "plain", gpus: false, holes: [], functions_only: false, problem: missing },
    });
  },
  /** A computer with Windows whose firmware keeps virtual machines from running. */
  no_virtualization: () => {
    const off = problem("VIRTUALIZATION_OFF", "Docker needs virtualization, and it is switched off in this computer's firmware");
    return snapshot({
      host: { ...snapshot().host, os: "windows" },
      status: { state: "needs_you", contributing: true, draining: false, running_tasks: 0, problem: off },
      decision: because("engine_unavailable", { remedy: "mend_engine" }),
      engine: { ready: false, name: "", version: "", isolation: "", minimum_isolation: "plain", gpus: false, holes: [], functions_only: false, problem: off },
    });
  },
  /** Five tasks in a row failed: no more are taken until a person says so. */
  breaker: () => {
    const failing = problem("FAILING_IMAGE", `the last one: ${NO_IMAGE}`);
    return snapshot({
      status: { state: "needs_you", contributing: true, draining: false, running_tasks: 0, problem: failing },
      decision: because("tasks_failing", { remedy: "resume" }),
    });
  },
  /** The owner came back: what runs is frozen. */
  frozen: (now) =>
    snapshot({
      status: { state: "yielding", contributing: true, draining: false, running_tasks: 2, problem: null },
      decision: because("in_use", { all: ["in_use", "on_battery"], remedy: "wait" }),
      tasks: [
        task(1, now, { active_ms: 212_000, frozen: true, frozen_ms: 74_000, cpu_percent: 0 }),
        task(5, now, { active_ms: 41_000, frozen: true, frozen_ms: 74_000, cpu_percent: 0, estimated_cpt: 1 }),
      ],
      give_back: { times: 41, p50_ms: 38, p95_ms: 127 },
    }),
  /** On battery, with a task that is frozen: a rule that can be set aside for an hour. */
  battery: (now) =>
    snapshot({
      status: { state: "yielding", contributing: true, draining: false, running_tasks: 1, problem: null },
      decision: because("on_battery", { remedy: "plug_in" }),
      tasks: [task(1, now, { active_ms: 212_000, frozen: true, frozen_ms: 74_000, cpu_percent: 0 })],
    }),
  /** Outside the hours, with the time at which they come. */
  night: () =>
    snapshot({
      status: { state: "yielding", contributing: true, draining: false, running_tasks: 0, problem: null },
      decision: because("schedule", { until: "22:00", remedy: "change_schedule" }),
    }),
  /** The hours that hold now name a preset, electricity and its price are known, programs are named. */
  planned: (now) => {
    const before = withGpu();
    return {
      ...before,
      status: { state: "earning", contributing: true, draining: false, running_tasks: 1, problem: null },
      decision: { ...before.decision, preset_now: "max" },
      tasks: [task(1, now, { active_ms: 212_000, gpus: ["GPU-1"], gpu_percent: 71, gpu_memory_bytes: 5.1 * GIB, energy_mwh: 8_710 })],
    };
  },
  /** Electricity is expensive at this hour, and what the computer draws at rest is still being learned. */
  dear: () =>
    snapshot({
      status: { state: "yielding", contributing: true, draining: false, running_tasks: 0, problem: null },
      decision: because("dear_hours", { until: "22:30", remedy: "change_schedule" }),
    }),
  /** A program runs that wants the network for itself, on a computer that says nothing of its power. */
  network_app: (now) =>
    snapshot({
      status: { state: "yielding", contributing: true, draining: false, running_tasks: 1, problem: null },
      decision: because("network_app", { remedy: "wait" }),
      tasks: [task(1, now, { active_ms: 212_000, frozen: true, frozen_ms: 74_000, cpu_percent: 0, energy_mwh: null })],
    }),
  /** A program runs that wants the GPUs for itself, and the processor's power may not be read. */
  gpu_app: () => {
    const before = withGpu();
    return { ...before, decision: { ...before.decision, gpu_app: true, preset_now: "quiet" } };
  },
  forced: (now) =>
    snapshot({
      status: { state: "earning", contributing: true, draining: false, running_tasks: 1, problem: null },
      decision: because("forced", { takes_work: true, all: ["forced", "on_battery"], until: later(now, 35), remedy: "nothing" }),
      tasks: [task(1, now)],
    }),
  /** A computer whose speed is known and whose owner bounds the traffic. */
  measured: (now) =>
    snapshot({
      host: {
        ...snapshot().host,
        benchmark: { at_ms: now - 86_400_000, cpu_one_mflops: 11_420, cpu_all_mflops: 68_300, memory_mb_per_s: 9_840, disk_write_mb_per_s: 512, disk_read_mb_per_s: 1_730 },
      },
      traffic: { day_bytes: 412_000_000, day_quota_bytes: 2 * GIB, month_bytes: 6_210_000_000, month_quota_bytes: 20 * GIB },
    }),
  /** One attempt in every phase that is not final. */
  many: (now) => {
    const small: typeof task = (i, at, change = {}) => task(i, at, { cpu_millis: 500, memory_bytes: 0.5 * GIB, memory_used_bytes: 0.3 * GIB, ...change });
    return snapshot({
      status: { state: "earning", contributing: true, draining: false, running_tasks: 2, problem: null },
      tasks: [
        small(1, now, { active_ms: 212_000 }),
        small(2, now, { phase: "preparing", started_at_ms: null, active_ms: 0, cpu_percent: 0, memory_used_bytes: 0 }),
        small(3, now, { phase: "collecting", verdict: "succeeded", exit_code: 0, active_ms: 431_000, cpu_percent: 0 }),
        small(4, now, { phase: "uploading", verdict: "succeeded", exit_code: 0, active_ms: 431_000, cpu_percent: 0 }),
        small(5, now, { attempt: 2, active_ms: 595_000, cpu_percent: 100 }),
        small(6, now, { phase: "reported", verdict: "failed", exit_code: 3, message: "The program ended with code 3.", failure_class: "exit_code", cpu_percent: 0 }),
        small(7, now, { phase: "accepted", started_at_ms: null, active_ms: 0, cpu_percent: 0, memory_used_bytes: 0 }),
      ],
      limits: { ...snapshot().limits, max_tasks: 8, granted_cpu_millis: 2000, granted_memory_bytes: 2 * GIB },
    });
  },
  /** Whatever others may write, as long as the worker lets it be, and numbers as large as they can get. */
  hostile: (now) =>
    snapshot({
      status: { state: "earning", contributing: true, draining: false, running_tasks: 3, problem: null },
      pool: { ...snapshot().pool, url: `https://${"a-pool-with-a-very-long-name.".repeat(4)}example.org:8443`, dialect: "nodepool", node_id: "node-".padEnd(120, "5b1f0c"), standing: HOSTILE },
      account: { username: "a.person.with-a-very.long_name@mail.of.some.department.example.org", balance_cpt: 9_007_199_254_740_991, tokens_in_file: false },
      today: sum(1_234_567_890, 1_234_000_000, 987_654_321, 12_345),
      host: { ...snapshot().host, hostname: "the-computer-of-".repeat(6), cpu_name: "Intel(R) Xeon(R) Platinum 8592+ CPU @ 1.90GHz (engineering sample)", cpu_cores: 256, memory_bytes: 6144 * GIB },
      tasks: [
        task(1, now, { name: "\u202egnp.exe \u2067abc\u2066 name that turns round", estimated_cpt: 1_234_567_890 }),
        task(2, now, { name: "word".repeat(64), estimated_cpt: 12 }),
        task(3, now, { name: "資料".repeat(80), active_ms: 999 * 3_600_000, timeout_ms: 1000 * 3_600_000, cpu_millis: 127_500, memory_bytes: 4096 * GIB, memory_used_bytes: 4095.99 * GIB }),
      ],
      traffic: { day_bytes: 4096 * GIB, day_quota_bytes: 4096 * GIB, month_bytes: 4095.99 * GIB, month_quota_bytes: 4096 * GIB },
      limits: { ...snapshot().limits, max_tasks: 64, cpu_millis: 255_500, memory_bytes: 4096 * GIB, granted_cpu_millis: 254_500, granted_memory_bytes: 4095.99 * GIB },
      notices: [{ at_ms: now - 26 * 86_400_000, level: "error", error: problem("POOL_NOTICE", `\u202e${"news ".repeat(80)}`) }],
    }),
  ...NETWORK_SCENES,
  /** The pool is reached through its private link. */
  tunnel: () =>
    snapshot({
      pool: { ...snapshot().pool, link: "tunnel" },
      private_link: { ...snapshot().private_link, state: "up", address: "10.100.0.7/32", endpoint: "203.0.113.7:51820", mtu: 1420, file: "/home/ann/.config/hivemind-worker/wg0.conf" },
    }),
  /** The private link's file is another program's and says too much; the pool allows no other way. */
  link_refused: (now) =>
    linkless({
      ...problem(
        "LINK_CONFIG_REFUSED",
        "the configuration of the private link is refused (line 4, DNS): the computer's name resolution is never changed; it would be taken with AllowedIPs = 10.100.0.0/24 alone",
      ),
      facts: { line: "4", key: "DNS", reason: "dns", network: "10.100.0.0/24", left_out: "DNS" },
    }, now),
  /** The owner chose the system's interface, and the service that makes it does not run. */
  link_service: (now) =>
    linkless(
      problem("LINK_SERVICE_MISSING", "the network service hivemind-netd cannot be used: /run/hivemind-netd/1000.sock: No such file or directory (os error 2)"),
      now,
      { kind: "system", address: "10.100.0.7/32", endpoint: "203.0.113.7:51820", mtu: 1220 },
    ),
  /** What a page sees that may only look, while something asks for its owner. */
  looking: (now) =>
    snapshot({
      status: { state: "earning", contributing: true, draining: false, running_tasks: 1, problem: null },
      tasks: [task(1, now, { active_ms: 212_000 })],
      image_questions: [{ repository: "pytorch/pytorch", image: "pytorch/pytorch:2.8.0-cuda12.8-cudnn9-runtime", declined: 4, since_ms: now - 900_000 }],
    }),
  unpaired: () => snapshot(),
  /** The worker has not answered yet. */
  starting: () => snapshot(),
  lost: () => snapshot(),
  empty: () => snapshot({ today: sum(0, 0, 0, 0) }),
} satisfies Record<string, (now: number) => Snapshot>;

export type Scene = keyof typeof SCENES;

export function sceneOf(name: string | null): Scene {
  return name !== null && Object.hasOwn(SCENES, name) ? (name as Scene) : "earning";
}
