// Names and groups of the settings, and which control fits which value.

import type { SettingView } from "../generated/SettingView";
import { clockOf, DAYS, HALVES, type HoursKind, readHours, runs, spansOf } from "../model/hours";
import { bytes, weekday } from "./format";
import { m } from "./messages";
import { presetName } from "./presets";
import { isolation } from "./words";

export type Group = "appearance" | "contribution" | "amount" | "rules" | "traffic" | "electricity" | "pool" | "network" | "engine" | "app" | "other";

interface Known {
  group: Group;
  label: () => string;
  help: () => string;
}

function known(group: Group, label: () => string, help: () => string): Known {
  return { group, label, help };
}

const KNOWN: Record<string, Known> = {
  language: known("appearance", m.set_language, m.set_language_help),
  theme: known("appearance", m.set_theme, m.set_theme_help),
  contribute_on_start: known("contribution", m.set_contribute_on_start, m.set_contribute_on_start_help),
  start_at_login: known("contribution", m.set_start_at_login, m.set_start_at_login_help),
  notify_problems: known("app", m.set_notify_problems, m.set_notify_problems_help),
  notify_milestones: known("app", m.set_notify_milestones, m.set_notify_milestones_help),
  notify_payouts: known("app", m.set_notify_payouts, m.set_notify_payouts_help),
  updates: known("app", m.set_updates, m.set_updates_help),
  max_concurrent_tasks: known("amount", m.set_max_concurrent_tasks, m.set_max_concurrent_tasks_help),
  max_cpu_cores: known("amount", m.set_max_cpu_cores, m.set_max_cpu_cores_help),
  max_memory_limit: known("amount", m.set_max_memory_limit, m.set_max_memory_limit_help),
  cpu_only: known("amount", m.set_cpu_only, m.set_cpu_only_help),
  master_url: known("pool", m.set_master_url, m.set_master_url_help),
  pool_address: known("pool", m.set_pool_address, m.set_pool_address_help),
  pool_dialect: known("pool", m.set_pool_dialect, m.set_pool_dialect_help),
  nodepool_work: known("pool", m.set_nodepool_work, m.set_nodepool_work_help),
  nodepool_port: known("pool", m.set_nodepool_port, m.set_nodepool_port_help),
  nodepool_key: known("pool", m.set_nodepool_key, m.set_nodepool_key_help),
  nodepool_proxy: known("pool", m.set_nodepool_proxy, m.set_nodepool_proxy_help),
  nodepool_scripts: known("pool", m.set_nodepool_scripts, m.set_nodepool_scripts_help),
  pool_certificate_sha256: known("pool", m.set_pool_certificate_sha256, m.set_pool_certificate_sha256_help),
  allow_unencrypted_pool: known("pool", m.set_allow_unencrypted_pool, m.set_allow_unencrypted_pool_help),
  wireguard_config_path: known("pool", m.set_wireguard_config_path, m.set_wireguard_config_path_help),
  private_link: known("pool", m.set_private_link, m.set_private_link_help),
  private_link_tunnel: known("pool", m.set_private_link_tunnel, m.set_private_link_tunnel_help),
  netd_socket: known("pool", m.set_netd_socket, m.set_netd_socket_help),
  engine_address: known("engine", m.set_engine_address, m.set_engine_address_help),
  worker_image: known("engine", m.set_worker_image, m.set_worker_image_help),
  worker_image_tag: known("engine", m.set_worker_image_tag, m.set_worker_image_tag_help),
  managed_functions: known("engine", m.set_managed_functions, m.set_managed_functions_help),
  allowed_images: known("engine", m.set_allowed_images, m.set_allowed_images_help),
  network_policy: known("network", m.set_network_policy, m.set_network_policy_help),
  allowed_hosts: known("network", m.set_allowed_hosts, m.set_allowed_hosts_help),
  denied_hosts: known("network", m.set_denied_hosts, m.set_denied_hosts_help),
  max_task_traffic: known("network", m.set_max_task_traffic, m.set_max_task_traffic_help),
  dependencies: known("network", m.set_dependencies, m.set_dependencies_help),
  package_index: known("network", m.set_package_index, m.set_package_index_help),
  package_hosts: known("network", m.set_package_hosts, m.set_package_hosts_help),
  dependency_cache_limit: known("network", m.set_dependency_cache_limit, m.set_dependency_cache_limit_help),
  ask_images: known("engine", m.set_ask_images, m.set_ask_images_help),
  denied_images: known("engine", m.set_denied_images, m.set_denied_images_help),
  max_image_size: known("engine", m.set_max_image_size, m.set_max_image_size_help),
  image_quota: known("engine", m.set_image_quota, m.set_image_quota_help),
  minimum_isolation: known("engine", m.set_minimum_isolation, m.set_minimum_isolation_help),
  nvml_library: known("engine", m.set_nvml_library, m.set_nvml_library_help),
  schedule: known("rules", m.set_schedule, m.set_schedule_help),
  idle_minutes: known("rules", m.set_idle_minutes, m.set_idle_minutes_help),
  in_use_cpu_percent: known("amount", m.set_in_use_cpu_percent, m.set_in_use_cpu_percent_help),
  in_use_memory_percent: known("amount", m.set_in_use_memory_percent, m.set_in_use_memory_percent_help),
  in_use_gpu: known("amount", m.set_in_use_gpu, m.set_in_use_gpu_help),
  away_cpu_percent: known("amount", m.set_away_cpu_percent, m.set_away_cpu_percent_help),
  away_memory_percent: known("amount", m.set_away_memory_percent, m.set_away_memory_percent_help),
  run_on_battery: known("rules", m.set_run_on_battery, m.set_run_on_battery_help),
  run_on_metered: known("traffic", m.set_run_on_metered, m.set_run_on_metered_help),
  network_hours: known("traffic", m.set_network_hours, m.set_network_hours_help),
  network_quota_day: known("traffic", m.set_network_quota_day, m.set_network_quota_day_help),
  network_quota_month: known("traffic", m.set_network_quota_month, m.set_network_quota_month_help),
  electricity_price: known("electricity", m.set_electricity_price, m.set_electricity_price_help),
  electricity_cheap_price: known("electricity", m.set_electricity_cheap_price, m.set_electricity_cheap_price_help),
  electricity_cheap_hours: known("electricity", m.set_electricity_cheap_hours, m.set_electricity_cheap_hours_help),
  electricity_currency: known("electricity", m.set_electricity_currency, m.set_electricity_currency_help),
  only_cheap_hours: known("electricity", m.set_only_cheap_hours, m.set_only_cheap_hours_help),
  keep_disk_free: known("amount", m.set_keep_disk_free, m.set_keep_disk_free_help),
  keep_awake: known("rules", m.set_keep_awake, m.set_keep_awake_help),
  exclusive_apps: known("rules", m.set_exclusive_apps, m.set_exclusive_apps_help),
  max_cpu_celsius: known("rules", m.set_max_cpu_celsius, m.set_max_cpu_celsius_help),
  max_gpu_celsius: known("rules", m.set_max_gpu_celsius, m.set_max_gpu_celsius_help),
  busy_percent: known("rules", m.set_busy_percent, m.set_busy_percent_help),
  dynamic_priority: known("amount", m.set_dynamic_priority, m.set_dynamic_priority_help),
  alert_cpu_percent: known("app", m.set_alert_cpu_percent, m.set_alert_cpu_percent_help),
  alert_memory_percent: known("app", m.set_alert_memory_percent, m.set_alert_memory_percent_help),
  alert_disk_percent: known("app", m.set_alert_disk_percent, m.set_alert_disk_percent_help),
  alert_temperature_celsius: known("app", m.set_alert_temperature_celsius, m.set_alert_temperature_celsius_help),
  debug_data_quota: known("app", m.set_debug_data_quota, m.set_debug_data_quota_help),
  debug_data_days: known("app", m.set_debug_data_days, m.set_debug_data_days_help),
  monitor_port: known("app", m.set_monitor_port, m.set_monitor_port_help),
  monitor_on_lan: known("app", m.set_monitor_on_lan, m.set_monitor_on_lan_help),
  monitor_lan_port: known("app", m.set_monitor_lan_port, m.set_monitor_lan_port_help),
  resource_report_interval: known("app", m.set_resource_report_interval, m.set_resource_report_interval_help),
  log_level: known("app", m.set_log_level, m.set_log_level_help),
  log_file: known("app", m.set_log_file, m.set_log_file_help),
};

