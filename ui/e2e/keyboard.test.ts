// Everything can be reached and done with keys alone.

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Browser, Page } from "playwright-core";
import { launch, serveFake, watch, type Served } from "./browser";
import { MAIN, PAGES, type Shown } from "./pages";
import { visit } from "./visit";
import { NAMES, walk } from "./walk";

const EN = { lang: "en", theme: "light" } as const;
/** Scenes without a past. */
const BARREN = ["empty", "off", "fresh", "starting", "unpaired"];
/** What is only looked at from another place has the same stops. */
const WALKED = PAGES.filter(({ steps }) => steps.length === 0 || steps.some((step) => !step.startsWith("see ")));

/** With a history that can be walked through. */
function short(shown: Shown): Shown {
  return BARREN.includes(shown.scene) ? shown : { ...shown, scene: `${shown.scene}&history=16` };
}

let browser: Browser;
let served: Served;
let page: Page;
let wrong: string[];

beforeAll(async () => {
  browser = await launch([NAMES]);
  served = await serveFake();
  ({ page, wrong } = await watch(browser, { viewport: { width: 1000, height: 700 }, reducedMotion: "reduce", locale: "en-US" }));
});

afterAll(async () => {
  await browser.close();
  await served.close();
});

async function isWalkable(shown: Shown): Promise<void> {
  await visit(page, served.base, short(shown), EN);
  const { wanted, ...found } = await walk(page);
  expect(wanted.length).toBeGreaterThan(0);
  expect(found).toEqual({ stopped: wanted, nameless: [], unseen: [], beyond: [] });
}

/** Presses Tab until the focus is on this part. */
async function tabTo(part: string): Promise<void> {
  const there = (): Promise<boolean> => page.evaluate((name) => (document.activeElement as HTMLElement | null)?.dataset["testid"] === name, part);
  for (let i = 0; i < 60; i += 1) {
    if (await there()) return;
    await page.keyboard.press("Tab");
  }
  throw new Error(`no Tab leads to ${part}`);
}

describe("Tab goes through everything once, in order, named and seen", () => {
  it.each(WALKED.map((shown) => [shown.name, shown] as const))("on %s", (_name, shown) => isWalkable(shown));

  const onPhone = WALKED.filter(({ name }) => MAIN.includes(name));
  it.each(onPhone.map((shown) => [shown.name, shown] as const))("on a phone, on %s", async (_name, shown) => {
    await page.setViewportSize({ width: 390, height: 844 });
    try {
      await isWalkable(shown);
    } finally {
      await page.setViewportSize({ width: 1000, height: 700 });
    }
  });
});

describe("a dialog", () => {
  const DIALOGS = [
    ["home-help", "status-action"],
    ["tasks-stop", "task-stop"],
    ["log-support", "support"],
  ] as const;
  it.each(DIALOGS)("of %s keeps the focus, and Escape gives it back", async (name, opener) => {
    const shown = PAGES.find((one) => one.name === name);
    if (!shown) throw new Error(`no page ${name}`);
    await visit(page, served.base, { ...shown, steps: [] }, EN);
    const button = page.getByTestId(opener).first();
    await button.focus();
    await page.keyboard.press("Enter");
    await page.locator("dialog:modal").waitFor();
    const inside = (): Promise<boolean> => page.evaluate(() => document.activeElement === document.body || document.activeElement?.closest("dialog:modal") != null);
    for (let i = 0; i < 12; i += 1) {
      expect(await inside()).toBe(true);
      await page.keyboard.press(i < 8 ? "Tab" : "Shift+Tab");
    }
    await page.keyboard.press("Escape");
    await expect.poll(() => page.locator("dialog").count()).toBe(0);
    expect(await button.evaluate((e) => e === document.activeElement)).toBe(true);
  });
});

