//! Tasks that the pool pushed and waits for: keyed by task, not by call, so that a repeated call joins what runs.

use super::token::{Doubt, Used};
use hivemind_domain::ids::TaskKey;
use hivemind_domain::resources::Resources;
use hivemind_proto::nodepool::ExecuteTaskResponse;
use hivemind_worker_core::port::{Assigned, Offer};
use std::collections::{HashMap, VecDeque};
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::time::Instant;
use tonic::Status;

/// How a call ends: a gRPC error refuses, which costs no trust.
pub(crate) type End = Result<ExecuteTaskResponse, Status>;

/// Calls that wait for one task: the pool has one or two.
const MOST_WAITERS: usize = 8;
/// Answers that are kept for a pool that did not hear them.
const MOST_ANSWERS: usize = 8;

#[derive(Debug)]
struct Call {
    since: Instant,
    waiters: Vec<oneshot::Sender<End>>,
    stop: bool,
}

/// A call for a task that nobody has any more is ended after this; the worker takes tasks within moments.
const ORPHAN: Duration = Duration::from_secs(10);
/// Bytes of calls that wait for the worker to ask for work.
const MOST_ADMITTING: usize = 8 << 20;
/// Refused tokens in a row from a pool that was believed before.
const MOST_DOUBTS: u32 = 3;

/// What is pushed here.
#[derive(Debug, Default)]
pub(crate) struct Desk {
    calls: HashMap<String, Call>,
    /// The worker's standing question for work.
    taker: Option<(u64, Offer)>,
    free: Option<Resources>,
    /// Bytes of calls in admission.
    admitting: usize,
    pub(crate) used: Used,
    stops: Vec<TaskKey>,
    /// Ends of managed functions: nothing but the answer completes them.
    answers: VecDeque<(String, ExecuteTaskResponse)>,
    /// Whether a task was refused for want of room and the worker has not asked since.
    pub(crate) full: bool,
    /// Calls of the pool's own that were not believed, since one was.
    doubts: u32,
    believed: bool,
}

/// What a request to stop finds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stopping {
    Now,
    Already,
    NotHere,
}

impl Desk {
    /// Waits for the end of a task whose execution is known here; absent when it is not.
    pub(crate) fn join(&mut self, task: &str) -> Option<oneshot::Receiver<End>> {
        let call = self.calls.get_mut(task)?;
        call.waiters.retain(|waiter| !waiter.is_closed());
        let (end, ended) = oneshot::channel();
        if call.waiters.len() >= MOST_WAITERS {
            let _ = end.send(Err(Status::resource_exhausted("too many calls wait for this task")));
        } else {
            call.waiters.push(end);
        }
        Some(ended)
    }

    /// The same of a task that is new here, or that runs since before this program's start.
    pub(crate) fn open(&mut self, task: &str) -> oneshot::Receiver<End> {
        let fresh = || Call { since: Instant::now(), waiters: Vec::new(), stop: false };
        let call = self.calls.entry(task.to_owned()).or_insert_with(fresh);
        let (end, ended) = oneshot::channel();
        call.waiters.push(end);
        ended
    }

    pub(crate) fn len(&self) -> usize {
        self.calls.len()
    }

    /// Ends every call that waits for a task. False where none does, or all have broken off.
    pub(crate) fn end(&mut self, task: &str, end: &End) -> bool {
        let Some(call) = self.calls.remove(task) else { return false };
        let mut heard = false;
        for waiter in call.waiters {
            heard |= waiter.send(end.clone()).is_ok();
        }
        heard
    }

    /// Whether somebody waits for it.
    pub(crate) fn is_awaited(&self, task: &str) -> bool {
        self.calls.get(task).is_some_and(|call| call.waiters.iter().any(|waiter| !waiter.is_closed()))
    }

    /// The worker asks for work.
    pub(crate) fn asks(&mut self, number: u64, offer: Offer) {
        self.taker = Some((number, offer));
        self.free = Some(offer.free);
    }

    /// What the worker offered last.
    pub(crate) fn free(&self) -> Option<Resources> {
        self.free
    }

    /// Whether the worker asks at present.
    pub(crate) fn is_asked(&self) -> bool {
        self.taker.is_some()
    }

    /// Whether there is room for a call in admission.
    pub(crate) fn has_room(&self, bytes: usize) -> bool {
        self.admitting + bytes <= MOST_ADMITTING
    }

