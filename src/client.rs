//! The driver of one session: it carries out what the session asks for, and tells it what happened.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use gloo_timers::callback::Timeout;
use herenow_session::{
    Config, Intent, Millis, Output, PromiseId, Roster, Seed, Session, Settled, SocketEvent, SocketId, State,
};
use js_sys::Promise;
use wasm_bindgen::JsValue;
use wasm_bindgen_futures::spawn_local;

use crate::pack::Pack;
use crate::socket::Socket;
use crate::{bridge, problem, state};

/// A client of a page: the default one, or a `PresenceClient`.
pub(crate) struct Client {
    /// Its number in `js/bridge.js`.
    pub(crate) id: u32,
    /// What `js/options.js` made of the options it was given.
    pub(crate) options: JsValue,
    pub(crate) session: RefCell<Session>,
    socket: RefCell<Option<Socket>>,
    timer: RefCell<Option<(Millis, Timeout)>>,
    /// The timer that fired last. Dropped within its own callback, it would free the closure that runs.
    fired: RefCell<Option<(Millis, Timeout)>>,
    is_draining: Cell<bool>,
    drain_is_due: Cell<bool>,
}

/// Milliseconds since 1970 that never go back. Not `performance.now()`, which stands still while a laptop sleeps.
pub(crate) fn now() -> Millis {
    thread_local!(static LATEST: Cell<u64> = const { Cell::new(0) });
    let now = js_sys::Date::now() as u64;
    LATEST.with(|latest| {
        latest.set(latest.get().max(now));
        Millis(latest.get())
    })
}

/// Makes a promise; `undo` is a function that runs if it is rejected, or undefined.
pub(crate) fn promise(undo: JsValue) -> (PromiseId, Promise) {
    thread_local!(static LAST: Cell<u32> = const { Cell::new(0) });
    let id = LAST.get().wrapping_add(1);
    LAST.set(id);
    (PromiseId(id), bridge::new_promise(id, undo))
}

impl Client {
    pub(crate) fn new(id: u32, options: JsValue) -> Rc<Self> {
        let config = Config {
            client_id: bridge::client_id(&options),
            request_timeout_ms: bridge::request_timeout_ms(&options).into(),
            restore_attributes: bridge::restore_attributes(&options),
        };
        Rc::new(Self {
            id,
            options,
            session: RefCell::new(Session::new(config, seed())),
            socket: RefCell::default(),
            timer: RefCell::default(),
            fired: RefCell::default(),
            is_draining: Cell::new(false),
            drain_is_due: Cell::new(false),
        })
    }

    pub(crate) fn state(&self) -> State {
        self.session.borrow().state()
    }

    /// What `read` makes of the roster of a channel that is observed in full.
    pub(crate) fn roster<T>(&self, channel: &str, read: impl FnOnce(&Roster) -> T) -> Option<T> {
        self.session.borrow().roster(channel).map(read)
    }

    /// Hands an intent to the session. Intents of one tick are sent together.
    pub(crate) fn intend(self: &Rc<Self>, intent: Intent) {
        self.session.borrow_mut().handle_intent(now(), intent);
        if !self.drain_is_due.replace(true) {
            let client = Rc::clone(self);
            spawn_local(async move {
                client.drain_is_due.set(false);
                client.drain();
            });
        }
    }

    /// Carries out what the session asks for, until it asks for nothing more.
    #[inline(never)]
    pub(crate) fn drain(self: &Rc<Self>) {
        if self.is_draining.replace(true) {
            return;
        }
        loop {
            // A listener may call the SDK: the session must not be borrowed while an output is carried out.
            let output = self.session.borrow_mut().poll_output(now());
            match output {
                Some(output) => self.perform(output),
                None => break,
            }
        }
        self.is_draining.set(false);
        self.arm();
    }

    fn perform(self: &Rc<Self>, output: Output) {
        match output {
            Output::NeedToken { renew } => bridge::give_token(&self.options, renew, self.id),
            Output::Connect { socket } => self.connect(socket),
            Output::Send { socket, frames } => self.with_socket(socket, |open| open.send(&frames)),
            Output::CloseSocket { socket, code, reason } => {
                self.with_socket(socket, |open| open.close(code, reason));
            }
            Output::Resolve { promise, value } => {
                let mut pack = Pack::default();
                if let Settled::Attributes(stored) = value {
                    pack.attributes(&stored);
                }
                bridge::resolve_promise(promise.0, &pack.text, &pack.lengths);
            }
            Output::Reject { promise, problem } => {
                bridge::reject_promise(promise.0, problem::error(problem.code, &problem.message));
            }
            Output::Events(events) => self.deliver(&Pack::events(&events)),
            Output::Occupancy(told) => self.deliver(&Pack::occupancy(&told)),
            Output::State(change) => bridge::deliver_state(self.id, state::change(&change)),
            Output::Stale { channel } => bridge::forget(&self.options, &channel),
            Output::Warn(message) => bridge::warn(&self.options, &message),
        }
    }

    fn deliver(&self, pack: &Pack) {
        bridge::deliver(self.id, &pack.text, &pack.lengths);
    }

    fn connect(self: &Rc<Self>, socket: SocketId) {
        let opened = Socket::open(self, socket);
        let failed = opened.is_none();
        *self.socket.borrow_mut() = opened;
        if failed {
            self.session.borrow_mut().handle_socket(now(), socket, SocketEvent::Impossible);
        }
    }

    fn with_socket(&self, id: SocketId, act: impl FnOnce(&Socket)) {
        if let Some(socket) = self.socket.borrow().as_ref().filter(|socket| socket.id == id) {
            act(socket);
        }
    }

    /// Arms one timer for the session's earliest deadline.
    fn arm(self: &Rc<Self>) {
        let due = self.session.borrow().poll_timeout();
        let mut timer = self.timer.borrow_mut();
        if due == timer.as_ref().map(|(at, _)| *at) {
            return;
        }
        *timer = due.map(|at| {
            let client = Rc::downgrade(self);
            let wait_ms = at.0.saturating_sub(now().0).min(i32::MAX as u64) as u32;
            let timeout = Timeout::new(wait_ms, move || {
                if let Some(client) = client.upgrade() {
                    client.fired.replace(client.timer.take());
                    client.session.borrow_mut().handle_timeout(now());
                    client.drain();
                }
            });
            (at, timeout)
        });
    }
}

fn seed() -> Seed {
    let word = bridge::random;
    let session = (0..4).fold(0_u128, |bits, _| bits << 32 | u128::from(word()));
    Seed { session, random: u64::from(word()) << 32 | u64::from(word()) }
}
