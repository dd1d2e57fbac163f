//! What waits for each connection to read, counted in bytes, and the queue of outputs for the driver.

use std::collections::VecDeque;

use bytes::Bytes;
use herenow_protocol::{CloseCode, Encoding, MAX_OUTBOX_BYTES, ServerFrame, codec};
use rustc_hash::FxHashMap;

use crate::{ConnectionId, Counters, Millis, Output};

/// The next piece of a snapshot or of catching up, of about 32 KiB, is cut when less than this waits: about 64 KiB wait
/// for one connection.
const BULK_ROOM_BYTES: usize = 32 * 1024;
/// A connection that dropped diffs gets them again when this much waits, or less.
const DRAINED_BYTES: usize = MAX_OUTBOX_BYTES / 2;
/// Answers are never dropped: a connection that lets this many bytes wait is closed at once.
const MAX_COUNTED_BYTES: usize = 4 * MAX_OUTBOX_BYTES;

/// Encodes a frame.
pub(crate) fn encode(frame: &ServerFrame, encoding: Encoding) -> Bytes {
    Bytes::from(match encoding {
        Encoding::Json => codec::json::encode(frame),
        Encoding::Postcard => codec::postcard::encode(frame),
    })
}

/// The outboxes of all connections.
#[derive(Debug, Default)]
pub(crate) struct Outboxes {
    now: Millis,
    boxes: FxHashMap<ConnectionId, Outbox>,
    /// Drained by the driver after what it handles; each connection's part is bounded by its outbox.
    output: VecDeque<Output>,
    /// Connections over [`MAX_COUNTED_BYTES`], each once.
    overfull: Vec<ConnectionId>,
    /// Here since everything that is counted is told, or is not.
    pub(crate) counters: Counters,
}

#[derive(Debug)]
struct Outbox {
    encoding: Encoding,
    /// Answers and diffs that wait.
    counted_bytes: usize,
    /// Snapshots and catching up that wait.
    bulk_bytes: usize,
    /// What waits, oldest first, neighbours of one kind joined. As long as what is bounded above alternates.
    runs: VecDeque<Run>,
    /// Diffs were dropped: nobody is caught up until it has drained.
    over: bool,
    overfull: bool,
    /// From when on a ping goes along with the next frame.
    ping_from: Option<Millis>,
    blocked_since: Option<Millis>,
}

#[derive(Debug)]
struct Run {
    kind: Kind,
    bytes: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Counted,
    Bulk,
}

impl Outboxes {
    /// Tells what time it is.
    pub(crate) const fn advance(&mut self, now: Millis) {
        self.now = now;
    }

    pub(crate) fn open(&mut self, connection: ConnectionId, encoding: Encoding) {
        self.boxes.insert(connection, Outbox::new(encoding));
    }

    /// Forgets a connection. What was queued for it is still given to the driver.
    pub(crate) fn drop(&mut self, connection: ConnectionId) {
        self.boxes.remove(&connection);
    }

    /// Closes a connection after what was queued for it.
    pub(crate) fn close(&mut self, connection: ConnectionId, code: CloseCode, reason: &'static str) {
        self.drop(connection);
        self.output.push_back(Output::Close { connection, code, reason });
    }

    pub(crate) fn ping(&mut self, connection: ConnectionId) {
        self.output.push_back(Output::Ping { connection });
    }

    /// Pings a connection with the next frame that is sent to it from `at` on.
    pub(crate) fn ping_from(&mut self, connection: ConnectionId, at: Millis) {
        if let Some(outbox) = self.boxes.get_mut(&connection) {
            outbox.ping_from = Some(at);
        }
    }

    /// Whether such a ping was not sent. It will not be.
    pub(crate) fn take_ping_from(&mut self, connection: ConnectionId) -> bool {
        self.boxes.get_mut(&connection).is_some_and(|outbox| outbox.ping_from.take().is_some())
    }

    pub(crate) fn pop(&mut self) -> Option<Output> {
        self.output.pop_front()
    }

    pub(crate) fn is_drained(&self) -> bool {
        self.output.is_empty()
    }

    pub(crate) fn encoding(&self, connection: ConnectionId) -> Option<Encoding> {
        self.boxes.get(&connection).map(|outbox| outbox.encoding)
    }

    /// Queues an answer.
    pub(crate) fn send(&mut self, connection: ConnectionId, frame: &ServerFrame) {
        let Some(outbox) = self.boxes.get_mut(&connection) else { return };
        match frame {
            ServerFrame::Error { code, .. } => self.counters.refusal(*code),
            ServerFrame::Welcome(welcome) => {
                for refused in &welcome.refused {
                    self.counters.refusal(refused.code);
                }
            }
            _ => {}
        }
        let frame = encode(frame, outbox.encoding);
        if outbox.counted_bytes + frame.len() > MAX_COUNTED_BYTES {
            if !outbox.overfull {
                outbox.overfull = true;
                self.overfull.push(connection);
            }
            return;
        }
        outbox.queue(self.now, connection, Kind::Counted, frame, &mut self.output, &mut self.counters);
    }

