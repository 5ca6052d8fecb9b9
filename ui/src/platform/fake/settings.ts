import type { SettingView } from "../../generated/SettingView";
import { CallError } from "../platform";
import { problem } from "./world";

const TEXT = "a text of at most 512 bytes, or nothing";

function setting(key: string, value: string, allowed: string, more: Partial<SettingView> = {}): SettingView {
  return { key, value, default: value, source: "default", allowed, env: null, flag: null, restart: false, ...more };
}

export function settings(language: string, theme: string): SettingView[] {
  return [
    setting("master_url", "https://pool.example", "an address such as https://pool.example, at most 512 bytes", {
      source: "environment",
      env: "MASTER_NODE_URL",
      flag: "--master-url",
      restart: true,
    }),
    setting("allow_unencrypted_pool", "false", "true or false", { restart: true }),
    setting("max_concurrent_tasks", "3", "a whole number from 1 to 64", { env: "MAX_CONCURRENT_TASKS" }),
    setting("max_memory_limit", "4g", "a size from 64m to 4096g, such as 512m or 4g", { env: "MAX_MEMORY_LIMIT" }),
    setting("max_cpu_cores", "2", "a number of cores from 0.1 to 1024, such as 2 or 1.5", { default: "4", source: "file" }),
    setting("cpu_only", "false", "true or false", { env: "CPU_ONLY" }),
    setting("contribute_on_start", "true", "true or false"),
    setting("start_at_login", "false", "true or false"),
    setting("engine_address", "", TEXT, { env: "DOCKER_HOST", restart: true }),
    setting("worker_image", "justin308/hivemind-worker", "a text of 1 to 512 bytes"),
    setting("monitor_port", "5001", "a whole number from 0 to 65535", { restart: true }),
    setting("log_level", "info", "one of error, warning, warn, info, debug, trace", { restart: true }),
    setting("log_file", "", TEXT, { restart: true }),
    setting("language", language, "one of auto, en, zh-tw", { default: "auto" }),
    setting("theme", theme, "one of system, light, dark", { default: "system" }),
    setting("a_setting_of_a_newer_worker", "7", "a whole number from 1 to 9"),
  ];
}

function accepts(allowed: string, value: string): boolean {
  const range = /^a whole number from (\d+) to (\d+)$/.exec(allowed);
  if (range) return /^\d+$/.test(value) && Number(value) >= Number(range[1]) && Number(value) <= Number(range[2]);
  const words = /^one of (.+)$/.exec(allowed)?.[1];
  if (words) return words.split(", ").includes(value);
  if (allowed === "true or false") return value === "true" || value === "false";
  if (allowed.startsWith("a size")) return /^\d+[kmgt]?$/i.test(value);
  if (allowed.startsWith("a number of cores")) return Number(value) >= 0.1 && Number(value) <= 1024;
  return value.length <= 512;
}

/** The settings after a change, checked as the worker does it. */
export function changed(all: SettingView[], key: string, value: string | null): SettingView[] {
  const wanted = all.find((s) => s.key === key);
  if (!wanted) throw new CallError(problem("INVALID_SETTING", `There is no setting ${key}.`));
  const next = value ?? wanted.default;
  if (!accepts(wanted.allowed, next)) {
    throw new CallError(problem("INVALID_SETTING", `${key} is "${next}", allowed is ${wanted.allowed}`));
  }
  return all.map((s) => (s.key === key ? { ...s, value: next, source: value === null ? "default" : "file" } : s));
}
