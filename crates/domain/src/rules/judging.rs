//! One decision in the making, and what is remembered for the next.

use super::{
    Decision, GiveWay, Overrides, Reason, Rules, Schedule, Sensor, Share, Signal, Signals, Snooze, Verdict,
    traffic,
};
use crate::resources::GIB;
use crate::time::{Mono, Now, WallMs};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Readings beyond are no temperature of a running computer.
const HOTTEST: f32 = 150.0;
/// More room than was missing is wanted before the disk counts as free again.
const DISK_SLACK: u64 = GIB;

/// What one decision leaves for the next. A reason that was seen is held until everything was calm for a while.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Memory {
    seen: BTreeMap<Reason, Now>,
    latched: BTreeSet<Latch>,
    busy_since: Option<Mono>,
    /// When a program that wants GPUs for itself was there last.
    gpu_app: Option<Mono>,
}

/// A gauge that is above its threshold and has not fallen far enough since.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Latch {
    CpuHot,
    CpuCritical,
    GpuHot,
    GpuCritical,
    Disk,
}

pub(super) struct Judging<'a> {
    rules: &'a Rules,
    memory: Memory,
    now: Now,
    /// What was found, and when it ends by itself.
    found: BTreeMap<Reason, Option<WallMs>>,
    unreadable: Vec<Sensor>,
    ignored: Vec<Sensor>,
    look_after: Option<Duration>,
    closes_at: Option<WallMs>,
    gpu_snooze: Option<Snooze>,
    gpu_app: bool,
}

impl<'a> Judging<'a> {
    pub(super) fn new(rules: &'a Rules, memory: Memory, now: Now) -> Self {
        Self {
            rules,
            memory,
            now,
            found: BTreeMap::new(),
            unreadable: Vec::new(),
            ignored: Vec::new(),
            look_after: None,
            closes_at: None,
            gpu_snooze: None,
            gpu_app: false,
        }
    }

    /// Notes a reason and when it ends by itself.
    pub(super) fn find(&mut self, reason: Reason, ends: Option<WallMs>) {
        self.found.insert(reason, ends);
    }

    /// Asks for another look after so long.
    fn look(&mut self, after: Duration) {
        self.look_after = Some(self.look_after.map_or(after, |sooner| sooner.min(after)));
    }

    fn look_at(&mut self, at: WallMs) {
        let ms = at.0.saturating_sub(self.now.wall.0);
        self.look(Duration::from_millis(u64::try_from(ms).unwrap_or(0).max(1)));
    }

    /// A reason from a sensor: holds while `present`, and for a calm while afterwards, at least `least`.
    fn see(&mut self, reason: Reason, present: bool, least: Duration) {
        let hold = self.rules.calm.max(least);
        if present {
            self.memory.seen.insert(reason, self.now);
            self.find(reason, None);
            return;
        }
        let Some(seen) = self.memory.seen.get(&reason).copied() else { return };
        let passed = self.now.mono.since(seen.mono);
        if passed < hold {
            let ms = i64::try_from(hold.as_millis()).unwrap_or(i64::MAX);
            self.find(reason, Some(WallMs(seen.wall.0.saturating_add(ms))));
            self.look(hold.saturating_sub(passed));
        } else {
            self.memory.seen.remove(&reason);
        }
    }

    /// What was seen before was there until so long ago.
    fn last_seen(&mut self, reason: Reason, ago: Duration) {
        let ms = i64::try_from(ago.as_millis()).unwrap_or(i64::MAX);
        let mono = Mono(self.now.mono.0.saturating_sub(ago));
        if let Some(seen) = self.memory.seen.get_mut(&reason).filter(|seen| seen.mono < mono) {
            *seen = Now { mono, wall: WallMs(self.now.wall.0.saturating_sub(ms)) };
        }
    }

    /// A reading that can be believed.
    fn read<T>(&mut self, sensor: Sensor, signal: Signal<T>, believed: impl Fn(&T) -> bool) -> Option<T> {
        match signal {
            Signal::Absent => None,
            Signal::Unreadable => {
                self.unreadable.push(sensor);
                None
            }
            Signal::Value(value) if believed(&value) => Some(value),
            Signal::Value(_) => {
                self.ignored.push(sensor);
                None
            }
        }
    }

