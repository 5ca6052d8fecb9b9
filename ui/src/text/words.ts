// Stable words of the API in the reader's language. A word from a newer worker that we do not know is shown as it is.

import type { DecisionReason } from "../generated/DecisionReason";
import type { Level } from "../generated/Level";
import type { PoolState } from "../generated/PoolState";
import type { Reach } from "../generated/Reach";
import type { StatusState } from "../generated/StatusState";
import type { TaskView } from "../generated/TaskView";
import type { Kind } from "../model/timeline";
import { m } from "./messages";

type Words = Record<string, () => string>;

function say(words: Words, word: string): string {
  return Object.hasOwn(words, word) ? (words[word]?.() ?? word) : word;
}

export const STATES: Record<StatusState, () => string> = {
  earning: m.state_earning,
  ready: m.state_ready,
  yielding: m.state_yielding,
  snoozed: m.state_snoozed,
  off: m.state_off,
  connecting: m.state_connecting,
  needs_you: m.state_needs_you,
};

/** Why work is taken or not, as the end of a sentence. */
export const REASONS: Record<DecisionReason, () => string> = {
  off: m.because_off,
  finishing: m.because_finishing,
  shutting_down: m.because_shutting_down,
  suspending: m.because_suspending,
  updating: m.because_updating,
  journal_failed: m.because_journal_failed,
  engine_unavailable: m.because_engine_unavailable,
  isolation_too_low: m.because_isolation_too_low,
  sandbox_broken: m.because_sandbox_broken,
  disk_low: m.because_disk_low,
  tasks_failing: m.because_tasks_failing,
  sign_in_required: m.because_sign_in_required,
  pool_refused: m.because_pool_refused,
  pool_unreachable: m.because_pool_unreachable,
  connecting: m.because_connecting,
  critically_hot: m.because_critically_hot,
  snoozed: m.because_snoozed,
  forced: m.because_forced,
  on_battery: m.because_on_battery,
  too_hot: m.because_too_hot,
  exclusive_app: m.because_exclusive_app,
  full_screen: m.because_full_screen,
  in_use: m.because_in_use,
  others_busy: m.because_others_busy,
  schedule: m.because_schedule,
  dear_hours: m.because_dear_hours,
  metered: m.because_metered,
  network_app: m.because_network_app,
  network_hours: m.because_network_hours,
  network_quota: m.because_network_quota,
  free: m.because_free,
};

/** The owner's rules, which the owner may set aside for a while. */
const RULES: ReadonlySet<DecisionReason> = new Set<DecisionReason>([
  "on_battery", "too_hot", "exclusive_app", "full_screen", "in_use", "others_busy", "schedule", "dear_hours", "metered", "network_app", "network_hours", "network_quota",
]);

/** Whether a reason is one of the rules that can be ignored for a while. */
export const holdsByRule = (reason: DecisionReason): boolean => RULES.has(reason);

/** What a stretch of time was good for. */
export const KIND_WORDS: Record<Kind, () => string> = {
  working: m.kind_working,
  ready: m.kind_ready,
  yielding: m.kind_yielding,
  trouble: m.kind_trouble,
  off: m.kind_off,
};

export const POOL_STATES: Record<PoolState, () => string> = {
  idle: m.pool_idle,
  connecting: m.pool_connecting,
  registering: m.pool_registering,
  online: m.pool_online,
  backoff: m.pool_backoff,
  auth_required: m.pool_auth_required,
  rejected: m.pool_rejected,
};

/** How work comes from the live network. */
export const REACHES: Record<Reach, () => string> = {
  push: m.reach_push,
  pull: m.reach_pull,
  neither: m.reach_neither,
};

export const LEVELS: Record<Level, () => string> = {
  ok: m.level_ok,
  notice: m.level_notice,
  warning: m.level_warning,
  error: m.level_error,
};

export const PHASES = {
  accepted: m.phase_accepted,
  preparing: m.phase_preparing,
  running: m.phase_running,
  collecting: m.phase_collecting,
  uploading: m.phase_uploading,
  reported: m.phase_reported,
  settled: m.phase_settled,
  handed_back: m.phase_handed_back,
  lease_lost: m.phase_lease_lost,
} satisfies Words;

export const VERDICTS = {
  succeeded: m.verdict_succeeded,
  failed: m.verdict_failed,
  timed_out: m.verdict_timed_out,
  cancelled: m.verdict_cancelled,
  handed_back: m.verdict_handed_back,
} satisfies Words;

export const CLASSES = {
  exit_code: m.class_exit_code,
  out_of_memory: m.class_out_of_memory,
  timed_out: m.class_timed_out,
  disk_limit: m.class_disk_limit,
  package: m.class_package,
  image: m.class_image,
  engine: m.class_engine,
  result: m.class_result,
} satisfies Words;

