// What is chosen among what there is: presets for hours of the week, programs that run, a price for electricity.

import { afterAll, beforeAll, expect, it } from "vitest";
import type { Browser, Locator, Page } from "playwright-core";
import type { EarningsView } from "../src/generated/EarningsView";
import { energyOf } from "../src/model/electricity";
import { energy, money } from "../src/text/electricity";
import { cpt } from "../src/text/format";
import { launch, serveFake, watch, type Served } from "./browser";
import { PAGES } from "./pages";
import { visit } from "./visit";

let browser: Browser;
let served: Served;
let page: Page;
let wrong: string[];

beforeAll(async () => {
  browser = await launch();
  served = await serveFake();
  ({ page, wrong } = await watch(browser, { viewport: { width: 1000, height: 800 }, locale: "en-US", reducedMotion: "reduce" }));
});

afterAll(async () => {
  expect(wrong).toEqual([]);
  await browser.close();
  await served.close();
});

async function open(name: string): Promise<void> {
  const shown = PAGES.find((one) => one.name === name);
  if (!shown) throw new Error(`no page ${name}`);
  await visit(page, served.base, shown, { lang: "en", theme: "light" });
}

const row = (key: string): Locator => page.locator(`[data-testid=setting][data-key=${key}]`);
const cell = (key: string, day: number, hour: number): Locator => row(key).locator(`[data-cell="${day * 48 + hour * 2}"]`);
const written = (key: string): Promise<string> => row(key).getByTestId("setting-input").inputValue();

it("paints hours with a preset, with mouse and keyboard, and clears what has it already", async () => {
  await open("settings");
  await row("schedule").getByTestId("hours-show").click();
  await row("schedule").getByTestId("hours-none").click();
  await row("schedule").getByTestId("hours-brush-quiet").click();
  await cell("schedule", 0, 18).dragTo(cell("schedule", 4, 19));
  expect(await written("schedule")).toBe("mon-fri 18:00-19:30 quiet");
  expect(await cell("schedule", 0, 18).getAttribute("aria-label")).toBe("Monday, 18:00 to 18:30: Quiet");
  // The arrows go round the brushes and choose.
  await row("schedule").getByTestId("hours-brush-quiet").focus();
  await page.keyboard.press("ArrowRight");
  await page.keyboard.press("ArrowRight");
  await expect.poll(() => row("schedule").getByTestId("hours-brush-max").getAttribute("aria-checked")).toBe("true");
  await page.keyboard.press("ArrowRight");
  await page.keyboard.press("ArrowLeft");
  expect(await page.evaluate(() => (document.activeElement as HTMLElement).dataset["brush"])).toBe("max");
  // Another brush paints over; Shift carries it on.
  await cell("schedule", 0, 18).focus();
  await page.keyboard.press("Space");
  await page.keyboard.press("Shift+ArrowRight");
  expect(await written("schedule")).toBe("mon 18:00-19:00 max; mon 19:00-19:30 quiet; tue-fri 18:00-19:30 quiet");
  expect(await row("schedule").getByTestId("hours-said").textContent()).toContain("Mon 18:00–19:00 (Max)");
  // The same once more clears, and what is as set stands beside it.
  await page.keyboard.press("Space");
  await row("schedule").getByTestId("hours-brush-set").click();
  await cell("schedule", 6, 10).click();
  expect(await written("schedule")).toBe("mon 18:00-18:30 max; mon 19:00-19:30 quiet; tue-fri 18:00-19:30 quiet; sun 10:00-10:30");
  await row("schedule").getByTestId("setting-save").click();
  await expect.poll(() => row("schedule").getAttribute("data-value")).toContain("tue-fri 18:00-19:30 quiet");
  expect(await row("schedule").locator("[data-as=max]").count()).toBe(1);
  // Whole weeks that many want are painted with the brush too.
  await row("schedule").getByTestId("hours-brush-balanced").click();
  await row("schedule").getByTestId("hours-nights").click();
  expect(await written("schedule")).toBe("daily 22:00-08:00 balanced");
});

it("offers no preset for other hours, and none at all is said where that means none", async () => {
  await open("settings");
  await row("network_hours").getByTestId("hours-show").click();
  expect(await row("network_hours").getByRole("radio").count()).toBe(0);
  await row("network_hours").getByTestId("setting-input").fill("mon 18:00-20:00 quiet");
  await row("network_hours").getByTestId("setting-error").waitFor();
  await row("network_hours").getByText("cannot be shown as a week").waitFor();
  await row("electricity_cheap_hours").getByTestId("hours-show").click();
  await row("electricity_cheap_hours").getByTestId("hours-always").click();
  expect(await written("electricity_cheap_hours")).toBe("daily 00:00-24:00");
  await row("electricity_cheap_hours").getByTestId("setting-save").click();
  await expect.poll(() => row("electricity_cheap_hours").getAttribute("data-value")).toBe("daily 00:00-24:00");
  await row("electricity_cheap_hours").getByTestId("hours-none").click();
  await row("electricity_cheap_hours").getByTestId("setting-save").click();
  await expect.poll(() => row("electricity_cheap_hours").getAttribute("data-value")).toBe("");
});

