// The pool's own page while a package is on its way: how far it is, how it is stopped, what is said when the way breaks.
// The pool behind it is played here, so that it can read slowly, break off and refuse.

import { readFile, writeFile, mkdtemp, rm } from "node:fs/promises";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { extname, join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from "vitest";
import type { Browser, Page } from "playwright-core";
import { launch, watch } from "./browser";
import { findings, wider } from "./sound";

const SOURCE = new URL("../../crates/local-pool/src/page/", import.meta.url);
const CSP = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'";
const TYPES: Record<string, string> = { ".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml" };
const MIB = 1024 * 1024;
const SIZE = 24 * MIB;

type Take = (request: IncomingMessage, response: ServerResponse) => void;

let browser: Browser;
let folder: string;
let pool: Awaited<ReturnType<typeof serve>>;
let page: Page;
let wrong: string[];

/** A pool of one requester; what it does with a package is set by each test. */
async function serve() {
  const said: { take: Take; tasks: object[] } = { take: () => undefined, tasks: [] };
  const server = createServer((request, response) => {
    void (async () => {
      const path = new URL(request.url ?? "/", "http://x").pathname;
      const json = (value: unknown, status = 200): void => void response.writeHead(status, { "Content-Type": "application/json" }).end(JSON.stringify(value));
      if (path === "/api/tasks" && request.method === "POST") said.take(request, response);
      else if (path === "/api/login") json({ token: "t", refresh_token: "r" });
      else if (path === "/api/balance") json({ username: "mei", balance_cpt: 150 });
      else if (path === "/api/nodes") json({ nodes: [] });
      else if (path === "/api/tasks") json({ tasks: said.tasks });
      else if (path.endsWith("/logs")) response.end();
      else if (path.startsWith("/api/tasks/")) json(said.tasks[0]);
      else {
        const name = path === "/" ? "index.html" : path.slice(1);
        const bytes = await readFile(new URL(name, SOURCE));
        response.writeHead(200, { "Content-Type": TYPES[extname(name)] ?? "", "Content-Security-Policy": CSP }).end(bytes);
      }
    })();
  });
  const listen = (at: number): Promise<void> => new Promise((resolve) => server.listen(at, "127.0.0.1", resolve));
  await listen(0);
  const { port } = server.address() as AddressInfo;
  return {
    base: `http://127.0.0.1:${port}/`,
    said,
    open: () => listen(port),
    /** It goes altogether: over a connection that breaks off while others are open, a browser itself sends anew. */
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

beforeAll(async () => {
  browser = await launch();
  folder = await mkdtemp(join(tmpdir(), "hivemind-requester-"));
  await writeFile(join(folder, "large.zip"), new Uint8Array(SIZE));
});

afterAll(async () => {
  await browser.close();
  await rm(folder, { recursive: true, force: true });
});

beforeEach(async () => {
  pool = await serve();
});

afterEach(async () => {
  await page.close();
  await pool.close();
});

const text = (): Promise<string> => page.locator("#sending-text").innerText();
const focus = (): Promise<string> => page.evaluate(() => document.activeElement?.id ?? "");
const percent = async (): Promise<number> => Number(/(\d+) %/.exec(await text())?.[1] ?? -1);

/** Signed in, with a form filled in whose package travels at 4 MiB a second. */
async function filledIn(options: Parameters<Browser["newPage"]>[0] = { locale: "en-US" }): Promise<void> {
  ({ page, wrong } = await watch(browser, options));
  await page.goto(pool.base);
  await page.fill("[name=username]", "mei");
  await page.fill("[name=password]", "a password");
  await page.click("button[value=login]");
  await page.locator("#inside").waitFor();
  const network = await page.context().newCDPSession(page);
  await network.send("Network.enable");
  await network.send("Network.emulateNetworkConditions", { offline: false, latency: 0, downloadThroughput: -1, uploadThroughput: 4 * MIB });
  await page.fill("[name=task_name]", "large one");
  await page.setInputFiles("[name=task_file]", join(folder, "large.zip"));
}

/** By keyboard alone. */
async function handIn(): Promise<void> {
  await page.locator("#submit").focus();
  await page.keyboard.press("Enter");
}

const task = { task_id: "t-1", name: "large one", state: "queued", attempt: 0, charged_cpt: 0, created_ms: 1, progress: null, report: null, result: null };

it("shows how far a package is, keeps the form usable, and hands it in once", async () => {
  let taken = 0;
  let answer: () => void = () => undefined;
  const asked = new Promise<void>((resolve) => (answer = resolve));
  pool.said.take = (request, response) => {
    taken += 1;
    request.resume().on("end", () => {
      pool.said.tasks = [task];
      void asked.then(() => response.writeHead(201).end(JSON.stringify({ task_id: "t-1" })));
    });
  };
  await filledIn();
  await handIn();
  await expect.poll(percent).toBeGreaterThan(5);
  const [bar, first] = [page.locator("#sending-bar"), await percent()];
  expect(await page.getByRole("progressbar", { name: "Upload" }).count()).toBe(1);
  expect(await text()).toMatch(/^\d+\.\d MiB of 24\.0 MiB sent · \d+ %$/);
  await expect.poll(percent).toBeGreaterThan(first);
  expect(Math.abs(Number(await bar.getAttribute("value")) - (await percent()))).toBeLessThan(20);
  // The keyboard stays where it was; pressing once more sends nothing twice; the next stop is the way out.
  expect(await focus()).toBe("submit");
  expect(await page.locator("#submit").getAttribute("aria-disabled")).toBe("true");
  await page.keyboard.press("Enter");
  await page.keyboard.press("Tab");
  expect(await focus()).toBe("sending-cancel");
  // The next task may be named meanwhile.
  await page.fill("[name=task_name]", "the next one");
  await expect.poll(text).toBe("24.0 MiB sent. The pool is checking it…");
  expect(await bar.getAttribute("value")).toBe(null);
  answer();
  await page.locator("#detail").waitFor();
  expect(await page.locator("#notice").innerText()).toBe("Handed in.");
  expect(await page.locator("#sending").isVisible()).toBe(false);
  expect(await page.inputValue("[name=task_name]")).toBe("the next one");
  expect(taken).toBe(1);
  expect(wrong).toEqual([]);
});

it("stops when asked to and says so, and hands in what is tried again", async () => {
  let broken = 0;
  pool.said.take = (request) => void request.resume().on("close", () => (broken += request.complete ? 0 : 1));
  await filledIn();
  await handIn();
  await expect.poll(percent).toBeGreaterThan(5);
  await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  await expect.poll(text).toBe("Cancelled. Nothing was handed in.");
  await expect.poll(() => broken).toBe(1);
  expect(await page.locator("#sending-said").innerText()).toBe("Cancelled. Nothing was handed in.");
  expect(await focus()).toBe("sending-again");
  pool.said.take = (request, response) => {
    request.resume().on("end", () => {
      pool.said.tasks = [task];
      response.writeHead(201).end(JSON.stringify({ task_id: "t-1" }));
    });
  };
  await page.keyboard.press("Enter");
  await page.locator("#detail").waitFor({ timeout: 30_000 });
  expect(await page.inputValue("[name=task_name]")).toBe("");
});

it("says when the way breaks, and whether the pool may have the package", async () => {
  pool.said.take = (request) => {
    let read = 0;
    request.on("data", (piece: Uint8Array) => {
      read += piece.length;
      if (read > 6 * MIB) void pool.close();
    });
  };
  await filledIn();
  await handIn();
  await expect.poll(text).toBe("The connection broke off. Nothing was handed in, and what you filled in is kept.");
  expect(await page.inputValue("[name=task_name]")).toBe("large one");
  expect(await page.evaluate(() => document.querySelector<HTMLInputElement>("[name=task_file]")?.files?.[0]?.name)).toBe("large.zip");
  await pool.open();
  pool.said.take = (request) => void request.resume().on("end", () => setTimeout(() => void pool.close(), 300));
  await page.locator("#sending-again").click();
  await expect.poll(text).toBe("The connection broke off after everything had been sent. Look into the list below before you try again.");
  await page.locator("#sending-again").waitFor();
});

it.each(["light", "dark"] as const)("refuses in the reader's words and is sound on a phone in %s", async (colorScheme) => {
  pool.said.take = (request, response) => {
    request.resume().on("end", () => {
      const error = { code: "TOO_LARGE", message: "This is larger than the 536870912 bytes that this pool takes." };
      response.writeHead(413, { "Content-Type": "application/json" }).end(JSON.stringify({ error }));
    });
  };
  await filledIn({ locale: "zh-TW", colorScheme, viewport: { width: 390, height: 800 } });
  await handIn();
  await expect.poll(percent).toBeGreaterThan(5);
  expect(await findings(page)).toEqual([]);
  await page.locator("#notice.bad").waitFor({ timeout: 30_000 });
  expect(await page.locator("#notice").innerText()).toBe("檔案超過任務池的上限 512.0 MiB。");
  expect(await page.inputValue("[name=task_name]")).toBe("large one");
  pool.said.tasks = [{ ...task, state: "succeeded", name: "a name that is long and goes on for a while", result: { size_bytes: 1, sha256: "0" } }];
  await page.locator("#tasks button").first().waitFor();
  expect(await findings(page)).toEqual([]);
  expect((await page.evaluate(wider))[0]).toBe(0);
});