const ALERTS: Words = {
  cpu_high: m.err_cpu_high,
  memory_high: m.err_memory_high,
  disk_high: m.err_disk_high,
  temperature_high: m.err_temperature_high,
  task_near_limit: m.err_task_near_limit,
  task_silent: m.err_task_silent,
};
const LINKS: Words = { tls: m.link_tls, tunnel: m.link_tunnel, overlay: m.link_overlay, loopback: m.link_loopback, unencrypted: m.link_unencrypted };
const NETWORKS: Words = { "hivemind.v1": m.network_v1, nodepool: m.network_nodepool };
const TRUST: Words = { low: m.trust_low, medium: m.trust_medium, high: m.trust_high };
const ISOLATION: Words = {
  plain: m.isolation_plain,
  userns: m.isolation_userns,
  rootless: m.isolation_rootless,
  gvisor: m.isolation_gvisor,
  vm: m.isolation_vm,
};
const SOURCES: Words = {
  default: m.source_default,
  file: m.source_file,
  environment: m.source_environment,
  flag: m.source_flag,
};
const CHECKS: Words = {
  engine: m.check_engine,
  pool: m.check_pool,
  sign_in: m.check_sign_in,
  account: m.check_sign_in,
  disk: m.check_disk,
  clock: m.check_clock,
  gpu: m.check_gpu,
  image: m.check_image,
  journal: m.check_journal,
  store: m.check_journal,
  keyring: m.check_keyring,
  tunnel: m.check_tunnel,
  settings: m.check_settings,
  memory: m.check_memory,
  link: m.check_link,
  encryption: m.check_link,
  socket: m.check_socket,
  monitor: m.check_monitor,
  monitor_lan: m.check_monitor_lan,
  tray: m.check_tray,
  isolation: m.check_isolation,
  task_disk: m.check_task_disk,
  sensors: m.check_sensors,
  sandbox: m.check_sandbox,
  known_holes: m.check_known_holes,
  tasks: m.check_tasks,
  window: m.check_window,
  tuning: m.check_tuning,
};

const TRACES: Words = {
  data: m.trace_data,
  settings: m.trace_settings,
  socket: m.trace_socket,
  log: m.trace_log,
  monitor: m.trace_monitor,
  autostart: m.trace_autostart,
  secrets: m.trace_secrets,
  containers: m.trace_containers,
};

const UNPAID: Words = {
  waiting: m.unpaid_waiting,
  unanswered: m.unpaid_unanswered,
  failed: m.unpaid_failed,
  timed_out: m.unpaid_timed_out,
  cancelled: m.unpaid_cancelled,
  handed_back: m.unpaid_handed_back,
  lease_lost: m.unpaid_lease_lost,
  credited_nothing: m.unpaid_credited_nothing,
  less_than_estimated: m.unpaid_less_than_estimated,
  no_task: m.unpaid_no_task,
};

export const GPU_NOTES: Words = {
  "no NVIDIA driver": m.gpu_note_no_driver,
  "NVIDIA driver without a usable GPU": m.gpu_note_no_gpu,
  "NVIDIA driver installed but not loaded": m.gpu_note_not_loaded,
  "no permission to use the NVIDIA driver": m.gpu_note_no_permission,
  "a GPU has fallen off the bus: restart the computer": m.gpu_note_lost,
  "a GPU has to be reset: restart the computer": m.gpu_note_reset,
  "GPUs are left out by the setting cpu_only": m.gpu_note_left_out,
  "the NVIDIA driver was updated and an older one still runs: restart the computer": m.gpu_note_mismatch,
};

/** An engine as its maker writes it. */
export const engineName = (name: string): string => say({ docker: () => "Docker", podman: () => "Podman" }, name);
/** What is on this computer because of the worker. */
export const trace = (word: string): string => say(TRACES, word);
/** What kept pay away. */
export const unpaid = (word: string): string => say(UNPAID, word);
export const gpuNote = (words: string): string => say(GPU_NOTES, words);
export const phase = (word: string): string => say(PHASES, word);
export const verdict = (word: string): string => say(VERDICTS, word);
/** What is above its threshold; one that we do not know of is one all the same. */
export const alert = (word: string): string => ((Object.hasOwn(ALERTS, word) ? ALERTS[word] : null) ?? m.alert_other)();
/** How an attempt ended as its report says it: a verdict, or the class of a failure. */
export const exitClass = (word: string): string => say({ ...VERDICTS, ...CLASSES }, word);
export const failure = (word: string): string => say(CLASSES, word);
export const link = (word: string): string => say(LINKS, word);
export const network = (word: string): string => say(NETWORKS, word);
export const reach = (word: string): string => say(REACHES, word);
export const trust = (word: string): string => say(TRUST, word);
export const isolation = (word: string): string => say(ISOLATION, word);
export const source = (word: string): string => say(SOURCES, word);
export const check = (word: string): string => say(CHECKS, word);

/** How an attempt looks at a glance. */
export type Tone = "busy" | "good" | "bad" | "plain";

/** The word for an attempt in lists: how it ended once that is known, else what is being done. */
export function outcome(task: Pick<TaskView, "phase" | "verdict"> & { frozen?: boolean }): { text: string; tone: Tone } {
  if (task.phase === "lease_lost") return { text: phase("lease_lost"), tone: "plain" };
  if (task.verdict === null && task.frozen) return { text: m.phase_frozen(), tone: "plain" };
  if (task.verdict === null) return { text: phase(task.phase), tone: "busy" };
  const tone = task.verdict === "succeeded" ? "good" : /failed|timed_out/.test(task.verdict) ? "bad" : "plain";
  return { text: verdict(task.verdict), tone };
}
