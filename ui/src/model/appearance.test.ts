import { expect, it } from "vitest";
import { resolveTheme } from "./appearance.svelte";

it("follows the system unless the owner chose", () => {
  expect(resolveTheme("system", true)).toBe("dark");
  expect(resolveTheme("system", false)).toBe("light");
  expect(resolveTheme("light", true)).toBe("light");
  expect(resolveTheme("dark", false)).toBe("dark");
  expect(resolveTheme("nonsense", true)).toBe("dark");
});
