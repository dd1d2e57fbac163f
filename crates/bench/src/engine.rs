//! One thread that drives all connections.

use std::io;
use std::mem;
use std::net::SocketAddr;
use std::os::fd::{AsRawFd, OwnedFd};
use std::time::{Duration, Instant};

use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create, timerfd_settime,
};

use crate::connection::{Connection, Phase, trim};
use crate::crowd::{Channel, Peer, Tally, Told};
use crate::frames::{self, Kind};
use crate::targets::{Target, Weight};

const ALARM: Token = Token(usize::MAX);
/// What one read takes at most.
const SCRATCH_BYTES: usize = 256 * 1024;
/// The longest that a turn waits, so that its caller can look after other things.
const TURN: Duration = Duration::from_millis(100);

/// All connections and what they know.
pub(crate) struct Engine {
    poll: Poll,
    events: Events,
    /// Wakes a turn to a fraction of a millisecond; the poll's own time is in whole ones.
    alarm: OwnedFd,
    scratch: Vec<u8>,
    target: Box<dyn Target>,
    /// The connections are spread over them in turn.
    servers: Vec<SocketAddr>,
    started: Instant,
    /// Members of a channel.
    size: usize,
    pub(crate) connections: Vec<Connection>,
    pub(crate) channels: Vec<Channel>,
    pub(crate) tally: Tally,
    /// Connections that were lost, and why, since somebody last looked.
    pub(crate) lost: Vec<(usize, String)>,
    /// Connections that are on their way to be open.
    pub(crate) opening: usize,
    /// When the next connection says its newest update again, and which one.
    renewal: (Instant, usize),
}