    fn is(&mut self, sensor: Sensor, signal: Signal<bool>) -> bool {
        self.read(sensor, signal, |_| true).unwrap_or(false)
    }

    /// Sets the latch when `on`, keeps it while `stays`.
    fn latch(&mut self, latch: Latch, on: bool, stays: bool) -> bool {
        let set = on || (stays && self.memory.latched.contains(&latch));
        if set {
            self.memory.latched.insert(latch);
        } else {
            self.memory.latched.remove(&latch);
        }
        set
    }

    fn heat(&mut self, reading: Option<f32>, limit: u8, latches: (Latch, Latch)) -> (bool, bool) {
        let over = |by: u8, slack: u8| {
            reading.is_some_and(|celsius| celsius >= f32::from(limit) + f32::from(by) - f32::from(slack))
        };
        let (critical, slack) = (self.rules.heat_critical, self.rules.heat_slack);
        let hot = self.latch(latches.0, over(0, 0), over(0, slack));
        (hot, self.latch(latches.1, over(critical, 0), over(critical, slack)))
    }

    pub(super) fn sensors(&mut self, signals: &Signals) {
        let rules = self.rules;
        let at_once = Duration::ZERO;
        if self.is(Sensor::Suspend, signals.suspending) {
            self.find(Reason::Suspending, None);
        }
        if self.is(Sensor::Update, signals.updating) {
            self.find(Reason::Updating, None);
        }
        let free = self.read(Sensor::Disk, signals.disk_free, |_| true);
        let below = |room: u64| free.is_some_and(|free| free < room);
        if self.latch(Latch::Disk, below(rules.keep_free), below(rules.keep_free.saturating_add(DISK_SLACK)))
        {
            self.find(Reason::DiskLow, None);
        }
        let believed = |celsius: &f32| *celsius > 0.0 && *celsius <= HOTTEST;
        let cpu = self.read(Sensor::CpuHeat, signals.cpu_celsius, believed);
        let gpu = self.read(Sensor::GpuHeat, signals.gpu_celsius, believed);
        let cpu = self.heat(cpu, rules.cpu_celsius, (Latch::CpuHot, Latch::CpuCritical));
        let gpu = self.heat(gpu, rules.gpu_celsius, (Latch::GpuHot, Latch::GpuCritical));
        self.see(Reason::CriticallyHot, cpu.1 || gpu.1, at_once);
        self.see(Reason::TooHot, cpu.0 || gpu.0, at_once);
        let battery = self.is(Sensor::Battery, signals.on_battery);
        self.see(Reason::OnBattery, battery && !rules.on_battery, rules.ac_for);
        let exclusive = self.is(Sensor::ExclusiveApp, signals.exclusive_app);
        self.see(Reason::ExclusiveApp, exclusive, rules.exclusive_for);
        let network = self.is(Sensor::ExclusiveApp, signals.network_app);
        self.see(Reason::NetworkApp, network, rules.exclusive_for);
        // What cannot be known might be: somebody plays.
        let gpu = self.is(Sensor::ExclusiveApp, signals.gpu_app);
        self.gpus_wanted(gpu || signals.gpu_app == Signal::Unreadable);
        let full_screen = self.is(Sensor::FullScreen, signals.full_screen);
        self.see(Reason::FullScreen, full_screen, at_once);
        let metered = self.is(Sensor::Metered, signals.metered);
        self.see(Reason::Metered, metered && !rules.on_metered, at_once);
        let load = self.read(Sensor::OtherPrograms, signals.other_programs, |p| (0.0..=100.0).contains(p));
        self.in_use(signals);
        self.busy(load);
    }

