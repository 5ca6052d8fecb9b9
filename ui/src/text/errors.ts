// Every error code and action in both languages. Exhaustive by type: a code without a sentence does not compile.

import type { Action } from "../generated/Action";
import type { ApiError } from "../generated/ApiError";
import type { ErrorCode } from "../generated/ErrorCode";
import { m } from "./messages";

export const SENTENCES: Record<ErrorCode, () => string> = {
  INVALID_REQUEST: m.err_invalid_request,
  INVALID_SETTING: m.err_invalid_setting,
  TASK_UNKNOWN: m.err_task_unknown,
  TASK_ENDED: m.err_task_ended,
  WRONG_CREDENTIALS: m.err_wrong_credentials,
  SIGN_IN_REQUIRED: m.err_sign_in_required,
  POOL_UNREACHABLE: m.err_pool_unreachable,
  POOL_UNTRUSTED: m.err_pool_untrusted,
  POOL_REFUSED: m.err_pool_refused,
  POOL_PROTOCOL: m.err_pool_protocol,
  POOL_NOTICE: m.err_pool_notice,
  POOL_UNENCRYPTED: m.err_pool_unencrypted,
  LINK_CONFIG_REFUSED: m.err_link_config_refused,
  LINK_NO_HTTPS: m.err_link_no_https,
  LINK_NO_HANDSHAKE: m.err_link_no_handshake,
  LINK_ADDRESS_TAKEN: m.err_link_address_taken,
  LINK_CLOCK: m.err_link_clock,
  CLOCK_WRONG: m.err_clock_wrong,
  LINK_SERVICE_MISSING: m.err_link_service_missing,
  LINK_PERMISSION: m.err_link_permission,
  LINK_FAILED: m.err_link_failed,
  ENGINE_MISSING: m.err_engine_missing,
  ENGINE_STOPPED: m.err_engine_stopped,
  VIRTUALIZATION_OFF: m.err_virtualization_off,
  ENGINE_FORBIDDEN: m.err_engine_forbidden,
  ENGINE_TOO_OLD: m.err_engine_too_old,
  ENGINE_FAILED: m.err_engine_failed,
  IMAGE_UNAVAILABLE: m.err_image_unavailable,
  IMAGE_REFUSED: m.err_image_refused,
  IMAGE_QUESTION: m.err_image_question,
  IMAGE_TOO_LARGE: m.err_image_too_large,
  GPU_UNAVAILABLE: m.err_gpu_unavailable,
  ISOLATION_TOO_LOW: m.err_isolation_too_low,
  ENGINE_VULNERABLE: m.err_engine_vulnerable,
  TRUST_LIMIT: m.err_trust_limit,
  DEPENDENCIES_UNAVAILABLE: m.err_dependencies_unavailable,
  NETWORK_REFUSED: m.err_network_refused,
  NETWORK_QUESTION: m.err_network_question,
  CPU_HIGH: m.err_cpu_high,
  MEMORY_HIGH: m.err_memory_high,
  DISK_HIGH: m.err_disk_high,
  TEMPERATURE_HIGH: m.err_temperature_high,
  SENSOR_UNREADABLE: m.err_sensor_unreadable,
  SENSOR_IGNORED: m.err_sensor_ignored,
  TASK_NEAR_LIMIT: m.err_task_near_limit,
  TASK_SILENT: m.err_task_silent,
  DEBUG_DATA_GONE: m.err_debug_data_gone,
  DISK_LOW: m.err_disk_low,
  FAILING_ENGINE: m.err_failing_engine,
  FAILING_IMAGE: m.err_failing_image,
  FAILING_DISK: m.err_failing_disk,
  FAILING_GPU: m.err_failing_gpu,
  DISK_UNBOUNDED: m.err_disk_unbounded,
  SANDBOX_BROKEN: m.err_sandbox_broken,
  JOURNAL_FAILED: m.err_journal_failed,
  SETTINGS_FILE_WRONG: m.err_settings_file_wrong,
  JOURNAL_DAMAGED: m.err_journal_damaged,
  KEYRING_LOCKED: m.err_keyring_locked,
  WORKER_NOT_RUNNING: m.err_worker_not_running,
  WORKER_ALREADY_RUNNING: m.err_worker_already_running,
  FORBIDDEN: m.err_forbidden,
  READ_ONLY: m.err_read_only,
  LAN_NOT_SERVED: m.err_lan_not_served,
  NOT_PAIRED: m.err_not_paired,
  WINDOW_UNAVAILABLE: m.err_window_unavailable,
  SAVE_NO_FOLDER: m.err_save_no_folder,
  SAVE_NO_SPACE: m.err_save_no_space,
  SAVE_REFUSED: m.err_save_refused,
  SAVE_TOO_LARGE: m.err_save_too_large,
  RECEIPTS_UNREADABLE: m.err_receipts_unreadable,
  INTERNAL: m.err_internal,
};

export const ACTIONS: Record<Action, () => string> = {
  sign_in: m.act_sign_in,
  retry: m.act_retry,
  resume: m.act_resume,
  install_engine: m.act_install_engine,
  enable_virtualization: m.act_enable_virtualization,
  start_engine: m.act_start_engine,
  permit_engine: m.act_permit_engine,
  open_settings: m.act_open_settings,
  open_doctor: m.act_open_doctor,
  start_worker: m.act_start_worker,
  unlock_keyring: m.act_unlock_keyring,
  pair: m.act_pair,
};

/** What the button says: an engine that is there but too old is not installed but updated. */
export function actionText(action: Action, code: string | null | undefined): string {
  const old = code === "ENGINE_TOO_OLD" || code === "ENGINE_VULNERABLE";
  return action === "install_engine" && old ? m.act_update_engine() : ACTIONS[action]();
}

/** The error's sentence. A newer worker's code that we do not know keeps the worker's own sentence. */
export function sentence(error: Pick<ApiError, "code" | "message">): string {
  return (SENTENCES as Partial<Record<string, () => string>>)[error.code]?.() ?? error.message;
}

/** What the pool or the worker says of these adds nothing to the sentence. */
const WHOLE: ReadonlySet<ErrorCode> = new Set<ErrorCode>(["TASK_UNKNOWN", "WRONG_CREDENTIALS"]);

/** What the worker said beyond the sentence: shown small, as it came. */
export function detail(error: ApiError): string | null {
  const said = error.message.trim();
  const bare = (text: string): string => text.replace(/[.。]$/, "").toLowerCase();
  return said === "" || WHOLE.has(error.code) || bare(said) === bare(sentence(error)) ? null : said;
}
