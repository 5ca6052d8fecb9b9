import { describe, expect, it } from "vitest";
import type { GpuUse } from "../generated/GpuUse";
import { allGpus } from "./gpus";

const gpu = (percent: number | null, temperature_c: number | null, power_w: number | null): GpuUse => ({
  uuid: "GPU-1",
  name: "one",
  percent,
  memory_used_bytes: null,
  memory_total_bytes: null,
  temperature_c,
  power_w,
});

describe("what all GPUs come to", () => {
  it("is the busiest, the hottest, and the power of all", () => {
    expect(allGpus([gpu(20, 70, 100), gpu(90, 50, 50.5)])).toEqual({ gpu_percent: 90, gpu_temperature_c: 70, gpu_power_w: 150.5 });
  });
  it("leaves out what a driver does not tell, and never takes it for zero", () => {
    expect(allGpus([gpu(null, null, null), gpu(0, null, 30)])).toEqual({ gpu_percent: 0, gpu_temperature_c: null, gpu_power_w: 30 });
    expect(allGpus([])).toEqual({ gpu_percent: null, gpu_temperature_c: null, gpu_power_w: null });
  });
});
