import type { Action } from "../generated/Action";
import type { ErrorCode } from "../generated/ErrorCode";

/** What usually helps with a code, as the worker itself says it in `ErrorCode::action`. Findings carry no action. */
export const ACTION_OF: Record<ErrorCode, Action | null> = {
  INVALID_REQUEST: null,
  INVALID_SETTING: "open_settings",
  TASK_UNKNOWN: null,
  TASK_ENDED: null,
  WRONG_CREDENTIALS: "sign_in",
  SIGN_IN_REQUIRED: "sign_in",
  POOL_UNREACHABLE: "retry",
  POOL_REFUSED: "sign_in",
  POOL_PROTOCOL: null,
  POOL_NOTICE: null,
  POOL_UNENCRYPTED: "open_settings",
  LINK_CONFIG_REFUSED: "open_settings",
  LINK_NO_HTTPS: "open_settings",
  LINK_NO_HANDSHAKE: "retry",
  LINK_ADDRESS_TAKEN: "retry",
  LINK_CLOCK: "open_doctor",
  LINK_SERVICE_MISSING: "open_doctor",
  LINK_PERMISSION: "open_doctor",
  LINK_FAILED: "open_doctor",
  ENGINE_MISSING: "install_engine",
  ENGINE_STOPPED: "start_engine",
  VIRTUALIZATION_OFF: "enable_virtualization",
  ENGINE_FORBIDDEN: "permit_engine",
  ENGINE_TOO_OLD: "install_engine",
  ENGINE_FAILED: "open_doctor",
  IMAGE_UNAVAILABLE: "open_doctor",
  IMAGE_REFUSED: "open_settings",
  IMAGE_QUESTION: null,
  IMAGE_TOO_LARGE: "open_settings",
  GPU_UNAVAILABLE: "open_doctor",
  ISOLATION_TOO_LOW: "open_settings",
  ENGINE_VULNERABLE: "install_engine",
  TRUST_LIMIT: null,
  DEPENDENCIES_UNAVAILABLE: "open_settings",
  NETWORK_REFUSED: "open_settings",
  NETWORK_QUESTION: "open_settings",
  CPU_HIGH: "open_settings",
  MEMORY_HIGH: "open_settings",
  DISK_HIGH: "open_settings",
  TEMPERATURE_HIGH: "open_settings",
  SENSOR_UNREADABLE: null,
  SENSOR_IGNORED: null,
  TASK_NEAR_LIMIT: null,
  TASK_SILENT: null,
  DEBUG_DATA_GONE: null,
  DISK_LOW: "open_doctor",
  FAILING_ENGINE: "resume",
  FAILING_IMAGE: "resume",
  FAILING_DISK: "resume",
  FAILING_GPU: "resume",
  DISK_UNBOUNDED: "open_doctor",
  SANDBOX_BROKEN: "open_doctor",
  JOURNAL_FAILED: "open_doctor",
  JOURNAL_DAMAGED: "open_doctor",
  KEYRING_LOCKED: "unlock_keyring",
  WORKER_NOT_RUNNING: "start_worker",
  WORKER_ALREADY_RUNNING: null,
  FORBIDDEN: null,
  READ_ONLY: null,
  LAN_NOT_SERVED: "open_settings",
  NOT_PAIRED: "pair",
  WINDOW_UNAVAILABLE: null,
  SAVE_NO_FOLDER: null,
  SAVE_NO_SPACE: null,
  SAVE_REFUSED: null,
  SAVE_TOO_LARGE: null,
  RECEIPTS_UNREADABLE: null,
  INTERNAL: null,
};

/** A setting named in what to do about a finding, such as `(cpu_only)`. */
const NAMED_SETTING = /\([a-z]+_[a-z_]+\)/;

/** What a click on a finding does. Health itself leads nowhere from Health, but what to do may be to change a setting. */
export function actionOfFinding({ code, fix }: { code: ErrorCode | null; fix: string | null }): Action | null {
  const usual = code === null ? null : ACTION_OF[code];
  if (usual !== null && usual !== "open_doctor") return usual;
  return fix !== null && NAMED_SETTING.test(fix) ? "open_settings" : null;
}
