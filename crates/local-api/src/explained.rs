//! Pages that the worker writes itself: what a person reads in a browser where there is no screen to show. They hold no
//! data, and nothing of what was asked comes back in them.

mod chinese;
mod english;

use crate::sessions::Via;
use crate::tongue::Tongue;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};

const FRAME: &str = include_str!("explained/frame.html");
const HTML: &str = "text/html; charset=utf-8";

/// What is explained.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Page {
    /// A link that does not pair, on this computer.
    StaleCode,
    /// The same from the local network.
    StaleLanCode,
    /// A caller who has sent too many wrong links.
    TooMany,
    /// Something for paired browsers only, on this computer.
    NotPaired,
    /// The same from the local network.
    NotPairedLan,
    /// A host name that is not ours.
    WrongName,
    /// The same at the local network's door.
    WrongLanName,
    /// A page of another site pointed here.
    LedHere,
    /// An address without anything.
    NothingHere,
    /// A build without screens.
    NotBuilt,
}

/// Words of a page: HTML of our own, with nothing put in.
struct Said {
    title: &'static str,
    text: &'static str,
}

impl Page {
    /// The page as an answer.
    pub(crate) fn answer(self, status: StatusCode, tongue: Tongue) -> Response {
        let said = match tongue {
            Tongue::English => english::said(self),
            Tongue::Chinese => chinese::said(self),
        };
        let html =
            FRAME.replace("{lang}", tongue.tag()).replace("{title}", said.title).replace("{text}", said.text);
        let headers: [(HeaderName, &str); 3] = [
            (header::CONTENT_TYPE, HTML),
            (header::CONTENT_LANGUAGE, tongue.tag()),
            (header::VARY, "accept-language"),
        ];
        (status, headers, html).into_response()
    }
}

/// Whoever reads an answer as a page: a person before a browser that goes to an address.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reader(Tongue);

impl Reader {
    /// Nobody where a program or a script asks: they get what they can read.
    pub(crate) fn of(request: &Parts) -> Option<Self> {
        let page = request.method == Method::GET && accepts_pages(&request.headers);
        page.then(|| Self(Tongue::of(&request.headers)))
    }

    /// The answer, as a page where it is a refusal that a person can meet.
    pub(crate) fn explained(self, response: Response, via: Via) -> Response {
        let is_page = response.headers().get(header::CONTENT_TYPE).is_some_and(|kind| kind == HTML);
        match refusal(response.status(), via) {
            Some(page) if !is_page => page.answer(response.status(), self.0),
            _ => response,
        }
    }
}

fn accepts_pages(headers: &HeaderMap) -> bool {
    let accepted = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    accepted.split([',', ';']).any(|kind| kind.trim().eq_ignore_ascii_case("text/html"))
}

fn refusal(status: StatusCode, via: Via) -> Option<Page> {
    Some(match (status, via) {
        (StatusCode::UNAUTHORIZED, Via::Loopback) => Page::NotPaired,
        (StatusCode::UNAUTHORIZED, Via::Lan) => Page::NotPairedLan,
        (StatusCode::MISDIRECTED_REQUEST, Via::Loopback) => Page::WrongName,
        (StatusCode::MISDIRECTED_REQUEST, Via::Lan) => Page::WrongLanName,
        (StatusCode::FORBIDDEN, _) => Page::LedHere,
        (StatusCode::NOT_FOUND, _) => Page::NothingHere,
        _ => return None,
    })
}
