// The form of a new task while it is on its way: how far it is, a way to stop it, and what became of it.
import { Broken, upload } from "/upload.js";
import { size, word } from "/words.js";

const $ = (id) => document.getElementById(id);
/** Nothing has moved for so long: it is said, and waiting goes on. In milliseconds. */
const STILL_MS = 15_000;
/** A listener is told at each of these shares, in percent; more would only be noise. */
const TOLD = [25, 50, 75];

let under = null;
let still = null;

/** What is said in place of the last, and aloud when `aloud`. */
function say(text, aloud = false, bad = false) {
  $("sending-text").textContent = text;
  $("sending-text").className = bad ? "bad" : "";
  if (aloud) $("sending-said").textContent = text;
}

function place(state) {
  $("sending").hidden = state === "none";
  $("sending-bar").hidden = $("sending-cancel").hidden = state !== "under-way";
  $("sending-again").hidden = state !== "again";
  // Not `disabled`: that would take the keyboard's place away.
  $("submit").setAttribute("aria-disabled", String(state === "under-way"));
}

function draw(sent, total) {
  const bar = $("sending-bar");
  clearTimeout(still);
  if (sent >= total) {
    bar.removeAttribute("value");
    say(word("sentWhole", size(total)), true);
    return;
  }
  const percent = Math.floor((sent / total) * 100);
  const before = bar.value;
  bar.value = percent;
  const text = word("sentPart", size(sent), size(total), percent);
  say(text, TOLD.some((share) => before < share && percent >= share));
  still = setTimeout(() => say(`${text} ${word("sentStill")}`, true), STILL_MS);
}

/** What a form hands in. The file comes last, so that a wrong field is refused before it has travelled. */
function gathered(form) {
  const data = new FormData(form);
  const file = data.get("task_file");
  data.delete("task_file");
  if (!data.has("gpu_required")) data.set("gpu_required", "false");
  if (!data.get("array")) data.delete("array");
  data.append("task_file", file);
  return data;
}

async function send(form, host) {
  const cancel = new AbortController();
  under = cancel;
  let touched = false;
  const touch = () => { touched = true; };
  form.addEventListener("input", touch);
  $("sending-bar").value = 0;
  $("sending-said").textContent = "";
  say(word("sendingBegins"), true);
  place("under-way");
  const within = () => $("sending").contains(document.activeElement);
  try {
    const token = await host.token();
    if (cancel.signal.aborted) throw new Broken(true, false);
    const answer = await upload("/api/tasks", token, gathered(form), cancel.signal, draw);
    const held = within();
    place("none");
    if (held) $("submit").focus();
    // Whoever has begun to write the next one keeps it.
    if (!touched) form.reset();
    await host.handedIn(JSON.parse(answer));
  } catch (error) {
    const held = within();
    if (error instanceof Broken) {
      place("again");
      const key = `${error.cancelled ? "sendingCancelled" : "sendingBroken"}${error.whole ? "Whole" : ""}`;
      say(word(key), true, !error.cancelled);
      if (held) $("sending-again").focus();
    } else {
      place("none");
      host.failed(error);
      const field = error.field && form.elements.namedItem(error.field);
      if (field) field.focus();
      else if (held) $("submit").focus();
    }
  } finally {
    clearTimeout(still);
    form.removeEventListener("input", touch);
    under = null;
  }
}

/** Ends what is under way, for somebody who leaves. */
export function cancelSending() {
  under?.abort();
  place("none");
}

/** `host`: `token()` a token that is valid now, `handedIn(task)`, `failed(error)`. */
export function prepareSending(host) {
  const form = $("new-task");
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (under) return;
    send(form, host);
  });
  $("sending-cancel").addEventListener("click", () => under?.abort());
  $("sending-again").addEventListener("click", () => form.requestSubmit());
  addEventListener("beforeunload", (event) => {
    if (under) event.preventDefault();
  });
}
