// A link for somebody else's screen, and what a page from the network may not do.

import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { Browser, Page } from "playwright-core";
import { launch, serveFake, watch, type Served } from "./browser";
import { QR } from "../src/platform/fake/qr";

let browser: Browser;
let served: Served;
let axe: string;

beforeAll(async () => {
  browser = await launch();
  served = await serveFake();
  axe = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
});

afterAll(async () => {
  await browser.close();
  await served.close();
});

async function violations(page: Page): Promise<string[]> {
  await page.evaluate(axe);
  return page.evaluate(async () => {
    const { axe } = globalThis as unknown as { axe: { run: () => Promise<{ violations: { id: string }[] }> } };
    return (await axe.run()).violations.map((v) => v.id);
  });
}

for (const [lang, theme] of [["en", "light"], ["zh-tw", "dark"]] as const) {
  it(`gives a link with a code that a camera can read, ${lang}, ${theme}`, async () => {
    const { page, wrong } = await watch(browser, { viewport: { width: 390, height: 844 }, bypassCSP: true });
    await page.goto(`${served.base}?scene=ready&lang=${lang}&theme=${theme}#/settings`);
    const device = page.getByTestId("look-in-device");
    await device.waitFor();
    expect(await device.isDisabled(), "not before the network is served").toBe(true);
    await page.getByTestId("look-in-here").click();
    await page.getByText("http://127.0.0.1:5001/pair?code=").waitFor();
    expect(await page.getByTestId("look-in-qr").count(), "no camera looks for this computer").toBe(0);
    await page.getByTestId("look-in-lan").click();
    await expect.poll(() => page.locator("[data-testid=setting][data-key=monitor_on_lan]").getAttribute("data-value")).toBe("true");
    await device.click();
    const code = page.getByTestId("look-in-qr");
    await code.waitFor();
    expect(await page.getByTestId("look-in-certificate").textContent()).toMatch(/^0F:1E(:[0-9A-F]{2}){30}$/);
    // Black on white in both themes, as wide as high, and exactly the worker's modules.
    const drawn = await code.evaluate((svg) => {
      const { width, height } = svg.getBoundingClientRect();
      const path = svg.querySelector("path");
      const box = path?.getBBox();
      return { square: width === height, light: getComputedStyle(svg).backgroundColor, dark: path ? getComputedStyle(path).fill : "", at: [box?.x, box?.width] };
    });
    expect(drawn).toEqual({ square: true, light: "rgb(255, 255, 255)", dark: "rgb(0, 0, 0)", at: [4, QR.length] });
    const modules = QR.join("").split("#").length - 1;
    const area = await code.locator("path").evaluate((path) => [...(path.getAttribute("d") ?? "").matchAll(/h(\d+)v1/g)].reduce((sum, [, n]) => sum + Number(n), 0));
    expect(area).toBe(modules);
    expect(await violations(page)).toEqual([]);
    // Switched off, the link is gone from the screen too.
    await page.getByTestId("look-in-lan").click();
    await expect.poll(() => code.count()).toBe(0);
    expect(wrong).toEqual([]);
    await page.close();
  });
}

it("lets a page from the network change settings, but not where it listens nor who looks in", async () => {
  const { page, wrong } = await watch(browser, { viewport: { width: 900, height: 600 } });
  await page.goto(`${served.base}?scene=ready&lang=en&from_network=1#/settings`);
  const input = (key: string) => page.locator(`[data-key=${key}] [data-testid=setting-input]`);
  await input("monitor_port").waitFor();
  for (const key of ["monitor_port", "monitor_on_lan", "monitor_lan_port"]) expect([key, await input(key).isDisabled()]).toEqual([key, true]);
  expect(await page.getByText("Only changed on the computer itself.").count()).toBe(3);
  expect(await input("max_concurrent_tasks").isEnabled()).toBe(true);
  expect(await page.getByTestId("look-in").count()).toBe(0);
  expect(await page.getByTestId("looking").count()).toBe(0);
  expect(wrong).toEqual([]);
  await page.close();
});
