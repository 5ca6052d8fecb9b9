// What a person does at the monitor page, step by step, from the list that the window's suite plays too.

import { readFile } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Browser, Locator, Page } from "playwright-core";
import { launch, watch } from "./browser";
import { selector } from "./place";
import { LONG, missing, PASSWORD, World } from "./real";

type Step = Record<string, string | [string, string] | [string, string, string | number]>;
interface Scenario {
  name: string;
  steps: Step[];
}

const LIST = new URL("../../tests/scenarios/window.json", import.meta.url);
const { scenarios } = JSON.parse(await readFile(LIST, "utf8")) as { scenarios: Scenario[] };

const why = missing();
if (why !== null && process.env["HIVEMIND_REQUIRE_ENGINE"] === "1") throw new Error(`a real worker is required: ${why}`);
if (why !== null) process.stdout.write(`SKIPPED the page plays every scenario: ${why}\n`);

let browser: Browser;
let world: World;
let page: Page;
let wrong: string[];

async function play(step: Step): Promise<void> {
  const [what, with_] = Object.entries(step)[0] ?? ["", ""];
  const [first, second, third] = typeof with_ === "string" ? [with_, "", ""] : [with_[0], with_[1], with_[2] ?? ""];
  const place: Locator = page.locator(selector(first)).first();
  const options = { timeout: LONG };
  switch (what) {
    case "click":
      return place.click(options);
    case "see":
      return place.waitFor({ ...options, state: "attached" });
    case "gone":
      await expect.poll(() => page.locator(selector(first)).count(), options).toBe(0);
      return;
    case "type":
      return place.fill(second.replace("$PASSWORD", PASSWORD), options);
    case "choose":
      await place.selectOption(second, options);
      return;
    case "is":
      await expect.poll(() => page.evaluate(([s, name]) => document.querySelector(s ?? "")?.getAttribute(name ?? "") ?? null, [selector(first), second]), options).toBe(third);
      return;
    case "atLeast":
      await expect.poll(() => page.evaluate(([s, name]) => Number(document.querySelector(s ?? "")?.getAttribute(name ?? "") ?? Number.NaN), [selector(first), second]), options).toBeGreaterThanOrEqual(Number(third));
      return;
    case "contains":
      await expect.poll(() => page.evaluate((s) => document.querySelector(s)?.textContent ?? "", selector(first)), options).toContain(second);
      return;
    case "world":
      return world.turn(first);
    default:
      throw new Error(`nobody knows how to ${what}`);
  }
}

describe.skipIf(why !== null)("the page plays every scenario", () => {
  beforeAll(async () => {
    browser = await launch();
    world = await World.open();
    ({ page, wrong } = await watch(browser, { locale: "en-US", viewport: { width: 1280, height: 800 } }));
    await page.goto(world.pairing());
    await page.locator("[data-testid=app][data-host=http]").waitFor({ timeout: LONG });
  }, 2 * LONG);

  afterAll(async () => {
    await browser.close();
    await world.close();
  }, LONG);

  // In order: each begins where the one before ended, as in a person's day.
  for (const scenario of scenarios) {
    it(scenario.name, async () => {
      for (const step of scenario.steps) await play(step);
    }, 240_000);
  }

  it("without a word in the browser's console", () => {
    // What was refused on purpose is told there by the browser itself.
    expect(wrong.filter((line) => !/status of 4\d\d/.test(line))).toEqual([]);
  });
});
