import { afterAll, beforeAll, expect, it } from "vitest";
import type { Browser } from "playwright-core";
import { sample } from "../src/platform/fake/world";
import { launch, watch } from "./browser";
import { serveStub } from "./stub";

let browser: Browser;
let stub: Awaited<ReturnType<typeof serveStub>>;

beforeAll(async () => {
  browser = await launch();
  stub = await serveStub();
});

afterAll(async () => {
  await browser.close();
  await stub.down();
});

it("explains pairing and shows no data until paired, then works, and survives a restart of the worker", async () => {
  const { page, wrong } = await watch(browser, { locale: "en-US" });
  await page.goto(stub.base);
  await page.getByTestId("pairing").waitFor();
  expect(await page.getByTestId("toggle").count()).toBe(0);
  expect(await page.content()).not.toContain("living-room");
  expect(stub.calls).toEqual([]);
  // The browser itself reports each refused request; that is the 401 at work.
  wrong.splice(0, wrong.length, ...wrong.filter((w) => !w.includes("401")));

  await page.goto(`${stub.base}pair?code=once`);
  await page.getByTestId("status-sentence").waitFor();
  expect(await page.getByTestId("app").getAttribute("data-host")).toBe("http");
  expect(await page.getByTestId("status-sentence").textContent()).toContain("Ready");

  await page.getByTestId("toggle").click();
  await expect.poll(() => page.getByTestId("status-sentence").getAttribute("data-state")).toBe("off");
  expect(await page.getByTestId("toggle").getAttribute("aria-checked")).toBe("false");
  await page.getByTestId("toggle").click();
  await expect.poll(() => page.getByTestId("toggle").getAttribute("aria-checked")).toBe("true");
  expect(stub.calls.filter((c) => c !== "metrics" && c !== "timeline")).toEqual(["stop", "start"]);

  await page.getByTestId("nav-resources").click();
  const points = async () => Number(await page.getByTestId("chart-cpu").getAttribute("data-points"));
  const before = await points();
  stub.write({ event: "metrics", data: sample(Date.now(), 1) });
  await expect.poll(points).toBe(before + 1);
  await page.locator("[data-testid=chart-cpu] canvas").waitFor();

  expect(wrong).toEqual([]);
  await stub.down();
  await page.getByTestId("link-lost").waitFor({ timeout: 20_000 });
  expect(await page.getByTestId("app").count()).toBe(1);
  await stub.up("0.2.0");
  await page.getByText("0.2.0").waitFor({ timeout: 20_000 });
  await expect.poll(() => page.getByTestId("app").getAttribute("data-link")).toBe("live");
  expect(await page.getByTestId("link-lost").count()).toBe(0);
  await page.close();
});

it("asks from the same origin only and with no code inside the page", async () => {
  const html = await (await fetch(stub.base)).text();
  expect(html).not.toMatch(/<style|style=|<script(?![^>]*\bsrc=)|\bon\w+=|https?:\/\//i);
});
