// How smoothly long lists scroll: 10,000 rows of the history, 100,000 lines of a log. node scripts/frames.mjs
// Prints the time that 95 of 100 frames took at most, in milliseconds, and the elements in the page.
import { chromium } from "playwright-core";
import { preview } from "vite";

const STEPS = 240;
const server = await preview({ mode: "fake", logLevel: "error", build: { outDir: "dist-fake" }, preview: { port: 0, host: "127.0.0.1" } });
const base = `http://127.0.0.1:${server.httpServer.address().port}/`;
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox", "--headless=new", "--disable-gpu", "--disable-frame-rate-limit", "--disable-gpu-vsync"] });
const page = await browser.newPage({ viewport: { width: 1440, height: 900 } });

async function scrolled(address, list) {
  await page.goto("about:blank");
  await page.goto(`${base}?scene=ready&still=1#/${address}`);
  await page.locator(`[data-testid=${list}]`).waitFor();
  await page.waitForTimeout(800);
  return page.evaluate(
    async ([name, steps]) => {
      const box = document.querySelector(`[data-testid=${name}]`);
      const area = box.scrollHeight > box.clientHeight + 10 ? box : box.querySelector("*");
      const way = area.scrollHeight - area.clientHeight;
      // The work of a frame: from its beginning until everything for it was done and drawn.
      const worked = [];
      let most = 0;
      for (let i = 1; i <= steps; i += 1) {
        const begin = await new Promise((next) => requestAnimationFrame(next));
        area.scrollTop = (way * i) / steps;
        await new Promise((next) => {
          const channel = new MessageChannel();
          channel.port1.onmessage = next;
          requestAnimationFrame(() => channel.port2.postMessage(0));
        });
        worked.push(performance.now() - begin);
        most = Math.max(most, document.querySelectorAll("*").length);
      }
      worked.sort((a, b) => a - b);
      // Two frames were waited for: the one in which it was asked, the one in which it was drawn.
      return { p95: worked[Math.floor(steps * 0.95)] / 2, median: worked[Math.floor(steps / 2)] / 2, nodes: most };
    },
    [list, STEPS],
  );
}

const history = await scrolled("tasks", "history");
const log = await scrolled("tasks/7c9e6679-7425-40de-944b-000000000100/1", "log");
await browser.close();
await server.close();
console.log(JSON.stringify({ history_ms: history.p95, log_ms: log.p95, medians: [history.median, log.median], nodes: Math.max(history.nodes, log.nodes) }));
process.exit(0);
