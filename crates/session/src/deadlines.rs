//! What happens by time alone.

use herenow_protocol::{ClientFrame, Code};

use crate::session::{Phase, Session};
use crate::timers::Timer;
use crate::waiters::Waiters;
use crate::{Millis, Problem, State};

/// Milliseconds for an answer to a probe.
const PROBE_MS: u64 = 5_000;
/// Milliseconds of silence beyond two ping intervals after which the socket is given up.
const SILENCE_MS: u64 = 5_000;

const SILENT: &str = "nothing was heard from the server";

impl Session {
    pub(crate) fn time_passed(&mut self, now: Millis) {
        let silent = self.silent_at().is_some_and(|at| at <= now);
        if self.timers.fires(Timer::Welcome, now) {
            self.abandon(now, "the server did not answer in time");
        } else if self.timers.fires(Timer::Probe, now) || silent {
            self.abandon(now, SILENT);
        } else if self.socket().is_some() && self.timers.fires(Timer::GoingAway, now) {
            self.move_on(now);
        }
        if self.timers.fires(Timer::Backoff, now) {
            self.begin(now);
        }
        if self.timers.fires(Timer::Refresh, now) {
            self.ask_for_token(true);
        }
        if self.timers.fires(Timer::Idle, now) && !self.is_busy() {
            self.go_idle();
        }
        self.expire(now);
        self.confirm_settled(now);
    }

    pub(crate) fn next_deadline(&self) -> Option<Millis> {
        let open = matches!(self.phase, Phase::Open(_));
        let of_channels = self.channels.0.iter().flat_map(|channel| {
            let retry = channel.earliest_retry().filter(|_| open);
            [channel.earliest_promise(), retry, channel.settles_at()]
        });
        let of_session = [self.timers.earliest(), self.silent_at()];
        of_channels.chain(of_session).flatten().min()
    }

    /// When the silence has lasted too long.
    fn silent_at(&self) -> Option<Millis> {
        let patience = self.ping_interval_ms.saturating_mul(2).saturating_add(SILENCE_MS);
        matches!(self.phase, Phase::Open(_)).then(|| self.heard_at.after(patience))
    }

    /// A timer may be late: a page in the background, a machine that slept. What is asked for now is not to be
    /// answered from what a socket confirmed that is known to be dead.
    pub(crate) fn notice_silence(&mut self, now: Millis) {
        if self.silent_at().is_some_and(|at| at <= now) && !broken!(TrustsSilence) {
            self.abandon(now, SILENT);
        }
    }

    /// Rejects the promises whose time is over, and tests the socket that did not answer them.
    fn expire(&mut self, now: Millis) {
        let late = Late { connected: self.is_connected(), sockets_opened: self.sockets_opened };
        let mut any = false;
        for channel in &mut self.channels.0 {
            if channel.earliest_promise().is_none_or(|at| at > now) {
                continue;
            }
            any = true;
            let (unreached, unanswered) = late.sort(channel.setting.expire(now));
            self.outbox.fail(unreached, &UNREACHED);
            self.outbox.fail(unanswered, &NO_STORE);

            let membership = channel.membership.expire(now);
            let (unreached, unanswered) = late.sort(membership.promises);
            let problem = if unreached.is_empty() { &NO_MEMBERSHIP } else { &UNREACHED };
            self.outbox.fail(unreached, &UNREACHED);
            self.outbox.fail(unanswered, &NO_MEMBERSHIP);
            if membership.withdrawn {
                channel.drop_membership(problem, &mut self.outbox);
            }

            let observation = channel.observation.expire(now);
            let (unreached, unanswered) = late.sort(observation.promises);
            self.outbox.fail(unreached, &UNREACHED);
            self.outbox.fail(unanswered, &NO_OBSERVATION);
        }
        if any {
            self.probe(now);
        }
    }

    /// Asks something that is always answered.
    fn probe(&mut self, now: Millis) {
        let Phase::Open(socket) = self.phase else { return };
        if self.timers.get(Timer::Probe).is_some() {
            return;
        }
        let mut name = String::from("?");
        while self.channels.get(&name).is_some() {
            name.push('?');
        }
        let id = self.frame_id();
        self.outbox.send(socket, vec![ClientFrame::Unobserve { id, channel: name }]);
        self.pace.spend(1);
        self.timers.set(Timer::Probe, now.after(PROBE_MS));
    }

    /// The page or the network is back: is the server still there?
    pub(crate) fn check(&mut self, now: Millis) {
        if self.hidden {
            return;
        }
        match self.phase {
            Phase::Waiting => {
                self.timers.stop(Timer::Backoff);
                self.begin(now);
            }
            Phase::Open(_) => self.probe(now),
            Phase::Idle | Phase::Token | Phase::Opening(_) | Phase::Greeting(_) => {}
        }
    }

    /// The page goes away. It may come back: what is wanted stays wanted, and promises go on waiting.
    pub(crate) fn hide(&mut self) {
        if self.hidden {
            return;
        }
        self.hidden = true;
        let connecting = self.phase != Phase::Idle;
        self.hang_up("the page is hidden");
        self.timers.stop_all();
        if connecting {
            let reason = Some("the page is hidden".into());
            self.outbox.state(&mut self.state, State::Reconnecting, reason, None);
        }
    }

    /// The page is back. Time did not pass for those who wait.
    pub(crate) fn show(&mut self, now: Millis) {
        if !core::mem::take(&mut self.hidden) {
            return;
        }
        let deadline = now.after(self.config.request_timeout_ms);
        for channel in &mut self.channels.0 {
            channel.restart_promises(deadline, self.sockets_opened);
        }
    }
}

const UNREACHED: Problem = Problem::new(Code::Unavailable, "the server could not be reached");
const NO_MEMBERSHIP: Problem = Problem::new(Code::Timeout, "joining or leaving was not confirmed in time");
const NO_STORE: Problem = Problem::new(Code::Timeout, "storing the attributes was not confirmed in time");
const NO_OBSERVATION: Problem = Problem::new(Code::Timeout, "observing was not confirmed in time");

/// Whether a promise that is late ever had a server to answer it.
struct Late {
    connected: bool,
    sockets_opened: u32,
}

impl Late {
    /// Those who never had a server, and the others.
    fn sort(&self, promises: Waiters) -> (Waiters, Waiters) {
        let mut unreached = Waiters::default();
        let mut unanswered = Waiters::default();
        for waiter in promises {
            if self.connected || self.sockets_opened != waiter.sockets_opened {
                unanswered.push(waiter);
            } else {
                unreached.push(waiter);
            }
        }
        (unreached, unanswered)
    }
}
