//! The requesters' page of the pool in a real browser: from signing up to the downloaded result.

use crate::package::{sha256, text_of, zipped};
use crate::page::Page;
use crate::patience::{LONG, until};
use crate::pool::Pool;
use crate::stage::{BROWSER, Stage};
use crate::worker::Worker;

/// Prints for some seconds, so that the log can be seen to come while it runs.
const PROGRAM: &str = r#"
import os, time
print('begins', flush=True)
for n in range(16):
    print('tick', n, flush=True)
    time.sleep(0.5)
os.makedirs(os.environ['HIVEMIND_OUTPUT'], exist_ok=True)
with open(os.environ['HIVEMIND_OUTPUT'] + '/answer.txt', 'w') as file:
    file.write('42')
print('ends <b>bold</b>', flush=True)
"#;

/// The value beside a word in the list of facts.
const FACT: &str = "const all = [...document.querySelectorAll('#facts dt')];
    return all.find((dt) => dt.textContent === WORD)?.nextElementSibling?.textContent ?? null;";

async fn fact(page: &Page, word: &str) -> Option<String> {
    let body = FACT.replace("WORD", &serde_json::json!(word).to_string());
    page.script(&body).await.as_str().map(str::to_owned)
}

#[tokio::test]
async fn a_task_is_handed_in_watched_and_paid_on_the_requesters_page() {
    let name = "a_task_is_handed_in_watched_and_paid_on_the_requesters_page";
    let Some(stage) = Stage::open(name, BROWSER).await else { return };
    let mut pool = Pool::open(&stage.scene).await;
    let works = pool.person("works").await;
    let mut worker = Worker::contributing(&stage.scene, "worker", &pool, &works).await;
    let before = works.balance().await;
    let package = stage.scene.path("ticks.zip");
    std::fs::write(&package, zipped(&[("main.py", PROGRAM)])).expect("a package");

    let page = Page::browser(&stage).await;
    page.go(&pool.url).await;
    page.type_into("#sign-in [name=username]", "asks").await;
    page.type_into("#sign-in [name=password]", crate::requester::PASSWORD).await;
    page.click("#sign-in button[value=register]").await;
    until("the balance on the page", LONG, async || (page.text("#balance").await == "150 CPT").then_some(()))
        .await;
    page.wait_for("#new-task").await;
    page.type_into("#new-task [name=task_name]", "ticks <i>by page</i>").await;
    // What is no package is refused in a sentence, and what was filled in stays.
    let other = stage.scene.path("letter.zip");
    std::fs::write(&other, "dear pool").expect("a file");
    page.type_into("#new-task [name=task_file]", &other.display().to_string()).await;
    page.click("#submit").await;
    page.wait_for("#notice.bad:not([hidden])").await;
    assert_eq!(page.text("#notice").await, "“Zip file” must be a zip file.");
    assert!(page.is_there("#sending[hidden]").await, "nothing is on its way");
    page.type_into("#new-task [name=task_file]", &package.display().to_string()).await;
    page.script("document.querySelector('#new-task [name=memory_gb]').value = '0.25';").await;
    page.script("document.querySelector('#new-task [name=cpu_cores]').value = '0.5';").await;
    page.click("#submit").await;

    // The log comes while the program runs.
    until("the first line on the page", LONG, async || {
        page.text("#log").await.contains("tick 0\n").then_some(())
    })
    .await;
    let log = page.text("#log").await;
    assert!(!log.contains("ends"), "it came at the end only: {log}");
    let id = fact(&page, "Task").await.expect("the task's id");
    until("the task's end on the page", LONG, async || {
        page.is_there("#tasks .state.good").await.then_some(())
    })
    .await;
    until("the last line on the page", LONG, async || {
        page.text("#log").await.contains("ends <b>bold</b>").then_some(())
    })
    .await;
    assert!(!page.is_there("#log b, #tasks i").await, "text stays text");
    until("the report on the page", LONG, async || fact(&page, "Outcome").await).await;
    assert_eq!(fact(&page, "Exit code").await.as_deref(), Some("0"));

    // The result, as the browser saves it.
    let told = fact(&page, "Result SHA-256").await.expect("a hash");
    page.click("#tasks button[aria-label^=Download]").await;
    let saved = stage.scene.path("downloads").join(format!("{id}.zip"));
    let bytes = until("the download", LONG, async || {
        // The browser writes under another name until it has everything.
        std::fs::read(&saved).ok().filter(|bytes| !bytes.is_empty())
    })
    .await;
    assert_eq!(sha256(&bytes), told);
    assert_eq!(text_of(&bytes, "answer.txt"), "42");

    // What one paid the other got.
    let receipt = worker.closed(&id, 1).await;
    let credited = receipt["credited_cpt"].as_i64().expect("CPT");
    assert!(credited >= 1, "{receipt}");
    let left = format!("{} CPT", 150 - credited);
    until("the new balance on the page", LONG, async || (page.text("#balance").await == left).then_some(()))
        .await;
    assert_eq!(works.balance().await - before, credited);

    // CPT are sent to somebody who is there, and to nobody else.
    page.type_into("#transfer [name=to]", "nobody-here").await;
    page.type_into("#transfer [name=amount]", "5").await;
    page.click("#transfer button").await;
    page.wait_for("#notice.bad:not([hidden])").await;
    assert_eq!(page.text("#balance").await, left);
    page.retype("#transfer [name=to]", "works").await;
    page.click("#transfer button").await;
    page.wait_for("#notice.good:not([hidden])").await;
    let rest = format!("{} CPT", 145 - credited);
    until("the balance after sending", LONG, async || (page.text("#balance").await == rest).then_some(()))
        .await;
    assert_eq!(works.balance().await - before, credited + 5);
    until("the computer in the list", LONG, async || page.is_there("#nodes tr").await.then_some(())).await;
    page.end().await;
    worker.end().await;
    pool.close_and_audit().await;
    stage.close().await;
}
