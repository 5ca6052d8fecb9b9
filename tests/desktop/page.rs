//! A page in a window or a browser, driven over WebDriver.

use crate::patience::{LONG, until};
use crate::stage::{Owned, Stage, window_program};
use base64::Engine as _;
use reqwest::{Client, Method};
use serde_json::{Value, json};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

/// How the drivers name an element.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// Why a driver did not touch an element.
const NOT_YET: [&str; 3] =
    ["stale element reference", "element click intercepted", "element not interactable"];

pub struct Page {
    http: Client,
    session: String,
    name: &'static str,
    _driver: Owned,
}

impl Page {
    /// The window program, in front of the worker at this socket.
    pub async fn window(stage: &Stage, socket: &Path) -> Self {
        let mut driver = stage.command("WebKitWebDriver");
        driver.env("TAURI_WEBVIEW_AUTOMATION", "true");
        let options = json!({ "binary": window_program(), "args": ["--socket", socket] });
        Self::open(stage, driver, json!({ "webkitgtk:browserOptions": options })).await
    }

    /// A browser with a profile of its own.
    pub async fn browser(stage: &Stage) -> Self {
        let home = stage.scene.path("desktop-home");
        let mut driver = stage.command("chromedriver");
        driver.env("TMPDIR", &home);
        let arguments = [
            "--headless=new".to_owned(),
            "--no-sandbox".into(),
            "--disable-gpu".into(),
            "--disable-dev-shm-usage".into(),
            "--disable-background-networking".into(),
            "--no-proxy-server".into(),
            "--no-first-run".into(),
            "--lang=en-US".into(),
            "--window-size=1280,800".into(),
            // What a name server in the hands of somebody else would say.
            "--host-resolver-rules=MAP rebound.test 127.0.0.1".into(),
            format!("--user-data-dir={}", home.join("profile").display()),
        ];
        let downloads = json!({ "download.default_directory": stage.scene.path("downloads") });
        let options = json!({ "binary": "/usr/bin/chromium", "args": arguments, "prefs": downloads });
        Self::open(stage, driver, json!({ "goog:chromeOptions": options })).await
    }

