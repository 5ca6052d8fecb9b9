// The requesters' page. It holds no data of its own: everything comes from the pool's REST interface, and text from
// there is only ever set as text.
import { Refused } from "/refused.js";
import { cancelSending, prepareSending } from "/sending.js";
import { has, language, setLanguage, size, translate, word } from "/words.js";

const $ = (id) => document.getElementById(id);
const POLL_MS = 2000;
const LOG_LINES = 5000;
/** Good news are shown for so long, in milliseconds. */
const NOTICE_MS = 15_000;
let session = JSON.parse(sessionStorage.getItem("session") ?? "null");
let shown = null;
let following = null;
let timer = null;
let read = null;

function keep(next) {
  session = next;
  if (next) sessionStorage.setItem("session", JSON.stringify(next));
  else sessionStorage.removeItem("session");
}

const refusal = async (answer) => Refused.of(answer.status, await answer.text().catch(() => ""));

let refreshing = null;
function refresh() {
  refreshing ??= (async () => {
    const body = JSON.stringify({ refresh_token: session.refresh_token });
    const answer = await fetch("/api/refresh", { method: "POST", body });
    if (!answer.ok) throw await refusal(answer);
    keep(await answer.json());
  })().finally(() => { refreshing = null; });
  return refreshing;
}

async function ask(path, options = {}, again = true) {
  const headers = session ? { authorization: `Bearer ${session.token}` } : {};
  const answer = await fetch(path, { ...options, headers });
  if (answer.ok) return answer;
  const refused = await refusal(answer);
  const mayRefresh = refused.code === "SESSION_EXPIRED" || refused.code === "SIGN_IN_NEEDED";
  if (again && session && mayRefresh) {
    await refresh();
    return ask(path, options, false);
  }
  throw refused;
}

const get = async (path) => (await ask(path)).json();

function notice(text, bad = false) {
  clearTimeout(read);
  // Good news need not be put away by hand.
  if (text && !bad) read = setTimeout(notice, NOTICE_MS, "");
  $("notice").hidden = !text;
  $("notice").textContent = text;
  $("notice").className = bad ? "bad" : "good";
}

function failed(error) {
  if (error instanceof Refused) {
    if (error.status === 401 && session) {
      leave();
      notice(word("sessionEnded"), true);
    } else notice(error.sentence, true);
  } else if (error.name !== "AbortError") notice(word("offlineNotice"), true);
}

function make(tag, text, kind) {
  const element = document.createElement(tag);
  if (text !== undefined) element.textContent = text;
  if (kind) element.className = kind;
  return element;
}

function button(key, act, label) {
  const b = make("button", word(key), "quiet small");
  b.type = "button";
  b.setAttribute("aria-label", `${word(key)}: ${label}`);
  b.dataset.key = `${key}/${label}`;
  b.addEventListener("click", () => act().catch(failed));
  return b;
}

function stateOf(task) {
  if (task.state !== "running") return task.state;
  if (task.cancel) return "stopping";
  return task.phase === "running" || !task.phase ? "state_running" : task.phase;
}

function stateKind(task) {
  if (task.state === "succeeded") return "good";
  return ["failed", "timed_out", "cancelled"].includes(task.state) ? "bad" : "busy";
}

const time = (ms) => (ms ? new Date(ms).toLocaleString(language) : "");
const seconds = (ms) => `${(ms / 1000).toFixed(1)} ${word("seconds")}`;
/** What ended it; a newer pool may know more than there are words for. */
const outcome = (name) => [`class_${name}`, name].filter(has).map((key) => word(key))[0] ?? name;
const PHASES = ["queue", "fetch", "pull", "prepare", "run", "collect", "upload"];
const isOver = (task) => !["queued", "running"].includes(task.state);

// Keeps the keyboard's place when a table is drawn anew.
function redraw(body, rows) {
  const at = body.contains(document.activeElement) ? document.activeElement.dataset.key : null;
  body.replaceChildren(...rows);
  if (at) [...body.querySelectorAll("button")].find((b) => b.dataset.key === at)?.focus();
}

function drawTasks(tasks) {
  const rows = tasks.map((task) => {
    const row = make("tr");
    const actions = make("td", undefined, "actions");
    actions.append(button("show", () => show(task.task_id), task.task_id));
    if (!isOver(task)) {
      actions.append(button("stop", async () => {
        await ask(`/api/tasks/${task.task_id}/stop`, { method: "POST" });
        notice("");
        await look();
      }, task.task_id));
    }
    if (task.result) actions.append(button("download", () => download(task.task_id), task.task_id));
    row.append(
      make("td", task.name), make("td", word(stateOf(task)), `state ${stateKind(task)}`),
      make("td", task.attempt || "", "number"), make("td", isOver(task) ? task.credited_cpt : task.charged_cpt, "number"),
      make("td", time(task.created_ms)), actions,
    );
    return row;
  });
  redraw($("tasks"), rows);
  $("no-tasks").hidden = tasks.length > 0;
}

