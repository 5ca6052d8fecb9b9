import { chromium, type Browser, type Page } from "playwright-core";
import { preview } from "vite";
import type { AddressInfo } from "node:net";
import { fileURLToPath } from "node:url";

const FLAGS = ["--no-sandbox", "--headless=new", "--disable-gpu", "--disable-quic", "--disable-background-networking"];

/** Starts the system's Chromium; fails loudly where there is none. */
export function launch(more: string[] = []): Promise<Browser> {
  return chromium.launch({ executablePath: process.env["CHROMIUM"] ?? "/usr/bin/chromium", args: [...FLAGS, ...more] });
}

export interface Served {
  base: string;
  close: () => Promise<void>;
}

/** Serves the build with the scripted host, under the hosts' own content security policy. */
export async function serveFake(outDir = "dist-fake"): Promise<Served> {
  const server = await preview({
    root: fileURLToPath(new URL("..", import.meta.url)),
    mode: "fake",
    logLevel: "error",
    build: { outDir },
    preview: { port: 0, host: "127.0.0.1" },
  });
  const { port } = server.httpServer.address() as AddressInfo;
  return { base: `http://127.0.0.1:${port}/`, close: () => server.close() };
}

/** A page that collects everything that went wrong in it; refusals of the policy are among it. */
export async function watch(browser: Browser, options: Parameters<Browser["newPage"]>[0] = {}): Promise<{ page: Page; wrong: string[] }> {
  const page = await browser.newPage(options);
  const wrong: string[] = [];
  page.on("pageerror", (e) => wrong.push(`error: ${e.message}`));
  page.on("dialog", (d) => {
    wrong.push(`dialog: ${d.message()}`);
    void d.dismiss();
  });
  page.on("console", (message) => {
    if (message.type() === "error" || message.text().includes("Content Security Policy")) wrong.push(message.text());
  });
  return { page, wrong };
}
