import { expect, it } from "vitest";
import { LONGEST_WAIT_MS, waitMs } from "./backoff";

it("doubles, stays bounded and is never without chance", () => {
  for (let attempt = 1; attempt < 2000; attempt += 1) {
    const shortest = waitMs(attempt, () => 0);
    const longest = waitMs(attempt, () => 1);
    expect(shortest).toBe(Math.round(longest / 2));
    expect(longest).toBe(Math.min(LONGEST_WAIT_MS, 500 * 2 ** Math.min(attempt - 1, 10)));
  }
});