describe("without a mouse", () => {
  it("somebody new goes through all five steps", async () => {
    await page.clock.setFixedTime(new Date("2026-11-21T14:05:30Z"));
    await page.goto(`${served.base}?scene=fresh&lang=en&keys=1`);
    await page.getByTestId("first-begin").waitFor();
    await tabTo("first-begin");
    await page.keyboard.press("Enter");
    await tabTo("welcome-next");
    await page.keyboard.press("Enter");
    await page.locator("[data-testid=check][data-check=engine][data-level=ok]").waitFor();
    await tabTo("welcome-next");
    await page.keyboard.press("Enter");
    await tabTo("practice-begin");
    await page.keyboard.press("Space");
    await page.locator("[data-testid=practice][data-stage=pool]").waitFor();
    await page.clock.setFixedTime(new Date("2026-11-21T14:05:36Z"));
    await page.getByTestId("practice-done").waitFor();
    await tabTo("welcome-next");
    await page.keyboard.press("Enter");
    await tabTo("preset-balanced");
    await page.keyboard.press("ArrowRight");
    await expect.poll(() => page.getByTestId("preset-max").getAttribute("aria-checked")).toBe("true");
    await tabTo("welcome-next");
    await page.keyboard.press("Enter");
    await tabTo("sign-in-username");
    await page.keyboard.type("mei");
    await page.keyboard.press("Tab");
    await page.keyboard.type("right");
    await page.keyboard.press("Enter");
    await page.getByTestId("welcome-finish").waitFor();
    await tabTo("welcome-finish");
    await page.keyboard.press("Enter");
    await expect.poll(() => page.getByTestId("status-sentence").getAttribute("data-state")).toBe("ready");
  });

  it("the arrows go round the presets and choose, and one alone takes the Tab", async () => {
    const shown = PAGES.find((one) => one.name === "welcome-4");
    if (!shown) throw new Error("no presets");
    await visit(page, served.base, shown, EN);
    const state = (): Promise<[string, string, boolean][]> =>
      page.locator("[role=radio]").evaluateAll((all) => all.map((e) => [e.getAttribute("aria-checked") ?? "", e.getAttribute("tabindex") ?? "", e === document.activeElement]));
    const at = (n: number) => [0, 1, 2].map((i) => (i === n ? ["true", "0", true] : ["false", "-1", false]));
    await page.getByTestId("preset-quiet").focus();
    for (const [key, n] of [["ArrowRight", 1], ["ArrowDown", 2], ["ArrowRight", 0], ["ArrowLeft", 2], ["ArrowUp", 1]] as const) {
      await page.keyboard.press(key);
      await expect.poll(state).toEqual(at(n));
    }
  });

  it("whoever is on a row of a long list that scrolls away stays in the list, not on another row", async () => {
    const shown = PAGES.find((one) => one.name === "tasks");
    if (!shown) throw new Error("no tasks");
    await visit(page, served.base, shown, EN);
    const row = page.getByTestId("history-row").nth(3);
    await row.focus();
    const on = (): Promise<string> => page.evaluate(() => (document.activeElement as HTMLElement).dataset["task"] ?? document.activeElement?.getAttribute("data-testid") ?? "");
    const task = (await row.getAttribute("data-task")) ?? "";
    const list = page.getByTestId("history");
    const scroll = (to: number): Promise<void> => list.evaluate((box, top) => { box.scrollTop = top; }, to);
    await scroll(58 * 4);
    await page.waitForTimeout(200);
    expect(await on()).toBe(task);
    await scroll(58 * 3000);
    await expect.poll(on).toBe("history");
    // What is read follows what is seen.
    const drawn = await list.locator("[data-index]").evaluateAll((rows) => rows.map((one) => Number((one as HTMLElement).dataset["index"])));
    expect(drawn).toEqual([...drawn].sort((a, b) => a - b));
    expect(drawn).toContain(3000);
  });

  it("says nothing in the console meanwhile", () => {
    expect(wrong).toEqual([]);
  });
});
