// Numbers with their units, in the reader's language. Every function takes raw API units and is pure but for the locale.

import { locale } from "./locale.svelte";
import { m } from "./messages";

const numbers = new Map<string, Intl.NumberFormat>();

function number(value: number, digits: number, least = 0): string {
  const key = `${locale.current}/${digits}/${least}`;
  let format = numbers.get(key);
  if (!format) {
    format = new Intl.NumberFormat(locale.current, { maximumFractionDigits: digits, minimumFractionDigits: least });
    numbers.set(key, format);
  }
  return format.format(Number.isFinite(value) ? value : 0);
}

export function integer(value: number): string {
  return number(Math.round(value), 0);
}

/** Whole CPT with the unit. */
export function cpt(amount: number): string {
  return m.cpt_amount({ amount: integer(amount) });
}

/** Percent of 0 to 100. Not a number (the worker writes `null` for it) counts as 0. */
export function percent(value: number | null): string {
  const sound = value === null || !Number.isFinite(value) ? 0 : Math.max(0, value);
  return `${number(sound, sound > 0 && sound < 9.95 ? 1 : 0)} %`;
}

/** Degrees Celsius, whole. */
export function celsius(value: number): string {
  return `${number(value, 0)} °C`;
}

/** Watts, whole. */
export function watts(value: number): string {
  return `${number(value, 0)} W`;
}

const UNITS = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"] as const;

/** Bytes in binary units, three digits. */
export function bytes(value: number): string {
  let size = Math.max(0, Number.isFinite(value) ? value : 0);
  let unit = 0;
  while (size >= 1023.5 && unit < UNITS.length - 1) {
    size /= 1024;
    unit += 1;
  }
  const digits = unit === 0 || size >= 99.95 ? 0 : size >= 9.995 ? 1 : 2;
  return `${number(size, digits)} ${UNITS[unit] ?? "B"}`;
}

export function bytesPerSecond(value: number): string {
  return `${bytes(value)}/s`;
}

/** Thousandths of a core as cores. */
export function cores(millis: number): string {
  const amount = millis / 1000;
  return Number.isInteger(amount) ? m.cores_count({ n: amount }) : m.cores_text({ amount: number(amount, 3) });
}

/** The same without the word, before "of" so many cores. */
export function coreNumber(millis: number): string {
  return number(millis / 1000, 3);
}

/** A time span in milliseconds, in its two largest units. */
export function duration(ms: number): string {
  const whole = Math.max(0, Math.floor((Number.isFinite(ms) ? ms : 0) / 1000));
  const s = whole % 60;
  const min = Math.floor(whole / 60) % 60;
  const h = Math.floor(whole / 3600) % 24;
  const d = Math.floor(whole / 86_400);
  if (d > 0) return h > 0 ? m.duration_d_h({ d, h }) : m.duration_d({ d });
  if (h > 0) return min > 0 ? m.duration_h_m({ h, m: min }) : m.duration_h({ h });
  if (min > 0) return s > 0 ? m.duration_ms_s({ m: min, s }) : m.duration_m({ m: min });
  if (whole > 0 || ms <= 0) return m.duration_s({ s: whole });
  return m.duration_ms({ n: Math.round(ms) });
}

/** The same in a sentence about days: whole ones are written out. */
export function span(ms: number): string {
  const days = ms / 86_400_000;
  return Number.isInteger(days) && days > 0 ? m.days_count({ n: days }) : duration(ms);
}

/** A number and its unit in one piece, for sentences that are broken into lines. */
export const whole = (text: string): string => text.replaceAll(" ", "\u00a0");

/** How long ago, in words. */
export function ago(atMs: number, nowMs: number): string {
  const passed = nowMs - atMs;
  return passed < 5_000 ? m.ago_now() : m.ago({ duration: duration(passed) });
}

const dates = new Map<string, Intl.DateTimeFormat>();
/** No date is further from 1970, in milliseconds. */
const LAST_MS = 8.64e15;

function date(ms: number, key: string, options: Intl.DateTimeFormatOptions): string {
  if (!(Math.abs(ms) <= LAST_MS)) return m.unknown();
  const name = `${locale.current}/${key}`;
  let format = dates.get(name);
  if (!format) {
    format = new Intl.DateTimeFormat(locale.current, options);
    dates.set(name, format);
  }
  return format.format(new Date(ms));
}

/** Date and time of day, local. */
export function moment(ms: number): string {
  return date(ms, "moment", { month: "short", day: "numeric", hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
}

/** Time of day, local. */
export function timeOfDay(ms: number): string {
  return date(ms, "time", { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
}

/** Time of day with seconds, local. */
export function clock(ms: number): string {
  return date(ms, "clock", { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
}

/** A day of the week, 0 being Monday. */
export function weekday(index: number, form: "short" | "long"): string {
  // 5 January 2026 is a Monday.
  return date(Date.UTC(2026, 0, 5 + index, 12), `weekday-${form}`, { weekday: form, timeZone: "UTC" });
}

/** A day such as `2026-11-21`, which is already local and must not be moved by a time zone. */
export function day(text: string, form: "short" | "long" = "long"): string {
  const parts = /^(\d{4})-(\d{2})-(\d{2})$/.exec(text);
  if (!parts) return text;
  const noon = Date.UTC(Number(parts[1]), Number(parts[2]) - 1, Number(parts[3]), 12);
  if (form === "short") return date(noon, "day-short", { month: "numeric", day: "numeric", timeZone: "UTC" });
  return date(noon, "day", { weekday: "short", year: "numeric", month: "short", day: "numeric", timeZone: "UTC" });
}
