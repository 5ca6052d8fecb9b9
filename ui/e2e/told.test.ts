// What a person goes by: pay that differs, where a setting comes from, and what the copy buttons put aside.

import { afterAll, beforeAll, expect, it } from "vitest";
import type { Browser, Page } from "playwright-core";
import type { EarningsView } from "../src/generated/EarningsView";
import type { SettingView } from "../src/generated/SettingView";
import { cpt, integer } from "../src/text/format";
import { m } from "../src/text/messages";
import { labelOf } from "../src/text/settings";
import { source } from "../src/text/words";
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
  ({ page, wrong } = await watch(browser, { viewport: { width: 1200, height: 800 }, locale: "en-US", permissions: ["clipboard-read", "clipboard-write"] }));
});

afterAll(async () => {
  await browser.close();
  await served.close();
});

async function open(name: string): Promise<void> {
  const shown = PAGES.find((one) => one.name === name);
  if (!shown) throw new Error(`no page ${name}`);
  await visit(page, served.base, shown, { lang: "en", theme: "light" });
}

/** What the screens are answered. */
function answered<T>(name: string, request: unknown): Promise<T> {
  return page.evaluate(
    ([what, asked]) => (globalThis as unknown as { hivemindFake: { answer: (name: string, request: unknown) => never } }).hivemindFake.answer(what, asked),
    [name, request] as const,
  );
}

it("says by how much the pay of each task and of all is less than was estimated", async () => {
  await open("earnings");
  const { sum, tasks } = await answered<EarningsView>("earnings", { days: 30 });
  const open_ = sum.estimated_cpt - sum.credited_cpt;
  expect(open_).toBeGreaterThan(0);
  await page.getByText(m.difference({ amount: integer(open_) }), { exact: true }).waitFor();
  await page.getByTestId("earned-tasks").scrollIntoViewIfNeeded();
  const rows = await page.getByTestId("earned-task").evaluateAll((all) => all.map((row) => [Number((row as HTMLElement).dataset["missing"]), row.textContent ?? ""] as const));
  expect(rows.length).toBeGreaterThan(5);
  const less = m.earned_less({ amount: "" }).trim();
  for (const [i, [missing, text]] of rows.entries()) {
    const task = tasks[i];
    if (!task) throw new Error("more rows than tasks");
    const wanted = task.credited_cpt === null ? 0 : task.estimated_cpt - task.credited_cpt;
    expect({ i, missing, told: text.includes(less) }).toEqual({ i, missing: wanted, told: wanted > 0 });
    if (wanted > 0) expect(text).toContain(m.earned_less({ amount: integer(wanted) }));
    expect(text).toContain(`${m.estimated()} ${cpt(task.estimated_cpt)}`);
    expect(text.includes(m.earned_waiting())).toBe(task.credited_cpt === null);
  }
  expect(new Set(rows.map(([missing]) => missing > 0)).size).toBe(2);
});

it("says where each setting comes from, and that a fixed one cannot be changed here", async () => {
  await open("settings");
  const settings = await answered<SettingView[]>("settings", null);
  const rows = page.getByTestId("setting");
  expect(await rows.count()).toBe(settings.length);
  const seen = await rows.evaluateAll((all) =>
    all.map((row) => ({
      key: (row as HTMLElement).dataset["key"] ?? "",
      source: (row as HTMLElement).dataset["source"],
      head: row.querySelector("label")?.parentElement?.textContent?.trim().replace(/\s+/g, " "),
      fixed: row.querySelector<HTMLInputElement>("[data-testid=setting-input]")?.disabled,
    })),
  );
  for (const one of seen) {
    const setting = settings.find(({ key }) => key === one.key);
    if (!setting) throw new Error(`no setting ${one.key}`);
    const fixed = setting.source === "environment" || setting.source === "flag";
    const head = setting.source === "default" ? labelOf(one.key) : `${labelOf(one.key)} ${source(setting.source)}`;
    expect(one).toEqual({ key: one.key, source: setting.source, head, fixed });
  }
  expect(new Set(seen.map((one) => one.source)).size).toBeGreaterThan(2);
  // One's own choice is shown as such at once, and given up again.
  const tasks = page.locator("[data-testid=setting][data-key=max_concurrent_tasks]");
  await tasks.getByTestId("setting-input").fill("5");
  await tasks.getByTestId("setting-save").click();
  await tasks.getByText(source("file"), { exact: true }).waitFor();
  await tasks.getByRole("button", { name: m.settings_reset() }).click();
  await expect.poll(() => tasks.getAttribute("data-source")).toBe("default");
  expect(await tasks.getByText(source("file"), { exact: true }).count()).toBe(0);
});

it("copies for support exactly what the preview shows, and says so", async () => {
  await open("log-support");
  const text = page.getByTestId("support-text");
  for (const keep of [false, true]) {
    if (keep) await page.getByTestId("redact-address").uncheck();
    await page.evaluate(() => navigator.clipboard.writeText("before"));
    await page.getByTestId("support-copy").click();
    await page.getByRole("dialog").getByText(m.copied(), { exact: true }).waitFor();
    const copied = await page.evaluate(() => navigator.clipboard.readText());
    expect(copied).toBe(await text.textContent());
    expect(copied.split("\n").length).toBeGreaterThan(400);
    expect(copied.includes("203.0.113.7")).toBe(keep);
    for (const secret of ["living-room", "/home/ann", "node-5b1f0c"]) expect(copied).not.toContain(secret);
  }
});

it("copies a command, and does not say so where it may not", async () => {
  await open("home-help");
  const line = page.getByRole("dialog").getByRole("button", { name: m.named_value({ name: m.copy(), value: "sudo systemctl enable --now docker" }) });
  await line.click();
  await line.getByText(m.copied(), { exact: true }).waitFor();
  expect(await page.evaluate(() => navigator.clipboard.readText())).toBe("sudo systemctl enable --now docker");
  await open("log-support");
  await page.evaluate(() => {
    navigator.clipboard.writeText = () => Promise.reject(new Error("refused"));
  });
  await page.getByTestId("support-copy").click();
  await page.getByText(m.export_failed(), { exact: true }).waitFor();
  expect(await page.getByRole("dialog").getByText(m.copied(), { exact: true }).count()).toBe(0);
  expect(wrong).toEqual([]);
});