export const GROUPS: readonly { group: Group; title: () => string }[] = [
  { group: "appearance", title: m.settings_appearance },
  { group: "contribution", title: m.settings_contribution },
  { group: "amount", title: m.settings_amount },
  { group: "rules", title: m.settings_rules },
  { group: "traffic", title: m.settings_traffic },
  { group: "electricity", title: m.settings_electricity },
  { group: "pool", title: m.settings_pool },
  { group: "network", title: m.settings_network },
  { group: "engine", title: m.settings_engine },
  { group: "app", title: m.settings_app },
  { group: "other", title: m.settings_other },
];

function find(key: string): Known | undefined {
  return Object.hasOwn(KNOWN, key) ? KNOWN[key] : undefined;
}

export function groupOf(key: string): Group {
  return find(key)?.group ?? "other";
}

const ORDER = Object.keys(KNOWN);

/** The place of a setting among the others: as they are named here, unknown ones last. */
export function placeOf(key: string): number {
  const at = ORDER.indexOf(key);
  return at < 0 ? ORDER.length : at;
}

export function labelOf(key: string): string {
  return find(key)?.label() ?? key;
}

export function helpOf(key: string): string | null {
  return find(key)?.help() ?? null;
}

/** Whether a setting decides where the page listens: it is changed on the computer itself, never from the network. */
export function isDoor(key: string): boolean {
  return key === "monitor_port" || key === "monitor_on_lan" || key === "monitor_lan_port";
}

