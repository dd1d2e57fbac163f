//! One connection: its socket, and the bytes that are not a whole message yet or not sent yet.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::time::Duration;

use mio::net::TcpStream;
use socket2::{Domain, Protocol, Socket, Type};

use crate::crowd::Peer;

/// Connections from one source address. Linux has 28,000 local ports by default, but finding a free one takes long when
/// half of them are taken.
const PER_SOURCE: u32 = 8_000;
/// A buffer with more room than this is given back when it is empty.
const KEPT_BYTES: usize = 1024;
/// How far a socket is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    Closed,
    Connecting,
    Upgrading,
    Open,
}

/// A connection, or the place of one.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) stream: Option<TcpStream>,
    pub(crate) phase: Phase,
    /// The beginning of a message.
    pub(crate) inbound: Vec<u8>,
    /// What the socket has not taken yet.
    pub(crate) out: Vec<u8>,
    /// It does not read, on purpose.
    pub(crate) deaf: bool,
    /// Its last attempt to connect has succeeded.
    pub(crate) opened: bool,
    pub(crate) peer: Peer,
}

impl Connection {
    pub(crate) fn new(peer: Peer) -> Self {
        Self {
            stream: None,
            phase: Phase::Closed,
            inbound: Vec::new(),
            out: Vec::new(),
            deaf: false,
            opened: false,
            peer,
        }
    }

    /// Begins to connect. The socket is closed without waiting, so that its port is free again at once.
    pub(crate) fn connect(&mut self, server: SocketAddr) -> io::Result<()> {
        let socket = Socket::new(Domain::IPV4, Type::STREAM.nonblocking(), Some(Protocol::TCP))?;
        socket.set_tcp_nodelay(true)?;
        socket.set_linger(Some(Duration::ZERO))?;
        let source = self.peer.index / PER_SOURCE;
        if source > 0 {
            let address = Ipv4Addr::new(127, 0, 0, 1 + source as u8);
            socket.bind(&SocketAddrV4::new(address, 0).into())?;
        }
        match socket.connect(&server.into()) {
            Ok(()) => {}
            Err(error) if error.raw_os_error() == Some(rustix::io::Errno::INPROGRESS.raw_os_error()) => {}
            Err(error) => return Err(error),
        }
        self.stream = Some(TcpStream::from_std(socket.into()));
        self.phase = Phase::Connecting;
        self.opened = false;
        Ok(())
    }

    /// Closes the socket.
    pub(crate) fn close(&mut self) {
        self.stream = None;
        self.phase = Phase::Closed;
        self.inbound = Vec::new();
        self.out = Vec::new();
    }

    /// Reads once; `None` when there is nothing now, `Some(0)` at the end.
    pub(crate) fn read(&mut self, into: &mut [u8]) -> io::Result<Option<usize>> {
        let Some(stream) = &mut self.stream else { return Ok(None) };
        loop {
            return match stream.read(into) {
                Ok(count) => Ok(Some(count)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(None),
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => Err(error),
            };
        }
    }

    /// Sends as much as the socket takes.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        let Some(stream) = &mut self.stream else { return Ok(()) };
        let mut sent = 0;
        while sent < self.out.len() {
            match stream.write(&self.out[sent..]) {
                Ok(count) => sent += count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.out.drain(..sent);
        trim(&mut self.out);
        Ok(())
    }
}

/// Gives back the room of a buffer that is empty.
pub(crate) fn trim(buffer: &mut Vec<u8>) {
    if buffer.is_empty() && buffer.capacity() > KEPT_BYTES {
        *buffer = Vec::new();
    }
}
