// What the pool refuses, as a sentence in the reader's language. The pool's own sentence is English; it stands in where a
// newer pool refuses for a reason that has no words here yet.
import { has, size, word } from "/words.js";

/** The words on the page for the pool's names of its fields. */
const LABELS = {
  task_name: "taskName", task_file: "taskFile", cpu_cores: "cpuCores", memory_gb: "memoryGb", timeout_seconds: "timeout",
  image: "image", array: "array", gpu_required: "gpu", username: "username", password: "password", to: "transferTo", amount: "transferAmount",
};

export class Refused extends Error {
  constructor(status, error) {
    super(error?.message ?? "");
    this.status = status;
    this.code = error?.code ?? "";
    this.field = error?.field ?? "";
  }

  /** Reads an answer's text, which is none of the pool's when something between here and there answered. */
  static of(status, text) {
    try {
      return new Refused(status, JSON.parse(text).error);
    } catch {
      return new Refused(status, null);
    }
  }

  get sentence() {
    if (this.field in LABELS) {
      const rule = `must_${this.field}`;
      return has(rule) ? word("refusedField", word(LABELS[this.field]), word(rule)) : word("refusedAnyField", word(LABELS[this.field]));
    }
    const key = `refused_${this.code}`;
    // How large, how many or how long stands in the pool's own sentence only.
    const number = Number(/\d+/.exec(this.message)?.[0] ?? 0);
    if (has(key)) return word(key, this.code === "TOO_LARGE" ? size(number) : number);
    return this.message || word("refusedUnknown", this.status);
  }
}
