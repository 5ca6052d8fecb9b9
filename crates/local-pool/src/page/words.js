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
  class_exit_code: "the program reported an error", class_out_of_memory: "it needed more memory than granted", class_timed_out: "it ran out of time",
  class_disk_limit: "it wrote more than it was granted", class_package: "its package is damaged or not allowed", class_image: "its image cannot be downloaded",
  class_engine: "the container engine failed", class_result: "its results could not be taken", handed_back: "handed back",
  sendingBar: "Upload", sendingBegins: "Sending…", sentPart: "{0} of {1} sent · {2} %", sentWhole: "{0} sent. The pool is checking it…",
  sentStill: "Nothing has moved for a while; the connection may be broken.", cancel: "Cancel", again: "Try again",
  sendingCancelled: "Cancelled. Nothing was handed in.",
  sendingCancelledWhole: "Cancelled after everything had been sent. If the pool took it all the same, it is in the list below.",
  sendingBroken: "The connection broke off. Nothing was handed in, and what you filled in is kept.",
  sendingBrokenWhole: "The connection broke off after everything had been sent. Look into the list below before you try again.",
  refusedField: "“{0}” must be {1}.", refusedAnyField: "The pool does not accept “{0}”.", refusedUnknown: "The pool refused this (status {0}).",
  must_task_name: "1 to 128 bytes of plain text", must_task_file: "a zip file", must_cpu_cores: "from 0.01 to 1024",
  must_memory_gb: "from 16 MiB to 4 TiB", must_timeout_seconds: "a whole number of seconds, from 1 s to 30 days",
  must_image: "an image's name of at most 256 characters", must_array: "a whole number from 1 to 1000",
  must_username: "3 to 64 of the characters A-Z a-z 0-9 . _ -", must_password: "8 to 256 bytes long",
  must_amount: "a whole number of CPT, 1 or more",
  refused_SIGN_IN_NEEDED: "Please sign in first.", refused_SESSION_EXPIRED: "You were signed out. Please sign in again.",
  refused_WRONG_CREDENTIALS: "The user name or the password is wrong.", refused_RATE_LIMITED: "Too many tries. Wait {0} s.",
  refused_TOO_MANY_TASKS: "You already have {0} tasks that have not ended.", refused_NAME_TAKEN: "This user name is taken.",
  refused_SUPPLY_EXHAUSTED: "The pool has no CPT left to give.", refused_TASK_UNKNOWN: "There is no such task.",
  refused_USER_UNKNOWN: "There is no such user.", refused_NO_RESULT: "This task has no result.",
  refused_TOO_LARGE: "This is larger than the {0} that this pool takes.", refused_INSUFFICIENT_FUNDS: "The balance does not cover this.",
  refused_INVALID_FIELD: "The pool could not read the form.", refused_UNAVAILABLE: "The pool is about to end.",
  refused_INTERNAL: "The pool failed. Its log says why.",
};
const zh = {
  title: "HiveMind 任務池", signOut: "登出", signIn: "登入", register: "註冊",
  welcome: "提交任務", welcomeText: "登入後即可在此任務池的電腦上執行任務。",
  username: "使用者名稱", password: "密碼", registerHint: "第一次使用嗎？輸入名稱與至少 8 個字元的密碼，然後按「註冊」。",
  newTask: "新任務", taskName: "名稱", taskFile: "Zip 檔案", cpuCores: "CPU 核心", memoryGb: "記憶體（GiB）",
  timeout: "時間上限（秒）", image: "映像檔", imageHint: "標準映像檔", gpu: "需要 GPU", submit: "提交",
  fileHint: "Zip 會啟動 run.sh、run.py、main.py 或唯一的 .py 檔案；寫入輸出資料夾的內容會以一個 zip 傳回。",
  tasks: "我的任務", state: "狀態", attempt: "嘗試", cost: "CPT", created: "提交時間", actions: "動作",
  noTasks: "還沒有任務，請在上方提交。", show: "檢視", stop: "停止", download: "下載", close: "關閉", log: "紀錄",
  transfer: "轉移 CPT", transferTo: "收款人（使用者名稱）", transferAmount: "CPT", transferSend: "轉移",
  transferHint: "轉出的 CPT 無法收回。", transferred: "已將 {0} CPT 轉給 {1}。",
  nodes: "電腦", node: "電腦", trust: "信任等級", load: "負載", size: "規格", running: "任務",
  noNodes: "目前沒有電腦連線，任務會等到有電腦為止。", yours: "您的", online: "上線", offline: "離線", paused: "暫停",
  trust_low: "低", trust_medium: "中", trust_high: "高", cores: "核心",
  queued: "等待中", assigned: "已分配", preparing: "準備中", collecting: "收集結果", uploading: "傳送結果",
  succeeded: "成功", failed: "失敗", timed_out: "逾時", cancelled: "已取消", stopping: "停止中",
  id: "任務", computer: "電腦", exitCode: "結束代碼", message: "訊息", progress: "進度", cpuUse: "CPU 使用", memoryUse: "記憶體使用",
  timeUsed: "執行時間", resultHash: "結果 SHA-256", resultSize: "結果大小", packageHash: "套件 SHA-256", insufficient_funds: "餘額不足",
  handedIn: "已提交。", registered: "註冊完成，您有 {0} CPT。", offlineNotice: "任務池沒有回應，正在重試…",
  sessionEnded: "您已登出，請重新登入。", bytes: "位元組", seconds: "秒", logEmpty: "尚無輸出。", logCut: "… 較早的內容未顯示 …",
  array: "子任務數", arrayHint: "一個", parts: "子任務", index: "索引", partsDone: "已結束 {0}／{1}，成功 {2}",
  exitClass: "結果類別", wallTime: "實際時間", cpuTime: "CPU 時間", peakMemory: "最高記憶體", bytesIn: "套件大小",
  imageRan: "執行的映像檔", phases: "各階段", phase_queue: "等待", phase_fetch: "套件", phase_pull: "映像檔",
  phase_prepare: "準備", phase_run: "執行", phase_collect: "收集", phase_upload: "傳送",
  class_exit_code: "程式回報錯誤", class_out_of_memory: "超出分配的記憶體", class_timed_out: "執行超過時限",
  class_disk_limit: "寫入超出分配的磁碟空間", class_package: "任務套件損壞或不被允許", class_image: "無法下載映像檔",
  class_engine: "容器引擎發生錯誤", class_result: "無法取出結果", handed_back: "已交還",
  sendingBar: "上傳", sendingBegins: "傳送中…", sentPart: "已傳送 {0}，共 {1} · {2} %", sentWhole: "已傳送 {0}，任務池正在檢查…",
  sentStill: "已有一段時間沒有進展，連線可能已中斷。", cancel: "取消", again: "再試一次",
  sendingCancelled: "已取消，沒有提交任何任務。",
  sendingCancelledWhole: "取消時檔案已全部送出。任務池若仍已收下，任務會出現在下方清單。",
  sendingBroken: "連線中斷，沒有提交任何任務；您填寫的內容都還在。",
  sendingBrokenWhole: "檔案全部送出後連線中斷。再試之前，請先查看下方清單。",
  refusedField: "「{0}」必須是{1}。", refusedAnyField: "任務池不接受「{0}」的內容。", refusedUnknown: "任務池拒絕了這項要求（狀態碼 {0}）。",
  must_task_name: " 1 到 128 位元組的純文字", must_task_file: " zip 檔案", must_cpu_cores: " 0.01 到 1024 之間的數字",
  must_memory_gb: " 16 MiB 到 4 TiB", must_timeout_seconds: "整數秒數，1 秒到 30 天",
  must_image: "最多 256 個字元的映像檔名稱", must_array: " 1 到 1000 的整數",
  must_username: " 3 到 64 個字元，只能使用 A-Z a-z 0-9 . _ -", must_password: " 8 到 256 位元組",
  must_amount: " 1 以上的整數",
  refused_SIGN_IN_NEEDED: "請先登入。", refused_SESSION_EXPIRED: "您已登出，請重新登入。",
  refused_WRONG_CREDENTIALS: "使用者名稱或密碼錯誤。", refused_RATE_LIMITED: "嘗試次數過多，請等待 {0} 秒。",
  refused_TOO_MANY_TASKS: "您已有 {0} 個尚未結束的任務。", refused_NAME_TAKEN: "這個使用者名稱已有人使用。",
  refused_SUPPLY_EXHAUSTED: "任務池已沒有 CPT 可發放。", refused_TASK_UNKNOWN: "沒有這個任務。",
  refused_USER_UNKNOWN: "沒有這位使用者。", refused_NO_RESULT: "這個任務沒有結果。",
  refused_TOO_LARGE: "檔案超過任務池的上限 {0}。", refused_INSUFFICIENT_FUNDS: "餘額不足。",
  refused_INVALID_FIELD: "任務池無法讀取這份表單。", refused_UNAVAILABLE: "任務池即將關閉。",
  refused_INTERNAL: "任務池發生錯誤，原因在它的紀錄中。",
};
// States share a word with the column of running tasks in English only.
en.state_running = "running";
zh.state_running = "執行中";

const all = { en, "zh-TW": zh };
const kept = localStorage.getItem("language");
export let language = kept in all ? kept : navigator.languages.some((l) => /^zh/i.test(l)) ? "zh-TW" : "en";

/** Whether there are words for it. */
export const has = (key) => key in en;

/** Bytes as a person reads them, in one unit of 1024s. */
export function size(bytes) {
  if (bytes < 1024) return `${bytes} ${word("bytes")}`;
  const at = Math.min(Math.floor(Math.log2(bytes) / 10), 3);
  return `${(bytes / 1024 ** at).toFixed(1)} ${["", "KiB", "MiB", "GiB"][at]}`;
}

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
  for (const e of document.querySelectorAll("[data-label]")) e.setAttribute("aria-label", word(e.dataset.label));
  for (const e of document.querySelectorAll("[data-hint]")) e.placeholder = word(e.dataset.hint);
}