    async fn open(stage: &Stage, mut driver: Command, capabilities: Value) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("it").port();
        driver.arg(format!("--port={port}")).stdout(Stdio::null()).stderr(Stdio::null());
        let driver = Owned::start(&mut driver);
        let http = Client::builder().no_proxy().timeout(Duration::from_secs(60)).build().expect("a client");
        let url = format!("http://127.0.0.1:{port}");
        until("a driver", LONG, async || http.get(format!("{url}/status")).send().await.ok()).await;
        let wanted = json!({ "capabilities": { "alwaysMatch": capabilities } });
        let created = ask(&http, Method::POST, &format!("{url}/session"), &wanted).await.expect("a session");
        let session = format!("{url}/session/{}", created["sessionId"].as_str().expect("an id"));
        let page = Self { http, session, name: stage.name, _driver: driver };
        page.ask(Method::POST, "/timeouts", &json!({ "script": 30_000, "pageLoad": 30_000 })).await;
        page
    }

    #[track_caller]
    fn ask(&self, method: Method, path: &str, body: &Value) -> impl Future<Output = Value> {
        let place = std::panic::Location::caller();
        let asking = self.try_ask(method.clone(), path, body);
        let path = path.to_owned();
        async move { asking.await.unwrap_or_else(|e| panic!("{place}: {method} {path}: {e}")) }
    }

    async fn try_ask(&self, method: Method, path: &str, body: &Value) -> Result<Value, String> {
        ask(&self.http, method, &format!("{}{path}", self.session), body).await
    }

    /// Runs the body of a function in the page, and gives what it returns.
    pub async fn script(&self, body: &str) -> Value {
        self.ask(Method::POST, "/execute/sync", &json!({ "script": body, "args": [] })).await
    }

    /// The same for the body of an asynchronous function.
    pub async fn script_async(&self, body: &str) -> Value {
        let body = format!(
            "const done = arguments[arguments.length - 1]; (async () => {{ {body} }})().then(done, (e) => done(String(e)));"
        );
        self.ask(Method::POST, "/execute/async", &json!({ "script": body, "args": [] })).await
    }

    pub async fn go(&self, url: &str) {
        self.ask(Method::POST, "/url", &json!({ "url": url })).await;
    }

    pub async fn url(&self) -> String {
        self.ask(Method::GET, "/url", &Value::Null).await.as_str().unwrap_or_default().to_owned()
    }

    pub async fn cookies(&self) -> Vec<Value> {
        self.ask(Method::GET, "/cookie", &Value::Null).await.as_array().cloned().unwrap_or_default()
    }

    /// Opens a new tab and turns to it; gives the tab from before.
    pub async fn new_tab(&self) -> String {
        let before = self.ask(Method::GET, "/window", &Value::Null).await;
        let new = self.ask(Method::POST, "/window/new", &json!({ "type": "tab" })).await;
        self.turn_to(new["handle"].as_str().expect("a tab")).await;
        before.as_str().expect("a tab").to_owned()
    }

    pub async fn turn_to(&self, tab: &str) {
        self.ask(Method::POST, "/window", &json!({ "handle": tab })).await;
    }

    async fn element(&self, selector: &str) -> String {
        let wanted = json!({ "using": "css selector", "value": selector });
        let found = until(&format!("{selector} in the page"), LONG, async || {
            self.try_ask(Method::POST, "/element", &wanted).await.ok()
        })
        .await;
        found[ELEMENT].as_str().expect("an element").to_owned()
    }

    /// Clicks as a person does.
    pub async fn click(&self, selector: &str) {
        self.act(selector, "click", &json!({})).await;
    }

    pub async fn type_into(&self, selector: &str, text: &str) {
        self.act(selector, "value", &json!({ "text": text })).await;
    }

    /// The same in place of what stands there.
    pub async fn retype(&self, selector: &str, text: &str) {
        self.act(selector, "clear", &json!({})).await;
        self.act(selector, "value", &json!({ "text": text })).await;
    }

    /// Does something to an element. A page may draw itself anew between the look and the deed: then nothing was
    /// done, and the look is taken again.
    async fn act(&self, selector: &str, deed: &str, body: &Value) {
        until(&format!("{deed} on {selector}"), LONG, async || {
            let element = self.element(selector).await;
            match self.try_ask(Method::POST, &format!("/element/{element}/{deed}"), body).await {
                Ok(_) => Some(()),
                Err(e) if NOT_YET.iter().any(|reason| e.contains(reason)) => None,
                Err(e) => panic!("{deed} on {selector}: {e}"),
            }
        })
        .await;
    }

    /// An attribute of the first element, now.
    pub async fn attribute(&self, selector: &str, name: &str) -> Option<String> {
        let (selector, name) = (json!(selector), json!(name));
        let body = format!("return document.querySelector({selector})?.getAttribute({name}) ?? null;");
        self.script(&body).await.as_str().map(str::to_owned)
    }

    /// An attribute that is a number.
    pub async fn number(&self, selector: &str, name: &str) -> Option<u64> {
        self.attribute(selector, name).await?.parse().ok()
    }

    pub async fn wait_for_attribute(&self, selector: &str, name: &str, value: &str) {
        until(&format!("{selector} with {name}={value}"), LONG, async || {
            let now = self.attribute(selector, name).await;
            (now.as_deref() == Some(value)).then_some(())
        })
        .await;
    }

    pub async fn wait_for(&self, selector: &str) {
        self.element(selector).await;
    }

    pub async fn is_there(&self, selector: &str) -> bool {
        let selector = json!(selector);
        self.script(&format!("return document.querySelector({selector}) !== null;")).await == true
    }

    /// The text of the page or of a part of it.
    pub async fn text(&self, selector: &str) -> String {
        let selector = json!(selector);
        let text =
            self.script(&format!("return document.querySelector({selector})?.textContent ?? '';")).await;
        text.as_str().unwrap_or_default().to_owned()
    }

    /// Ends the driver's session of a window that is closed; it may have noticed by itself.
    pub async fn gone(self) {
        let _ = self.try_ask(Method::DELETE, "", &Value::Null).await;
    }

    /// Ends the browser with every tab.
    pub async fn end(self) {
        self.ask(Method::DELETE, "", &Value::Null).await;
    }
}

async fn ask(http: &Client, method: Method, url: &str, body: &Value) -> Result<Value, String> {
    let mut request = http.request(method, url);
    if !body.is_null() {
        request = request.json(body);
    }
    let answer = request.send().await.map_err(|e| e.to_string())?;
    let mut answer: Value = answer.json().await.map_err(|e| e.to_string())?;
    let value = answer["value"].take();
    if value["error"].is_string() { Err(value.to_string()) } else { Ok(value) }
}

impl Drop for Page {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            return;
        }
        let (session, file) = (self.session.clone(), Path::new(env!("CARGO_TARGET_TMPDIR")).join(self.name));
        // The test's own event loop may not be waited for here.
        let picture = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().ok()?;
            runtime.block_on(async {
                let http = Client::builder().no_proxy().timeout(Duration::from_secs(10)).build().ok()?;
                let taken =
                    ask(&http, Method::GET, &format!("{session}/screenshot"), &Value::Null).await.ok()?;
                let png = base64::engine::general_purpose::STANDARD.decode(taken.as_str()?).ok()?;
                let file = file.with_extension("png");
                std::fs::write(&file, png).ok()?;
                Some(file)
            })
        });
        match picture.join() {
            Ok(Some(file)) => println!("the page at this moment: {}", file.display()),
            _ => println!("no picture of the page could be taken"),
        }
    }
}
