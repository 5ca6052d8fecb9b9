import { describe, expect, it } from "vitest";
import { sample, snapshot, task } from "../platform/fake/world";
import { addLines, addSamples, EMPTY, MAX_SAMPLES, reduce, TAIL_LINES, taskKey, WINDOW_MS, withAnswer } from "./reduce";

const line = (number: number, text = `line ${number}`) => ({ number, stderr: false, at_ms: 0, text });

describe("reduce", () => {
  it("takes a snapshot whole, also one with a lower number after the worker restarted", () => {
    const first = reduce(EMPTY, { event: "snapshot", data: snapshot({ seq: 900 }) });
    const second = reduce(first, { event: "snapshot", data: snapshot({ seq: 1, version: "0.2.0" }) });
    expect(second.snapshot?.version).toBe("0.2.0");
  });

  it("ignores an answer older than what the stream brought", () => {
    const world = reduce(EMPTY, { event: "snapshot", data: snapshot({ seq: 5 }) });
    expect(withAnswer(world, snapshot({ seq: 4, version: "old" }))).toBe(world);
    expect(withAnswer(world, snapshot({ seq: 6, version: "new" })).snapshot?.version).toBe("new");
    expect(withAnswer(EMPTY, snapshot({ seq: 0 })).snapshot?.seq).toBe(0);
  });

  it("keeps tails of tasks in the snapshot only", () => {
    const a = task(1, 0);
    let world = reduce(EMPTY, { event: "snapshot", data: snapshot({ tasks: [a] }) });
    world = reduce(world, { event: "log", data: { task: { task_id: a.task_id, attempt: 1 }, lines: [line(0)] } });
    world = reduce(world, { event: "log", data: { task: { task_id: "unknown", attempt: 1 }, lines: [line(0)] } });
    expect(Object.keys(world.tails)).toEqual([taskKey(a)]);
    world = reduce(world, { event: "snapshot", data: snapshot({ tasks: [] }) });
    expect(world.tails).toEqual({});
  });

  it("books lines without an attempt to the newest attempt", () => {
    const a = task(1, 0, { attempt: 2 });
    let world = reduce(EMPTY, { event: "snapshot", data: snapshot({ tasks: [a] }) });
    world = reduce(world, { event: "log", data: { task: { task_id: a.task_id, attempt: null }, lines: [line(7)] } });
    expect(world.tails[taskKey(a)]?.map((l) => l.number)).toEqual([7]);
  });

  it("is not moved by a call for the window", () => {
    expect(reduce(EMPTY, { event: "raise_window" })).toBe(EMPTY);
  });
});

describe("samples", () => {
  it("stay inside the window, in order, each once", () => {
    let known = addSamples([], Array.from({ length: 100 }, (_, i) => sample(i * 1000, 0)));
    expect(known).toHaveLength(60);
    known = addSamples(known, [sample(99_000, 2), sample(100_000, 2)]);
    expect(known.map((s) => s.at_ms)).toEqual(Array.from({ length: 60 }, (_, i) => (i + 41) * 1000));
    expect((known.at(-1)?.at_ms ?? 0) - (known[0]?.at_ms ?? 0)).toBeLessThan(WINDOW_MS);
  });

  it("are bounded however fast they come", () => {
    const flood = Array.from({ length: 5000 }, (_, i) => sample(i, 0));
    expect(addSamples([], flood)).toHaveLength(MAX_SAMPLES);
  });

  it("forget the future when the clock is set back", () => {
    const known = addSamples([], [sample(1_000_000, 0)]);
    expect(addSamples(known, [sample(5000, 0)]).map((s) => s.at_ms)).toEqual([5000]);
  });
});

describe("lines", () => {
  it("are in order, each once and bounded", () => {
    const lines = addLines([line(1), line(2)], [line(4), line(2, "again"), line(3)]);
    expect(lines.map((l) => l.number)).toEqual([1, 2, 3, 4]);
    expect(lines[1]?.text).toBe("again");
    const many = addLines([], Array.from({ length: 5000 }, (_, i) => line(i)));
    expect(many).toHaveLength(TAIL_LINES);
    expect(many.at(-1)?.number).toBe(4999);
  });
});
