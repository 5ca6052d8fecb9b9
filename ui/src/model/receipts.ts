// The ledger of receipts as one text, for `hivemind-worker verify-ledger`.

import type { ReceiptsPart } from "../generated/ReceiptsPart";
import { asCallError } from "../platform/platform";

/** Every part behind the other, the signed end last. */
export async function everyReceipt(load: (from: number) => Promise<ReceiptsPart>): Promise<string> {
  const parts: string[] = [];
  for (let from: number | null = 0; from !== null; ) {
    const part: ReceiptsPart = await load(from);
    if (part.next !== null && part.next <= from) throw asCallError(new Error("the parts of the receipts do not go on"));
    parts.push(part.text);
    from = part.next;
  }
  return parts.join("");
}