it("adds a program that runs, changes what it gets and removes it, by keys alone", async () => {
  await open("settings");
  const programs = row("exclusive_apps");
  await programs.getByTestId("programs-add").focus();
  await page.keyboard.press("Enter");
  await expect.poll(() => page.evaluate(() => (document.activeElement as HTMLElement).dataset["testid"])).toBe("programs-search");
  await page.keyboard.type("ble");
  await expect.poll(() => programs.getByTestId("programs-found").getAttribute("data-count")).toBe("1");
  await page.keyboard.press("Enter");
  expect(await written("exclusive_apps")).toBe("blender");
  await programs.getByTestId("programs-told").getByText("blender is on the list").waitFor();
  // The arrows go through the list, and what is marked there is what Enter takes.
  await page.keyboard.press("ArrowUp");
  await page.keyboard.press("ArrowUp");
  const marked = await programs.getByTestId("programs-search").getAttribute("aria-activedescendant");
  expect(await page.locator(`#${marked ?? ""}`).getAttribute("aria-selected")).toBe("true");
  const name = ((await page.locator(`#${marked ?? ""}`).textContent()) ?? "").trim();
  await page.keyboard.press("Enter");
  expect(await written("exclusive_apps")).toBe(`blender, ${name}`);
  // A name that would end at its comma is told, not broken.
  await page.keyboard.type("cat,");
  await page.keyboard.press("Enter");
  await programs.getByTestId("programs-told").getByText("cat, and dog cannot be named").waitFor();
  await page.keyboard.press("Escape");
  expect(await page.evaluate(() => (document.activeElement as HTMLElement).dataset["testid"])).toBe("programs-add");
  await programs.getByRole("combobox", { name: "What blender gets for itself" }).selectOption("gpu");
  expect(await written("exclusive_apps")).toBe(`blender:gpu, ${name}`);
  await programs.getByRole("button", { name: `Remove ${name}` }).focus();
  await page.keyboard.press("Enter");
  // The focus stays among the programs.
  await expect.poll(() => page.evaluate(() => document.activeElement?.getAttribute("aria-label"))).toBe("Remove blender");
  await programs.getByTestId("setting-save").click();
  await expect.poll(() => programs.getAttribute("data-value")).toBe("blender:gpu");
  // A name can still be typed.
  await programs.getByTestId("setting-input").fill("own.exe:network");
  await expect.poll(() => programs.getByTestId("program").evaluateAll((all) => all.map((one) => (one as HTMLElement).dataset["scope"]))).toEqual(["network"]);
});

it("says why the running programs are not there", async () => {
  await open("settings-no-programs");
  await row("exclusive_apps").getByTestId("error-note").getByText("The worker made a mistake").waitFor();
});

it("tells electricity beside the CPT, and leads to the price where there is none", async () => {
  await open("earnings-cost");
  const view = await page.evaluate(() => (globalThis as unknown as { hivemindFake: { answer: (name: string, request: unknown) => never } }).hivemindFake.answer("earnings", { days: 30 })) as EarningsView;
  const { sum, currency } = view.electricity;
  expect(await page.getByTestId("electricity-energy").textContent()).toBe(energy(energyOf(sum) ?? 0));
  expect(await page.getByTestId("electricity-cost").textContent()).toBe(money(sum.cost_micros ?? 0, currency));
  await page.getByText(`Known for ${sum.known_tasks} of ${sum.tasks} tasks`).waitFor();
  const day = page.getByTestId("earnings-table").locator("tbody tr").nth(1);
  const second = view.days[1];
  if (!second) throw new Error("a single day");
  expect(await day.textContent()).toContain(cpt(second.sum.settled_cpt));
  expect(await day.textContent()).toContain(money(second.electricity.cost_micros ?? 0, currency));
  await open("earnings");
  expect(await page.getByTestId("electricity-cost").count()).toBe(0);
  await page.getByTestId("electricity-price").click();
  await expect.poll(() => page.evaluate(() => document.activeElement?.id)).toBe("set-electricity_price");
  await open("earnings-no-permission");
  await page.getByText("sudo chmod a+r", { exact: false }).first().waitFor();
  expect(await page.getByTestId("electricity-why").getAttribute("data-why")).toBe("no_permission");
});
