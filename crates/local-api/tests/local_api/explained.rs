//! What a person reads in a browser where there is no screen to show, in either language; programs get none of it.

use crate::http::{Answer, Site};

const PAGES: &str = "Accept: text/html,application/xhtml+xml,*/*;q=0.8";
const CHINESE: &str = "Accept-Language: zh-TW,zh;q=0.9,en;q=0.8";

fn is_page(answer: &Answer, lang: &str) -> bool {
    answer.header("content-type") == Some("text/html; charset=utf-8")
        && answer.header("content-language") == Some(&lang.to_ascii_lowercase())
        && answer.header("vary") == Some("accept-language")
        && answer.body.contains(&format!("<html lang=\"{lang}\">"))
        && !answer.body.contains('{')
}

/// A request, its status, and a part of its page in English and Chinese.
const REFUSED: [(&str, &[&str], u16, &str, &str); 6] = [
    ("/pair?code=0", &[], 403, "no longer works", "這個連結已失效"),
    ("/metrics", &[], 401, "is not paired yet", "尚未配對"),
    ("/events", &[], 401, "is not paired yet", "尚未配對"),
    ("/nothing-here", &[], 404, "nothing at this address", "沒有任何內容"),
    ("/", &["Sec-Fetch-Site: cross-site"], 403, "Another site led here", "其他網站"),
    ("/", &["Host: rebound.test"], 421, "answers only to localhost", "只接受 localhost"),
];

#[tokio::test]
async fn a_person_reads_why_in_the_language_of_the_browser() {
    let site = Site::open().await;
    let own = format!("Host: {}", site.host());
    for (path, headers, status, english, chinese) in REFUSED {
        for (wish, lang, words, other) in
            [(CHINESE, "zh-TW", chinese, english), ("Accept-Language: de", "en", english, chinese)]
        {
            let host =
                if headers.iter().any(|h| h.starts_with("Host:")) { vec![] } else { vec![own.as_str()] };
            let all = [&host[..], headers, &[PAGES, wish]].concat();
            let answer = site.raw(&crate::http::request("GET", path, &all, "")).await;
            assert_eq!(answer.status, status, "{path} {headers:?}");
            assert!(is_page(&answer, lang), "{path} {headers:?}: {} {}", answer.head, answer.body);
            assert!(answer.body.contains(words) && !answer.body.contains(other), "{}", answer.body);
            assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "sealed like all others");
            assert_eq!(answer.header("cache-control"), Some("no-store"));
        }
    }
    assert_eq!(site.worker.take_calls(), []);
}

#[tokio::test]
async fn programs_and_scripts_get_what_they_can_read() {
    let site = Site::open().await;
    for accept in ["Accept: */*", "Accept: application/json", "Accept: text/event-stream"] {
        for path in ["/metrics", "/events"] {
            let answer = site.get(path, &[accept, CHINESE]).await;
            assert_eq!((answer.status, answer.code()), (401, "NOT_PAIRED".into()), "{path} {accept}");
        }
    }
    let own = site.page_headers();
    let headers: Vec<&str> = own.iter().map(String::as_str).chain([PAGES]).collect();
    let answer = site.raw(&crate::http::request("POST", "/rpc/quit", &headers, "null")).await;
    assert_eq!((answer.status, answer.code()), (403, "FORBIDDEN".into()), "a call is no page");
    // Nor is anything replaced that is no refusal.
    let health = site.get("/healthz", &[PAGES]).await;
    assert_eq!((health.status, health.body.as_str()), (200, "ok\n"));
}

/// Whatever was asked for, nothing of it comes back.
#[tokio::test]
async fn nothing_of_the_request_is_said_again() {
    let site = Site::open().await;
    for path in ["/pair?code=%3Cb%3Emarked", "/marked", "/pair?code=marked"] {
        let answer = site.get(path, &[PAGES, "Accept-Language: zh-marked", "Cookie: marked=1"]).await;
        assert!(answer.status >= 400 && !answer.body.contains("marked"), "{path}: {}", answer.body);
    }
}
