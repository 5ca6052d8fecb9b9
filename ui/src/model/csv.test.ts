import { describe, expect, it } from "vitest";
import { pastTask, sum } from "../platform/fake/world";
import { csv, earnedCsv, earningsCsv, everyTask, ledgerCsv, tasksCsv } from "./csv";
import { NOTHING } from "./electricity";

describe("a table", () => {
  it("quotes what would break it", () => {
    expect(csv(["a", "b"], [['say "hi"', "x,y"], ["two\r\nlines", null]])).toBe(
      'a,b\r\n"say ""hi""","x,y"\r\n"two\r\nlines",\r\n',
    );
  });

  it("never holds a text that a spreadsheet would run", () => {
    const hostile = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", " =1", '=HYPERLINK("http://x","y")'];
    for (const name of hostile) {
      const line = csv(["name"], [[name]]).split("\r\n")[1] ?? "";
      expect([name, /^"?'/.test(line)]).toEqual([name, true]);
    }
    expect(csv(["n"], [[-5]])).toBe("n\r\n-5\r\n");
  });

  it("of days has a row for each", () => {
    const known = { known_tasks: 5, tasks: 6, cpu_mwh: 1_234, gpu_mwh: 500_000, cost_micros: 1_604 };
    expect(earningsCsv([{ day: "2026-11-21", sum: sum(41, 38, 33, 6), electricity: known }, { day: "2026-11-20", sum: sum(1, 1, 1, 1), electricity: { ...NOTHING, tasks: 1 } }])).toBe(
      "day,tasks,estimated_cpt,credited_cpt,settled_cpt,energy_wh,cost\r\n2026-11-21,6,41,38,33,501.234,0.001604\r\n2026-11-20,1,1,1,1,,\r\n",
    );
  });

  it("of pay has a row for each attempt, with an empty cell for what the pool has not said", () => {
    const told = { task_id: "t-1", attempt: 2, name: "=a,b", day: "2026-11-21", ended_at_ms: 1_700_000_000_000, estimated_cpt: 7, credited_cpt: 5, settled: true, unanswered: false, energy_mwh: 7, cost_micros: 2 };
    expect(earnedCsv([told, { ...told, name: "b", credited_cpt: null, settled: false, unanswered: true, energy_mwh: null, cost_micros: null }])).toBe(
      "day,task_id,attempt,name,ended_at,estimated_cpt,credited_cpt,settled,unanswered,energy_wh,cost\r\n" +
        "2026-11-21,t-1,2,\"'=a,b\",2023-11-14T22:13:20.000Z,7,5,true,false,0.007,0.000002\r\n" +
        "2026-11-21,t-1,2,b,2023-11-14T22:13:20.000Z,7,,false,true,,\r\n",
    );
  });

  it("of the network's ledger keeps what is not known empty, and names harmless", () => {
    const entry = { task_id: "t-1", attempt: 1, payer: "=ann", computer: "", cpt: 90, state: "paid", status: "settled", at_ms: 1_700_000_000_000 } as const;
    expect(ledgerCsv([entry, { ...entry, attempt: null, payer: "", computer: "attic", cpt: 0, state: "orphaned", status: "", at_ms: null }])).toBe(
      "at,task_id,attempt,payer,computer,cpt,state,status\r\n2023-11-14T22:13:20.000Z,t-1,1,'=ann,,90,paid,settled\r\n,t-1,,,attic,0,orphaned,\r\n",
    );
  });

  it("of tasks has as many cells in every row as in the heading", () => {
    const lines = tasksCsv([pastTask(0, 1_700_000_000_000), pastTask(1, 1_700_000_000_000)]).trimEnd().split("\r\n");
    const counts = lines.map((line) => line.split(",").length);
    expect(counts).toEqual([17, 17, 17]);
    expect(lines[1]).toContain("2023-11-14T");
  });
});

describe("every task", () => {
  const all = (n: number) => Array.from({ length: n }, (_, i) => pastTask(i, 0));

  it("is fetched page by page", async () => {
    const asked: number[] = [];
    const tasks = await everyTask((offset, limit) => {
      asked.push(offset);
      return Promise.resolve({ rows: all(1200).slice(offset, offset + limit), total: 1200 });
    });
    expect(asked).toEqual([0, 500, 1000]);
    expect(tasks.length).toBe(1200);
  });

  it("is told once, also when one begins meanwhile, and an empty page ends it", async () => {
    let held = all(600).slice(1);
    const tasks = await everyTask((offset, limit) => {
      const rows = held.slice(offset, offset + limit);
      held = all(600);
      return Promise.resolve({ rows, total: 600 });
    });
    expect(tasks.length).toBe(599);
    expect(await everyTask(() => Promise.resolve({ rows: [], total: 9 }))).toEqual([]);
  });

  it("fails as the worker fails", async () => {
    await expect(everyTask(() => Promise.reject(new Error("gone")))).rejects.toThrow("gone");
  });
});
