import { readFile } from "node:fs/promises";
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
  it("show text of tasks as mere text", async () => {
    const { page, wrong } = await watch(browser);
    await page.goto(`${served.base}?scene=ready#/tasks`);
    await page.getByTestId("history-search").fill("onerror");
    await page.getByText("<img src=x onerror=alert(1)>").first().waitFor();
    expect(await page.locator("main img").count()).toBe(0);
    expect(wrong).toEqual([]);
    await page.close();
  });

  it("show CPT rising, the chart moving and a task appearing", async () => {
    const { page } = await watch(browser);
    await page.goto(`${served.base}?scene=earning&lang=en`);
    const credited = async () => Number(await page.getByTestId("today-cpt").getAttribute("data-credited"));
    await page.getByTestId("today-cpt").waitFor();
    const before = await credited();
    await page.evaluate(() => (globalThis as unknown as { hivemindFake: { assign: (i: number) => void } }).hivemindFake.assign(77));
    await expect.poll(() => page.getByTestId("task-row").count()).toBe(3);
    expect(await page.getByTestId("status-sentence").textContent()).toContain("Earning with 3 tasks");
    await expect.poll(credited, { timeout: 15_000 }).toBeGreaterThan(before);
    await page.getByTestId("nav-resources").click();
    const last = async () => Number(await page.getByTestId("chart-cpu").getAttribute("data-last-ms"));
    const first = await last();
    await expect.poll(last, { timeout: 5_000 }).toBeGreaterThan(first);
    await page.close();
  });

  it("offer what mends a private link, and mend it with a click", async () => {
    for (const [scene, button, offers] of [
      ["link_refused", "link-narrow", "Take it for 10.100.0.0/24 alone"],
      ["link_refused", "link-ask", "Ask the pool for a new one"],
      ["link_service", "link-own", "Use the worker's own tunnel"],
    ] as const) {
      const { page, wrong } = await watch(browser);
      await page.goto(`${served.base}?scene=${scene}&lang=en#/health`);
      const panel = page.getByTestId("link-panel");
      await expect.poll(() => panel.getByTestId("link-state").locator("dd").textContent()).toBe("Down");
      expect((await panel.getByTestId(button).textContent())?.trim()).toBe(offers);
      await panel.getByTestId(button).click();
      await expect.poll(() => panel.getByTestId("link-state").locator("dd").textContent()).toBe("Up");
      expect(await panel.getByTestId("link-kind").locator("dd").textContent()).toBe("Inside the worker");
      expect(await page.getByTestId("link-remedy").count() + (await panel.getByTestId("error-note").count())).toBe(0);
      expect(wrong).toEqual([]);
      await page.close();
    }
  });

  it("stop a task after asking, and stop and start contributing", async () => {
    const { page } = await watch(browser);
    await page.goto(`${served.base}?scene=earning&lang=en#/tasks`);
    await page.getByTestId("task-stop").first().click();
    await page.getByRole("dialog").getByText("Nothing is paid for this attempt").waitFor();
    await page.keyboard.press("Escape");
    expect(await page.getByTestId("task-row").count()).toBe(2);
    await page.getByTestId("task-stop").first().click();
    await page.getByTestId("task-stop-confirm").click();
    await expect.poll(() => page.getByTestId("task-row").count()).toBe(1);
    await expect.poll(() => page.getByTestId("history-row").first().getAttribute("data-verdict")).toBe("handed_back");
    await page.getByTestId("nav-home").click();
    await page.getByTestId("finish").click();
    await page.getByTestId("keep-contributing").waitFor();
    await page.getByTestId("stop-now").click();
    await expect.poll(() => page.getByTestId("toggle").getAttribute("aria-checked")).toBe("false");
    await page.close();
  });

  it("sign in, tell a wrong password, and never keep it", async () => {
    const { page } = await watch(browser);
    await page.goto(`${served.base}?scene=sign_in&lang=en`);
    await page.getByTestId("sign-in-submit").click();
    expect(await page.evaluate(() => document.activeElement?.id)).toBe("sign-in-name");
    await page.getByTestId("sign-in-username").fill("mei");
    await page.getByTestId("sign-in-password").fill("wrong");
    await page.getByTestId("sign-in-password").press("Enter");
    await page.getByRole("alert").getByText("User name or password is wrong.").waitFor();
    expect(await page.getByTestId("sign-in-password").inputValue()).toBe("");
    await page.getByTestId("sign-in-password").fill("right");
    await page.getByTestId("sign-in-submit").click();
    await page.getByTestId("account").getByText("mei").waitFor();
    expect(await page.getByTestId("sign-in").count()).toBe(0);
    await page.close();
  });

  it("change language and theme at run time, and tell what the worker refuses", async () => {
    const { page } = await watch(browser, { locale: "en-US", colorScheme: "light" });
    await page.goto(`${served.base}?scene=earning#/settings`);
    const setting = (key: string) => page.locator(`[data-testid=setting][data-key=${key}]`);
    await setting("language").getByTestId("setting-input").selectOption("zh-tw");
    await page.getByRole("heading", { name: "設定", exact: true }).waitFor();
    expect(await page.getAttribute("html", "lang")).toBe("zh-TW");
    await setting("theme").getByTestId("setting-input").selectOption("dark");
    await expect.poll(() => page.getAttribute("html", "data-theme")).toBe("dark");
    await setting("language").getByTestId("setting-input").selectOption("en");
    const tasks = setting("max_concurrent_tasks");
    await tasks.getByTestId("setting-input").fill("900");
    await tasks.getByTestId("setting-input").press("Enter");
    await tasks.getByTestId("setting-error").getByText("This value is not allowed.", { exact: true }).waitFor();
    expect(await tasks.getByTestId("setting-save").isDisabled()).toBe(true);
    await tasks.getByTestId("setting-input").fill("5");
    await tasks.getByTestId("setting-input").press("Enter");
    await expect.poll(() => tasks.getAttribute("data-value")).toBe("5");
    expect(await setting("master_url").getByTestId("setting-input").isDisabled()).toBe(true);
    await page.close();
  });

  it("export what is filtered, and the earnings, as tables", async () => {
    const { page } = await watch(browser);
    const saved = async () => {
      const [download] = await Promise.all([page.waitForEvent("download"), page.getByTestId("export").click()]);
      return { name: download.suggestedFilename(), text: await readFile(await download.path(), "utf8") };
    };
    await page.goto(`${served.base}?scene=ready&lang=en#/tasks`);
    await page.getByTestId("history-search").fill("mandelbrot");
    const total = page.getByTestId("history-total");
    await expect.poll(async () => Number(await total.getAttribute("data-total"))).toSatisfy((n: number) => n > 0 && n < 2000);
    const count = Number(await total.getAttribute("data-total"));
    const tasks = await saved();
    expect(tasks.name).toBe("hivemind-tasks.csv");
    const lines = tasks.text.trimEnd().split("\r\n");
    expect(lines.length).toBe(count + 1);
    expect(lines.slice(1).every((line) => line.includes("mandelbrot"))).toBe(true);
    await page.getByTestId("nav-earnings").click();
    await page.getByTestId("range-7").click();
    await page.getByTestId("earnings-table").waitFor();
    const earnings = await saved();
    expect(earnings.name).toBe("hivemind-earnings.csv");
    expect(earnings.text).toContain("day,tasks,estimated_cpt,credited_cpt,settled_cpt,energy_wh,cost\r\n");
    await page.close();
  });

  it("set the rules aside for an hour and follow them again", async () => {
    const { page, wrong } = await watch(browser);
    await page.goto(`${served.base}?scene=battery&lang=en`);
    await page.getByTestId("ignore-rules").click();
    await page.getByTestId("rules-ignored").waitFor();
    await page.getByTestId("follow-rules").click();
    await expect.poll(() => page.getByTestId("rules-ignored").count()).toBe(0);
    // Where no rule holds anything up there is nothing to set aside.
    await page.goto("about:blank");
    await page.goto(`${served.base}?scene=ready&lang=en`);
    await page.getByTestId("snooze").waitFor();
    expect(await page.getByTestId("ignore-rules").count()).toBe(0);
    expect(wrong).toEqual([]);
    await page.close();
  });

  it("choose hours in a week with mouse and keyboard", async () => {
    const { page, wrong } = await watch(browser, { viewport: { width: 1000, height: 800 } });
    await page.goto(`${served.base}?scene=earning&lang=en#/settings`);
    const row = page.locator("[data-testid=setting][data-key=schedule]");
    await row.getByTestId("hours-show").click();
    await row.getByTestId("hours-none").click();
    expect(await row.getByTestId("setting-save").count()).toBe(0);
    await row.getByRole("status").getByText("nothing can be saved").waitFor();
    const cell = (day: number, hour: number) => row.locator(`[data-cell="${day * 48 + hour * 2}"]`);
    await cell(0, 18).dragTo(cell(4, 19));
    expect(await row.getByTestId("setting-input").inputValue()).toBe("mon-fri 18:00-19:30");
    await cell(5, 9).focus();
    await page.keyboard.press("Space");
    await page.keyboard.press("Shift+ArrowRight");
    await page.keyboard.press("Shift+ArrowRight");
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("Enter");
    expect(await row.getByTestId("setting-input").inputValue()).toBe("mon-fri 18:00-19:30; sat 09:00-10:30; sun 10:00-10:30");
    expect(await cell(5, 9).getAttribute("aria-selected")).toBe("true");
    await row.getByTestId("setting-save").click();
    await expect.poll(() => row.getAttribute("data-value")).toBe("mon-fri 18:00-19:30; sat 09:00-10:30; sun 10:00-10:30");
    expect(await row.getByTestId("hours-said").textContent()).toContain("Mon to Fri 18:00–19:30");
    await row.getByTestId("hours-nights").click();
    expect(await row.getByTestId("setting-input").inputValue()).toBe("daily 22:00-08:00");
    expect(wrong).toEqual([]);
    await page.close();
  });

  it("snooze for a while and resume", async () => {
    const { page, wrong } = await watch(browser);
    await page.goto(`${served.base}?scene=ready&lang=en`);
    const state = () => page.getByTestId("status-sentence").getAttribute("data-state");
    await page.getByTestId("snooze").click();
    await page.getByTestId("snooze-1h").click();
    await expect.poll(state).toBe("snoozed");
    expect(await page.getByTestId("snooze").count()).toBe(0);
    await page.getByTestId("snooze-end").click();
    await expect.poll(state).toBe("ready");
    expect(wrong).toEqual([]);
    await page.close();
  });

  it("show the worker's own log smoothly, filter it, and give support a text without secrets", async () => {
    const { page, wrong } = await watch(browser);
    await page.goto(`${served.base}?scene=earning&lang=en#/log`);
    const count = page.getByTestId("log-count");
    await expect.poll(() => count.getAttribute("data-count")).toBe("100000");
    await expect.poll(() => page.getByTestId("own-log-line").last().textContent()).toContain("spool");
    expect(await page.evaluate(() => document.querySelectorAll("*").length)).toBeLessThanOrEqual(400);
    await page.getByTestId("log-level").selectOption("error");
    await expect.poll(() => count.getAttribute("data-count")).toBe("473");
    await page.getByTestId("log-level").selectOption("");
    await page.getByTestId("log-search").fill("<script>");
    await expect.poll(() => count.getAttribute("data-count")).toBe("100");
    expect(await page.locator("main script").count()).toBe(0);
    await page.getByTestId("log-search").fill("");
    await expect.poll(() => count.getAttribute("data-count")).toBe("100000");
    await page.getByTestId("support").click();
    const text = page.getByTestId("support-text");
    await text.waitFor();
    const said = (await text.textContent()) ?? "";
    for (const secret of ["mei", "living-room", "/home/ann", "203.0.113.7", "node-5b1f0c"]) expect(said).not.toContain(secret);
    await page.getByTestId("redact-address").uncheck();
    expect(await text.textContent()).toContain("203.0.113.7");
    expect(wrong).toEqual([]);
    await page.close();
  });

  it("judge a setting while it is typed", async () => {
    const { page } = await watch(browser);
    await page.goto(`${served.base}?scene=earning&lang=en#/settings`);
    const tasks = page.locator("[data-testid=setting][data-key=max_concurrent_tasks]");
    await tasks.getByTestId("setting-input").fill("900");
    await tasks.getByTestId("setting-error").getByText("not allowed").waitFor();
    await tasks.getByTestId("setting-input").fill("7");
    await tasks.getByTestId("setting-good").waitFor();
    expect(await tasks.getAttribute("data-value")).toBe("3");
    await page.getByTestId("settings-search").fill("language");
    await expect.poll(() => page.getByTestId("setting").count()).toBe(1);
    await page.close();
  });

  it("lead somebody new through five steps to the first start", async () => {
    const { page, wrong } = await watch(browser);
    await page.goto(`${served.base}?scene=fresh&lang=en`);
    await page.getByTestId("first-begin").click();
    const next = page.getByTestId("welcome-next");
    await next.click();
    await page.locator("[data-testid=check][data-check=engine][data-level=ok]").waitFor();
    await next.click();
    await page.getByTestId("practice-begin").click();
    await page.getByTestId("practice-done").waitFor({ timeout: 15_000 });
    await next.click();
    await page.getByTestId("preset-quiet").click();
    await next.click();
    await page.getByTestId("sign-in-username").fill("mei");
    await page.getByTestId("sign-in-password").fill("right");
    await page.getByTestId("sign-in-submit").click();
    await page.getByTestId("welcome-finish").click();
    await expect.poll(() => page.getByTestId("status-sentence").getAttribute("data-state")).toBe("ready");
    expect(wrong).toEqual([]);
    await page.close();
  });

  it("show the way out when the engine is away, in the first steps too", async () => {
    const { page } = await watch(browser);
    await page.goto(`${served.base}?scene=engine&lang=en#/welcome`);
    await page.getByTestId("welcome-next").click();
    const engine = page.locator("[data-testid=check][data-check=engine]");
    await engine.getByText("sudo systemctl enable --now docker").waitFor();
    expect(await engine.getAttribute("data-code")).toBe("ENGINE_STOPPED");
    await page.close();
  });

  it("lead somebody new to the sign-in form", async () => {
    const { page } = await watch(browser);
    await page.goto(`${served.base}?scene=fresh&lang=en`);
    expect(await page.getByTestId("sign-in").count()).toBe(0);
    await page.getByTestId("first-sign-in").click();
    await expect.poll(() => page.evaluate(() => document.activeElement?.id)).toBe("sign-in-name");
    expect(await page.getByTestId("first-sign-in").count()).toBe(0);
    await page.close();
  });

  it("take an answer about an image and a host", async () => {
    const { page } = await watch(browser);
    await page.goto(`${served.base}?scene=asked&lang=en`);
    await expect.poll(() => page.getByTestId("alert").count()).toBe(5);
    await page.getByTestId("image-always").first().click();
    await expect.poll(() => page.getByTestId("image-question").count()).toBe(1);
    await page.getByRole("button", { name: "Never allow: huggingface.co" }).click();
    await expect.poll(() => page.getByTestId("host-question").count()).toBe(1);
    await page.close();
  });

  it("explain how to start the engine", async () => {
    const { page } = await watch(browser);
    await page.goto(`${served.base}?scene=engine&lang=en`);
    await page.getByTestId("status-action").click();
    await page.getByRole("dialog").getByText("sudo systemctl enable --now docker").waitFor();
    await page.close();
  });

  it("follow the system's theme until the owner chooses", async () => {
    const { page } = await watch(browser, { colorScheme: "dark" });
    await page.goto(`${served.base}?scene=ready`);
    await expect.poll(() => page.getAttribute("html", "data-theme")).toBe("dark");
    await page.emulateMedia({ colorScheme: "light" });
    await expect.poll(() => page.getAttribute("html", "data-theme")).toBe("light");
    await page.close();
  });

  it("can be used by keyboard alone", async () => {
    const { page } = await watch(browser, { viewport: { width: 1000, height: 700 } });
    await page.goto(`${served.base}?scene=off&lang=en`);
    await page.getByTestId("toggle").waitFor();
    await page.keyboard.press("Tab");
    expect(await page.evaluate(() => document.activeElement?.textContent)).toBe("Skip to content");
    await page.keyboard.press("Enter");
    await page.keyboard.press("Tab");
    expect(await page.evaluate(() => (document.activeElement as HTMLElement).dataset["testid"])).toBe("toggle");
    await page.keyboard.press("Space");
    await expect.poll(() => page.getByTestId("toggle").getAttribute("aria-checked")).toBe("true");
    const ring = await page.getByTestId("toggle").evaluate((e) => getComputedStyle(e).outlineStyle);
    expect(ring).toBe("solid");
    await page.close();
  });

  it("stay small with 10,000 rows and 100,000 lines", async () => {
    const { page } = await watch(browser, { viewport: { width: 1200, height: 800 } });
    await page.goto(`${served.base}?scene=ready&history=10000#/tasks`);
    await page.getByTestId("history-row").first().waitFor();
    const nodes = () => page.evaluate(() => document.querySelectorAll("*").length);
    expect(await page.getByTestId("history").getAttribute("data-count")).toBe("10000");
    expect(await nodes()).toBeLessThanOrEqual(400);
    await page.getByTestId("history").evaluate((e) => e.scrollTo(0, e.scrollHeight));
    await page.locator("[aria-posinset='10000'] [data-testid=history-row]").waitFor();
    expect(await nodes()).toBeLessThanOrEqual(400);
    await page.locator("[aria-posinset='10000'] a").click();
    await page.getByTestId("task-detail").waitFor();
    await page.goto(`${served.base}?scene=ready#/tasks/7c9e6679-7425-40de-944b-000000000100/1`);
    await page.getByTestId("log").waitFor();
    expect(await page.getByTestId("log").getAttribute("data-count")).toBe("100000");
    await page.getByTestId("log").evaluate((e) => e.scrollTo(0, e.scrollHeight));
    await page.getByText("checked 99,999,000 numbers").waitFor();
    expect(await nodes()).toBeLessThanOrEqual(400);
    await page.close();
  });
});

describe("a strange host", () => {
  it("leaves the app usable: language of LANG=C, frozen prototypes as in the desktop window", async () => {
    const { page, wrong } = await watch(browser);
    await page.addInitScript(() => {
      Object.freeze(Object.prototype);
      Object.defineProperty(Navigator.prototype, "language", { get: () => "C", configurable: true });
      Object.defineProperty(Navigator.prototype, "languages", { get: () => ["C"], configurable: true });
    });
    for (const screen of ["home", "tasks", "earnings", "health", "settings", "about", "resources"]) {
      await page.goto(`${served.base}?scene=earning#/${screen}`);
      await page.locator(`[data-testid=app][data-screen=${screen}]`).waitFor();
      await page.waitForTimeout(200);
    }
    await page.locator("[data-testid=chart-cpu] canvas").waitFor();
    expect(wrong).toEqual([]);
    await page.close();
  });
});
