// What is exported: a file in a browser, and in a window the sentence about it.

import { readFile } from "node:fs/promises";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { Browser, Page } from "playwright-core";
import { earnedCsv, earningsCsv } from "../src/model/csv";
import { earningsOf } from "../src/platform/fake/earnings";
import { currentOf } from "../src/platform/fake/electricity";
import { receiptsFrom } from "../src/platform/fake/receipts";
import { snapshot } from "../src/platform/fake/world";
import { m } from "../src/text/messages";
import { launch, serveFake, watch, type Served } from "./browser";
import { serveStub } from "./stub";

let browser: Browser;
let page: Page;
let wrong: string[];

beforeAll(async () => {
  browser = await launch();
});

afterAll(() => browser.close());

beforeEach(async () => {
  ({ page, wrong } = await watch(browser, { locale: "en-US", viewport: { width: 1200, height: 800 } }));
});

afterEach(() => page.close());

describe("a browser", () => {
  let stub: Awaited<ReturnType<typeof serveStub>>;
  beforeAll(async () => {
    stub = await serveStub();
  });
  afterAll(() => stub.down());

  async function saved(button: string): Promise<{ name: string; text: string }> {
    const [download] = await Promise.all([page.waitForEvent("download"), page.getByTestId(button).click()]);
    await page.getByTestId(`${button}-told`).getByText(m.settings_saved(), { exact: true }).waitFor();
    return { name: download.suggestedFilename(), text: await readFile(await download.path(), "utf8") };
  }

  it("gets days, tasks and receipts as files, also with a page that may only look", async () => {
    await page.goto(`${stub.base}pair?code=look`);
    await page.getByTestId("nav-earnings").click();
    await page.getByTestId("earnings-table").waitFor();
    const { days, tasks } = earningsOf(30, false, snapshot(), Date.now(), currentOf("earning"));

    const byDay = await saved("export");
    expect(byDay.name).toBe("hivemind-earnings.csv");
    // Today's pay is the world's own.
    const head = earningsCsv([]);
    expect(byDay.text.startsWith(`\u{feff}${head}`)).toBe(true);
    expect(byDay.text.endsWith(earningsCsv(days.slice(1)).slice(head.length))).toBe(true);

    const byTask = await saved("export-earned");
    expect(byTask.name).toBe("hivemind-earned-tasks.csv");
    const rows = byTask.text.trimEnd().split("\r\n");
    expect(rows.length).toBeGreaterThan(100);
    expect(rows[0]).toBe(`\u{feff}${earnedCsv([]).trimEnd()}`);
    // The times are those of the moment at which they are made up.
    const lasting = (row: string | undefined): string[] => (row ?? "").split(",").filter((_, i) => i !== 0 && i !== 4);
    expect(lasting(rows[2])).toEqual(lasting(earnedCsv(tasks.slice(1, 2)).split("\r\n")[1]));

    const receipts = await saved("export-receipts");
    expect(receipts.name).toBe("hivemind-receipts.ledger");
    const first = receiptsFrom(0);
    expect(receipts.text).toBe(first.text + receiptsFrom(first.next ?? 0).text);
    expect(stub.calls.filter((name) => name === "receipts").length).toBe(2);
    expect(stub.refused).toEqual([]);
    expect(wrong).toEqual([]);
  });
});

describe("a window", () => {
  let served: Served;
  beforeAll(async () => {
    served = await serveFake();
  });
  afterAll(() => served.close());

  it("says where the file is", async () => {
    await page.goto(`${served.base}?scene=ready&lang=en&saves=/home/ann/Downloads#/earnings`);
    for (const [button, name] of [["export", "hivemind-earnings.csv"], ["export-earned", "hivemind-earned-tasks.csv"], ["export-receipts", "hivemind-receipts.ledger"]] as const) {
      await page.getByTestId(button).click();
      const told = page.getByTestId(`${button}-told`);
      await told.getByText(m.export_saved({ path: `/home/ann/Downloads/${name}` }), { exact: true }).waitFor();
      expect(await told.getAttribute("aria-live")).toBe("polite");
    }
    expect(wrong).toEqual([]);
  });

  it.each([
    ["en", "SAVE_NO_SPACE", "There is no room on the disk to save it."],
    ["zh-tw", "SAVE_NO_SPACE", "磁碟空間不足，無法儲存檔案。"],
    ["en", "SAVE_REFUSED", "The system did not let the file be saved."],
    ["zh-tw", "SAVE_NO_FOLDER", "這台電腦沒有可儲存檔案的資料夾。"],
  ])("says in %s why nothing was saved: %s", async (language, code, sentence) => {
    await page.goto(`${served.base}?scene=ready&lang=${language}&saves=${code}#/earnings`);
    await page.getByTestId("export-receipts").click();
    await page.getByTestId("export-receipts-told").getByText(sentence, { exact: true }).waitFor();
    expect(await page.getByTestId("export-receipts").isEnabled()).toBe(true);
    expect(wrong).toEqual([]);
  });
});
