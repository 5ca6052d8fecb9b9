// Which screen is shown. The address after `#` is the only truth, so that back and forward work in every host.

export const SCREENS = ["home", "tasks", "resources", "earnings", "health", "log", "settings", "about", "more", "welcome"] as const;
export type Screen = (typeof SCREENS)[number];

export interface Route {
  screen: Screen;
  /** The attempt on the tasks screen. */
  task: { task_id: string; attempt: number } | null;
  /** Whether the log offers what may be sent to whoever helps. */
  support: boolean;
  /** The setting that is pointed at on its screen. */
  setting: string | null;
}

/** Reads an address such as `#/tasks/4711/2`. Whatever is not understood leads home. */
export function parseRoute(hash: string): Route {
  const [name, id, attempt] = hash.replace(/^#\/?/, "").split("/");
  if (name === "support") return { screen: "log", task: null, support: true, setting: null };
  const screen = SCREENS.find((s) => s === name) ?? "home";
  let task: Route["task"] = null;
  if (screen === "tasks" && id && /^\d{1,9}$/.test(attempt ?? "")) {
    try {
      task = { task_id: decodeURIComponent(id), attempt: Number(attempt) };
    } catch {
      // Not an address of ours.
    }
  }
  const setting = screen === "settings" && /^[a-z_]{1,40}$/.test(id ?? "") ? (id ?? null) : null;
  return { screen, task, support: false, setting };
}

export function taskAddress(task: { task_id: string; attempt: number }): string {
  return `#/tasks/${encodeURIComponent(task.task_id)}/${task.attempt}`;
}

export function settingAddress(key: string): string {
  return `#/settings/${key}`;
}

class Router {
  current = $state.raw<Route>(parseRoute(typeof location === "undefined" ? "" : location.hash));

  constructor() {
    if (typeof addEventListener === "function") {
      addEventListener("hashchange", () => {
        this.current = parseRoute(location.hash);
      });
    }
  }

  go(screen: Screen | "support"): void {
    location.hash = `#/${screen}`;
  }
}

export const router = new Router();