function drawNodes(nodes) {
  const rows = nodes.map((node) => {
    const row = make("tr");
    const name = node.hostname || node.node_id;
    const state = !node.active ? "offline" : node.pause_reason ? "paused" : "online";
    const size = `${node.cpu_cores} ${word("cores")} · ${(node.memory_bytes / 2 ** 30).toFixed(1)} GiB`;
    row.append(
      make("td", node.own ? `${name} (${word("yours")})` : name),
      make("td", word(state), `state ${state === "online" ? "good" : "busy"}`), make("td", word(`trust_${node.trust}`)),
      make("td", node.load_percent === null ? "" : `${node.load_percent.toFixed(0)} %`, "number"),
      make("td", [size, ...node.gpus].join(" · ")), make("td", node.running, "number"),
    );
    return row;
  });
  redraw($("nodes"), rows);
  $("no-nodes").hidden = nodes.some((node) => node.active);
}

function drawFacts(task) {
  $("detail-title").textContent = task.name;
  const use = task.usage;
  const report = task.report;
  const array = task.array;
  const facts = [
    ["id", task.task_id], ["state", word(stateOf(task))], ["computer", task.node_id],
    ["message", task.cancel === "insufficient_funds" ? word("insufficient_funds") : task.message], ["exitCode", task.exit_code],
    ["progress", task.progress === null ? null : `${task.progress.toFixed(0)} % ${task.progress_message}`],
    ["timeUsed", use && `${(use.active_ms / 1000).toFixed(1)} ${word("seconds")}`],
    ["cpuUse", use && `${use.cpu_percent.toFixed(0)} %`], ["memoryUse", use && `${use.memory_percent.toFixed(0)} %`],
    ["resultSize", task.result && size(task.result.size_bytes)], ["resultHash", task.result?.sha256],
    ["packageHash", task.package_sha256],
    ["parts", array && word("partsDone", array.count - array.queued - array.running, array.count, array.succeeded)],
    ["exitClass", report && outcome(report.exit_class)], ["wallTime", report && seconds(report.wall_ms)], ["cpuTime", report && seconds(report.cpu_ms)],
    ["peakMemory", report && `${(report.peak_memory_bytes / 2 ** 20).toFixed(1)} MiB`],
    ["bytesIn", report && size(report.bytes_in)], ["imageRan", report?.image_digest],
    ["phases", report && PHASES.filter((name) => report.phases[`${name}_ms`]).map((name) => `${word(`phase_${name}`)} ${seconds(report.phases[`${name}_ms`])}`).join(" · ")],
  ];
  const rows = facts.filter(([, value]) => value !== null && value !== undefined && value !== "");
  $("facts").replaceChildren(...rows.flatMap(([key, value]) => [make("dt", word(key)), make("dd", value)]));
  $("parts-of").hidden = !array;
}

// The sub-tasks, while their list is open.
async function drawParts(task) {
  if (!task.array || !$("parts-of").open) return;
  const { tasks } = await get(`/api/tasks/${task.task_id}/parts`);
  const rows = tasks.map((part) => {
    const row = make("tr");
    const actions = make("td", undefined, "actions");
    actions.append(button("show", () => show(part.task_id), part.task_id));
    if (part.result) actions.append(button("download", () => download(part.task_id), part.task_id));
    row.append(
      make("td", part.array_index, "number"), make("td", word(stateOf(part)), `state ${stateKind(part)}`), make("td", part.node_id ?? ""),
      make("td", isOver(part) ? part.credited_cpt : part.charged_cpt, "number"), actions,
    );
    return row;
  });
  redraw($("parts"), rows);
}

async function show(id) {
  hide();
  shown = id;
  $("log").replaceChildren(make("span", word("logEmpty"), "pool"));
  $("parts").replaceChildren();
  drawFacts(await get(`/api/tasks/${id}`));
  $("detail").hidden = false;
  $("detail").scrollIntoView({ block: "nearest" });
  following = new AbortController();
  keepFollowing(id, following.signal).catch(failed);
}

function hide() {
  following?.abort();
  shown = null;
  $("detail").hidden = true;
}