/** Whether a setting names programs, which are chosen among those that run. */
export function namesPrograms(key: string): boolean {
  return key === "exclusive_apps";
}

/** Hours of which an empty text means none instead of all. */
const NEVER: ReadonlySet<string> = new Set(["electricity_cheap_hours"]);

/** What the text of a setting of hours can say. */
export function hoursKind(setting: Pick<SettingView, "key" | "allowed">): HoursKind {
  return { presets: setting.allowed.includes(PLAN), never: NEVER.has(setting.key) };
}

/** The unit of a setting that is a mere number; nothing where the value itself has one, or counts things. */
export function unitOf(key: string): string | null {
  if (key.endsWith("_percent")) return "%";
  if (key.endsWith("_celsius")) return "°C";
  const units: Record<string, () => string> = {
    idle_minutes: m.unit_minutes,
    debug_data_days: m.unit_days,
    resource_report_interval: m.unit_seconds,
    electricity_price: m.unit_kwh,
    electricity_cheap_price: m.unit_kwh,
  };
  return Object.hasOwn(units, key) ? (units[key]?.() ?? null) : null;
}

const SIZE = "a size from";

/** What a size such as `4g` is in units that everybody writes; nothing where the value is none. */
export function sizeText(setting: Pick<SettingView, "allowed">, value: string): string | null {
  if (!setting.allowed.startsWith(SIZE)) return null;
  const [, count = "", unit = ""] = /^(\d{1,6})([kmgt])$/i.exec(value.trim()) ?? [];
  return count === "" ? null : bytes(Number(count) * 1024 ** ("kmgt".indexOf(unit.toLowerCase()) + 1));
}

/** A setting's value as it is read, with its unit. */
export function shownValue(setting: Pick<SettingView, "key" | "allowed">, value: string): string {
  const control = controlOf(setting);
  if (control.kind === "flag") return value === "true" ? m.toggle_on() : m.toggle_off();
  if (control.kind === "hours") return hoursText(value, hoursKind(setting)) ?? value;
  if (value === "") return m.settings_empty();
  const size = sizeText(setting, value);
  if (size !== null) return m.size_value({ value, size });
  const unit = unitOf(setting.key);
  return unit === null ? choiceWord(setting.key, value) : m.unit_value({ value, unit });
}

export type Control = { kind: "flag" } | { kind: "choice"; words: string[] } | { kind: "integer" } | { kind: "price" } | { kind: "hours" } | { kind: "text" };

const HOURS = "hours on half hours";
/** Part of what is allowed where hours may name a preset. */
const PLAN = "quiet, balanced or max";

