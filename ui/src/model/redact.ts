// Takes what tells who and where somebody is out of text that is given to strangers. Pure; what it finds is counted.

export type Secret = "account" | "computer" | "home" | "address" | "mail" | "key" | "node";

/** What is known of this computer and its owner. */
export interface Known {
  account: string | null;
  computer: string;
  node: string | null;
}

export interface Redacted {
  /** The text in pieces; those that were replaced name what stood there. */
  parts: { text: string; secret: Secret | null }[];
  counts: Partial<Record<Secret, number>>;
}

const MARKS: Record<Secret, string> = {
  account: "[account]",
  computer: "[computer]",
  home: "[user]",
  address: "[address]",
  mail: "[mail]",
  key: "[key]",
  node: "[node]",
};

function literal(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
}

/** A word that stands by itself: a name inside a longer word is no name. */
function word(text: string): string {
  return `(?<![\\p{L}\\p{N}_])${literal(text)}(?![\\p{L}\\p{N}_])`;
}

function patterns(known: Known): { secret: Secret; pattern: string }[] {
  const list: { secret: Secret; pattern: string }[] = [
    { secret: "mail", pattern: "[\\p{L}\\p{N}._%+-]{1,64}@[\\p{L}\\p{N}.-]{1,255}\\.\\p{L}{2,24}" },
    // The name after the folder of all users, on either system.
    { secret: "home", pattern: "(?<=/home/|/Users/|[A-Za-z]:\\\\Users\\\\|[A-Za-z]:/Users/)[^/\\\\\\s\"':]+" },
    // IPv6 in its many spellings, then IPv4; loopback says nothing about anybody.
    { secret: "address", pattern: "(?<![\\p{L}\\p{N}:.])(?!::1(?![\\p{L}\\p{N}:]))(?=[0-9A-Fa-f:]*::|(?:[0-9A-Fa-f]{1,4}:){7})[0-9A-Fa-f:]{3,39}(?![\\p{L}\\p{N}:])" },
    { secret: "address", pattern: "(?<![\\p{N}.])(?!127\\.|0\\.0\\.0\\.0)(?:\\d{1,3}\\.){3}\\d{1,3}(?![\\p{N}]|\\.\\p{N})" },
    { secret: "key", pattern: "(?<![\\p{L}\\p{N}])(?:[0-9a-fA-F]{32,}|[A-Za-z0-9_-]{20,}\\.[A-Za-z0-9_-]{10,}\\.[A-Za-z0-9_-]{10,}|(?=[A-Za-z0-9+/_-]*\\d)(?=[A-Za-z0-9+/_-]*[A-Z])[A-Za-z0-9+/_-]{40,}={0,2})(?![\\p{L}\\p{N}])" },
  ];
  if (known.node) list.unshift({ secret: "node", pattern: word(known.node) });
  if (known.account) list.unshift({ secret: "account", pattern: word(known.account) });
  // A computer called like a common word would tear the text apart.
  if (known.computer.length > 2) list.unshift({ secret: "computer", pattern: word(known.computer) });
  return list;
}

/** Longer lines are cut: looking through one takes time that grows with its square. */
const LONGEST = 2000;

export function redact(whole: string, known: Known, kept: ReadonlySet<Secret> = new Set()): Redacted {
  const lines = whole.split("\n").map((line) => (line.length > LONGEST ? `${line.slice(0, LONGEST)}…` : line));
  const text = lines.join("\n");
  const used = patterns(known).filter((p) => !kept.has(p.secret));
  const counts: Redacted["counts"] = {};
  if (used.length === 0) return { parts: [{ text, secret: null }], counts };
  const all = new RegExp(used.map((p) => `(${p.pattern})`).join("|"), "giu");
  const parts: Redacted["parts"] = [];
  let last = 0;
  for (const found of text.matchAll(all)) {
    if (found[0] === "") continue;
    const secret = used[found.slice(1).findIndex((group) => group !== undefined)]?.secret;
    if (!secret) continue;
    if (found.index > last) parts.push({ text: text.slice(last, found.index), secret: null });
    parts.push({ text: MARKS[secret], secret });
    counts[secret] = (counts[secret] ?? 0) + 1;
    last = found.index + found[0].length;
  }
  if (last < text.length) parts.push({ text: text.slice(last), secret: null });
  return { parts, counts };
}

export function plain(redacted: Redacted): string {
  return redacted.parts.map((p) => p.text).join("");
}
