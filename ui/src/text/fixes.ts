// What to do about a finding. The worker writes English sentences; those that it can write are known here, and a test
// compares the two. One of a newer worker is shown as it is.

import { m } from "./messages";

const FIXES: readonly (() => string)[] = [
  m.fix_install_docker,
  m.fix_start_docker,
  m.fix_virtualization,
  m.fix_wsl,
  m.fix_podman,
  m.fix_engine_memory,
  m.fix_allow_docker,
  m.fix_update_docker,
  m.fix_docker_log,
  m.fix_check_line,
  m.fix_ask_why,
  m.fix_sign_in,
  m.fix_use_https,
  m.fix_open_udp,
  m.fix_file_alone,
  m.fix_correct_file,
  m.fix_pin,
  m.fix_ask_owner,
  m.fix_set_clock,
  m.fix_check_time,
  m.fix_pin_own,
  m.fix_failing_engine,
  m.fix_failing_image,
  m.fix_failing_disk,
  m.fix_failing_gpu,
  m.fix_unlock,
  m.fix_allow_udp,
  m.fix_renew,
  m.fix_memory,
  m.fix_free_some,
  m.fix_free_two,
  m.fix_reinstall,
  m.fix_isolation_userns,
  m.fix_isolation_rootless,
  m.fix_isolation_gvisor,
  m.fix_isolation_vm,
  m.fix_distribution,
  m.fix_update_named,
  m.fix_keyring,
  m.fix_sensor_service,
  m.fix_sensor_nothing,
  m.fix_port,
  m.fix_lan_off,
  m.fix_lan_port,
  m.fix_lan_certificate,
  m.fix_no_tray,
  m.fix_window,
  m.fix_tuning,
  m.fix_records,
  m.fix_sandbox,
  m.fix_netd_missing,
  m.fix_netd_permission,
  m.fix_gpu_toolkit,
];

/** English sentence, to its message. */
let known: ReadonlyMap<string, () => string> | null = null;

/** A setting's key after its name: for the command line, where it has no other name. */
const KEY = / ?[(（][a-z]+_[a-z_]+[)）]/g;

/** The sentence in the reader's language; `ours` says whether it is. */
export function fixText(sentence: string): { text: string; ours: boolean } {
  known ??= new Map(FIXES.map((fix) => [english(fix), fix]));
  const fix = known.get(sentence);
  return fix ? { text: fix().replace(KEY, ""), ours: true } : { text: sentence, ours: false };
}

function english(fix: () => string): string {
  return (fix as (inputs: object, options: { locale: "en" }) => string)({}, { locale: "en" });
}
