import type { SettingView } from "../../generated/SettingView";
import { readHours } from "../../model/hours";
import { hoursKind } from "../../text/settings";
import { CallError } from "../platform";
import type { Scene } from "./scenes";
import { problem } from "./world";

const TEXT = "a text of at most 512 bytes, or nothing";
const SOME_TEXT = "a text of 1 to 512 bytes";
const SIZE = "a size from 64m to 4096g, such as 512m or 4g";
const QUOTA = "a size from 64m to 4096g, such as 512m or 4g, or nothing";
const HOURS = "hours on half hours such as mon-fri 18:00-08:00; sat,sun 10:00-20:00, each once, or nothing";
const PLAN =
  "hours on half hours such as mon-fri 18:00-08:00; sat,sun 10:00-20:00 quiet, each once, with quiet, balanced or max where a preset is to hold, or nothing";
const PRICE = "a price from 0 to 1000 with up to four decimals, such as 0.32, or nothing";
const HOSTS = "hosts such as pypi.org, *.example.org or example.org:8443, with commas";
const IMAGES = "image names with commas between, name/* for all below, * for all, at most 8192 bytes";

function setting(key: string, value: string, allowed: string, more: Partial<SettingView> = {}): SettingView {
  return { key, value, default: value, source: "default", allowed, env: null, flag: null, restart: false, ...more };
}

/** What the owner of each situation has set. */
const OWN: Partial<Record<Scene, Readonly<Record<string, string>>>> = {
  planned: {
    schedule: "mon-fri 12:00-13:00; mon-fri 18:00-22:30 quiet; mon-thu,sun 22:30-07:30 max; sat,sun 10:00-20:00 balanced",
    exclusive_apps: "game.exe, blender:gpu, teams:network",
    electricity_price: "4.2",
    electricity_cheap_price: "1.96",
    electricity_cheap_hours: "daily 22:30-07:30",
    electricity_currency: "TWD",
  },
};

export function settings(language: string, theme: string, scene: Scene): SettingView[] {
  const own = OWN[scene] ?? {};
  return builtIn(language, theme).map((one) => (Object.hasOwn(own, one.key) ? { ...one, value: own[one.key] ?? "", source: "file" } : one));
}

