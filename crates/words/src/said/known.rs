//! The worker's sentences in English and Chinese, with the same places; of two that fit, the first is taken.

/// What checks see.
pub(super) const SENTENCES: &[(&str, &str)] = &[
    ("{engine} {version} answers", "{engine} {version} 有回應"),
    ("isolation: {isolation}", "隔離方式：{isolation}"),
    ("tasks without an image of their own run in {image}", "沒有自帶映像檔的任務在 {image} 中執行"),
    ("{pool} answers", "{pool} 有回應"),
    ("{pool} waits for your sign-in", "{pool} 等待您登入"),
    ("{pool} is not asked while not contributing", "未貢獻時不會詢問 {pool}"),
    ("connecting to {pool}", "正在連線至 {pool}"),
    ("signed in as {name}", "已登入：{name}"),
    ("nobody is signed in", "尚未登入"),
    ("the link to the pool is encrypted", "與任務池的連線已加密"),
    ("the link to the pool is private (WireGuard)", "與任務池的連線為私人連線（WireGuard）"),
    ("an overlay network encrypts the link", "連線由覆蓋網路加密"),
    ("the pool is on this computer", "任務池就在這台電腦上"),
    ("the link to the pool is not encrypted", "與任務池的連線未加密"),
    ("not known before the first connection", "首次連線之前無法得知"),
    ("{n} GiB of memory", "{n} GiB 記憶體"),
    ("the disk was not looked at yet", "尚未檢查磁碟"),
    ("{n} GiB free where tasks are kept", "存放任務的磁碟可用空間：{n} GiB"),
    ("{names}: Docker cannot give GPUs to tasks", "{names}：Docker 無法將 GPU 提供給任務"),
    (
        "there is no keyring: the sign-in is kept in a file that only you can read",
        "沒有金鑰圈：登入資訊存放在只有您能讀取的檔案中",
    ),
    ("the sign-in is kept in the system's keyring", "登入資訊存放在系統的金鑰圈中"),
    ("the keyring is locked", "金鑰圈已鎖定"),
    ("not known before the engine is usable", "容器引擎可用之前無法得知"),
    (
        "{word}: tasks share this computer's kernel, and the engine runs as root",
        "{word}：任務與這台電腦共用系統核心，且容器引擎以 root 身分執行",
    ),
    ("{word}: tasks share this computer's kernel", "{word}：任務與這台電腦共用系統核心"),
    ("root inside is an ordinary user outside", "容器內的 root 在外部是一般使用者"),
    ("the engine itself is an ordinary user", "容器引擎本身是一般使用者"),
    (
        "{word}: a kernel in user space (gVisor) answers the tasks' system calls",
        "{word}：由使用者空間的核心（gVisor）處理任務的系統呼叫",
    ),
    (
        "{word}: a virtual machine stands between tasks and this computer",
        "{word}：任務與這台電腦之間隔著虛擬機器",
    ),
    ("at least {word} is required", "至少需要「{word}」"),
    ("this engine has none of the listed vulnerabilities", "這個容器引擎沒有清單上的漏洞"),
    (
        "{id} in {component} {found} (fixed in {mended})",
        "有 {id} 漏洞：{component} {found}（已在 {mended} 修補）",
    ),
    ("the self-test runs right now", "自我測試正在執行"),
    (
        "not tried since the worker started; the button below tries it",
        "背景程式啟動後尚未測試；可用 `hivemind-worker prove` 測試",
    ),
    ("{n} attempts to break out were denied", "{n} 次逃逸嘗試均遭拒絕"),
    ("a task could: {what}", "任務能夠：{what}"),
    (
        "a task that keeps more on disk than it was granted is ended within a second",
        "任務的磁碟用量若超過核准上限，會在一秒內終止",
    ),
    (
        "each file of a task is limited, but not all of them together: the program hivemind-companion is missing beside the worker, or is built for another processor",
        "任務的每個檔案都有上限，但總量沒有：找不到應與背景程式一同安裝的 hivemind-companion，或它與容器引擎的處理器架構不符",
    ),
    ("the private link is switched off", "私人連線已關閉"),
    ("the pool asked for no private link", "任務池不需要私人連線"),
    ("the private link is being set up", "正在建立私人連線"),
    (
        "{address} to UDP {endpoint}: handshake {seconds} s ago",
        "{address} 至 UDP {endpoint}：{seconds} 秒前交握",
    ),
    ("{address} to UDP {endpoint}: no handshake", "{address} 至 UDP {endpoint}：尚未交握"),
    (
        "{received} bytes from it, {sent} to it, {mtu} in a packet",
        "接收 {received} 位元組，傳送 {sent} 位元組，每個封包 {mtu} 位元組",
    ),
    ("carried by the worker itself", "由背景程式自行傳輸"),
    ("carried by an interface of the system (hivemind0)", "由系統的網路介面（hivemind0）傳輸"),
    ("other users of this computer can read the link's key in {file}", "這台電腦的其他使用者可以讀取 {file} 中的連線金鑰"),
    ("its key is kept in {file}, which only you can read", "其金鑰存放在只有您能讀取的 {file} 中"),
    ("the pool is reached over TLS instead", "改以 TLS 連線至任務池"),
    ("cannot be read, so the computer counts as in use: {sensors}", "無法讀取，因此視為使用中：{sensors}"),
    ("gives impossible readings, is ignored: {sensors}", "讀數不合理，不予採用：{sensors}"),
    ("every sensor gives plausible readings", "所有感測器的讀數都合理"),
    (
        "not compared: only the private link is told the pool's time, and it is switched off",
        "未比對：只有私人連線會得知任務池的時間，而它已關閉",
    ),
    ("the pool has not told another time", "任務池未告知不同的時間"),
    (
        "this computer's clock is {seconds} s off the pool's, so the private link is not used",
        "這台電腦的時鐘與任務池相差 {seconds} 秒，因此不使用私人連線",
    ),
    ("this program serves no page", "這個程式不提供網頁"),
    ("the page for browsers is served on this computer", "已在這台電腦上提供瀏覽器頁面"),
    (
        "port {n} is taken, so no page is served to browsers",
        "連接埠 {n} 已被占用，因此無法提供瀏覽器頁面",
    ),
    ("what is done is written down before it is done", "所有動作都會先寫入紀錄再執行"),
    ("no container engine is installed (its socket is missing)", "尚未安裝容器引擎（找不到它的通訊端）"),
    ("no container engine is installed ({path} is missing)", "尚未安裝容器引擎（找不到 {path}）"),
    (
        "a container engine is installed but not running (its socket is missing)",
        "容器引擎已安裝但未執行（找不到它的通訊端）",
    ),
    (
        "a container engine is installed but not running ({path} is missing)",
        "容器引擎已安裝但未執行（找不到 {path}）",
    ),
    ("this user may not use the container engine", "這位使用者尚未獲准使用容器引擎"),
    ("the container engine does not answer", "容器引擎沒有回應"),
    ("the engine answered {n}: {words}", "容器引擎回應 {n}：{words}"),
    ("Docker {found} is older than {needed}", "Docker {found} 比 {needed} 舊"),
    ("no Docker answers and none is installed", "偵測不到 Docker"),
    ("nothing answers at {path}", "{path} 沒有回應"),
    ("{path}: permission denied", "{path}：沒有存取權限"),
    ("{pool}: the name {host} cannot be looked up", "{pool}：查不到名稱 {host}"),
    ("{pool}: connection refused", "{pool}：連線遭拒"),
    ("{pool}: the pool does not take this computer", "{pool}：任務池不接受這台電腦"),
    ("{pool}: the pool does not answer", "{pool}：任務池沒有回應"),
    ("the pool did not answer in time", "任務池未及時回應"),
    ("the pool does not answer", "任務池沒有回應"),
    ("no handshake came within {n} s", "{n} 秒內沒有完成交握"),
    ("cannot write {file}: no space left on device", "無法寫入 {file}：磁碟已滿"),
    ("The program ended with code {n}.", "程式以代碼 {n} 結束。"),
    (
        "{address} to UDP {endpoint}: handshake {seconds} s ago",
        "{address} 至 UDP {endpoint}：{seconds} 秒前交握",
    ),
    (
        "{received} bytes from it, {sent} to it, {mtu} in a packet",
        "接收 {received} 位元組，傳送 {sent} 位元組，每個封包 {mtu} 位元組",
    ),
    (
        "this computer's clock is {seconds} s off the pool's, so the private link is not used",
        "這台電腦的時鐘與任務池相差 {seconds} 秒，因此不使用私人連線",
    ),
    ("no driver found", "找不到驅動程式"),
    ("NVIDIA driver without a usable GPU", "NVIDIA 驅動程式沒有可用的 GPU"),
    ("NVIDIA driver installed but not loaded", "NVIDIA 驅動程式已安裝但未載入"),
    ("no permission to use the NVIDIA driver", "沒有使用 NVIDIA 驅動程式的權限"),
    ("a GPU has fallen off the bus: restart the computer", "有 GPU 失去連線：請重新啟動電腦"),
    (
        "the NVIDIA driver was updated and an older one still runs: restart the computer",
        "NVIDIA 驅動程式已更新：請重新啟動電腦",
    ),
];