    /// GPUs stay free while a program wants them, and for a calm while afterwards.
    fn gpus_wanted(&mut self, present: bool) {
        let hold = self.rules.calm.max(self.rules.exclusive_for);
        if present {
            self.memory.gpu_app = Some(self.now.mono);
        }
        let passed = self.memory.gpu_app.map(|seen| self.now.mono.since(seen));
        match passed.filter(|passed| present || *passed < hold) {
            Some(passed) => {
                self.gpu_app = true;
                if !present {
                    self.look(hold.saturating_sub(passed));
                }
            }
            None => self.memory.gpu_app = None,
        }
    }

    /// After every other sensor: one that cannot be read counts as in use.
    fn in_use(&mut self, signals: &Signals) {
        let rules = self.rules;
        let locked = self.is(Sensor::Lock, signals.locked);
        let remote = self.is(Sensor::RemoteSession, signals.remote_session);
        let idle = self.read(Sensor::Idle, signals.idle, |_| true);
        // The calm while after the last use is part of the time without input, not on top of it.
        let held = self.memory.seen.contains_key(&Reason::InUse);
        let away_from = if held { rules.idle_after.saturating_sub(rules.calm) } else { rules.idle_after };
        let active = idle.is_some_and(|idle| idle < away_from || (held && idle == away_from));
        if let Some(idle) = idle.filter(|idle| !locked && *idle < rules.idle_after) {
            self.look(rules.idle_after.saturating_sub(idle).max(Duration::from_secs(1)));
        }
        if let Some(idle) = idle.filter(|idle| !locked && *idle > away_from) {
            // It ended when that much time without input had passed, whenever somebody looks.
            self.last_seen(Reason::InUse, idle - away_from);
        }
        let present = remote || (active && !locked) || !self.unreadable.is_empty();
        self.see(Reason::InUse, present, Duration::ZERO);
    }

    fn busy(&mut self, load: Option<f32>) {
        let rules = self.rules;
        let in_use = self.found.contains_key(&Reason::InUse);
        let limit = if in_use { rules.busy_in_use } else { rules.busy_away };
        let above = limit > 0 && load.is_some_and(|load| load > f32::from(limit));
        let since = if above { Some(self.memory.busy_since.unwrap_or(self.now.mono)) } else { None };
        self.memory.busy_since = since;
        let lasted = since.map(|since| self.now.mono.since(since));
        let known = self.memory.seen.contains_key(&Reason::OthersBusy);
        let busy = lasted.is_some_and(|lasted| known || lasted >= rules.busy_for);
        if let Some(lasted) = lasted.filter(|_| !busy) {
            self.look(rules.busy_for.saturating_sub(lasted));
        }
        if limit == 0 {
            self.memory.seen.remove(&Reason::OthersBusy);
        }
        self.see(Reason::OthersBusy, busy, Duration::ZERO);
    }

    /// After a failure nothing is begun for a while, unless it is stopped for longer anyway.
    pub(super) fn rest(&mut self, left: Duration) {
        if !self.found.contains_key(&Reason::TasksFailing) {
            let ms = i64::try_from(left.as_millis()).unwrap_or(i64::MAX);
            self.find(Reason::TasksFailing, Some(WallMs(self.now.wall.0.saturating_add(ms))));
            self.look(left);
        }
    }

    pub(super) fn hours(&mut self) {
        let rules = self.rules;
        self.within(rules.schedule.as_ref(), Reason::Schedule);
        // Another preset may hold from then on.
        if let Some(change) =
            rules.schedule.as_ref().and_then(|hours| hours.next_cell(&rules.zone, self.now.wall))
        {
            self.look_at(change);
        }
        self.within(rules.cheap_hours.as_ref(), Reason::DearHours);
        self.within(rules.network_hours.as_ref(), Reason::NetworkHours);
    }

    /// Finds `reason` outside these hours; inside, work ends with them.
    fn within(&mut self, hours: Option<&Schedule>, reason: Reason) {
        let Some(hours) = hours else { return };
        let change = hours.next_change(&self.rules.zone, self.now.wall);
        if !hours.is_open(&self.rules.zone, self.now.wall) {
            self.find(reason, change);
        } else {
            self.closes_at = self.closes_at.into_iter().chain(change).min();
        }
        if let Some(change) = change {
            self.look_at(change);
        }
    }

