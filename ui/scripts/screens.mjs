// Pictures of every screen: node scripts/screens.mjs --out FOLDER [--dist FOLDER] [--only TEXT[,TEXT…]] [--height PIXELS]
import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { chromium } from "playwright-core";
import { preview } from "vite";

const CHROMIUM_FLAGS = [
  "--no-sandbox", "--headless=new", "--disable-gpu", "--disable-quic", "--disable-background-networking", "--force-color-profile=srgb",
];
const option = (name, fallback) => {
  const at = process.argv.indexOf(name);
  return at < 0 ? fallback : process.argv[at + 1];
};
const out = option("--out", "screens");
// Every one of the words must be in a picture's name.
const only = option("--only", "").split(",");
// Another height shows the whole of a long screen.
const tall = Number(option("--height", "0"));

const FAULTS = Object.keys(JSON.parse(await readFile(new URL("../src/text/rehearsed.json", import.meta.url), "utf8"))).filter((fault) => fault !== "none");

const PAGES = [
  ["home", "earning", ""], ["home-ready", "ready", ""], ["home-off", "off", ""], ["home-draining", "draining", ""],
  ["home-engine", "engine", ""], ["home-sign-in", "sign_in", ""], ["home-reconnecting", "reconnecting", ""],
  ["home-asked", "asked", ""], ["home-fresh", "fresh", ""],
  ["home-unencrypted", "unencrypted", ""], ["home-lost", "lost", ""], ["tasks", "earning", "tasks"],
  ["tasks-history", "ready", "tasks"], ["tasks-empty", "empty", "tasks"],
  ["task", "earning", "tasks/7c9e6679-7425-40de-944b-000000000001/1"], 
  ["task-failed", "ready", "tasks/7c9e6679-7425-40de-944b-000000000100/1", "[data-testid=debug-show]"], ["resources", "earning", "resources"],
  ["resources-gpu", "gpu", "resources"], ["resources-day", "earning", "resources", "[data-testid=trend-1440]"],
  ["home-timeline-table", "ready", "", "[data-testid=timeline-table]"], ["earnings", "earning", "earnings"], ["earnings-empty", "empty", "earnings"],
  ["health", "engine", "health"], ["health-proof", "ready", "health", "[data-testid=proof-run]"],
  ["health-broken", "ready&broken=1", "health", "[data-testid=proof-run]"], ["settings", "earning", "settings"], ["about", "earning", "about"],
  ["more", "earning", "more"], ["pairing", "unpaired", ""],
  ["log", "earning", "log"], ["log-support", "earning", "log", "[data-testid=support]"],
  ["home-missing", "missing", ""], ["home-breaker", "breaker", ""], ["home-frozen", "frozen", ""], ["tasks-frozen", "frozen", "tasks"],
  ["home-many", "many", ""], ["tasks-many", "many", "tasks"], ["home-hostile", "hostile", ""], ["tasks-hostile", "hostile", "tasks"],
  ["task-hostile", "hostile", "tasks/7c9e6679-7425-40de-944b-000000000001/1"], ["about-hostile", "hostile", "about"],
  ["resources-hostile", "hostile", "resources"], ["settings-hostile", "hostile", "settings"],
  ["health-tunnel", "tunnel", "health", "see:[data-testid=link-panel]"], ["home-help", "engine", "", "[data-testid=status-action]"],
  ["tasks-stop", "earning", "tasks", "[data-testid=task-stop] >> nth=0"], ["log-task", "ready", "tasks/7c9e6679-7425-40de-944b-000000000101/1"],
  ["settings-what-if", "earning", "settings", ["fill:[data-testid=what-if-value]=10", "[data-testid=what-if-try]"]],
  ["settings-notify", "earning", "settings", ["see:[data-key=notify_payouts]"]],
  ["home-gpu-snooze", "gpu", "", "[data-testid=snooze]"], ["home-gpu-snoozed", "gpu_snoozed", ""],
  ["home-snooze", "ready", "", "[data-testid=snooze]"], ["home-snoozed", "snoozed", ""],
  ["home-battery", "battery", ""], ["home-night", "night", ""], ["home-forced", "forced", ""], ["home-yielding", "yielding", ""],
  ["sign-in", "fresh", "", "[data-testid=first-sign-in]"], ["about-measured", "measured", "about"],
  ["resources-quota", "measured", "resources", "see:[data-testid=traffic]"],
  ["settings-rules", "earning", "settings", "see:[data-key=schedule]"], ["settings-hours", "earning", "settings", "see:[data-key=network_hours]"],
  ["settings-disk", "earning", "settings", "see:[data-key=keep_disk_free]"], ["settings-images", "earning", "settings", "see:[data-key=image_quota]"],
  ["settings-hosts", "earning", "settings", "see:[data-key=network_policy]"], ["settings-other", "earning", "settings", "see:[data-key=a_setting_of_a_newer_worker]"],
  ["settings-week", "earning", "settings", ["[data-key=schedule] [data-testid=hours-show]", "[data-key=schedule] [data-testid=hours-weekends]", "see:[data-key=schedule] [data-testid=hours]", "see:[data-key=schedule] [data-cell='0']"]],
  ["settings-week-none", "earning", "settings", ["[data-key=network_hours] [data-testid=hours-show]", "[data-key=network_hours] [data-testid=hours-none]", "see:[data-key=network_hours] [role=status]"]],
  ["settings-wrong", "earning", "settings", ["see:[data-key=idle_minutes]", "fill:[data-key=idle_minutes] input=900", 700]],
  ["settings-search", "earning", "settings", ["fill:[data-testid=settings-search]=gpu"]],
  ...FAULTS.map((fault) => [`health-${fault}`, `ready&fault=${fault}`, "health"]),
  ["welcome-1", "fresh", "welcome"], ["welcome-2", "engine", "welcome", "[data-testid=welcome-next]"],
  ["welcome-3", "fresh", "welcome", ["[data-testid=welcome-next]", "[data-testid=welcome-next]", "[data-testid=practice-begin]", 4500]],
  ["welcome-4", "fresh", "welcome", ["[data-testid=welcome-next]", "[data-testid=welcome-next]", "[data-testid=practice-begin]", 4500, "[data-testid=welcome-next]", "[data-testid=preset-balanced]"]],
  ["welcome-5", "fresh", "welcome", ["[data-testid=welcome-next]", "[data-testid=welcome-next]", "[data-testid=welcome-next]", "[data-testid=welcome-next]"]],
];
const SIZES = { desktop: [1440, 900], small: [900, 600], phone: [390, 844] };

