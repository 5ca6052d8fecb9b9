//! What it did and why, from the book of seconds.

use super::Shared;
use super::handle::store_problem;
use hivemind_control::{ApiError, ErrorCode, ReasonSum, SpanView, TimelineQuery, TimelineView};
use hivemind_domain::rules::{Book, Span};
use hivemind_domain::time::WallMs;

const DAY_MS: i64 = 86_400_000;
/// As much as is told at once.
const MOST_MS: i64 = 31 * DAY_MS;

/// Answers a question about the book.
///
/// # Errors
/// When the bounds are the wrong way round or too far apart, or the book cannot be read.
pub(super) async fn timeline(shared: &Shared, query: TimelineQuery) -> Result<TimelineView, ApiError> {
    let now = shared.ports.clock.now().wall;
    let to = query.to_ms.map_or(now, WallMs).min(now);
    let from = query.from_ms.map_or(WallMs(to.0.saturating_sub(DAY_MS)), WallMs);
    if !(0..=MOST_MS).contains(&to.0.saturating_sub(from.0)) {
        let text = format!("from {} to {}: allowed are 0 to 31 days that are over", from.0, to.0);
        return Err(ApiError::new(ErrorCode::InvalidRequest, text));
    }
    let mut spans = shared.ports.book.spans(from, to).await.map_err(store_problem)?;
    let present = *super::lock(&shared.present_span);
    if let Some(present) = present.and_then(|span| Span { to: now, ..span }.within(from, to)) {
        // It may be kept already, as far as it went then.
        spans.retain(|span| span.from < present.from);
        spans.push(present);
    }
    let spans = touching(spans);
    let mut sums: Vec<ReasonSum> = Book::sums(&spans)
        .into_iter()
        .map(|(reason, sum)| ReasonSum { reason: reason.into(), ms: sum.ms, working_ms: sum.working_ms })
        .collect();
    sums.sort_by_key(|sum| std::cmp::Reverse(sum.ms));
    let shown = spans.into_iter().map(|span| SpanView {
        from_ms: span.from.0,
        to_ms: span.to.0,
        reason: span.reason.into(),
        working: span.working,
        lends: span.lends(),
    });
    Ok(TimelineView { from_ms: from.0, to_ms: to.0, spans: shown.collect(), sums })
}

/// No two overlap (a clock that was set back makes them), and alike ones that touch are one.
fn touching(spans: Vec<Span>) -> Vec<Span> {
    let mut clean: Vec<Span> = Vec::new();
    for mut span in spans {
        if let Some(last) = clean.last_mut() {
            span.from = span.from.max(last.to);
            if span.to <= span.from {
                continue;
            }
            let alike = |other: &Span| {
                (other.reason, other.working, other.lends()) == (span.reason, span.working, span.lends())
            };
            if last.to == span.from && alike(last) {
                last.to = span.to;
                continue;
            }
        }
        clean.push(span);
    }
    clean
}

#[cfg(test)]
mod tests {
    use super::*;
    use hivemind_domain::rules::Reason;

    fn span(from: i64, to: i64, reason: Reason) -> Span {
        Span { from: WallMs(from), to: WallMs(to), reason, working: false, took: None }
    }

    #[test]
    fn spans_never_overlap_and_alike_ones_are_one() {
        let spans = vec![
            span(0, 10, Reason::Free),
            span(10, 20, Reason::Free),
            span(15, 30, Reason::InUse),
            span(18, 25, Reason::Off),
            span(40, 50, Reason::Free),
        ];
        assert_eq!(
            touching(spans),
            [span(0, 20, Reason::Free), span(20, 30, Reason::InUse), span(40, 50, Reason::Free)]
        );
    }
}
