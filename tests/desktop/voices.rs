//! Everything that tells the owner why work is not taken: the tray, the command line and the page, in both languages.

use crate::page::Page;
use crate::patience::until;
use crate::stage::Stage;
use crate::tray_host::TrayHost;
use crate::worker::Worker;
use serde_json::Value;
use std::time::Duration;
use tokio::time::Instant;

/// An owner who wonders looks for about so long. It takes a second where nothing else runs.
const SOON: Duration = Duration::from_secs(20);
const HEADLINE: &str = "[data-testid=status-sentence]";
const BELOW: &str = "[data-testid=status-sentence] + p";

/// What the setting calls a language, and its sentences. The words' own tests hold the other catalogue against these.
const LANGUAGES: [(&str, &str); 2] = [
    ("en", include_str!("../../ui/messages/en.json")),
    ("zh-tw", include_str!("../../ui/messages/zh-TW.json")),
];

/// Whether the reason is there, or is over and has to stay so for a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    Now,
    Calming,
    /// Without input it is over at once, and somebody who reads makes none.
    Either,
}

pub struct Voices {
    tray: TrayHost,
    page: Page,
    catalogues: Vec<(&'static str, Value)>,
}

/// What each of the three tells in one language.
#[derive(Debug, PartialEq, Eq)]
struct Told {
    tray: [String; 2],
    command_line: Vec<String>,
    page: [String; 2],
}

impl Voices {
    /// A tray host and a browser, before there is a worker.
    pub async fn open(stage: &Stage) -> Self {
        let tray = TrayHost::start(&stage.bus_address()).await;
        let read = |(name, text)| (name, serde_json::from_str(text).expect("a catalogue"));
        Self { tray, page: Page::browser(stage).await, catalogues: LANGUAGES.map(read).into() }
    }

    /// Turns to a worker that has started; `icons` had shown themselves before it.
    pub async fn listen_to(&self, worker: &Worker<'_>, icons: usize) {
        until("its icon", SOON, async || (self.tray.icons() > icons).then_some(())).await;
        let address = worker.call(&["open"]).await.ok();
        self.page.go(address["url"].as_str().expect("an address")).await;
        self.page.wait_for(HEADLINE).await;
    }

    pub fn icons(&self) -> usize {
        self.tray.icons()
    }

    /// All three tell this reason, in the words of the catalogue, in either language.
    pub async fn tell(&self, worker: &Worker<'_>, reason: &str, when: When) {
        let begun = Instant::now();
        for (language, catalogue) in &self.catalogues {
            worker.call(&["settings", "set", "language", language]).await.ok();
            let mut last = String::new();
            let telling = until("", SOON * 2, async || {
                let decision = worker.snapshot().await["decision"].take();
                let wanted = wanted(reason, decision["until"].as_str(), language, catalogue);
                let told = self.told(worker, wanted.command_line.len()).await?;
                let now = decision["until"].is_null();
                let fits = when == When::Either || now == (when == When::Now);
                let told_by_all = decision["reason"] == reason && fits && told == wanted;
                last = format!("{told:#?} instead of {wanted:#?}, by {decision}");
                told_by_all.then_some(())
            });
            let told = tokio::time::timeout(SOON, telling).await;
            assert!(told.is_ok(), "{reason}, {when:?}, in {language}: {last}");
        }
        println!("{reason}, {when:?}: told by all in both languages after {:.1?}", begun.elapsed());
    }

    /// All three tell that a task is waited for.
    pub async fn tell_ready(&self, worker: &Worker<'_>) {
        for ((language, catalogue), line) in
            self.catalogues.iter().zip(["Ready · waiting for a task", "就緒 · 等待任務"])
        {
            worker.call(&["settings", "set", "language", language]).await.ok();
            let ready = text(catalogue, "say_ready");
            until(&format!("all are ready in {language}"), SOON, async || {
                let told = self.told(worker, 1).await?;
                let same = told.tray[0] == line && told.command_line == [line] && told.page[0] == ready;
                same.then_some(())
            })
            .await;
        }
    }

    /// What is told now, with so many lines of the command line.
    async fn told(&self, worker: &Worker<'_>, lines: usize) -> Option<Told> {
        let mut menu = self.tray.lines().await.into_iter().map(|line| line.label);
        let tray = [menu.next()?, menu.next()?];
        let said = worker.told(&["status"]).await;
        let command_line = said.lines().take(lines).map(str::to_owned).collect();
        // Only the page knows where its lines may be broken.
        let plain = |text: String| text.trim().replace('\u{a0}', " ");
        let page = [plain(self.page.text(HEADLINE).await), plain(self.page.text(BELOW).await)];
        Some(Told { tray, command_line, page })
    }

    /// Ends the browser and takes the tray away.
    pub async fn end(self) {
        self.page.end().await;
    }
}

/// What all three have to tell.
fn wanted(reason: &str, until: Option<&str>, language: &str, catalogue: &Value) -> Told {
    let why = text(catalogue, &format!("because_{reason}"));
    let headline = text(catalogue, "say_yielding").replace("{why}", &why);
    let (below, stop) = match (until, language) {
        (Some(until), "en") => (format!("Goes on at {until}"), "."),
        (Some(until), _) => (format!("{until} 繼續"), "。"),
        (None, "en") => ("Goes on by itself when that is over".to_owned(), "."),
        (None, _) => ("待情況解除後會自動繼續".to_owned(), "。"),
    };
    let mut command_line = vec![headline.clone()];
    command_line.extend(until.map(|_| format!("{below}{stop}")));
    let under = match until {
        Some(until) => text(catalogue, "say_yielding_until").replace("{until}", until),
        None => text(catalogue, "say_yielding_reason"),
    };
    Told { tray: [headline.clone(), below], command_line, page: [headline, under] }
}

fn text(catalogue: &Value, key: &str) -> String {
    let text = catalogue[key].as_str().unwrap_or_else(|| panic!("no {key} in the catalogue"));
    text.replace('\u{a0}', " ")
}
