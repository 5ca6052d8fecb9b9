// Whoever does not see a chart finds the same data in its table.

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Browser, Page } from "playwright-core";
import type { Commands } from "../src/generated/commands";
import type { TrendPoint } from "../src/generated/TrendPoint";
import { kindOf } from "../src/model/timeline";
import type { CommandName } from "../src/platform/platform";
import { bytes, bytesPerSecond, celsius, clock, duration, moment, percent, timeOfDay, watts } from "../src/text/format";
import { m } from "../src/text/messages";
import { KIND_WORDS } from "../src/text/words";
import { launch, serveFake, watch, type Served } from "./browser";
import { moving } from "./sound";
import { visit } from "./visit";

const EN = { lang: "en", theme: "light" } as const;
let browser: Browser;
let served: Served;
let page: Page;
let wrong: string[];

beforeAll(async () => {
  browser = await launch();
  served = await serveFake();
  const { timeZone } = Intl.DateTimeFormat().resolvedOptions();
  ({ page, wrong } = await watch(browser, { viewport: { width: 1200, height: 800 }, locale: "en-US", timezoneId: timeZone }));
});

afterAll(async () => {
  await browser.close();
  await served.close();
});

/** The table's words, row by row. */
function cells(table: string): Promise<string[][]> {
  return page.locator(`${table} tbody tr`).evaluateAll((rows) => rows.map((row) => [...row.children].map((cell) => (cell as HTMLElement).innerText.trim())));
}

/** What the screens are answered. */
function answered<K extends CommandName>(name: K, request: Commands[K]["request"]): Promise<Commands[K]["response"]> {
  return page.evaluate(
    ([what, asked]) => (globalThis as unknown as { hivemindFake: { answer: (name: string, request: unknown) => never } }).hivemindFake.answer(what, asked),
    [name as string, request as unknown] as const,
  );
}

type Point = Pick<TrendPoint, "cpu_percent" | "tasks_cpu_percent" | "memory_used_bytes" | "tasks_memory_bytes" | "received_bytes_per_s" | "sent_bytes_per_s">;
const CHARTS = {
  cpu: (p: Point) => [percent(p.cpu_percent ?? 0), percent(p.tasks_cpu_percent ?? 0)],
  memory: (p: Point) => [bytes(p.memory_used_bytes ?? 0), bytes(p.tasks_memory_bytes ?? 0)],
  network: (p: Point) => [bytesPerSecond(p.received_bytes_per_s ?? 0), bytesPerSecond(p.sent_bytes_per_s ?? 0)],
};
const RANGES = [
  ["the last minute", "trend-0", clock, async () => (await answered("metrics", null)).samples],
  ["the last day", "trend-1440", timeOfDay, async () => (await answered("trend", { minutes: 1440 })).points],
] as const;

describe.each(RANGES)("of %s", (_name, range, when, ask) => {
  it.each(Object.entries(CHARTS))("the chart %s has a table of every fifth reading, the newest first", async (chart, values) => {
    await visit(page, served.base, { name: chart, scene: "earning", path: "resources", steps: [`click ${range}`, `click css:[data-testid=chart-${chart}] button`] }, EN);
    const points: readonly (Point & { at_ms: number })[] = await ask();
    expect(Number(await page.getByTestId(`chart-${chart}`).getAttribute("data-points"))).toBe(points.length);
    const wanted = points.filter((_, i) => (points.length - 1 - i) % 5 === 0).reverse();
    const found = await cells(`[data-testid=chart-${chart}]`);
    expect(found.length).toBe(wanted.length);
    expect(wanted.length).toBeGreaterThan(10);
    for (const at of [0, -1]) {
      const point = wanted.at(at);
      if (!point) throw new Error("no readings");
      expect(found.at(at)).toEqual([when(point.at_ms), ...values(point)]);
    }
  });
});

const OF_A_DAY = {
  disk: (p: TrendPoint) => bytes(p.disk_used_bytes ?? 0),
  "gpu-busy": (p: TrendPoint) => percent(p.gpu_percent),
  "gpu-temperature": (p: TrendPoint) => celsius(p.gpu_temperature_c ?? 0),
  "gpu-power": (p: TrendPoint) => watts(p.gpu_power_w ?? 0),
};

it.each(Object.entries(OF_A_DAY))("the chart %s of the last day has a table too", async (chart, value) => {
  await visit(page, served.base, { name: `day-${chart}`, scene: "gpu", path: "resources", steps: ["click trend-1440", `click css:[data-testid=chart-${chart}] button`] }, EN);
  const { points } = await answered("trend", { minutes: 1440 });
  const newest = points.at(-1);
  if (!newest) throw new Error("no readings");
  const found = await cells(`[data-testid=chart-${chart}]`);
  expect(found.length).toBe(points.filter((_, i) => (points.length - 1 - i) % 5 === 0).length);
  expect(found[0]).toEqual([timeOfDay(newest.at_ms), value(newest)]);
});

it("no chart is drawn of what no driver tells", async () => {
  await visit(page, served.base, { name: "no-gpu", scene: "earning", path: "resources", steps: ["click trend-1440", "wait chart-disk"] }, EN);
  expect(await page.locator("[data-testid^=chart-gpu]").count()).toBe(0);
});

it("the day's table has each stretch, the newest first, with what was done and how long", async () => {
  await visit(page, served.base, { name: "timeline", scene: "ready", path: "", steps: ["click timeline-table"] }, EN);
  const { spans } = await answered("timeline", { from_ms: null, to_ms: null });
  // Stretches of which nothing is known stand among them.
  const found = (await cells("[data-testid=timeline-rows]")).filter(([, what]) => what !== m.timeline_away());
  expect(found.length).toBe(spans.length);
  const [oldest, newest] = [spans.at(0), spans.at(-1)];
  if (!oldest || !newest) throw new Error("no spans");
  const row = (span: typeof oldest): string[] => [moment(span.from_ms), KIND_WORDS[kindOf(span)](), duration(span.to_ms - span.from_ms)];
  const told = (cell: string[] | undefined): (string | undefined)[] => [cell?.[0], cell?.[1], cell?.[3]];
  expect(told(found.at(0))).toEqual(row(newest));
  expect(told(found.at(-1))).toEqual(row(oldest));
  expect(wrong).toEqual([]);
});

it("what moves by itself does so for those who did not ask for rest", async () => {
  await visit(page, served.base, { name: "moving", scene: "reconnecting", path: "", steps: [] }, EN);
  expect((await page.evaluate(moving)).length).toBeGreaterThan(0);
  await page.emulateMedia({ reducedMotion: "reduce" });
  expect(await page.evaluate(moving)).toEqual([]);
});
