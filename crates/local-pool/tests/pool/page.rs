use crate::support::Bench;
use std::collections::BTreeSet;

const FILES: [(&str, &str); 8] = [
    ("/", "text/html; charset=utf-8"),
    ("/page.css", "text/css; charset=utf-8"),
    ("/page.js", "text/javascript; charset=utf-8"),
    ("/refused.js", "text/javascript; charset=utf-8"),
    ("/sending.js", "text/javascript; charset=utf-8"),
    ("/upload.js", "text/javascript; charset=utf-8"),
    ("/words.js", "text/javascript; charset=utf-8"),
    ("/icon.svg", "image/svg+xml"),
];

#[tokio::test]
async fn the_page_is_served_under_a_strict_policy_and_asks_nobody_else() {
    let bench = Bench::start().await;
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    for (path, kind) in FILES {
        let answer = client.get(format!("http://{}{path}", bench.pool.http_addr())).send().await.unwrap();
        assert_eq!(
            (answer.status().as_u16(), answer.headers()["content-type"].as_bytes()),
            (200, kind.as_bytes())
        );
        let policy = answer.headers()["content-security-policy"].to_str().unwrap().to_owned();
        assert!(policy.starts_with("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
        assert_eq!(answer.headers()["x-content-type-options"], "nosniff");
        let text = answer.text().await.unwrap();
        let foreign = text.replace("http://www.w3.org/2000/svg", "");
        for forbidden in [
            "http://",
            "https://",
            "innerHTML",
            "insertAdjacentHTML",
            "document.write",
            "eval(",
            " style=",
            " onclick=",
        ] {
            assert!(!foreign.contains(forbidden), "{path} holds {forbidden}");
        }
    }
}

const WORDS: &str = include_str!("../../src/page/words.js");

/// The names of the words in one language.
fn keys(text: &str) -> BTreeSet<&str> {
    let names = text.split(": \"").filter_map(|before| before.rsplit([' ', '\n']).next());
    names
        .filter(|name| !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_'))
        .collect()
}

/// Every word used on the page is there in both languages.
#[test]
fn no_word_is_missing_in_either_language() {
    let (en, zh) = WORDS.split_once("const zh = {").unwrap();
    let (en, zh) = (keys(en), keys(zh.split_once("};").unwrap().0));
    assert_eq!(en.symmetric_difference(&zh).collect::<Vec<_>>(), Vec::<&&str>::new());
    let html = include_str!("../../src/page/index.html");
    let scripts = [
        include_str!("../../src/page/page.js"),
        include_str!("../../src/page/refused.js"),
        include_str!("../../src/page/sending.js"),
    ];
    let marks = ["data-word=\"", "data-hint=\"", "data-label=\""];
    let attributes = marks.iter().flat_map(|mark| html.split(mark).skip(1));
    let calls = scripts.iter().flat_map(|script| script.split("word(\"").skip(1));
    let used: Vec<&str> = attributes.chain(calls).filter_map(|rest| rest.split('"').next()).collect();
    assert!(used.len() >= 60, "{}", used.len());
    for key in used {
        assert!(en.contains(key), "{key}");
    }
}

/// What a requester can be refused for is said in both languages, and so is every field of the form.
#[test]
fn every_refusal_a_requester_meets_has_words() {
    let (en, _) = WORDS.split_once("const zh = {").unwrap();
    let en = keys(en);
    for code in [
        "SIGN_IN_NEEDED",
        "SESSION_EXPIRED",
        "WRONG_CREDENTIALS",
        "RATE_LIMITED",
        "TOO_MANY_TASKS",
        "NAME_TAKEN",
        "SUPPLY_EXHAUSTED",
        "TASK_UNKNOWN",
        "USER_UNKNOWN",
        "NO_RESULT",
        "TOO_LARGE",
        "INSUFFICIENT_FUNDS",
        "INVALID_FIELD",
        "UNAVAILABLE",
        "INTERNAL",
    ] {
        assert!(include_str!("../../src/error.rs").contains(&format!("\"{code}\"")), "{code} is none");
        assert!(en.contains(format!("refused_{code}").as_str()), "{code}");
    }
    let html = include_str!("../../src/page/index.html");
    let named = html.split(" name=\"").skip(1).filter_map(|rest| rest.split('"').next());
    for name in named.filter(|name| !["gpu_required", "to", "viewport", "color-scheme"].contains(name)) {
        assert!(en.contains(format!("must_{name}").as_str()), "{name}");
    }
}
