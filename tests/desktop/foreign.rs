//! A server of somebody else, on another port of the same computer.

use crate::stage::Stage;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

pub struct Foreign {
    pub port: u16,
    serving: JoinHandle<()>,
}

impl Foreign {
    /// Serves one empty page without any policy, at every address.
    pub async fn open(_stage: &Stage) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("it").port();
        let serving = tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                tokio::spawn(async move {
                    let mut request = [0; 4096];
                    let _ = stream.read(&mut request).await;
                    let page = "<!doctype html><meta charset=utf-8><title>foreign</title><p>A page of somebody else</p>";
                    let head =
                        "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\nContent-Length:";
                    let _ = stream.write_all(format!("{head} {}\r\n\r\n{page}", page.len()).as_bytes()).await;
                });
            }
        });
        Self { port, serving }
    }
}

impl Drop for Foreign {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// Everything that a page can try against `monitor`. It answers what it could read, which should be nothing.
pub const ATTACK: &str = r##"
  const read = [];
  const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
  const tries = [];
  const attempt = (name, work) => tries.push(Promise.race([work(), wait(8000)]).then((got) => {
    if (got !== undefined && got !== null && got !== "") read.push(`${name}: ${got}`);
  }, () => {}));
  const json = { "Content-Type": "application/json", "X-HiveMind": "1" };
  const paths = ["rpc/snapshot", "rpc/start", "rpc/stop", "rpc/quit", "rpc/pair", "rpc/logout", "events", "metrics", "", "monitor.html", "healthz"];
  for (const path of paths) {
    for (const credentials of ["include", "omit"]) {
      attempt(`get ${path}`, async () => (await fetch(MONITOR + path, { credentials })).text());
      attempt(`post ${path}`, async () =>
        (await fetch(MONITOR + path, { method: "POST", credentials, headers: json, body: "null" })).text());
      attempt(`plain post ${path}`, async () =>
        (await fetch(MONITOR + path, { method: "POST", credentials, body: "null" })).text());
      // These are sent without asking first; their answers are opaque.
      attempt(`blind get ${path}`, async () => (await fetch(MONITOR + path, { credentials, mode: "no-cors" })).text());
      attempt(`blind post ${path}`, async () =>
        (await fetch(MONITOR + path, { method: "POST", credentials, mode: "no-cors", body: "null" })).text());
    }
    attempt(`beacon ${path}`, async () => { navigator.sendBeacon(MONITOR + path, "null"); });
    attempt(`image ${path}`, () => new Promise((resolve) => {
      const image = new Image();
      image.onload = () => resolve("an image");
      image.onerror = () => resolve();
      image.src = MONITOR + path;
    }));
    attempt(`script ${path}`, () => new Promise((resolve) => {
      const script = document.createElement("script");
      script.onload = () => resolve("a script");
      script.onerror = () => resolve();
      script.src = MONITOR + path;
      document.head.append(script);
    }));
    attempt(`frame ${path}`, () => new Promise((resolve) => {
      const frame = document.createElement("iframe");
      frame.onload = () => {
        try { resolve(frame.contentDocument.body.textContent); } catch { resolve(); }
      };
      frame.src = MONITOR + path;
      document.body.append(frame);
    }));
    for (const enctype of ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"]) {
      attempt(`form ${path}`, async () => {
        const frame = document.createElement("iframe");
        frame.name = `f${Math.random()}`;
        document.body.append(frame);
        const form = document.createElement("form");
        Object.assign(form, { method: "post", action: MONITOR + path, enctype, target: frame.name });
        const field = document.createElement("input");
        field.name = "null//";
        form.append(field);
        document.body.append(form);
        form.submit();
        await wait(500);
        try { return frame.contentDocument.body.textContent; } catch { return; }
      });
    }
  }
  for (const path of ["events", "rpc/start", ""]) {
    attempt(`socket ${path}`, () => new Promise((resolve) => {
      const socket = new WebSocket(MONITOR.replace("http", "ws") + path);
      socket.onopen = () => resolve("a socket");
      socket.onerror = () => resolve();
    }));
    attempt(`events ${path}`, () => new Promise((resolve) => {
      const source = new EventSource(MONITOR + path, { withCredentials: true });
      source.onmessage = (e) => resolve(e.data);
      source.onopen = () => resolve("a stream");
      source.onerror = () => { source.close(); resolve(); };
    }));
  }
  // Wrong codes: neither may one be guessed, nor the right one be spoilt.
  for (let i = 0; i < 64; i++) {
    const code = Array.from(crypto.getRandomValues(new Uint8Array(16)), (b) => b.toString(16).padStart(2, "0")).join("");
    attempt("pair", async () => (await fetch(`${MONITOR}pair?code=${code}`, { credentials: "include" })).text());
    attempt("blind pair", async () =>
      (await fetch(`${MONITOR}pair?code=${code}`, { credentials: "include", mode: "no-cors" })).text());
  }
  await Promise.all(tries);
  return { read, tries: tries.length };
"##;
