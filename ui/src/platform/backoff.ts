/** Longest wait between two tries, in milliseconds. The worker is on this computer, so there is no crowd to spare. */
export const LONGEST_WAIT_MS = 10_000;

/** Wait before try number `attempt` (from 1): doubles from half a second, the upper half of it by chance. */
export function waitMs(attempt: number, chance: () => number = Math.random): number {
  const whole = Math.min(LONGEST_WAIT_MS, 500 * 2 ** Math.min(attempt - 1, 10));
  return Math.round(whole / 2 + (whole / 2) * chance());
}
