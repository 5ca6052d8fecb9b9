import { describe, expect, it } from "vitest";
import { parseRoute, SCREENS, settingAddress, taskAddress } from "./route.svelte";

describe("routes", () => {
  it("lead to every screen and home from anywhere else", () => {
    for (const screen of SCREENS) expect(parseRoute(`#/${screen}`).screen).toBe(screen);
    for (const bad of ["", "#", "#/", "#/nowhere", "#/__proto__", "#/constructor"]) expect(parseRoute(bad).screen).toBe("home");
  });

  it("open the log with what may be sent to whoever helps", () => {
    expect(parseRoute("#/support")).toEqual({ screen: "log", task: null, support: true, setting: null });
    expect(parseRoute("#/log").support).toBe(false);
  });

  it("point at a setting, and at nothing that cannot be one", () => {
    expect(parseRoute(settingAddress("electricity_price")).setting).toBe("electricity_price");
    for (const bad of ["#/settings", "#/settings/", "#/settings/A b", `#/settings/${"a".repeat(41)}`, "#/about/electricity_price"]) expect(parseRoute(bad).setting).toBeNull();
  });

  it("carry any task id there and back", () => {
    for (const task_id of ["a", "a/b", "%", "繁體", "<b>", "7c9e-1"]) {
      expect(parseRoute(taskAddress({ task_id, attempt: 3 })).task).toEqual({ task_id, attempt: 3 });
    }
  });

  it("refuse broken addresses of tasks", () => {
    for (const bad of ["#/tasks/a", "#/tasks/a/x", "#/tasks/%E0%A4%A/1", "#/tasks//1"]) expect(parseRoute(bad).task).toBeNull();
  });
});
