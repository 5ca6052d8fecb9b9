// A QR code as one path: every dark module a square of one unit.

/** Light modules around a code, without which cameras do not find it. */
export const QUIET = 4;

/** Rows of `#` (dark) and `.` (light), as the worker tells them. */
export function darkPath(rows: readonly string[]): string {
  // Modules beside each other are drawn as one, so that no hair of light is left between them.
  const bars = rows.flatMap((row, y) => [...row.matchAll(/#+/g)].map((bar) => `M${bar.index + QUIET} ${y + QUIET}h${bar[0].length}v1h-${bar[0].length}z`));
  return bars.join("");
}
