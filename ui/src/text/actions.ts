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
  POOL_REFUSED: null,
  POOL_PROTOCOL: null,
  POOL_NOTICE: null,
  POOL_UNENCRYPTED: "open_settings",
  ENGINE_MISSING: "install_engine",
  ENGINE_STOPPED: "start_engine",
  ENGINE_FORBIDDEN: "permit_engine",
  ENGINE_TOO_OLD: "install_engine",
  ENGINE_FAILED: "open_doctor",
  IMAGE_UNAVAILABLE: "open_doctor",
  DISK_LOW: "open_doctor",
  DISK_UNBOUNDED: "open_doctor",
  SANDBOX_BROKEN: "open_doctor",
  JOURNAL_FAILED: "open_doctor",
  KEYRING_LOCKED: "unlock_keyring",
  WORKER_NOT_RUNNING: "start_worker",
  WORKER_ALREADY_RUNNING: null,
  FORBIDDEN: null,
  NOT_PAIRED: "pair",
  WINDOW_UNAVAILABLE: null,
  INTERNAL: null,
};
