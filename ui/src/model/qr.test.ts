import { expect, it } from "vitest";
import { darkPath, QUIET } from "./qr";

it("draws each run of dark modules once, inside the quiet border", () => {
  expect(QUIET).toBe(4);
  expect(darkPath(["#.##", "....", "####"])).toBe("M4 4h1v1h-1zM6 4h2v1h-2zM4 6h4v1h-4z");
  expect(darkPath([])).toBe("");
  // Whatever else may come, it is no path.
  expect(darkPath(["\"/><script>#", ""])).toBe("M15 4h1v1h-1z");
});
