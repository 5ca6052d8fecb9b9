// What is known of the electricity that tasks took above what the computer draws anyway. Pure.

import type { ElectricitySum } from "../generated/ElectricitySum";

/** No attempts and no electricity. */
export const NOTHING: ElectricitySum = { known_tasks: 0, tasks: 0, cpu_mwh: 0, gpu_mwh: 0, cost_micros: null };

/** All of it, in thousandths of a watt-hour; absent where it is known of no attempt. */
export function energyOf(sum: ElectricitySum): number | null {
  return sum.known_tasks > 0 ? sum.cpu_mwh + sum.gpu_mwh : null;
}