await mkdir(out, { recursive: true });
const server = await preview({ mode: "fake", logLevel: "error", build: { outDir: option("--dist", "dist-fake") }, preview: { port: 0, host: "127.0.0.1" } });
const base = `http://127.0.0.1:${server.httpServer.address().port}/`;
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: CHROMIUM_FLAGS });
let count = 0;
for (const [size, [width, height]] of Object.entries(SIZES)) {
  for (const lang of ["en", "zh-tw"]) {
    for (const theme of ["light", "dark"]) {
      const context = await browser.newContext({ viewport: { width, height: tall || height }, reducedMotion: "reduce", locale: lang === "en" ? "en-US" : "zh-TW", colorScheme: theme });
      const page = await context.newPage();
      for (const [name, scene, path, click] of PAGES) {
        const file = `${name}.${size}.${lang}.${theme}.png`;
        if (!only.every((word) => file.includes(word))) continue;
        // The same address again would only be a jump inside the page.
        await page.goto("about:blank");
        await page.goto(`${base}?scene=${scene}&lang=${lang}&theme=${theme}&still=1#/${path}`);
        await page.waitForSelector("[data-testid=app], [data-testid=pairing]");
        await page.waitForTimeout(path.startsWith("resources") ? 700 : 350);
        // A selector is clicked, one after `see:` is scrolled to, one after `fill:` gets the text after `=`; a number is waited for, in milliseconds.
        for (const step of [click ?? []].flat()) {
          const [, field, text] = /^fill:(.+)=(.*)$/.exec(step) ?? [];
          if (field) await page.fill(field, text);
          else if (typeof step === "string" && step.startsWith("see:")) await page.locator(step.slice(4)).scrollIntoViewIfNeeded();
          else if (typeof step === "string") await page.click(step);
          await page.waitForTimeout(typeof step === "number" ? step : 250);
        }
        await page.screenshot({ path: join(out, file) });
        count += 1;
      }
      await context.close();
    }
  }
}
await browser.close();
await server.close();
console.log(`${count} pictures in ${out}`);
process.exit(0);
