// How much of the computer is lent, in words. What a preset is, the worker decides.

import { m } from "./messages";

interface PresetWords {
  name: () => string;
  text: () => string;
}

export const PRESET_WORDS: Readonly<Record<string, PresetWords>> = {
  quiet: { name: m.preset_quiet, text: m.preset_quiet_text },
  balanced: { name: m.preset_balanced, text: m.preset_balanced_text },
  max: { name: m.preset_max, text: m.preset_max_text },
};

/** A preset by its name; one of a newer worker by its word. */
export function presetName(word: string): string {
  return Object.hasOwn(PRESET_WORDS, word) ? (PRESET_WORDS[word]?.name() ?? word) : word;
}

/** Practice tasks in an hour, given the processor time that one took, in milliseconds. Each uses one core, and no more run than `atOnce`. */
export function tasksPerHour(cores: number, atOnce: number, cpuMs: number): number {
  return cpuMs > 0 ? Math.floor((Math.min(cores, atOnce) * 3_600_000) / cpuMs) : 0;
}