    /// Queues a shared diff. False if the connection is behind: it must be caught up later.
    pub(crate) fn offer(&mut self, connection: ConnectionId, frame: &Bytes) -> bool {
        let Some(outbox) = self.boxes.get_mut(&connection) else { return true };
        if outbox.counted_bytes + frame.len() > MAX_OUTBOX_BYTES {
            outbox.over = outbox.counted_bytes > DRAINED_BYTES;
            self.counters.overflows += 1;
            return false;
        }
        outbox.queue(
            self.now,
            connection,
            Kind::Counted,
            frame.clone(),
            &mut self.output,
            &mut self.counters,
        );
        true
    }

    /// Whether a piece of a snapshot or of catching up may be queued.
    pub(crate) fn has_bulk_room(&self, connection: ConnectionId) -> bool {
        self.boxes.get(&connection).is_some_and(Outbox::has_bulk_room)
    }

    /// Queues a piece of a snapshot or of catching up.
    pub(crate) fn send_bulk(&mut self, connection: ConnectionId, frame: Bytes) {
        let Some(outbox) = self.boxes.get_mut(&connection) else { return };
        outbox.queue(self.now, connection, Kind::Bulk, frame, &mut self.output, &mut self.counters);
    }

    /// So many bytes have left.
    pub(crate) fn written(&mut self, connection: ConnectionId, bytes: usize) {
        if let Some(outbox) = self.boxes.get_mut(&connection) {
            outbox.credit(bytes);
        }
    }

    /// Notes whether something waits until a connection has read more. `progressed`: it got some of that just now.
    pub(crate) fn note_blocked(
        &mut self,
        now: Millis,
        connection: ConnectionId,
        blocked: bool,
        progressed: bool,
    ) {
        let Some(outbox) = self.boxes.get_mut(&connection) else { return };
        let since = outbox.blocked_since.filter(|_| !progressed).unwrap_or(now);
        outbox.blocked_since = blocked.then_some(since);
    }

    /// Since when something waits for a connection that has not read enough.
    pub(crate) fn blocked_since(&self, connection: ConnectionId) -> Option<Millis> {
        self.boxes.get(&connection)?.blocked_since
    }

    /// A connection that must be closed, since it reads none of its answers.
    pub(crate) fn take_overfull(&mut self) -> Option<ConnectionId> {
        self.overfull.pop()
    }
}

impl Outbox {
    fn new(encoding: Encoding) -> Self {
        Self {
            encoding,
            counted_bytes: 0,
            bulk_bytes: 0,
            runs: VecDeque::new(),
            over: false,
            overfull: false,
            ping_from: None,
            blocked_since: None,
        }
    }

    /// Queues a frame, and what goes along with it.
    fn queue(
        &mut self,
        now: Millis,
        connection: ConnectionId,
        kind: Kind,
        frame: Bytes,
        output: &mut VecDeque<Output>,
        counters: &mut Counters,
    ) {
        counters.frames += 1;
        counters.frame_bytes += frame.len() as u64;
        if self.ping_from.take_if(|at| *at <= now).is_some() {
            output.push_back(Output::Ping { connection });
        }
        self.note(kind, frame.len());
        output.push_back(Output::Send { connection, frame });
    }

    fn note(&mut self, kind: Kind, bytes: usize) {
        match kind {
            Kind::Counted => self.counted_bytes += bytes,
            Kind::Bulk => self.bulk_bytes += bytes,
        }
        match self.runs.back_mut() {
            Some(last) if last.kind == kind => last.bytes += bytes,
            Some(_) | None => self.runs.push_back(Run { kind, bytes }),
        }
    }

    fn credit(&mut self, mut bytes: usize) {
        while bytes > 0
            && let Some(first) = self.runs.front_mut()
        {
            let taken = bytes.min(first.bytes);
            first.bytes -= taken;
            bytes -= taken;
            match first.kind {
                Kind::Counted => self.counted_bytes -= taken,
                Kind::Bulk => self.bulk_bytes -= taken,
            }
            if first.bytes == 0 {
                self.runs.pop_front();
            }
        }
        self.over = self.over && self.counted_bytes > DRAINED_BYTES;
        if self.has_bulk_room() {
            self.blocked_since = None;
        }
    }

    const fn has_bulk_room(&self) -> bool {
        !self.over && self.bulk_bytes < BULK_ROOM_BYTES
    }
}