function builtIn(language: string, theme: string): SettingView[] {
  return [
    setting("language", language, "one of auto, en, zh-tw", { default: "auto" }),
    setting("theme", theme, "one of system, light, dark", { default: "system" }),
    setting("master_url", "https://pool.example", "an address such as https://pool.example, at most 512 bytes", {
      source: "environment",
      env: "MASTER_NODE_URL",
      flag: "--master-url",
      restart: true,
    }),
    setting("pool_address", "", TEXT, { restart: true }),
    setting("pool_dialect", "auto", "one of auto, v1, nodepool", { restart: true }),
    setting("nodepool_work", "auto", "one of auto, push, pull", { restart: true }),
    setting("nodepool_port", "50053", "a whole number from 1 to 65535", { restart: true }),
    setting("nodepool_key", "", TEXT, { restart: true }),
    setting("nodepool_proxy", "", TEXT, { restart: true }),
    setting("nodepool_scripts", "false", "true or false", { restart: true }),
    setting("pool_certificate_sha256", "", TEXT, { restart: true }),
    setting("allow_unencrypted_pool", "false", "true or false", { restart: true }),
    setting("wireguard_config_path", "wg0.conf", SOME_TEXT, { restart: true }),
    setting("private_link", "auto", "one of auto, off, required", { restart: true }),
    setting("private_link_tunnel", "worker", "one of worker, system", { restart: true }),
    setting("netd_socket", "", TEXT, { restart: true }),
    setting("max_concurrent_tasks", "3", "a whole number from 1 to 64", { env: "MAX_CONCURRENT_TASKS" }),
    setting("max_memory_limit", "4g", SIZE, { env: "MAX_MEMORY_LIMIT" }),
    setting("max_cpu_cores", "4", "a number of cores from 0.1 to 1024, such as 2 or 1.5"),
    setting("cpu_only", "false", "true or false", { env: "CPU_ONLY" }),
    setting("schedule", "", PLAN),
    setting("idle_minutes", "3", "a whole number from 1 to 240"),
    setting("in_use_cpu_percent", "25", "a whole number from 0 to 100"),
    setting("in_use_memory_percent", "25", "a whole number from 1 to 100"),
    setting("in_use_gpu", "false", "true or false"),
    setting("away_cpu_percent", "80", "a whole number from 1 to 100"),
    setting("away_memory_percent", "60", "a whole number from 1 to 100"),
    setting("run_on_battery", "false", "true or false"),
    setting("run_on_metered", "false", "true or false"),
    setting("network_hours", "", HOURS),
    setting("network_quota_day", "", QUOTA),
    setting("network_quota_month", "", QUOTA),
    setting("electricity_price", "", PRICE),
    setting("electricity_cheap_price", "", PRICE),
    setting("electricity_cheap_hours", "", HOURS),
    setting("electricity_currency", "", "three letters such as EUR, USD or TWD, or nothing"),
    setting("only_cheap_hours", "false", "true or false"),
    setting("keep_disk_free", "10g", SIZE, { env: "KEEP_DISK_FREE" }),
    setting("keep_awake", "false", "true or false"),
    setting("exclusive_apps", "", "a text of at most 512 bytes, or nothing"),
    setting("max_cpu_celsius", "80", "a whole number from 40 to 110"),
    setting("max_gpu_celsius", "78", "a whole number from 40 to 110"),
    setting("busy_percent", "0", "a whole number from 0 to 100"),
    setting("dynamic_priority", "true", "true or false"),
    setting("contribute_on_start", "true", "true or false"),
    setting("start_at_login", "false", "true or false"),
    setting("notify_problems", "true", "true or false"),
    setting("notify_milestones", "true", "true or false"),
    setting("notify_payouts", "true", "true or false"),
    setting("updates", "true", "true or false"),
    setting("network_policy", "ask", "one of none, allow-list, ask", { default: "none", source: "file" }),
    setting("allowed_hosts", "pypi.org,*.example.org", HOSTS, { default: "", source: "file" }),
    setting("denied_hosts", "", HOSTS),
    setting("max_task_traffic", "1g", SIZE),
    setting("dependencies", "allow", "one of allow, never"),
    setting("package_index", "https://pypi.org/simple", "an address such as https://pool.example, at most 512 bytes"),
    setting("package_hosts", "files.pythonhosted.org", HOSTS),
    setting("dependency_cache_limit", "2g", SIZE),
    setting("engine_address", "", TEXT, { env: "DOCKER_HOST", restart: true }),
    setting("worker_image", "justin308/hivemind-worker", SOME_TEXT),
    setting("worker_image_tag", "latest", SOME_TEXT),
    setting("managed_functions", "true", "true or false"),
    setting("allowed_images", "", IMAGES),
    setting("ask_images", "", IMAGES),
    setting("denied_images", "", IMAGES),
    setting("max_image_size", "10g", SIZE),
    setting("image_quota", "20g", SIZE),
    setting("minimum_isolation", "plain", "one of plain, userns, rootless, gvisor, vm"),
    setting("nvml_library", "", TEXT, { restart: true }),
    setting("alert_cpu_percent", "95", "a whole number from 0 to 100"),
    setting("alert_memory_percent", "90", "a whole number from 0 to 100"),
    setting("alert_disk_percent", "90", "a whole number from 0 to 100"),
    setting("alert_temperature_celsius", "85", "a whole number from 0 to 120"),
    setting("debug_data_quota", "1g", SIZE),
    setting("debug_data_days", "7", "a whole number from 0 to 365"),
    setting("monitor_port", "5001", "a whole number from 0 to 65535", { restart: true }),
    setting("monitor_on_lan", "false", "true or false"),
    setting("monitor_lan_port", "5443", "a whole number from 1 to 65535"),
    setting("resource_report_interval", "30", "a whole number from 1 to 3600"),
    setting("log_level", "info", "one of error, warning, warn, info, debug, trace", { restart: true }),
    setting("log_file", "", TEXT, { restart: true }),
    setting("a_setting_of_a_newer_worker", "7", "a whole number from 1 to 9"),
  ];
}

function accepts(setting: SettingView, value: string): boolean {
  const { allowed } = setting;
  if (allowed === HOURS || allowed === PLAN) return value.length <= 512 && readHours(value, hoursKind(setting)) !== null;
  if (allowed === PRICE) return value === "" || (/^\d{1,4}(\.\d{1,4})?$/.test(value) && Number(value) <= 1000);
  if (allowed.startsWith("three letters")) return /^([A-Za-z]{3})?$/.test(value);
  const range = /^a whole number from (\d+) to (\d+)$/.exec(allowed);
  if (range) return /^\d+$/.test(value) && Number(value) >= Number(range[1]) && Number(value) <= Number(range[2]);
  const words = /^one of (.+)$/.exec(allowed)?.[1];
  if (words) return words.split(", ").includes(value);
  if (allowed === "true or false") return value === "true" || value === "false";
  if (allowed === QUOTA && value === "") return true;
  if (allowed.startsWith("a size")) return /^\d+[kmgt]?$/i.test(value);
  if (allowed.startsWith("a number of cores")) return Number(value) >= 0.1 && Number(value) <= 1024;
  return value.length <= 512;
}

/** Whether a value could be set, judged as the worker does it. */
export function judged(all: SettingView[], key: string, value: string | null): void {
  changed(all, key, value);
}

/** The settings after a change, checked as the worker does it. */
export function changed(all: SettingView[], key: string, value: string | null): SettingView[] {
  const wanted = all.find((s) => s.key === key);
  if (!wanted) throw new CallError(problem("INVALID_SETTING", `There is no setting ${key}.`));
  const next = value ?? wanted.default;
  if (!accepts(wanted, next)) {
    throw new CallError(problem("INVALID_SETTING", `${key} is "${next}", allowed is ${wanted.allowed}`));
  }
  return all.map((s) => (s.key === key ? { ...s, value: next, source: value === null ? "default" : "file" } : s));
}