    /// Takes it.
    pub(crate) fn admit(&mut self, bytes: usize) {
        self.admitting += bytes;
    }

    /// Gives it back.
    pub(crate) fn admitted(&mut self, bytes: usize) {
        self.admitting = self.admitting.saturating_sub(bytes);
    }

    /// Ends the calls for tasks that nobody has, so that the pool gives them to somebody.
    pub(crate) fn end_orphans(&mut self, has: impl Fn(&str) -> bool) {
        let lost = |(task, call): &(&String, &Call)| call.since.elapsed() >= ORPHAN && !has(task);
        let lost: Vec<String> = self.calls.iter().filter(lost).map(|(task, _)| task.clone()).collect();
        for task in lost {
            self.end(&task, &Err(Status::unavailable("this worker does not have the task any more")));
        }
        let calls = &self.calls;
        self.stops.retain(|key| calls.contains_key(key.task.as_str()));
    }

    /// Whether the pool pushed it and its end was not told yet.
    pub(crate) fn has(&self, task: &str) -> bool {
        self.calls.contains_key(task)
    }

    /// It asks no longer.
    pub(crate) fn asks_no_more(&mut self, number: u64) {
        self.taker.take_if(|(asked, _)| *asked == number);
    }

    /// Gives a task to the worker that asks, if it fits.
    pub(crate) fn takes(&mut self, assigned: &Assigned) -> Fit {
        let Some((_, offer)) = self.taker else { return Fit::NobodyAsks };
        let assignment = &assigned.assignment;
        if assignment.function.is_none() && !offer.containers {
            return Fit::Never("this computer has no container engine at present");
        }
        if !offer.free.covers(assignment.limits.resources) {
            return if offer.running == 0 {
                Fit::Never("it needs more than this computer lends")
            } else {
                Fit::NobodyAsks
            };
        }
        self.taker = None;
        Fit::Taken
    }

    /// What the worker offers, while it has everything to offer.
    pub(crate) fn whole_offer(&self) -> Option<Resources> {
        self.taker.filter(|(_, offer)| offer.running == 0 && offer.containers).map(|(_, offer)| offer.free)
    }

    pub(crate) fn stop(&mut self, task: &str, key: Option<TaskKey>) -> Stopping {
        let Some(call) = self.calls.get_mut(task) else { return Stopping::NotHere };
        if std::mem::replace(&mut call.stop, true) {
            return Stopping::Already;
        }
        self.stops.extend(key);
        Stopping::Now
    }

    /// Whether its end was asked for.
    pub(crate) fn is_stopped(&self, task: &str) -> bool {
        self.calls.get(task).is_some_and(|call| call.stop)
    }

    /// Tasks whose end was asked for and not told to the worker yet.
    pub(crate) fn stops(&self) -> Vec<TaskKey> {
        self.stops.clone()
    }

    /// These were told.
    pub(crate) fn stopped(&mut self, told: &[TaskKey]) {
        self.stops.retain(|key| !told.contains(key));
    }

    /// Keeps an answer, in case that the pool asks again.
    pub(crate) fn keep(&mut self, task: &str, answer: ExecuteTaskResponse) {
        self.answers.retain(|(kept, _)| kept != task);
        if self.answers.len() >= MOST_ANSWERS {
            self.answers.pop_front();
        }
        self.answers.push_back((task.to_owned(), answer));
    }

    pub(crate) fn kept(&self, task: &str) -> Option<ExecuteTaskResponse> {
        self.answers.iter().find(|(kept, _)| kept == task).map(|(_, answer)| answer.clone())
    }

    /// Notes what a token was worth. `of_the_pool`: whether it came from the pool's own address.
    pub(crate) fn note(&mut self, doubt: Option<Doubt>, of_the_pool: bool) {
        match doubt {
            None => (self.believed, self.doubts) = (true, 0),
            // What is signed wrongly, is out of time or names another worker would be so every time.
            Some(Doubt::Forged | Doubt::Expired | Doubt::OtherWorker) if of_the_pool => {
                self.doubts = self.doubts.saturating_add(1);
            }
            Some(_) => {}
        }
    }

    /// Whether the pool's calls cannot be believed: another key, another clock.
    pub(crate) fn is_doubtful(&self) -> bool {
        self.doubts > if self.believed { MOST_DOUBTS } else { 0 }
    }
}

/// Whether a task goes to the worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fit {
    Taken,
    /// Not now.
    NobodyAsks,
    /// Not at all.
    Never(&'static str),
}
