// The live network on the screens: what is wrong there, what mends it, its trust and its ledger.

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Browser } from "playwright-core";
import { launch, serveFake, watch, type Served } from "./browser";

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

describe("the screens", () => {
  it("say what is wrong with the live network, and lead to what mends it", async () => {
    for (const [scene, key] of [
      ["network_tokens", "nodepool_key"],
      ["network_vain", "nodepool_port"],
    ] as const) {
      const { page, wrong } = await watch(browser);
      await page.goto(`${served.base}?scene=${scene}&lang=en#/`);
      await page.getByTestId("network-note").getByTestId("network-fix").click();
      await expect.poll(() => page.evaluate(() => document.activeElement?.id)).toBe(`set-${key}`);
      expect(wrong).toEqual([]);
      await page.close();
    }
    const { page } = await watch(browser);
    for (const scene of ["network_push", "network_pull", "network_port", "network_away", "ready"]) {
      await page.goto(`${served.base}?scene=${scene}&lang=en&page=${scene}#/`);
      await page.getByTestId("today-cpt").waitFor();
      expect([scene, await page.getByTestId("network-note").count()]).toEqual([scene, 0]);
    }
    await page.close();
  });

  it("tell how the live network is reached, its trust and its ledger, and nothing of it elsewhere", async () => {
    const { page } = await watch(browser);
    await page.goto(`${served.base}?scene=network_banned&lang=en#/health`);
    const panel = page.getByTestId("network-panel");
    await panel.waitFor();
    expect(await panel.evaluate((part) => ({ ...(part as HTMLElement).dataset }))).toMatchObject({ reach: "neither", why: "banned" });
    const meter = panel.getByRole("meter");
    expect([await meter.getAttribute("aria-valuenow"), await meter.getAttribute("aria-valuetext")]).toEqual(["16", "16 of 1,000: Banned"]);
    // What needs somebody stands first, and is counted.
    expect(await panel.evaluate((part) => part.compareDocumentPosition(document.querySelector("[data-testid=finding]") as Element))).toBe(4);
    await page.getByText("1 finding to look at").waitFor();
    await page.goto(`${served.base}?scene=network_push&lang=en&page=earned#/earnings`);
    const earned = page.getByTestId("earned-on-network");
    await earned.waitFor();
    expect(await earned.getAttribute("data-cpt")).toBe("6031");
    expect(await page.getByText("1,284 CPT").count()).toBe(1);
    const ledger = page.getByTestId("network-ledger");
    await ledger.scrollIntoViewIfNeeded();
    expect(await ledger.getAttribute("data-rows")).toBe("24");
    const row = (state: string) => ledger.locator(`[data-testid=ledger-row][data-state=${state}]`).first();
    expect(await row("paid").textContent()).toContain("attic-91c2aa");
    for (const word of ["unpaid", "orphaned", "withdrawn"]) expect([word, await row(word).count()]).toEqual([word, 1]);
    await ledger.getByText("Only the network's administrator can say why.").waitFor();
    const [file] = await Promise.all([page.waitForEvent("download"), ledger.getByTestId("export-ledger").click()]);
    expect(file.suggestedFilename()).toBe("hivemind-network-ledger.csv");
    // Its own task can be opened.
    await row("unpaid").click();
    await expect.poll(() => page.url()).toContain("#/tasks/");
    await page.goto(`${served.base}?scene=network_away&lang=en&page=away#/earnings`);
    await page.getByTestId("ledger-away").waitFor();
    expect(await page.getByTestId("error-note").count()).toBe(0);
    await page.goto(`${served.base}?scene=ready&lang=en&page=other#/earnings`);
    await page.getByTestId("earnings-sum").waitFor();
    expect(await earned.count()).toBe(0);
    await page.goto(`${served.base}?scene=ready&lang=en&page=health#/health`);
    await page.getByTestId("finding").first().waitFor();
    expect(await panel.count()).toBe(0);
    await page.close();
  });
});