// A log breaks off with the connection; it is then read anew, from its beginning. The pool ends it with the task.
async function keepFollowing(id, signal) {
  while (!signal.aborted) {
    try {
      return await follow(id, signal);
    } catch (error) {
      if (signal.aborted || error instanceof Refused) throw error;
      await new Promise((resolve) => { setTimeout(resolve, POLL_MS); });
    }
  }
}

async function follow(id, signal) {
  const answer = await ask(`/api/tasks/${id}/logs?follow=1&format=json`, { signal });
  const log = $("log");
  let rest = "";
  let empty = true;
  for await (const piece of answer.body.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + piece).split("\n");
    rest = lines.pop();
    const nodes = lines.filter(Boolean).map((text) => {
      const line = JSON.parse(text);
      return make("span", `${line.text}\n`, line.stream);
    });
    if (nodes.length === 0 || signal.aborted) continue;
    const atEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 40;
    if (empty) log.replaceChildren();
    empty = false;
    log.append(...nodes.slice(-LOG_LINES));
    if (log.childElementCount > LOG_LINES) {
      while (log.childElementCount > LOG_LINES) log.firstElementChild.remove();
      log.prepend(make("span", `${word("logCut")}\n`, "pool"));
    }
    if (atEnd) log.scrollTop = log.scrollHeight;
  }
}

async function download(id) {
  const blob = await (await ask(`/api/tasks/${id}/result`)).blob();
  const link = make("a");
  link.href = URL.createObjectURL(blob);
  link.download = `${id}.zip`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

async function look() {
  const [balance, { tasks }, { nodes }] = await Promise.all([get("/api/balance"), get("/api/tasks"), get("/api/nodes")]);
  $("balance").textContent = `${balance.balance_cpt} CPT`;
  $("username").textContent = balance.username;
  drawTasks(tasks);
  drawNodes(nodes);
  // A sub-task is not in the list of tasks.
  const task = tasks.find((t) => t.task_id === shown) ?? (shown && (await get(`/api/tasks/${shown}`)));
  if (task && task.task_id === shown) {
    drawFacts(task);
    await drawParts(task);
  }
}

async function tick() {
  const lost = $("notice").textContent === word("offlineNotice");
  try {
    await look();
    if (lost) notice("");
  } catch (error) {
    failed(error);
  }
  clearTimeout(timer);
  if (session) timer = setTimeout(tick, POLL_MS);
}

function place() {
  for (const id of ["inside", "balance", "username", "sign-out"]) $(id).hidden = !session;
  $("outside").hidden = Boolean(session);
}

function enter() {
  place();
  tick();
}

function leave() {
  clearTimeout(timer);
  cancelSending();
  hide();
  keep(null);
  $("tasks").replaceChildren();
  $("nodes").replaceChildren();
  place();
}

$("sign-in").addEventListener("submit", async (event) => {
  event.preventDefault();
  const form = event.currentTarget;
  const body = JSON.stringify(Object.fromEntries(new FormData(form)));
  try {
    notice("");
    if (event.submitter?.value === "register") {
      const made = await (await ask("/api/register", { method: "POST", body })).json();
      notice(word("registered", made.balance_cpt));
    }
    keep(await (await ask("/api/login", { method: "POST", body })).json());
    form.reset();
    enter();
  } catch (error) {
    failed(error);
  }
});

prepareSending({
  // Asking for something small first renews a session that is near its end; an upload could not be sent twice.
  token: async () => {
    notice("");
    await get("/api/balance");
    return session.token;
  },
  handedIn: async (task) => {
    notice(word("handedIn"));
    await look().catch(failed);
    await show(task.task_id).catch(failed);
  },
  failed,
});

$("transfer").addEventListener("submit", async (event) => {
  event.preventDefault();
  const form = event.currentTarget;
  const { to, amount } = Object.fromEntries(new FormData(form));
  const submit = form.querySelector("button");
  // Twice pressed would be twice sent.
  submit.disabled = true;
  try {
    const body = JSON.stringify({ to, amount: Number(amount) });
    const left = await (await ask("/api/transfer", { method: "POST", body })).json();
    $("balance").textContent = `${left.balance_cpt} CPT`;
    notice(word("transferred", amount, to));
    form.reset();
  } catch (error) {
    failed(error);
  } finally {
    submit.disabled = false;
  }
});

$("sign-out").addEventListener("click", async () => {
  await ask("/api/logout", { method: "POST" }, false).catch(() => {});
  leave();
  notice("");
});
$("close").addEventListener("click", hide);
$("parts-of").addEventListener("toggle", () => look().catch(failed));
$("language").addEventListener("change", (event) => {
  setLanguage(event.target.value);
  notice("");
  if (session) tick();
});

$("language").value = language;
translate();
if (session) enter();
else place();
