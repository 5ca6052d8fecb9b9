import { afterAll, beforeAll, expect, it } from "vitest";
import type { Browser } from "playwright-core";
import { launch, serveFake, watch, type Served } from "./browser";
import { NOW } from "./visit";

let browser: Browser;
let served: Served;

beforeAll(async () => {
  browser = await launch();
  served = await serveFake();
});

afterAll(async () => {
  await browser.close();
  await served.close();
});

it("about tells how this installation is updated, and where nobody signed it", async () => {
  const { page, wrong } = await watch(browser);
  const said = async (scene: string, lang: string): Promise<unknown> => {
    await page.goto(`${served.base}?scene=${scene}&lang=${lang}&page=${scene}-${lang}#/about`);
    await page.getByTestId("updates-standing").waitFor();
    return {
      standing: await page.getByTestId("updates-standing").textContent(),
      lines: (await page.getByTestId("updates-line").allTextContents()).map((line) => line.trim().replace(/Nov \d+, \d+:\d+|\d+月\d+日 \d+:\d+/, "AT")),
      setting: await page.getByTestId("updates-setting").count(),
      unsigned: (await page.getByTestId("unsigned").allTextContents()).map((line) => line.trim()),
    };
  };
  await page.clock.setFixedTime(NOW);
  const none = { lines: [], setting: 0, unsigned: [] };
  expect(await said("earning", "en")).toEqual({ ...none, standing: "The package manager looks after updates (deb); the worker leaves them alone." });
  expect(await said("earning", "zh-tw")).toEqual({ ...none, standing: "更新由套件管理程式（deb）負責；背景程式不會處理。" });
  expect(await said("measured", "en")).toEqual({
    standing: "Updates are taken by themselves when no task would be lost.",
    lines: ["Looked for last on AT.", "Version 0.2.0 is offered; the worker fetches it at its next look."],
    setting: 1,
    unsigned: [],
  });
  expect(await said("planned", "zh-tw")).toEqual({
    standing: "會在不影響任何任務時自動更新。",
    lines: ["已換上版本 0.1.0。", "上次檢查時間為 AT。", "版本 0.2.0 已準備好，會在不影響任何任務時換上。"],
    setting: 1,
    unsigned: [],
  });
  expect(await said("no_virtualization", "en")).toEqual({
    ...none,
    standing: "This kind of installation does not update itself yet: install a newer version over this one.",
    unsigned: ["This is an unsigned developer's build: nobody signed its programs, and Windows will say so."],
  });
  expect(await said("off", "en")).toMatchObject({ standing: "Updates are switched off.", lines: ["Looked for last on AT.", "The newest version is 0.2.0."] });
  // From there it is one click to the switch.
  await page.getByTestId("updates-setting").click();
  await expect.poll(() => page.evaluate(() => document.activeElement?.id)).toBe("set-updates");
  expect(wrong).toEqual([]);
  await page.close();
});
