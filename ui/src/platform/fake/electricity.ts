// Made-up electricity: what each situation knows of it, and what its attempts took.

import type { ElectricitySum } from "../../generated/ElectricitySum";
import type { ElectricityView } from "../../generated/ElectricityView";
import { NOTHING } from "../../model/electricity";
import type { Scene } from "./scenes";
import { chance } from "./world";

/** What is known of a computer's electricity and its price. */
export interface Current extends Omit<ElectricityView, "sum"> {
  /** Millionths of the currency for a thousandth of a watt-hour; nothing without a price. */
  price: number | null;
  /** The share of attempts for which it is known, and whether each part has one. */
  share: number;
  cpu: boolean;
  gpu: boolean;
}

const CPU_IDLE = { device: "cpu", milliwatts: 11_240 };
const GPU_IDLE = { device: "NVIDIA GeForce RTX 4070", milliwatts: 13_900 };

const USUAL: Current = { processor: "", gpus: "", currency: "", price: null, share: 1, cpu: true, gpu: false, idle: [CPU_IDLE] };
const BLIND: Current = { ...USUAL, share: 0, cpu: false, idle: [] };

const OF_SCENE: Partial<Record<Scene, Current>> = {
  planned: { ...USUAL, currency: "TWD", price: 3.2, share: 0.86, gpu: true, idle: [CPU_IDLE, GPU_IDLE] },
  dear: { ...BLIND, processor: "learning", gpus: "learning" },
  network_app: { ...BLIND, processor: "no_sensor" },
  gpu_app: { ...BLIND, currency: "EUR", price: 0.32, processor: "no_permission", idle: [GPU_IDLE] },
};

export const currentOf = (scene: Scene): Current => OF_SCENE[scene] ?? USUAL;

/** What one attempt took; `i` tells attempts apart. */
export function takenBy(i: number, { share, cpu, gpu, price }: Current): ElectricitySum {
  if (chance(i + 13) >= share) return { ...NOTHING, tasks: 1 };
  const cpu_mwh = cpu ? 900 + Math.floor(chance(i + 3) * 11_000) : 0;
  const gpu_mwh = gpu ? Math.floor(chance(i + 5) * 42_000) : 0;
  return { known_tasks: 1, tasks: 1, cpu_mwh, gpu_mwh, cost_micros: price === null ? null : Math.round((cpu_mwh + gpu_mwh) * price) };
}

export function together(sums: readonly ElectricitySum[]): ElectricitySum {
  return sums.reduce(
    (a, b) => ({
      known_tasks: a.known_tasks + b.known_tasks,
      tasks: a.tasks + b.tasks,
      cpu_mwh: a.cpu_mwh + b.cpu_mwh,
      gpu_mwh: a.gpu_mwh + b.gpu_mwh,
      cost_micros: b.cost_micros === null ? a.cost_micros : (a.cost_micros ?? 0) + b.cost_micros,
    }),
    NOTHING,
  );
}

export function viewOf(sum: ElectricitySum, { currency, processor, gpus, idle }: Current): ElectricityView {
  return { sum, currency, processor, gpus, idle };
}
