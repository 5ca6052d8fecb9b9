//! One attempt and how it went.

use std::fmt::Write;

/// What is tried.
pub struct Attack {
    /// A stable word; translations go by it.
    pub name: &'static str,
    /// What a task cannot do, for people.
    pub what: &'static str,
    /// Tries it. The word is the port of a listener on the computer's own loopback.
    pub attempt: fn(Option<&str>) -> Outcome,
    /// Being killed for it is what should happen.
    pub killed_is_denied: bool,
}

/// How it went.
#[derive(Debug)]
pub struct Outcome {
    pub denied: bool,
    /// What was seen.
    pub evidence: String,
}

impl Outcome {
    pub fn denied(evidence: impl Into<String>) -> Self {
        Self { denied: true, evidence: evidence.into() }
    }

    pub fn through(evidence: impl Into<String>) -> Self {
        Self { denied: false, evidence: evidence.into() }
    }

    /// Denied when `result` is an error, whatever it is.
    pub fn of<T>(what: &str, result: Result<T, impl std::fmt::Display>) -> Self {
        match result {
            Ok(_) => Self::through(format!("{what}: it worked")),
            Err(error) => Self::denied(format!("{what}: {error}")),
        }
    }

    /// Denied when each of them is; the evidence is the last one's, or the first that got through.
    pub fn each(outcomes: impl IntoIterator<Item = Self>) -> Self {
        let mut last = None;
        for outcome in outcomes {
            if !outcome.denied {
                return outcome;
            }
            last = Some(outcome);
        }
        last.unwrap_or_else(|| Self::through("nothing was tried"))
    }
}

impl Attack {
    /// One that must not be ended from outside.
    pub const fn new(name: &'static str, what: &'static str, attempt: fn(Option<&str>) -> Outcome) -> Self {
        Self { name, what, attempt, killed_is_denied: false }
    }

    /// One line of JSON.
    pub fn line(&self, outcome: &Outcome) -> String {
        format!(
            r#"{{"name":{},"what":{},"denied":{},"evidence":{}}}"#,
            quoted(self.name),
            quoted(self.what),
            outcome.denied,
            quoted(&outcome.evidence)
        )
    }
}

/// A JSON string.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for letter in text.chars() {
        match letter {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            control if control < ' ' => {
                let _ = write!(quoted, "\\u{:04x}", u32::from(control));
            }
            other => quoted.push(other),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_json() {
        let attack = Attack::new("x", "say \"no\"", |_| Outcome::denied(""));
        let line = attack.line(&Outcome::through("a\\b\n\u{1b}[0m 錯"));
        assert_eq!(
            line,
            r#"{"name":"x","what":"say \"no\"","denied":false,"evidence":"a\\b\u000a\u001b[0m 錯"}"#
        );
    }

    #[test]
    fn one_that_gets_through_decides() {
        let outcome = Outcome::each([Outcome::denied("a"), Outcome::through("b"), Outcome::denied("c")]);
        assert!(!outcome.denied && outcome.evidence == "b");
        assert!(Outcome::each([Outcome::denied("a")]).denied);
        assert!(!Outcome::each([]).denied, "nothing tried is nothing known");
    }
}