/// What to do about a finding.
pub(super) const FIXES: &[(&str, &str)] = &[
    (
        "Install Docker Engine 20.10 or newer, or Docker Desktop.",
        "請安裝 Docker Engine 20.10 以上版本，或 Docker Desktop。",
    ),
    ("Start the Docker service, or open Docker Desktop.", "請啟動 Docker 服務，或開啟 Docker Desktop。"),
    (
        "Allow this user to use Docker, for example with rootless Docker, then log out of this computer and back in.",
        "請允許此使用者使用 Docker（例如 rootless Docker），然後登出這台電腦再重新登入。",
    ),
    ("Update Docker to 20.10 or newer.", "請將 Docker 更新至 20.10 以上版本。"),
    ("Look at the Docker service's own log.", "請查看 Docker 服務本身的紀錄檔。"),
    (
        "Check the internet connection and the pool's address in the settings.",
        "請檢查網路連線，以及設定中的任務池位址。",
    ),
    (
        "Ask the pool's owner why, or sign in with another account.",
        "請向任務池管理者詢問原因，或改用其他帳號登入。",
    ),
    ("Sign in with your account at the pool.", "請以您在任務池的帳號登入。"),
    ("Use a pool with https, or a private network.", "請使用 https 的任務池，或私人網路。"),
    (
        "Check the internet connection; UDP to this address must be open.",
        "請檢查網路連線；必須允許連往此位址的 UDP。",
    ),
    (
        "Make the file readable for you alone (chmod 600), then renew the key.",
        "請將檔案設為只有您可讀取（chmod 600），然後更換金鑰。",
    ),
    (
        "Correct or remove the file; without it the pool is asked for a new one.",
        "請更正或移除該檔案；沒有檔案時會向任務池要求新的。",
    ),
    (
        "Use the pool's https address, and pin its certificate if it is your own pool.",
        "請使用任務池的 https 位址；若是您自己的任務池，請釘選其憑證。",
    ),
    (
        "Ask the pool's owner to make room, or to forget this computer.",
        "請任務池管理者騰出位置，或移除這台電腦的登記。",
    ),
    ("Set this computer's clock.", "請校正這台電腦的時鐘。"),
    ("Unlock the keyring.", "請解鎖金鑰圈。"),
    (
        "Allow UDP to the pool (usually port 51820) in the firewall, or renew the key.",
        "請在防火牆允許連往任務池的 UDP（通常為連接埠 51820），或更換金鑰。",
    ),
    ("Renew the key with `hivemind-worker renew-link`.", "請以 `hivemind-worker renew-link` 更換金鑰。"),
    ("Add memory; tasks need at least 2 GiB.", "請增加記憶體；任務需要至少 2 GiB。"),
    ("Free up space until at least 10 GiB are free.", "請釋出空間，直到至少有 10 GiB 可用。"),
    ("Free up space until at least 2 GiB are free.", "請釋出空間，直到至少有 2 GiB 可用。"),
    (
        "Install HiveMind Worker again, and keep room free on the disk until then.",
        "請重新安裝 HiveMind Worker，在此之前請保留磁碟空間。",
    ),
    (
        "Use user namespaces, rootless Docker or gVisor, or lower “Least isolation” (minimum_isolation).",
        "請啟用使用者命名空間、rootless Docker 或 gVisor，或在設定調低「最低隔離程度」（minimum_isolation）。",
    ),
    (
        "Your distribution may have fixed this without raising the version number: install its security updates.",
        "發行版可能已在未變更版本號的情況下修補：請安裝安全性更新。",
    ),
    (
        "Update Docker Engine with its containerd and runc to the versions named, or newer.",
        "請將 Docker Engine 及其 containerd 與 runc 更新至所列版本或更新的版本。",
    ),
    (
        "Install and unlock a keyring such as GNOME Keyring or KWallet, then sign in again.",
        "請安裝並解鎖金鑰圈（例如 GNOME Keyring 或 KWallet），然後重新登入。",
    ),
    (
        "Check that the system's service for it is running, then restart the worker.",
        "請確認對應的系統服務是否正在執行，然後重新啟動背景程式。",
    ),
    (
        "Nothing has to be done; a driver or firmware update may fix the sensor.",
        "不需要任何處理；更新驅動程式或韌體可能會修復感測器。",
    ),
    (
        "End the program that has it, or choose another “Port of the browser page” (monitor_port).",
        "請結束占用該連接埠的程式，或在設定的「瀏覽器頁面連接埠」（monitor_port）改用其他連接埠。",
    ),
    (
        "Make room on the disk, and make sure that you may write to the data folder.",
        "請釋出磁碟空間，並確認您有權限寫入資料目錄。",
    ),
    (
        "Update the container engine, undo changes to its settings, then try again.",
        "請更新容器引擎，還原對其設定的變更，然後再試一次。",
    ),
    (
        "Install and start hivemind-netd for this user, or set the tunnel back to the worker's own.",
        "請為此使用者安裝並啟動 hivemind-netd，或將通道設回由背景程式自行傳輸。",
    ),
    (
        "Start hivemind-netd for this user with the installed worker, or set the tunnel back to the worker's own.",
        "請以已安裝的背景程式為此使用者啟動 hivemind-netd，或將通道設回由背景程式自行傳輸。",
    ),
    (
        "Install the NVIDIA Container Toolkit (1.17.8 or newer), run `nvidia-ctk runtime configure`, and start Docker again; or turn on “Keep GPUs out” (cpu_only) in the settings.",
        "請安裝 NVIDIA Container Toolkit（1.17.8 以上版本），執行 `nvidia-ctk runtime configure` 後重新啟動 Docker；或在設定開啟「不使用 GPU」（cpu_only）。",
    ),
];
