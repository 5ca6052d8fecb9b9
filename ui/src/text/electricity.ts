// Electricity and what it costs, in the reader's language. Raw API units go in.

import type { IdlePower } from "../generated/IdlePower";
import { locale } from "./locale.svelte";
import { m } from "./messages";

const formats = new Map<string, Intl.NumberFormat>();

function format(value: number, options: Intl.NumberFormatOptions): string {
  const key = `${locale.current}/${JSON.stringify(options)}`;
  let known = formats.get(key);
  if (!known) {
    known = new Intl.NumberFormat(locale.current, options);
    formats.set(key, known);
  }
  return known.format(Number.isFinite(value) ? value : 0);
}

/** Three digits of what is small, whole numbers of what is large. What is not nothing never becomes 0. */
function three(value: number): string {
  return format(value, Math.abs(value) >= 99.95 ? { maximumFractionDigits: 0 } : { maximumSignificantDigits: 3 });
}

/** Thousandths of a watt-hour as watt-hours, and as kilowatt-hours from one on. */
export function energy(mwh: number): string {
  return energyAs(mwh, mwh);
}

/** The same in the unit of another amount: a difference stands below what it is one of. */
export function energyAs(mwh: number, like: number): string {
  const hours = mwh / 1000;
  return Math.abs(like) >= 999_500 ? `${three(hours / 1000)} kWh` : `${three(hours)} Wh`;
}

/** Thousandths of a watt as watts. */
export function power(milliwatts: number): string {
  return `${three(milliwatts / 1000)} W`;
}

/** Digits behind the point of amounts without a currency. */
const DIGITS = 2;

/** Millionths of a currency, with its sign where it has three letters. A small amount gets as many digits as it needs. */
export function money(micros: number, currency: string): string {
  const value = micros / 1_000_000;
  const style: Intl.NumberFormatOptions = /^[A-Z]{3}$/.test(currency) ? { style: "currency", currency } : {};
  const usual = "currency" in style ? (new Intl.NumberFormat("en", style).resolvedOptions().maximumFractionDigits ?? DIGITS) : DIGITS;
  const few = value !== 0 && Math.abs(value) < 10 ** (1 - usual);
  return format(value, {
    ...style,
    ...(few ? { minimumSignificantDigits: 2, maximumSignificantDigits: 2 } : { minimumFractionDigits: usual, maximumFractionDigits: usual }),
  });
}

/** Energy and its cost, as far as either is known. */
export function parts(mwh: number | null, micros: number | null, currency: string): string[] {
  return [mwh === null ? "" : energy(mwh), micros === null ? "" : money(micros, currency)].filter(Boolean);
}

/** The same in one line. */
export function taken(mwh: number | null, micros: number | null, currency: string): string {
  return parts(mwh, micros, currency).join(" · ");
}

type Words = Record<string, () => string>;

const CPU: Words = {
  no_sensor: m.electricity_cpu_no_sensor,
  no_permission: m.electricity_cpu_no_permission,
  learning: m.electricity_cpu_learning,
};
const GPU: Words = {
  no_sensor: m.electricity_gpu_no_sensor,
  no_permission: m.electricity_gpu_no_permission,
  learning: m.electricity_gpu_learning,
};

/** Why a part's power is not known; a word of a newer worker is shown as it is. */
export function whyUnknown(part: "cpu" | "gpu", word: string): string {
  const words = part === "cpu" ? CPU : GPU;
  return Object.hasOwn(words, word) ? (words[word]?.() ?? word) : word;
}

/** A part of the computer by its name. */
export const partName = ({ device }: IdlePower): string => (device === "cpu" ? m.cpu() : device);
