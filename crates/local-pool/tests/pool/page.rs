use crate::support::Bench;

const FILES: [(&str, &str); 5] = [
    ("/", "text/html; charset=utf-8"),
    ("/page.css", "text/css; charset=utf-8"),
    ("/page.js", "text/javascript; charset=utf-8"),
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

/// Every word used on the page is there in both languages.
#[test]
fn no_word_is_missing_in_either_language() {
    let words = include_str!("../../src/page/words.js");
    let (en, zh) = words.split_once("const zh = {").unwrap();
    let has = |text: &str, key: &str| text.contains(&format!(" {key}: \""));
    let html = include_str!("../../src/page/index.html");
    let script = include_str!("../../src/page/page.js");
    let attributes = html.split("data-word=\"").skip(1).chain(html.split("data-hint=\"").skip(1));
    let calls = script.split("word(\"").skip(1);
    let keys: Vec<&str> = attributes.chain(calls).filter_map(|rest| rest.split('"').next()).collect();
    assert!(keys.len() >= 50, "{}", keys.len());
    for key in keys {
        assert!(has(en, key) && has(zh, key), "{key}");
    }
}
