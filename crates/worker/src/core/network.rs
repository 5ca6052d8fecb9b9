//! What tasks may reach, and what the owner is asked about.

use super::Core;
use hivemind_control::{ApiError, ErrorCode, HostQuestion, Level};
use hivemind_domain::hosts::HostRule;
use hivemind_domain::network::{self, NetworkRefusal};
use hivemind_domain::task::{Assignment, NetworkNeed};
use hivemind_domain::text::plain_line;
use hivemind_domain::time::Now;

/// Questions kept; the oldest are forgotten.
const MAX_QUESTIONS: usize = 32;

/// What the owner said and did not say.
#[derive(Debug, Default)]
pub(super) struct NetworkDesk {
    once: Vec<HostRule>,
    questions: Vec<HostQuestion>,
}

impl NetworkDesk {
    /// Newest first.
    pub(super) fn questions(&self) -> Vec<HostQuestion> {
        self.questions.iter().rev().cloned().collect()
    }

    /// The owner has decided; `once` lets the next task through.
    pub(super) fn decided(&mut self, rule: HostRule, once: bool) {
        let host = rule.to_string();
        self.questions.retain(|question| question.host != host);
        if once {
            network::allow_once(&mut self.once, rule);
        }
    }

    fn ask(&mut self, rules: &[HostRule], task: &str, now: Now) {
        for rule in rules {
            let host = rule.to_string();
            self.questions.retain(|question| question.host != host);
            self.questions.push(HostQuestion {
                host,
                task_name: plain_line(task, 128),
                asked_at_ms: now.wall.0,
            });
        }
        let more = self.questions.len().saturating_sub(MAX_QUESTIONS);
        self.questions.drain(..more);
    }
}

impl Core {
    /// Whether the owner lets an assignment reach what it declares; asks where nobody has decided. Comes last of all
    /// checks: a yes for once is used up by it.
    pub(super) fn judge_network(&mut self, assignment: &Assignment, now: Now) -> Result<(), ApiError> {
        let NetworkNeed::Hosts(hosts) = &assignment.network else { return Ok(()) };
        let refusal = match self.limits.network.judge(hosts, &mut self.network.once) {
            Ok(_) => return Ok(()),
            Err(refusal) => refusal,
        };
        let code = match &refusal {
            NetworkRefusal::Undecided(rules) => {
                self.network.ask(rules, &assignment.name, now);
                ErrorCode::NetworkQuestion
            }
            NetworkRefusal::NoNetwork | NetworkRefusal::Malformed { .. } | NetworkRefusal::NotAllowed(_) => {
                ErrorCode::NetworkRefused
            }
        };
        let sentence = format!("{}: {refusal}", assignment.key);
        Err(ApiError::new(code, sentence).with("task", assignment.key.task.as_str()))
    }

    /// Told once per question, not per task that asks.
    pub(super) fn network_notice(&mut self, problem: ApiError, now: Now) {
        let told = self.notices.iter().any(|notice| {
            notice.error.code == problem.code && same_reason(&notice.error.message, &problem.message)
        });
        if !told {
            let asks = problem.code == ErrorCode::NetworkQuestion;
            self.notice(if asks { Level::Warning } else { Level::Notice }, problem, now);
        }
    }
}

/// The sentences without the attempt they begin with.
fn same_reason(a: &str, b: &str) -> bool {
    let reason = |text: &str| text.split_once(": ").map(|(_, reason)| reason.to_owned());
    reason(a) == reason(b)
}
