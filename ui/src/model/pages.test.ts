import { describe, expect, it } from "vitest";
import { PageCache, pagesFor } from "./pages";

const settled = () => new Promise((resolve) => setTimeout(resolve, 0));

describe("pagesFor", () => {
  it("covers the rows", () => {
    expect(pagesFor(0, 50, 50)).toEqual([0]);
    expect(pagesFor(49, 51, 50)).toEqual([0, 1]);
    expect(pagesFor(5, 5, 50)).toEqual([]);
    expect(pagesFor(120, 260, 50)).toEqual([2, 3, 4, 5]);
  });
});

describe("PageCache", () => {
  const make = (calls: number[], most = 12) =>
    new PageCache<number>(
      10,
      async (offset, limit) => {
        calls.push(offset);
        return { rows: Array.from({ length: limit }, (_, i) => offset + i), total: 1000 };
      },
      () => undefined,
      () => undefined,
      most,
    );

  it("asks for each page once and finds its rows", async () => {
    const calls: number[] = [];
    const cache = make(calls);
    cache.want(0, 15);
    cache.want(3, 18);
    await settled();
    expect(calls).toEqual([0, 10]);
    expect(cache.row(13)).toBe(13);
    expect(cache.row(40)).toBeUndefined();
    expect(cache.total).toBe(1000);
  });

  it("keeps a bounded number of pages and asks again for one it dropped", async () => {
    const calls: number[] = [];
    const cache = make(calls, 2);
    for (const first of [0, 10, 20]) {
      cache.want(first, first + 10);
      await settled();
    }
    expect(cache.row(5)).toBeUndefined();
    cache.want(0, 10);
    await settled();
    expect(calls).toEqual([0, 10, 20, 0]);
  });

  it("never shows an old answer after a refresh", async () => {
    const answers: ((rows: number[]) => void)[] = [];
    const cache = new PageCache<number>(
      2,
      () => new Promise((resolve) => answers.push((rows) => resolve({ rows, total: 2 }))),
      () => undefined,
      () => undefined,
    );
    cache.want(0, 2);
    cache.refresh(0, 2);
    answers[1]?.([7, 8]);
    await settled();
    answers[0]?.([1, 2]);
    await settled();
    expect(cache.row(0)).toBe(7);
  });

  it("asks again after a failure", async () => {
    let fails = true;
    const failures: unknown[] = [];
    const cache = new PageCache<number>(
      2,
      async () => {
        if (fails) throw new Error("away");
        return { rows: [1, 2], total: 2 };
      },
      () => undefined,
      (e) => failures.push(e),
    );
    cache.want(0, 2);
    await settled();
    fails = false;
    cache.want(0, 2);
    await settled();
    expect(failures).toHaveLength(1);
    expect(cache.row(1)).toBe(2);
  });
});
