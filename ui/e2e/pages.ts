// Every screen in every situation that looks different, with what is done there before it is looked at. The one list
// that pictures, the accessibility checks, the keyboard's walk and the language of marks go through.

import rehearsed from "../src/text/rehearsed.json";

/**
 * `click PLACE`, `fill PLACE := TEXT`, `choose PLACE := VALUE`, `wait PLACE` until it is there, `see PLACE` brings it into
 * view, `pass SECONDS` of the page's own time. A place is written as in `place.ts`.
 */
export type Step = string;

export interface Shown {
  name: string;
  /** One of `src/platform/fake/scenes.ts`, with more of the address after it. */
  scene: string;
  path: string;
  steps: readonly Step[];
}

const TASK = "tasks/7c9e6679-7425-40de-944b-0000000000";
const NEXT = "click welcome-next";
/** The time may pass only after it has begun. */
const BEGIN = ["click practice-begin", "wait practice[data-stage=pool]"];
const PRACTISED = [NEXT, NEXT, ...BEGIN, "pass 5", "wait practice-done"];
const WEEK = "setting[data-key=schedule]";

const LIST: readonly (readonly [name: string, scene: string, path: string, ...steps: Step[]])[] = [
  ["home", "earning", ""],
  ["home-ready", "ready", ""],
  ["home-off", "off", ""],
  ["home-empty", "empty", ""],
  ["home-draining", "draining", ""],
  ["home-engine", "engine", ""],
  ["home-help", "engine", "", "click status-action", "wait css:dialog"],
  ["home-sign-in", "sign_in", ""],
  ["home-reconnecting", "reconnecting", ""],
  ["home-asked", "asked", ""],
  ["home-fresh", "fresh", ""],
  ["home-unencrypted", "unencrypted", ""],
  ["home-lost", "lost", ""],
  ["home-missing", "missing", ""],
  ["home-virtualization", "no_virtualization", ""],
  ["home-virtualization-help", "no_virtualization", "", "click status-action", "wait css:dialog"],
  ["home-breaker", "breaker", ""],
  ["home-frozen", "frozen", ""],
  ["home-many", "many", ""],
  ["home-hostile", "hostile", ""],
  ["home-snooze", "ready", "", "click snooze", "wait snooze-1h"],
  ["home-snoozed", "snoozed", ""],
  ["home-gpu-snooze", "gpu", "", "click snooze", "wait snooze-gpus"],
  ["home-gpu-snoozed", "gpu_snoozed", ""],
  ["home-battery", "battery", ""],
  ["home-night", "night", ""],
  ["home-forced", "forced", ""],
  ["home-planned", "planned", ""],
  ["home-dear", "dear", ""],
  ["home-network-app", "network_app", ""],
  ["home-gpu-app", "gpu_app", ""],
  ["home-network", "network_push", ""],
  ["home-network-banned", "network_banned", ""],
  ["home-network-tokens", "network_tokens", ""],
  ["home-functions", "network_functions", ""],
  ["home-yielding", "yielding", ""],
  ["home-looking", "looking", ""],
  ["home-timeline-table", "ready", "", "click timeline-table", "wait timeline-rows"],
  ["sign-in", "fresh", "", "click first-sign-in", "wait sign-in"],
  ["sign-in-empty", "sign_in", "", "click sign-in-submit", "wait css:#sign-in-name-error"],
  ["sign-in-wrong", "sign_in", "", "fill sign-in-username := mei", "fill sign-in-password := wrong", "click sign-in-submit", "wait sign-in error-note"],
  ["tasks", "earning", "tasks"],
  ["tasks-history", "ready", "tasks"],
  ["tasks-empty", "empty", "tasks"],
  ["tasks-frozen", "frozen", "tasks"],
  ["tasks-many", "many", "tasks"],
  ["tasks-hostile", "hostile", "tasks"],
  ["tasks-lost", "lost", "tasks"],
  ["tasks-no-match", "ready", "tasks", "fill history-search := nothing is called this", "wait history-total[data-total=0]"],
  ["tasks-stop", "earning", "tasks", "click css:[data-testid=task-stop] >> nth=0", "wait css:dialog"],
  ["task", "earning", `${TASK}01/1`],
  ["task-failed", "ready", `tasks/7c9e6679-7425-40de-944b-000000000100/1`, "click debug-show", "wait debug-open"],
  ["task-unpaid", "network_pull", "tasks/7c9e6679-7425-40de-944b-000000000101/1"],
  ["task-hostile", "hostile", `${TASK}01/1`],
  ["task-unknown", "ready", "tasks/nobody/1", "wait error-note"],
  ["log-task", "ready", "tasks/7c9e6679-7425-40de-944b-000000000101/1"],
  ["resources", "earning", "resources"],
  ["resources-gpu", "gpu", "resources"],
  ["resources-gpu-day", "gpu", "resources", "click trend-1440", "wait trend-step", "see chart-gpu-power"],
  ["resources-disk-day", "earning", "resources", "click trend-1440", "wait trend-step", "see chart-disk"],
  ["resources-day", "earning", "resources", "click trend-1440", "wait trend-step"],
  ["resources-table", "earning", "resources", "click css:[data-testid=chart-cpu] button", "wait css:[data-testid=chart-cpu] table"],
  ["resources-quota", "measured", "resources", "see traffic"],
  ["resources-alerts", "asked", "resources"],
  ["resources-hostile", "hostile", "resources"],
  ["earnings", "earning", "earnings"],
  ["earnings-week", "earning", "earnings", "click range-7"],
  ["earnings-empty", "empty", "earnings"],
  ["earnings-cost", "planned", "earnings", "wait electricity-cost"],
  ["earnings-cost-days", "planned", "earnings", "see earned-tasks"],
  ["earnings-learning", "dear", "earnings", "wait electricity-why"],
  ["earnings-no-sensor", "network_app", "earnings", "wait electricity-why"],
  ["earnings-no-permission", "gpu_app", "earnings", "wait electricity-why"],
  ["earnings-network", "network_push", "earnings", "wait earned-on-network"],
  ["earnings-ledger", "network_push", "earnings", "see network-ledger"],
  ["earnings-ledger-hostile", "hostile", "earnings", "see network-ledger"],
  ["health", "engine", "health"],
  ["health-network", "network_push", "health", "wait network-trust", "see network-panel"],
  ["health-network-pull", "network_pull", "health", "wait network-trust", "see network-panel"],
  ["health-network-join", "network_pull", "health", "click network-fix", "wait css:dialog"],
  ["health-network-port", "network_port", "health", "wait network-trust", "see network-panel"],
  ["health-network-tokens", "network_tokens", "health", "wait network-trust"],
  ["health-network-vain", "network_vain", "health", "wait network-trust"],
  ["health-network-low", "network_low", "health", "wait network-trust"],
  ["health-network-banned", "network_banned", "health", "wait network-trust"],
  ["health-network-away", "network_away", "health", "wait network-trust", "see network-panel"],
  ["health-network-hostile", "hostile", "health", "wait network-trust", "see network-panel"],
  ["health-functions", "network_functions", "health", "wait functions-only"],
  ["health-tunnel", "tunnel", "health", "see link-panel"],
  ["health-link-refused", "link_refused", "health", "wait link-remedy", "see link-panel"],
  ["health-link-service", "link_service", "health", "wait link-remedy", "see link-panel"],
  ["health-proof", "ready", "health", "click proof-run", "wait attack"],
  ["health-broken", "ready&broken=1", "health", "click proof-run", "wait attack"],
  ["health-help", "engine", "health", "click css:[data-testid=finding] .btn >> nth=0", "wait css:dialog"],
  ["log", "earning", "log"],
  ["log-of-task", "ready", "log", "choose log-source := 7c9e6679-7425-40de-944b-000000000101/1", "wait log"],
  ["log-found", "ready", "log", "choose log-source := 7c9e6679-7425-40de-944b-000000000101/1", "fill log-search := 78 primes", "wait found-lines"],
  ["log-none", "earning", "log", "fill log-search := nothing says this", "wait log-count[data-count=0]"],
  ["log-support", "earning", "log", "click support", "wait support-text"],
  ["log-support-kept", "earning", "log", "click support", "wait support-text", "click redact-address"],
  ["settings", "earning", "settings"],
  ["settings-what-if", "earning", "settings", "fill what-if-value := 10", "click what-if-try", "wait what-if-result"],
  ["settings-nodepool", "network_push", "settings", "see setting[data-key=nodepool_scripts]"],
  ["settings-notify", "earning", "settings", "see setting[data-key=notify_payouts]"],
  ["settings-rules", "earning", "settings", `see ${WEEK}`],
  ["settings-hours", "earning", "settings", "see setting[data-key=network_hours]"],
  ["settings-plan", "planned", "settings", `click ${WEEK} hours-show`, `click ${WEEK} hours-brush-quiet`, `see ${WEEK} hours`, `see css:[data-key=schedule] [data-cell='0']`],
  ["settings-electricity", "planned", "settings", "see setting[data-key=electricity_currency]"],
  ["settings-what-if-cost", "planned", "settings", "fill what-if-value := 10", "click what-if-try", "wait what-if-result"],
  ["settings-programs", "planned", "settings", "click programs-add", "wait running-program", "fill programs-search := e", "see programs"],
  ["settings-no-programs", "planned&no_programs=1", "settings", "click programs-add", "wait programs error-note", "see programs"],
  ["settings-disk", "earning", "settings", "see setting[data-key=keep_disk_free]"],
  ["settings-images", "earning", "settings", "see setting[data-key=image_quota]"],
  ["settings-hosts", "earning", "settings", "see setting[data-key=network_policy]"],
  ["settings-other", "earning", "settings", "see setting[data-key=a_setting_of_a_newer_worker]"],
  ["settings-week", "earning", "settings", `click ${WEEK} hours-show`, `click ${WEEK} hours-weekends`, `see ${WEEK} hours`, `see css:[data-key=schedule] [data-cell='0']`],
  ["settings-week-none", "earning", "settings", "click setting[data-key=network_hours] hours-show", "click setting[data-key=network_hours] hours-none", "see css:[data-key=network_hours] [role=status]"],
  ["settings-wrong", "earning", "settings", "fill setting[data-key=idle_minutes] setting-input := 900", "wait setting-error", "see setting[data-key=idle_minutes]"],
  ["settings-search", "earning", "settings", "fill settings-search := gpu"],
  ["settings-no-match", "earning", "settings", "fill settings-search := nothing is called this"],
  ["settings-looking", "looking", "settings"],
  ["settings-from-network", "ready&from_network=1", "settings", "fill settings-search := monitor"],
  ["settings-link", "ready", "settings", "click look-in-lan", "click look-in-device", "wait look-in-left", "see look-in-left"],
  ["settings-hostile", "hostile", "settings"],
  ["about", "earning", "about"],
  ["about-measured", "measured", "about"],
  ["about-hostile", "hostile", "about"],
  ["about-updates-off", "off", "about"],
  ["about-unsigned", "no_virtualization", "about"],
  ["about-licences", "earning", "about", "click licences-show", "wait licences", "see licences"],
  ["more", "earning", "more"],
  ["pairing", "unpaired", ""],
  ["connecting", "starting", ""],
  ["connecting-help", "starting", "", "click css:main .btn", "wait css:dialog"],
  ...Object.keys(rehearsed)
    .filter((fault) => fault !== "none")
    .map((fault) => [`health-${fault}`, `ready&fault=${fault}`, "health"] as const),
  ["welcome-1", "fresh", "welcome"],
  ["welcome-2", "fresh", "welcome", NEXT, "wait check"],
  ["welcome-2-engine", "engine", "welcome", NEXT, "wait check"],
  ["welcome-3", "fresh", "welcome", NEXT, NEXT, "wait practice-begin"],
  ["welcome-3-running", "fresh", "welcome", NEXT, NEXT, ...BEGIN, "pass 2", "wait practice[data-stage=running]"],
  ["welcome-3-done", "fresh", "welcome", ...PRACTISED],
  ["welcome-4", "fresh", "welcome", ...PRACTISED, NEXT, "click preset-quiet", "wait preset-quiet[aria-checked=true]"],
  ["welcome-5", "fresh", "welcome", NEXT, NEXT, NEXT, NEXT, "wait sign-in"],
  ["welcome-5-wrong", "fresh", "welcome", NEXT, NEXT, NEXT, NEXT, "fill sign-in-username := mei", "fill sign-in-password := wrong", "click sign-in-submit", "wait error-note"],
  ["welcome-5-signed-in", "ready", "welcome", NEXT, NEXT, NEXT, NEXT, "wait welcome-finish"],
];

export const PAGES: readonly Shown[] = LIST.map(([name, scene, path, ...steps]) => ({ name, scene, path, steps }));

/** One of every screen, for what costs too much to be done on each page. */
export const MAIN: readonly string[] = [
  "home", "home-engine", "home-sign-in", "tasks", "task", "resources", "earnings", "earnings-cost", "health", "log", "settings", "settings-week", "settings-plan", "settings-programs", "about", "more", "welcome-1", "welcome-4",
  "pairing",
];

/** Nothing of the worker is known there: language and theme are the browser's. */
export function isBare(shown: Shown): boolean {
  return shown.scene === "unpaired" || shown.scene === "starting";
}

export interface Wear {
  lang: "en" | "zh-tw";
  theme: "light" | "dark";
}

/** Each language with each theme. */
export const WEARS: readonly Wear[] = [
  { lang: "en", theme: "light" },
  { lang: "zh-tw", theme: "dark" },
  { lang: "en", theme: "dark" },
  { lang: "zh-tw", theme: "light" },
];
