// A hundred thousand made-up lines of the worker's own log, a few of them hostile.

import type { OwnLogLine } from "../../generated/OwnLogLine";
import type { OwnLogPage } from "../../generated/OwnLogPage";
import type { OwnLogQuery } from "../../generated/OwnLogQuery";

const LINES = 100_000;
const LEVELS = ["error", "warn", "info", "debug", "trace"];
const TEXTS = [
  'attempt task_id=7c9e6679-7425-40de-944b-000000000001/1 phase=Running verdict=""',
  'status status=Earning pool=Online problem=""',
  "signed in as mei on living-room, node node-5b1f0c",
  "the package lies in /home/ann/.local/share/hivemind-worker/spool",
  "the pool answers from 203.0.113.7:443",
  'attempt task_id=7c9e6679-7425-40de-944b-000000000001/1 phase=Settled verdict="succeeded"',
];

function line(i: number, now: number): OwnLogLine {
  const level = i % 211 === 210 ? "error" : i % 37 === 36 ? "warn" : i % 11 === 10 ? "debug" : "info";
  const text =
    i % 1000 === 7
      ? "<script>alert(1)</script> is the name of a task"
      : level === "error"
        ? "the pool did not answer within 5 s"
        : level === "warn"
          ? 'alert alert="CPU_HIGH" message=The processor has been busy above 95 %.'
          : (TEXTS[i % TEXTS.length] ?? "");
  return { at_ms: now - (LINES - i) * 1000, level, text };
}

/** A page of what matches, as the worker gives it. */
export function ownLogPage(query: OwnLogQuery, now: number): OwnLogPage {
  const least = query.level === null ? LEVELS.length : LEVELS.indexOf(query.level);
  const limit = query.limit || 200;
  const file = "/home/ann/.local/share/hivemind-worker/worker.log";
  if (!query.search && query.level === null) {
    const first = Math.min(LINES, query.from ?? Math.max(0, LINES - limit));
    const count = Math.min(limit, LINES - first);
    return { lines: Array.from({ length: count }, (_, i) => line(first + i, now)), first, total: LINES, file };
  }
  const search = (query.search ?? "").toLowerCase();
  const all = Array.from({ length: LINES }, (_, i) => line(i, now)).filter(
    (l) => LEVELS.indexOf(l.level) <= least && l.text.toLowerCase().includes(search),
  );
  const first = Math.min(all.length, query.from ?? Math.max(0, all.length - limit));
  return { lines: all.slice(first, first + limit), first, total: all.length, file };
}
