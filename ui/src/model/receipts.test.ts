import { expect, it } from "vitest";
import type { ReceiptsPart } from "../generated/ReceiptsPart";
import { everyReceipt } from "./receipts";

it("asks for part after part, and puts them together as they are", async () => {
  const parts: Record<number, ReceiptsPart> = {
    0: { text: "heading\n", next: 8, rows: 1 },
    8: { text: "row 一\n", next: 16, rows: 1 },
    16: { text: "end\n", next: null, rows: 1 },
  };
  const asked: number[] = [];
  const whole = await everyReceipt((from) => {
    asked.push(from);
    return Promise.resolve(parts[from] as ReceiptsPart);
  });
  expect(asked).toEqual([0, 8, 16]);
  expect(whole).toBe("heading\nrow 一\nend\n");
});

it("ends when the parts do not go on, and fails as the worker fails", async () => {
  await expect(everyReceipt(() => Promise.resolve({ text: "x\n", next: 0, rows: 9 }))).rejects.toMatchObject({ api: { code: "INTERNAL" } });
  await expect(everyReceipt(() => Promise.reject(new Error("gone")))).rejects.toThrow("gone");
});
