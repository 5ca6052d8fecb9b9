// What the self-test tries, in both languages. Words that we do not know keep the worker's own.

import type { AttackView } from "../generated/AttackView";
import { m } from "./messages";

export const ATTACKS: Partial<Record<string, () => string>> = {
  host_files: m.attack_host_files,
  system_files: m.attack_system_files,
  engine_socket: m.attack_engine_socket,
  device_nodes: m.attack_device_nodes,
  other_programs: m.attack_other_programs,
  watcher_memory: m.attack_watcher_memory,
  kernel_memory: m.attack_kernel_memory,
  kernel_settings: m.attack_kernel_settings,
  system_requests: m.attack_system_requests,
  control_groups: m.attack_control_groups,
  internet: m.attack_internet,
  local_network: m.attack_local_network,
  host_services: m.attack_host_services,
  cloud_metadata: m.attack_cloud_metadata,
  host_loopback: m.attack_host_loopback,
  datagrams: m.attack_datagrams,
  raw_sockets: m.attack_raw_sockets,
  network_settings: m.attack_network_settings,
  root_user: m.attack_root_user,
  rights: m.attack_rights,
  setuid_programs: m.attack_setuid_programs,
  call_filter: m.attack_call_filter,
  mount: m.attack_mount,
  change_root: m.attack_change_root,
  namespaces: m.attack_namespaces,
  trace: m.attack_trace,
  keyring: m.attack_keyring,
  clock: m.attack_clock,
  host_name: m.attack_host_name,
  kernel_module: m.attack_kernel_module,
  priority: m.attack_priority,
  processes: m.attack_processes,
  open_files: m.attack_open_files,
  memory: m.attack_memory,
  large_file: m.attack_large_file,
  core_dump: m.attack_core_dump,
  disk: m.attack_disk,
};

export const attack = (tried: Pick<AttackView, "name" | "what">): string => ATTACKS[tried.name]?.() ?? tried.what;
