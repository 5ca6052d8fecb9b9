export type PresetOffer = { name: string, away_cpu_millis: number, away_memory_bytes: number, in_use_cpu_millis: number, in_use_memory_bytes: number, idle_minutes: number, };
