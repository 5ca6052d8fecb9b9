// A ledger of receipts in two parts: of its look only, for no signature here is one.

import type { ReceiptsPart } from "../../generated/ReceiptsPart";

const line = (body: unknown, mark: string): string => `${JSON.stringify(body)}\t${mark.repeat(64)}\t${mark.repeat(128)}\n`;

const HEADING = line({ ledger: "hivemind-receipts-1", key: "0f".repeat(32) }, "0");
const ROWS = line({ row: 1, pool: "https://pool.example", task_id: "7c9e6679-7425-40de-944b-000000000100", attempt: 1, credited_cpt: 5, settled: true }, "1");
const END = line({ rows: 1, hash: "1".repeat(64) }, "2");

export function receiptsFrom(from: number): ReceiptsPart {
  const whole = from === 0 ? HEADING : ROWS + END;
  return { text: whole, next: from === 0 ? HEADING.length : null, rows: 1 };
}
