// What the screens know, and how each event changes it. Pure: no clock, no host, no screen.

import type { Event } from "../generated/Event";
import type { LogLine } from "../generated/LogLine";
import type { MetricsSample } from "../generated/MetricsSample";
import type { Snapshot } from "../generated/Snapshot";
import type { TaskRef } from "../generated/TaskRef";

/** Readings older than this are forgotten, in milliseconds. */
export const WINDOW_MS = 60_000;
/** Never more readings than this, whatever their times say. */
export const MAX_SAMPLES = 600;
/** Live lines kept per running task; the task's own screen reads older ones from the worker. */
export const TAIL_LINES = 200;

export interface World {
  readonly snapshot: Snapshot | null;
  /** Oldest first, at most {@link WINDOW_MS} long. */
  readonly samples: readonly MetricsSample[];
  /** Newest lines of the tasks that are not final, by {@link taskKey}. */
  readonly tails: Readonly<Record<string, readonly LogLine[]>>;
}

export const EMPTY: World = { snapshot: null, samples: [], tails: {} };

/** Names one attempt inside the UI. */
export function taskKey(task: { task_id: string; attempt: number | null }): string {
  return `${task.task_id}/${task.attempt ?? "latest"}`;
}

/** Adds readings, oldest first, each time once, inside the window. */
export function addSamples(known: readonly MetricsSample[], fresh: readonly MetricsSample[]): readonly MetricsSample[] {
  const last = fresh.at(-1)?.at_ms ?? known.at(-1)?.at_ms;
  if (last === undefined) return known;
  // A clock set back would otherwise leave readings from the future in the chart for ever.
  const byTime = new Map(known.filter((s) => s.at_ms <= last).map((s) => [s.at_ms, s]));
  for (const sample of fresh) byTime.set(sample.at_ms, sample);
  return [...byTime.values()]
    .filter((s) => s.at_ms > last - WINDOW_MS && s.at_ms <= last)
    .sort((a, b) => a.at_ms - b.at_ms)
    .slice(-MAX_SAMPLES);
}

/** Adds lines in the order of their numbers, each once, newest kept. */
export function addLines(known: readonly LogLine[], fresh: readonly LogLine[]): readonly LogLine[] {
  const byNumber = new Map(known.map((l) => [l.number, l]));
  for (const line of fresh) byNumber.set(line.number, line);
  return [...byNumber.values()].sort((a, b) => a.number - b.number).slice(-TAIL_LINES);
}

function keyOf(snapshot: Snapshot | null, task: TaskRef): string | null {
  if (task.attempt !== null) return taskKey({ task_id: task.task_id, attempt: task.attempt });
  const known = snapshot?.tasks.filter((t) => t.task_id === task.task_id).at(-1);
  return known ? taskKey(known) : null;
}

/** Takes a whole new state; tails of tasks that are gone go with them. */
export function withSnapshot(world: World, snapshot: Snapshot): World {
  const alive = new Set(snapshot.tasks.map(taskKey));
  const kept = Object.entries(world.tails).filter(([key]) => alive.has(key));
  const tails = kept.length === Object.keys(world.tails).length ? world.tails : Object.fromEntries(kept);
  return { ...world, snapshot, tails };
}

/** The world after an answer that carries a snapshot: an older one than the stream already brought is ignored. */
export function withAnswer(world: World, snapshot: Snapshot): World {
  return world.snapshot !== null && snapshot.seq <= world.snapshot.seq ? world : withSnapshot(world, snapshot);
}

/** The world after an event. */
export function reduce(world: World, event: Event): World {
  switch (event.event) {
    case "snapshot":
      return withSnapshot(world, event.data);
    case "metrics":
      return { ...world, samples: addSamples(world.samples, [event.data]) };
    case "log": {
      const key = keyOf(world.snapshot, event.data.task);
      if (key === null || !world.snapshot?.tasks.some((t) => taskKey(t) === key)) return world;
      return { ...world, tails: { ...world.tails, [key]: addLines(world.tails[key] ?? [], event.data.lines) } };
    }
    case "raise_window":
    case "report_problem":
    case "quitting":
      return world;
  }
}
