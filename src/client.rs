//! The driver of one session: it carries out what the session asks for, and tells it what happened.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use gloo_timers::callback::Timeout;
use herenow_protocol::ServerFrame;
use herenow_session::{
    Config, Intent, Lifecycle, Millis, Output, PromiseId, Roster, Seed, Session, Settled, SocketEvent,
    SocketId, State,
};
use js_sys::Promise;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::{JsFuture, spawn_local};

use crate::options::Options;
use crate::socket::Socket;
use crate::{bridge, convert, deliver, problem};

/// A client of a page: the default one, or a `PresenceClient`.
pub(crate) struct Client {
    /// Its number in `bridge.js`.
    pub(crate) id: u32,
    pub(crate) options: Rc<Options>,
    session: RefCell<Session>,
    socket: RefCell<Option<Socket>>,
    timer: RefCell<Option<(Millis, Timeout)>>,
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

impl Client {
    pub(crate) fn new(id: u32, options: Rc<Options>) -> Rc<Self> {
        let config = Config {
            client_id: options.client_id.clone(),
            request_timeout_ms: options.request_timeout_ms.into(),
            restore_attributes: options.restore_attributes,
        };
        Rc::new(Self {
            id,
            options,
            session: RefCell::new(Session::new(config, seed())),
            socket: RefCell::default(),
            timer: RefCell::default(),
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

    /// Hands an intent to the session and gives the promise of it. Intents of one tick are sent together.
    pub(crate) fn intend(
        self: &Rc<Self>,
        undo: JsValue,
        intent: impl FnOnce(PromiseId) -> Intent,
    ) -> Promise {
        let made = bridge::new_promise(undo);
        let id = PromiseId(made.get(0).as_f64().unwrap_or_default() as u32);
        self.session.borrow_mut().handle_intent(now(), intent(id));
        if !self.drain_is_due.replace(true) {
            let client = Rc::clone(self);
            spawn_local(async move {
                client.drain_is_due.set(false);
                client.drain();
            });
        }
        made.get(1).unchecked_into()
    }

    pub(crate) fn receive(self: &Rc<Self>, socket: SocketId, frames: impl Iterator<Item = ServerFrame>) {
        for frame in frames {
            self.session.borrow_mut().handle_frame(now(), socket, frame);
        }
        self.drain();
    }

    pub(crate) fn socket_event(self: &Rc<Self>, socket: SocketId, event: SocketEvent) {
        self.session.borrow_mut().handle_socket(now(), socket, event);
        self.drain();
    }

    pub(crate) fn lifecycle(self: &Rc<Self>, event: Lifecycle) {
        self.session.borrow_mut().handle_lifecycle(now(), event);
        self.drain();
    }

    /// Carries out what the session asks for, until it asks for nothing more.
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
            Output::NeedToken { renew } => {
                let client = Rc::clone(self);
                spawn_local(async move {
                    let token = JsFuture::from(bridge::token(&client.options.object, renew)).await;
                    let token = token.map(|token| token.as_string().unwrap_or_default());
                    client
                        .session
                        .borrow_mut()
                        .handle_token(now(), token.map_err(|error| problem::of_error(&error)));
                    client.drain();
                });
            }
            Output::Connect { socket } => self.connect(socket),
            Output::Send { socket, frames } => self.with_socket(socket, |open| open.send(&frames)),
            Output::CloseSocket { socket, code, reason } => {
                self.with_socket(socket, |open| open.close(code, reason));
            }
            Output::Resolve { promise, value } => {
                let value = match value {
                    Settled::Done => JsValue::UNDEFINED,
                    Settled::Attributes(stored) => convert::attributes(&stored),
                };
                bridge::resolve_promise(promise.0, value);
            }
            Output::Reject { promise, problem } => {
                bridge::reject_promise(promise.0, problem::error(problem.code, &problem.message));
            }
            Output::Events(events) => deliver::events(self.id, &events),
            Output::State(change) => bridge::deliver_state(self.id, convert::state_change(&change)),
            Output::Stale { channel } => bridge::forget(&self.options.object, &channel),
            Output::Warn(message) => bridge::warn(&self.options.object, &message),
        }
    }

    fn connect(self: &Rc<Self>, socket: SocketId) {
        let opened = Socket::open(self, socket);
        let failed = opened.is_none();
        *self.socket.borrow_mut() = opened;
        if failed {
            let reason = "this platform has no WebSocket, or does not allow this address";
            let event = SocketEvent::Closed { code: 1006, reason: reason.into() };
            self.session.borrow_mut().handle_socket(now(), socket, event);
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
                    client.time_is_up();
                }
            });
            (at, timeout)
        });
    }

    fn time_is_up(self: &Rc<Self>) {
        // Dropping a gloo timer inside its own callback would free the closure that runs.
        let fired = self.timer.borrow_mut().take();
        self.session.borrow_mut().handle_timeout(now());
        self.drain();
        spawn_local(async move { drop(fired) });
    }
}

fn seed() -> Seed {
    let words = bridge::random();
    let word = |at: u32| words.get_index(at);
    let session = (0..4).fold(0_u128, |bits, at| bits << 32 | u128::from(word(at)));
    Seed { session, random: u64::from(word(4)) << 32 | u64::from(word(5)) }
}
