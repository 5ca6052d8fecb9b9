// What all GPUs of a reading come to, as the worker reckons it for its own record.

import type { GpuUse } from "../generated/GpuUse";
import type { TrendPoint } from "../generated/TrendPoint";

export type GpuReading = Pick<TrendPoint, "gpu_percent" | "gpu_temperature_c" | "gpu_power_w">;

function joined(values: readonly (number | null)[], join: (one: number, other: number) => number): number | null {
  return values.reduce((all, value) => (all === null || value === null ? (all ?? value) : join(all, value)), null);
}

/** The busiest and the hottest GPU, and the power of all together. What no driver tells is null. */
export function allGpus(gpus: readonly GpuUse[]): GpuReading {
  return {
    gpu_percent: joined(gpus.map((gpu) => gpu.percent), Math.max),
    gpu_temperature_c: joined(gpus.map((gpu) => gpu.temperature_c), Math.max),
    gpu_power_w: joined(gpus.map((gpu) => gpu.power_w), (one, other) => one + other),
  };
}
