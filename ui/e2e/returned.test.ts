// What a page says that stood open while its worker was away: that it was restarted, or that only the way to it was
// lost. Said once, calmly, and gone again.

import { afterAll, beforeAll, beforeEach, expect, it } from "vitest";
import type { Browser, Page } from "playwright-core";
import { sample } from "../src/platform/fake/world";
import { launch } from "./browser";
import { findings, wider } from "./sound";
import { serveStub } from "./stub";

let browser: Browser;
let stub: Awaited<ReturnType<typeof serveStub>>;

beforeAll(async () => {
  browser = await launch();
});

afterAll(async () => {
  await browser.close();
  await stub.down();
});

beforeEach(async () => {
  stub = await serveStub();
});

const away = (page: Page): Promise<void> => page.getByTestId("link-lost").waitFor({ timeout: 30_000 });
const said = (page: Page) => page.getByTestId("returned");

/** A paired page whose worker has counted some pictures. */
async function paired(options: Parameters<Browser["newPage"]>[0]): Promise<Page> {
  const page = await browser.newPage(options);
  await page.goto(`${stub.base}pair?code=once`);
  for (const on of ["false", "true"]) {
    await page.getByTestId("toggle").click();
    await expect.poll(() => page.getByTestId("toggle").getAttribute("aria-checked")).toBe(on);
  }
  expect(await said(page).count()).toBe(0);
  return page;
}

it("says that the worker was restarted, until it is closed", async () => {
  const page = await paired({ locale: "en-US", timezoneId: "Asia/Taipei" });
  await stub.down();
  await away(page);
  expect(await said(page).count()).toBe(0);
  await stub.up("0.1.0");
  await said(page).waitFor({ timeout: 30_000 });
  expect(await said(page).getAttribute("data-kind")).toBe("restarted");
  const time = /^The worker was restarted\. Connected again at (\d\d:\d\d); everything below is as it is now\.$/.exec((await said(page).innerText()).trim());
  const clock = await page.evaluate(() => Date.now());
  const shown = [0, 1, 2].map((minutes) => new Date(clock - minutes * 60_000).toLocaleTimeString("en-GB", { timeZone: "Asia/Taipei", hour: "2-digit", minute: "2-digit" }));
  expect(shown).toContain(time?.[1]);
  // It is part of what is read aloud politely, and nobody's focus was taken.
  expect(await said(page).evaluate((line) => line.parentElement?.getAttribute("role"))).toBe("status");
  expect(await page.evaluate(() => document.activeElement?.tagName)).not.toBe("MAIN");
  await page.getByTestId("returned-close").click();
  await expect.poll(() => said(page).count()).toBe(0);
  await page.close();
});

it("says that the connection was lost where the same worker goes on, and nothing after a moment's break", async () => {
  const page = await paired({ locale: "en-US" });
  stub.streams.forEach((stream) => stream.destroy());
  await expect.poll(() => stub.streams.size).toBe(1);
  await expect.poll(() => page.getByTestId("app").getAttribute("data-link")).toBe("live");
  expect(await said(page).count()).toBe(0);

  await stub.down();
  await away(page);
  await stub.reachable();
  await said(page).waitFor({ timeout: 30_000 });
  expect(await said(page).getAttribute("data-kind")).toBe("reconnected");
  expect(await said(page).innerText()).toContain("The connection to the worker was lost. Connected again at ");
  // It goes with the screen on which it was said.
  await page.getByTestId("nav-resources").click();
  await page.locator("[data-testid=app][data-screen=resources]").waitFor();
  await expect.poll(() => said(page).count()).toBe(0);
  await page.getByTestId("nav-home").click();
  await page.locator("[data-testid=app][data-screen=home]").waitFor();
  expect(await said(page).count()).toBe(0);
  await page.close();
});

it("is gone by itself after two minutes", async () => {
  const page = await browser.newPage({ locale: "en-US" });
  await page.clock.install();
  await page.goto(`${stub.base}pair?code=once`);
  await page.getByTestId("toggle").waitFor();
  stub.write({ event: "quitting" });
  await stub.down();
  await stub.up("0.1.0");
  await expect.poll(async () => {
    await page.clock.runFor(1_000);
    return said(page).count();
  }).toBe(1);
  // A stream that says nothing for so long would be given up.
  const pass = async (seconds: number): Promise<void> => {
    stub.write({ event: "metrics", data: sample(await page.evaluate(() => Date.now()), 1) });
    await page.waitForTimeout(200);
    await page.clock.runFor(seconds * 1000);
  };
  for (const seconds of [30, 30, 30, 25]) await pass(seconds);
  expect(await said(page).count()).toBe(1);
  await pass(10);
  expect(await said(page).count()).toBe(0);
  expect(await page.getByTestId("app").getAttribute("data-link")).toBe("live");
  await page.close();
});

it.each(["light", "dark"] as const)("is sound on a phone in %s, in Chinese", async (colorScheme) => {
  const page = await paired({ locale: "zh-TW", colorScheme, viewport: { width: 390, height: 800 } });
  await stub.down();
  await away(page);
  await stub.up("0.1.0");
  await said(page).waitFor({ timeout: 30_000 });
  expect(await said(page).innerText()).toContain("背景程式曾重新啟動");
  expect(await findings(page)).toEqual([]);
  expect(await page.evaluate(wider)).toEqual([0, 0]);
  await page.close();
});
