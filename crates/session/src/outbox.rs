//! What the driver has to do next.

use std::borrow::Cow;
use std::collections::VecDeque;

use herenow_protocol::{Attributes, ClientFrame};

use crate::waiters::{Waiter, Waiters};
use crate::{Event, Output, Problem, PromiseId, Settled, SocketId, State, StateChange};

/// Outputs in order. The driver drains it after each input, so it holds what one input causes.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    queue: VecDeque<Output>,
    /// Promises in all lists of waiters.
    waiting: usize,
}

impl Outbox {
    pub(crate) fn push(&mut self, output: Output) {
        self.queue.push_back(output);
    }

    pub(crate) fn pop(&mut self) -> Option<Output> {
        self.queue.pop_front()
    }

    pub(crate) fn waiting(&self) -> usize {
        self.waiting
    }

    /// Makes a waiter, which is settled by one of the functions below.
    pub(crate) fn wait(&mut self, waiter: Waiter) -> Waiter {
        self.waiting += 1;
        waiter
    }

    pub(crate) fn done(&mut self, waiters: Waiters) {
        for waiter in waiters {
            self.waiting -= 1;
            self.resolve(waiter.promise);
        }
    }

    pub(crate) fn stored(&mut self, waiters: Waiters, attributes: &Attributes) {
        for waiter in waiters {
            self.waiting -= 1;
            let value = Settled::Attributes(attributes.clone());
            self.push(Output::Resolve { promise: waiter.promise, value });
        }
    }

    pub(crate) fn fail(&mut self, waiters: Waiters, problem: &Problem) {
        for waiter in waiters {
            self.waiting -= 1;
            self.reject(waiter.promise, problem.clone());
        }
    }

    /// Settles a promise that never waited.
    pub(crate) fn resolve(&mut self, promise: PromiseId) {
        self.push(Output::Resolve { promise, value: Settled::Done });
    }

    /// Settles a promise that never waited.
    pub(crate) fn reject(&mut self, promise: PromiseId, problem: Problem) {
        self.push(Output::Reject { promise, problem });
    }

    pub(crate) fn send(&mut self, socket: SocketId, frames: Vec<ClientFrame>) {
        self.push(Output::Send { socket, frames });
    }

    /// Events that follow each other make one batch.
    pub(crate) fn tell(&mut self, events: Vec<Event>) {
        if events.is_empty() {
            return;
        }
        if let Some(Output::Events(batch)) = self.queue.back_mut() {
            batch.extend(events);
        } else {
            self.push(Output::Events(events));
        }
    }

    pub(crate) fn stale(&mut self, channel: &str) {
        self.push(Output::Stale { channel: channel.into() });
    }

    pub(crate) fn warn(&mut self, parts: &[&str]) {
        self.push(Output::Warn(parts.concat()));
    }

    /// Tells the state, unless nothing new is to be said.
    pub(crate) fn state(
        &mut self,
        current: &mut State,
        state: State,
        reason: Option<Cow<'static, str>>,
        retry_in_ms: Option<u64>,
    ) {
        let previous = core::mem::replace(current, state);
        if previous != state || retry_in_ms.is_some() {
            self.push(Output::State(StateChange { state, previous, reason, retry_in_ms }));
        }
    }
}
