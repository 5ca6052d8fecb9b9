// Every word on the page, in both languages. A missing key shows as itself.
const en = {
  title: "HiveMind pool", signOut: "Sign out", signIn: "Sign in", register: "Register",
  welcome: "Hand in work", welcomeText: "Sign in to run tasks on this pool's computers.",
  username: "User name", password: "Password", registerHint: "New here? Choose a name and a password of at least 8 characters and press Register.",
  newTask: "New task", taskName: "Name", taskFile: "Zip file", cpuCores: "CPU cores", memoryGb: "Memory (GiB)",
  timeout: "Time limit (seconds)", image: "Image", imageHint: "standard image", gpu: "Needs a GPU", submit: "Hand in",
  fileHint: "The zip starts run.sh, run.py, main.py, or its only .py file. What it writes to its output folder comes back as one zip.",
  tasks: "Your tasks", state: "State", attempt: "Attempt", cost: "CPT", created: "Handed in", actions: "Actions",
  noTasks: "No tasks yet. Hand one in above.", show: "Show", stop: "Stop", download: "Download", close: "Close", log: "Log",
  transfer: "Send CPT", transferTo: "To (user name)", transferAmount: "CPT", transferSend: "Send",
  transferHint: "Sent CPT cannot be taken back.", transferred: "{0} CPT sent to {1}.",
  nodes: "Computers", node: "Computer", trust: "Trust", load: "Load", size: "Size", running: "Tasks",
  noNodes: "No computer is connected. Tasks wait until one is.", yours: "yours", online: "online", offline: "offline", paused: "paused",
  trust_low: "low", trust_medium: "medium", trust_high: "high", cores: "cores",
  queued: "waiting", assigned: "given to a computer", preparing: "preparing", collecting: "collecting results", uploading: "sending results",
  succeeded: "succeeded", failed: "failed", timed_out: "timed out", cancelled: "cancelled", stopping: "stopping",
  id: "Task", computer: "Computer", exitCode: "Exit code", message: "Message", progress: "Progress", cpuUse: "CPU used", memoryUse: "Memory used",
  timeUsed: "Time run", resultHash: "Result SHA-256", resultSize: "Result size", packageHash: "Package SHA-256", insufficient_funds: "the balance ran out",
  handedIn: "Handed in.", registered: "Registered. You start with {0} CPT.", offlineNotice: "The pool does not answer. Trying again…",
  sessionEnded: "You were signed out. Please sign in again.", bytes: "bytes", seconds: "s", logEmpty: "Nothing written yet.", logCut: "… earlier lines are not shown here …",
  array: "Sub-tasks", arrayHint: "one", parts: "Sub-tasks", index: "Index", partsDone: "{0} of {1} have ended, {2} succeeded",
  exitClass: "Outcome", wallTime: "Wall time", cpuTime: "CPU time", peakMemory: "Peak memory", bytesIn: "Package size",
  imageRan: "Image that ran", phases: "Phases", phase_queue: "waiting", phase_fetch: "package", phase_pull: "image",
  phase_prepare: "preparing", phase_run: "running", phase_collect: "collecting", phase_upload: "sending",
};
const zh = {
  title: "HiveMind 節點池", signOut: "登出", signIn: "登入", register: "註冊",
  welcome: "提交任務", welcomeText: "登入後即可在此節點池的電腦上執行任務。",
  username: "使用者名稱", password: "密碼", registerHint: "第一次使用嗎？輸入名稱與至少 8 個字元的密碼，然後按「註冊」。",
  newTask: "新任務", taskName: "名稱", taskFile: "Zip 檔案", cpuCores: "CPU 核心", memoryGb: "記憶體（GiB）",
  timeout: "時間上限（秒）", image: "映像檔", imageHint: "標準映像檔", gpu: "需要 GPU", submit: "提交",
  fileHint: "Zip 會啟動 run.sh、run.py、main.py 或唯一的 .py 檔案；寫入輸出資料夾的內容會以一個 zip 傳回。",
  tasks: "我的任務", state: "狀態", attempt: "嘗試", cost: "CPT", created: "提交時間", actions: "動作",
  noTasks: "還沒有任務，請在上方提交。", show: "檢視", stop: "停止", download: "下載", close: "關閉", log: "日誌",
  transfer: "轉移 CPT", transferTo: "收款人（使用者名稱）", transferAmount: "CPT", transferSend: "轉移",
  transferHint: "轉出的 CPT 無法收回。", transferred: "已將 {0} CPT 轉給 {1}。",
  nodes: "電腦", node: "電腦", trust: "信任等級", load: "負載", size: "規格", running: "任務",
  noNodes: "目前沒有電腦連線，任務會等到有電腦為止。", yours: "您的", online: "上線", offline: "離線", paused: "暫停",
  trust_low: "低", trust_medium: "中", trust_high: "高", cores: "核心",
  queued: "等待中", assigned: "已分配", preparing: "準備中", collecting: "收集結果", uploading: "傳送結果",
  succeeded: "成功", failed: "失敗", timed_out: "逾時", cancelled: "已取消", stopping: "停止中",
  id: "任務", computer: "電腦", exitCode: "結束代碼", message: "訊息", progress: "進度", cpuUse: "CPU 使用", memoryUse: "記憶體使用",
  timeUsed: "執行時間", resultHash: "結果 SHA-256", resultSize: "結果大小", packageHash: "套件 SHA-256", insufficient_funds: "餘額不足",
  handedIn: "已提交。", registered: "註冊完成，您有 {0} CPT。", offlineNotice: "節點池沒有回應，正在重試…",
  sessionEnded: "您已登出，請重新登入。", bytes: "位元組", seconds: "秒", logEmpty: "尚無輸出。", logCut: "… 較早的內容未顯示 …",
  array: "子任務數", arrayHint: "一個", parts: "子任務", index: "索引", partsDone: "已結束 {0}／{1}，成功 {2}",
  exitClass: "結果類別", wallTime: "實際時間", cpuTime: "CPU 時間", peakMemory: "最高記憶體", bytesIn: "套件大小",
  imageRan: "執行的映像檔", phases: "各階段", phase_queue: "等待", phase_fetch: "套件", phase_pull: "映像檔",
  phase_prepare: "準備", phase_run: "執行", phase_collect: "收集", phase_upload: "傳送",
};
// States share a word with the column of running tasks in English only.
en.state_running = "running";
zh.state_running = "執行中";

const all = { en, "zh-TW": zh };
const kept = localStorage.getItem("language");
export let language = kept in all ? kept : navigator.languages.some((l) => /^zh/i.test(l)) ? "zh-TW" : "en";

export function word(key, ...values) {
  const text = all[language][key] ?? key;
  return values.reduce((t, value, n) => t.replace(`{${n}}`, value), text);
}

export function setLanguage(next) {
  if (!(next in all)) return;
  language = next;
  localStorage.setItem("language", next);
  translate();
}

export function translate() {
  document.documentElement.lang = language;
  document.title = word("title");
  for (const e of document.querySelectorAll("[data-word]")) e.textContent = word(e.dataset.word);
  for (const e of document.querySelectorAll("[data-hint]")) e.placeholder = word(e.dataset.hint);
}
