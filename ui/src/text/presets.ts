// How much of the computer is lent: three answers to one question, each a handful of settings.

export type PresetName = "quiet" | "balanced" | "max";

export interface Preset {
  name: PresetName;
  cores: number;
  memoryMiB: number;
  tasks: number;
  /** The settings that make it, by key. */
  settings: Record<string, string>;
}

const MIB = 1024 * 1024;

function preset(name: PresetName, cores: number, memoryMiB: number, tasks: number, busy: number): Preset {
  return {
    name,
    cores,
    memoryMiB,
    tasks,
    settings: {
      max_cpu_cores: String(cores),
      max_memory_limit: `${memoryMiB}m`,
      max_concurrent_tasks: String(tasks),
      busy_percent: String(busy),
      dynamic_priority: "true",
    },
  };
}

/** The three for a computer: a share of its cores and memory each; one core always stays free where there are two. */
export function presets(host: { cpu_cores: number; memory_bytes: number }): Preset[] {
  const all = Math.max(1, host.cpu_cores);
  const most = Math.max(1, all - 1);
  const cores = (share: number): number => Math.min(most, Math.max(1, Math.floor(all * share)));
  // The engine asks for at least 64 MiB; whole gigabytes are easier to read where there are some.
  const memory = (share: number): number => {
    const mib = Math.floor((host.memory_bytes * share) / MIB);
    return Math.max(256, mib >= 2048 ? Math.floor(mib / 1024) * 1024 : mib);
  };
  return [
    preset("quiet", cores(0.25), memory(0.25), 1, 25),
    preset("balanced", cores(0.5), memory(0.4), Math.min(3, Math.max(1, cores(0.5))), 50),
    preset("max", cores(0.8), memory(0.6), Math.min(16, Math.max(1, cores(0.8))), 0),
  ];
}

/** Practice tasks in an hour, given the processor time that one took, in milliseconds. */
export function tasksPerHour(cores: number, cpuMs: number): number {
  return cpuMs > 0 ? Math.floor((cores * 3_600_000) / cpuMs) : 0;
}
