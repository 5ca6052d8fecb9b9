import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
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

it("lists the parts inside with their licences", async () => {
  const { page, wrong } = await watch(browser, { locale: "en-US", viewport: { width: 1200, height: 800 } });
  await page.goto(`${stub.base}pair?code=once`);
  await page.getByTestId("nav-about").click();
  await page.getByTestId("licences-show").click();
  const rows = await page.locator("[data-testid=licences] tbody tr").evaluateAll((all) => all.map((row) => [...row.children].map((cell) => cell.textContent)));
  const lock = JSON.parse(await readFile(new URL("../package-lock.json", import.meta.url), "utf8")) as { packages: Record<string, { version: string }> };
  for (const name of ["svelte", "uplot", "tailwindcss", "@inlang/paraglide-js"]) {
    expect(rows).toContainEqual([name, lock.packages[`node_modules/${name}`]?.version, "MIT"]);
  }
  expect(rows.every(([name, version, licence]) => name && /^\d/.test(version ?? "") && licence)).toBe(true);
  expect(rows.map(([name]) => name)).not.toContain("vitest");
  // The programs' own are there when `cargo xtask` builds, and the page says so when they are not.
  const programs = existsSync(new URL("../rust-licences.json", import.meta.url));
  expect(rows.some(([name, , licence]) => name === "tokio" && licence === "MIT")).toBe(programs);
  expect(await page.getByTestId("licences-partial").count()).toBe(programs ? 0 : 1);
  expect(wrong).toEqual([]);
  await page.close();
});

it("shows everything to a page that may look, and nothing there asks for a change", async () => {
  const { page, wrong } = await watch(browser, { locale: "en-US", viewport: { width: 1200, height: 900 } });
  const missing: string[] = [];
  page.on("response", (response) => {
    if (response.status() === 404) missing.push(new URL(response.url()).pathname);
  });
  await page.goto(`${stub.base}pair?code=look`);
  await page.getByTestId("status-sentence").waitFor();
  expect(await page.getByTestId("looking").textContent()).toContain("This is a read-only view.");
  expect(await page.getByTestId("toggle").isDisabled()).toBe(true);
  stub.calls.length = 0;
  const task = "tasks/7c9e6679-7425-40de-944b-000000000100/1";
  let pressed = 0;
  for (const path of ["home", "tasks", task, "resources", "earnings", "health", "log", "settings", "about", "more", "welcome"]) {
    await page.goto(`${stub.base}#/${path}`);
    await page.locator("main h1").first().waitFor();
    expect(await page.getByTestId("looking").count(), path).toBe(1);
    await page.waitForTimeout(300);
    // Whatever can be pressed is pressed once, and what that opens too. Found and pressed in one step: the page moves.
    const seen: string[] = [];
    for (let round = 0; round < 60; round += 1) {
      const next = await page.locator("main").evaluate((main, known) => {
        const buttons = [...main.querySelectorAll<HTMLElement>("button:not(:disabled), input[type=checkbox]:not(:disabled)")];
        const found = buttons.find((button) => !known.includes(button.outerHTML));
        const name = found?.outerHTML ?? null;
        found?.click();
        return name;
      }, seen);
      if (next === null) break;
      seen.push(next);
      pressed += 1;
      await page.waitForTimeout(50);
    }
    if (path === "settings") {
      const fields = page.locator("[data-testid=setting-input]");
      expect(await fields.count()).toBeGreaterThan(40);
      expect(await page.locator("[data-testid=setting-input]:enabled").count()).toBe(0);
      expect(await page.getByTestId("look-in").count()).toBe(0);
    }
    if (path === "welcome") expect(await page.getByTestId("app").getAttribute("data-screen")).toBe("home");
  }
  expect(pressed).toBeGreaterThan(15);
  expect(stub.refused).toEqual([]);
  expect(new Set(stub.calls)).toContain("doctor");
  // The worker refuses whatever the page shows.
  const status = await page.evaluate(async () => (await fetch("/rpc/stop", { method: "POST", headers: { "X-HiveMind": "1", "Content-Type": "application/json" }, body: "null" })).status);
  expect(status).toBe(403);
  expect(stub.refused).toEqual(["stop"]);
  // A build that was not packed has no list of licences.
  expect(missing.filter((path) => !path.startsWith("/licences"))).toEqual([]);
  expect(wrong.filter((w) => !/\b40[34]\b/.test(w))).toEqual([]);
  await page.close();
});

it("asks from the same origin only and with no code inside the page", async () => {
  const html = await (await fetch(stub.base)).text();
  expect(html).not.toMatch(/<style|style=|<script(?![^>]*\bsrc=)|\bon\w+=|https?:\/\//i);
});