/** The control for a setting, read from what the worker says it accepts. */
export function controlOf(setting: Pick<SettingView, "allowed">): Control {
  if (setting.allowed === "true or false") return { kind: "flag" };
  const words = /^one of (.+)$/.exec(setting.allowed)?.[1];
  if (words !== undefined) return { kind: "choice", words: words.split(", ") };
  if (setting.allowed.startsWith(HOURS)) return { kind: "hours" };
  if (setting.allowed.startsWith("a price")) return { kind: "price" };
  return setting.allowed.startsWith("a whole number") ? { kind: "integer" } : { kind: "text" };
}

/** What the worker accepts, in the reader's language as far as the shape is known. */
export function allowedText(allowed: string): string {
  const range = /^a whole number from (\d+) to (\d+)$/.exec(allowed);
  if (range) return m.allowed_integer({ min: range[1] ?? "", max: range[2] ?? "" });
  if (allowed.startsWith(HOURS)) return allowed.includes(PLAN) ? m.allowed_plan() : m.allowed_hours();
  const known: Record<string, () => string> = {
    "a text of at most 512 bytes, or nothing": m.allowed_text_or_nothing,
    "a text of 1 to 512 bytes": m.allowed_text,
    "an address such as https://pool.example, at most 512 bytes": m.allowed_url,
    "a number of cores from 0.1 to 1024, such as 2 or 1.5": m.allowed_cores,
    "a size from 64m to 4096g, such as 512m or 4g": m.allowed_size,
    "a size from 64m to 4096g, such as 512m or 4g, or nothing": m.allowed_quota,
    "a price from 0 to 1000 with up to four decimals, such as 0.32, or nothing": m.allowed_price,
    "three letters such as EUR, USD or TWD, or nothing": m.allowed_currency,
    "image names with commas between, name/* for all below, * for all, at most 8192 bytes": m.allowed_images_list,
    "hosts such as pypi.org, *.example.org or example.org:8443, with commas": m.allowed_hosts_list,
  };
  return known[allowed]?.() ?? allowed;
}

/** Hours of a week in words, with the presets that hold in them; nothing where the text cannot be read. */
export function hoursText(text: string, kind: HoursKind = {}): string | null {
  const week = readHours(text, kind);
  if (week === null) return null;
  if (week.every((cell) => cell === true)) return m.hours_always();
  if (week.every((cell) => cell === false)) return m.hours_none();
  const said = spansOf(week).map(({ as, days, from, to }) => {
    const name = (day: number): string => weekday(day, "short");
    const on =
      days.length === DAYS.length
        ? m.hours_daily()
        : runs(days).flatMap(([a, b]) => (b > a + 1 ? [m.hours_days({ first: name(a), last: name(b) })] : a === b ? [name(a)] : [name(a), name(b)])).join(m.list_comma());
    const hours = from === 0 && to === HALVES ? m.hours_span_day({ days: on }) : m.hours_span({ days: on, from: clockOf(from), to: clockOf(to) });
    return as === true ? hours : m.hours_as({ hours, preset: presetName(as) });
  });
  return said.join(" · ");
}

/** A choice's word in the reader's language, where there is one. */
export function choiceWord(key: string, word: string): string {
  const words: Record<string, () => string> = {
    "language/auto": m.language_auto,
    "theme/system": m.theme_system,
    "theme/light": m.theme_light,
    "theme/dark": m.theme_dark,
    "pool_dialect/auto": m.word_auto,
    "nodepool_work/auto": m.word_auto,
    "nodepool_work/push": m.reach_push,
    "nodepool_work/pull": m.reach_pull,
    "private_link/auto": m.word_auto,
    "private_link/off": m.link_word_off,
    "private_link/required": m.link_word_required,
    "private_link_tunnel/worker": m.tunnel_word_worker,
    "private_link_tunnel/system": m.tunnel_word_system,
    "network_policy/none": m.policy_none,
    "network_policy/allow-list": m.policy_allow_list,
    "network_policy/ask": m.policy_ask,
    "dependencies/allow": m.dependencies_allow,
    "dependencies/never": m.dependencies_never,
    "log_level/error": m.log_error,
    "log_level/warning": m.log_warning,
    "log_level/warn": m.log_warning,
    "log_level/info": m.log_info,
    "log_level/debug": m.log_debug,
    "log_level/trace": m.log_trace,
  };
  if (key === "language" && word === "en") return "English";
  if (key === "language" && word === "zh-tw") return "繁體中文";
  if (key === "minimum_isolation") return isolation(word);
  return words[`${key}/${word}`]?.() ?? word;
}