    /// What work has moved, against what it may. It ends with the day or the month, whichever is later of those used
    /// up.
    pub(super) fn traffic(&mut self, signals: &Signals) {
        let rules = self.rules;
        let Some(moved) = self.read(Sensor::Traffic, signals.traffic, |_| true) else { return };
        let used_up = |moved: u64, quota: Option<u64>| quota.is_some_and(|quota| moved >= quota);
        let day = used_up(moved.day, rules.quota_day).then(|| traffic::next_day(&rules.zone, self.now.wall));
        let month =
            used_up(moved.month, rules.quota_month).then(|| traffic::next_month(&rules.zone, self.now.wall));
        if let Some(ends) = day.into_iter().chain(month).max() {
            self.find(Reason::NetworkQuota, Some(ends));
            self.look_at(ends);
        }
    }

    pub(super) fn overrides(&mut self, overrides: &Overrides) {
        if let Some(snooze) = overrides.snooze.filter(|snooze| snooze.holds(self.now.wall)) {
            self.find(Reason::Snoozed, snooze.until());
            if let Some(until) = snooze.until() {
                self.look_at(until);
            }
        }
        self.gpu_snooze = overrides.gpu_snooze.filter(|snooze| snooze.holds(self.now.wall));
        if let Some(until) = self.gpu_snooze.and_then(Snooze::until) {
            self.look_at(until);
        }
        if let Some(until) = overrides.forced_until(self.now.wall) {
            self.find(Reason::Forced, Some(until));
            self.look_at(until);
        }
    }

    pub(super) fn done(mut self) -> (Decision, Memory) {
        let forced = self.found.contains_key(&Reason::Forced);
        let in_force = |reason: &Reason| !forced || *reason <= Reason::Forced;
        let rules = self.rules;
        let weighed: Vec<(Reason, Verdict)> = self
            .found
            .keys()
            .copied()
            .filter(|reason| in_force(reason))
            .map(|reason| (reason, reason.verdict(rules)))
            .collect();
        let verdict = weighed.iter().map(|(_, verdict)| *verdict).max().unwrap_or(Verdict::Run);
        // A reason that only lessens the share must not be told where another one holds work up.
        let holding = weighed.iter().find(|(_, verdict)| *verdict >= Verdict::Hold);
        let told = holding.or_else(|| weighed.first()).map_or(Reason::Free, |(reason, _)| *reason);
        let yields =
            weighed.iter().filter(|(_, verdict)| *verdict >= Verdict::Hold).map(|(reason, _)| *reason);
        let give_way = yields.clone().map(Reason::gives_way).max().unwrap_or_default();
        let give_way_reason =
            yields.clone().find(|r| give_way > GiveWay::Nothing && r.gives_way() == give_way);
        let ends = self.found.get(&told).copied().flatten();
        // Work that goes on ends with the hours.
        let closes = self.closes_at.filter(|_| matches!(told, Reason::Free | Reason::InUse));
        let next_change_at = ends.into_iter().chain(closes).min();
        self.found.entry(told).or_insert(None);
        let mut share = match verdict {
            Verdict::Run => rules.away,
            Verdict::Less => rules.in_use,
            Verdict::Hold | Verdict::Halt => Share::default(),
        };
        // Force sets programs aside, and no pause.
        let gpu_app = self.gpu_app && !forced;
        share.gpu &= self.gpu_snooze.is_none() && !gpu_app;
        for sensors in [&mut self.unreadable, &mut self.ignored] {
            // Programs of three kinds are one sensor.
            sensors.dedup();
        }
        let decision = Decision {
            verdict,
            primary_reason: told,
            all_reasons: self.found.into_keys().collect(),
            next_change_at,
            what_you_can_do: told.remedy(),
            share,
            gpu_snooze: self.gpu_snooze,
            gpu_app,
            give_way,
            give_way_reason,
            unreadable: self.unreadable,
            ignored: self.ignored,
            look_after: self.look_after.map(|after| after.max(Duration::from_millis(1))),
        };
        (decision, self.memory)
    }
}