impl Engine {
    /// Without any connection yet; channels will have `size` members. There is at least one server.
    pub(crate) fn new(target: Box<dyn Target>, servers: Vec<SocketAddr>, size: usize) -> io::Result<Self> {
        let poll = Poll::new()?;
        let alarm =
            timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC)?;
        poll.registry().register(&mut SourceFd(&alarm.as_raw_fd()), ALARM, Interest::READABLE)?;
        Ok(Self {
            poll,
            events: Events::with_capacity(1024),
            alarm,
            scratch: vec![0; SCRATCH_BYTES],
            target,
            servers,
            started: Instant::now(),
            size,
            connections: Vec::new(),
            channels: Vec::new(),
            tally: Tally::default(),
            lost: Vec::new(),
            opening: 0,
            renewal: (Instant::now(), 0),
        })
    }

    /// Makes room for connections up to `count` in all. They fill one channel after the other.
    pub(crate) fn grow(&mut self, count: usize) {
        for index in self.connections.len()..count {
            let channel = index / self.size;
            if channel == self.channels.len() {
                self.channels.push(Channel::new(format!("presence-room-{channel}")));
            }
            let expected = self.size.min(count - channel * self.size);
            let home = (index % self.servers.len()) as u8;
            let peer = Peer::new(index as u32, channel as u32, expected as u32, home);
            self.connections.push(Connection::new(peer));
        }
    }

    /// Where the first server listens.
    pub(crate) fn server(&self) -> SocketAddr {
        self.servers[0]
    }

    /// Whether connections are spread over several servers.
    pub(crate) fn has_several_servers(&self) -> bool {
        self.servers.len() > 1
    }

    /// Nanoseconds since the start.
    pub(crate) fn now(&self) -> u64 {
        self.started.elapsed().as_nanos() as u64
    }

    /// Begins to connect one.
    pub(crate) fn connect(&mut self, index: usize) -> io::Result<()> {
        let connection = &mut self.connections[index];
        connection.connect(self.servers[usize::from(connection.peer.home)])?;
        self.opening += 1;
        if let Some(stream) = &mut connection.stream {
            self.poll.registry().register(stream, Token(index), Interest::READABLE | Interest::WRITABLE)?;
        }
        Ok(())
    }

    /// Closes one from this side.
    pub(crate) fn cut(&mut self, index: usize) {
        let connection = &mut self.connections[index];
        if matches!(connection.phase, Phase::Connecting | Phase::Upgrading) {
            self.opening -= 1;
        }
        connection.close();
        self.unsettle(index);
    }

    /// Sends the next update of one.
    pub(crate) fn update(&mut self, index: usize) {
        self.send_update(index, Instant::now(), Weight::Light);
    }

    /// Sends the next update of one, which was due at that time: what it has waited for us counts as latency.
    pub(crate) fn update_due(&mut self, index: usize, due: Instant) {
        self.send_update(index, due, Weight::Light);
    }

    /// Sends an update of one that says as much as it may.
    pub(crate) fn heavy_update(&mut self, index: usize) {
        self.send_update(index, Instant::now(), Weight::Heavy);
    }

    fn send_update(&mut self, index: usize, due: Instant, weight: Weight) {
        let due = due.saturating_duration_since(self.started).as_nanos() as u64;
        let connection = &mut self.connections[index];
        let Some(slot) = connection.peer.slot() else { return };
        let channel = &mut self.channels[connection.peer.channel as usize];
        let number = channel.note_sent(slot, due);
        self.tally.due += u64::from(connection.peer.expected() - 1);
        self.target.update(&mut connection.peer, &channel.name, number, weight, &mut connection.out);
        self.flush(index);
    }

    /// Says the newest updates again where the protocol asks for it, spread over its time.
    fn renew(&mut self) {
        let Some(every) = self.target.renewal() else { return };
        let now = Instant::now();
        let pause = every / self.connections.len().max(1) as u32;
        while self.renewal.0 <= now && !self.connections.is_empty() {
            let index = self.renewal.1 % self.connections.len();
            self.renewal = (self.renewal.0 + pause, index + 1);
            let connection = &mut self.connections[index];
            let channel = &self.channels[connection.peer.channel as usize];
            if connection.peer.confirmed
                && let Some(slot) = connection.peer.slot()
            {
                let number = channel.updates(slot);
                let out = &mut connection.out;
                self.target.update(&mut connection.peer, &channel.name, number, Weight::Light, out);
                self.flush(index);
            }
        }
    }

    /// Lets one read no more.
    pub(crate) fn deafen(&mut self, index: usize) {
        self.connections[index].deaf = true;
    }

    /// Lets one read again.
    pub(crate) fn hear(&mut self, index: usize) {
        self.connections[index].deaf = false;
        // What has come was told to the poll before.
        self.readable(index);
    }

    /// Whether rosters are held to what was done.
    pub(crate) fn exact(&self) -> bool {
        self.target.exact()
    }

    /// Whether one is connected.
    pub(crate) fn open(&self, index: usize) -> bool {
        self.connections[index].phase == Phase::Open
    }

    /// Lets one be a member of its channel, with its next update.
    pub(crate) fn join(&mut self, index: usize) {
        self.be(index, false);
    }

    /// Lets one be a member no more; it goes on to observe.
    pub(crate) fn leave(&mut self, index: usize) {
        self.be(index, true);
    }

    /// One that is closed for good is a member no more, once its grace is over.
    pub(crate) fn join_no_more(&mut self, index: usize) {
        self.connections[index].peer.progress.absent = true;
    }

    fn be(&mut self, index: usize, absent: bool) {
        let now = self.now();
        let connection = &mut self.connections[index];
        let was = mem::replace(&mut connection.peer.progress.absent, absent);
        if was == absent {
            return;
        }
        let channel = &mut self.channels[connection.peer.channel as usize];
        let number = match connection.peer.slot() {
            Some(slot) if !absent => channel.note_sent(slot, now),
            _ => 0,
        };
        if connection.phase == Phase::Open {
            self.target.membership(&mut connection.peer, &channel.name, number, &mut connection.out);
            self.flush(index);
        }
    }

    /// Waits until something happens, but not beyond `deadline`, and handles it.
    pub(crate) fn turn(&mut self, deadline: Option<Instant>) -> io::Result<()> {
        let wait =
            deadline.map_or(TURN, |deadline| deadline.saturating_duration_since(Instant::now()).min(TURN));
        if !wait.is_zero() && wait < TURN {
            self.set_alarm(wait)?;
        }
        self.poll_for(if wait.is_zero() { Duration::ZERO } else { TURN })
    }

    /// Handles what has happened. Called in a loop it keeps its processor busy and never sleeps: otherwise the kernel would
    /// wake this program in the midst of the server's writes, on the server's account. Readers elsewhere cost it nothing.
    pub(crate) fn look(&mut self) -> io::Result<()> {
        self.poll_for(Duration::ZERO)
    }

    fn poll_for(&mut self, timeout: Duration) -> io::Result<()> {
        let mut events = mem::replace(&mut self.events, Events::with_capacity(0));
        let polled = self.poll.poll(&mut events, Some(timeout));
        for event in &events {
            let Token(index) = event.token();
            if event.token() == ALARM {
                continue;
            }
            if event.is_writable() {
                self.writable(index);
            }
            if event.is_readable() || event.is_read_closed() || event.is_error() {
                self.readable(index);
            }
        }
        self.events = events;
        self.renew();
        match polled {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => Err(error),
            Ok(()) | Err(_) => Ok(()),
        }
    }

    fn set_alarm(&self, wait: Duration) -> io::Result<()> {
        let value = Timespec { tv_sec: wait.as_secs() as i64, tv_nsec: i64::from(wait.subsec_nanos()) };
        let once = Itimerspec { it_interval: Timespec { tv_sec: 0, tv_nsec: 0 }, it_value: value };
        timerfd_settime(&self.alarm, TimerfdTimerFlags::empty(), &once)?;
        Ok(())
    }

    fn lose(&mut self, index: usize, why: String) {
        self.cut(index);
        self.lost.push((index, why));
    }

    fn writable(&mut self, index: usize) {
        let connection = &mut self.connections[index];
        if connection.phase == Phase::Connecting {
            let failed = connection.stream.as_ref().and_then(|stream| stream.take_error().ok().flatten());
            if let Some(error) = failed {
                return self.lose(index, error.to_string());
            }
            connection.phase = Phase::Upgrading;
            let offered = self.target.subprotocol().map(|name| format!("Sec-WebSocket-Protocol: {name}\r\n"));
            connection.out = format!(
                "GET {} HTTP/1.1\r\nHost: {}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                 Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n{}\r\n",
                self.target.path(),
                self.servers[usize::from(connection.peer.home)],
                offered.unwrap_or_default(),
            )
            .into_bytes();
        }
        self.flush(index);
    }

    fn flush(&mut self, index: usize) {
        let connection = &mut self.connections[index];
        if !connection.out.is_empty()
            && let Err(error) = connection.flush()
        {
            self.lose(index, error.to_string());
        }
    }

    fn readable(&mut self, index: usize) {
        if self.connections[index].deaf {
            return;
        }
        let mut scratch = mem::take(&mut self.scratch);
        loop {
            match self.connections[index].read(&mut scratch) {
                Ok(None) => break,
                Ok(Some(0)) => {
                    self.lose(index, "the server closed the socket".into());
                    break;
                }
                Ok(Some(count)) => {
                    if let Err(why) = self.take(index, &scratch[..count]) {
                        self.lose(index, why);
                        break;
                    }
                    if count < scratch.len() {
                        break;
                    }
                }
                Err(error) => {
                    self.lose(index, error.to_string());
                    break;
                }
            }
        }
        self.scratch = scratch;
        self.flush(index);
    }

    /// Handles bytes that a connection has received.
    fn take(&mut self, index: usize, bytes: &[u8]) -> Result<(), String> {
        let connection = &mut self.connections[index];
        let used = if connection.inbound.is_empty() {
            let used = self.messages(index, bytes)?;
            self.connections[index].inbound.extend_from_slice(&bytes[used..]);
            return Ok(());
        } else {
            connection.inbound.extend_from_slice(bytes);
            let inbound = mem::take(&mut connection.inbound);
            let used = self.messages(index, &inbound);
            self.connections[index].inbound = inbound;
            used?
        };
        let inbound = &mut self.connections[index].inbound;
        inbound.drain(..used);
        trim(inbound);
        Ok(())
    }

    /// Handles all whole messages in `bytes` and gives their length.
    fn messages(&mut self, index: usize, bytes: &[u8]) -> Result<usize, String> {
        let mut used = 0;
        if self.connections[index].phase == Phase::Upgrading {
            let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else { return Ok(0) };
            if !bytes.starts_with(b"HTTP/1.1 101") {
                return Err(String::from_utf8_lossy(&bytes[..end]).lines().next().unwrap_or("").into());
            }
            used = end + 4;
            self.connections[index].phase = Phase::Open;
            self.connections[index].opened = true;
            self.opening -= 1;
            self.tell(index, |target, told| target.open(told));
        }
        loop {
            let rest = &bytes[used..];
            let frame = frames::first(rest).map_err(|_| "a frame that was not expected".to_owned())?;
            let Some(frame) = frame else { return Ok(used) };
            used += frame.length;
            match frame.kind {
                Kind::Text | Kind::Binary => {
                    self.tell(index, |target, told| target.receive(frame.payload, told));
                }
                Kind::Ping => frames::append(Kind::Pong, frame.payload, &mut self.connections[index].out),
                Kind::Pong => {}
                Kind::Close => {
                    let (code, reason) = frame.payload.split_first_chunk().unwrap_or((&[0, 0], &[]));
                    let code = u16::from_be_bytes(*code);
                    return Err(format!("closed with {code} {}", String::from_utf8_lossy(reason)));
                }
            }
        }
    }

    fn tell(&mut self, index: usize, say: impl FnOnce(&dyn Target, &mut Told<'_>)) {
        let now = self.now();
        let connection = &mut self.connections[index];
        let mut told = Told {
            channel: &mut self.channels[connection.peer.channel as usize],
            peer: &mut connection.peer,
            tally: &mut self.tally,
            out: &mut connection.out,
            now,
        };
        say(&*self.target, &mut told);
        told.settle();
    }

    /// A connection that is closed is not complete.
    fn unsettle(&mut self, index: usize) {
        self.connections[index].peer.confirmed = false;
        self.tell(index, |_, _| {});
    }
}
