//! A socket by hand: for what a well-behaved client never does.

use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::{PATIENCE, Server};

pub(crate) struct Raw {
    pub(crate) stream: BufReader<TcpStream>,
}

/// A frame of the server.
#[derive(Debug)]
pub(crate) struct RawFrame {
    pub(crate) opcode: u8,
    pub(crate) payload: Vec<u8>,
}

impl Raw {
    /// Sends bytes and reads until the server ends the stream.
    pub(crate) async fn exchange(server: &Server, bytes: &[u8]) -> String {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        stream.write_all(bytes).await.unwrap();
        let mut answer = Vec::new();
        // A reset is an end, too.
        drop(timeout(PATIENCE, stream.read_to_end(&mut answer)).await.expect("the server keeps the stream"));
        String::from_utf8_lossy(&answer).into_owned()
    }

    /// Opens a WebSocket for JSON.
    pub(crate) async fn open(server: &Server) -> Self {
        Self::upgrade(server, TcpStream::connect(server.address).await.unwrap()).await
    }

    /// The same with little room for what the server sends.
    pub(crate) async fn narrow(server: &Server) -> Self {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(8 * 1024).unwrap();
        Self::upgrade(server, socket.connect(server.address).await.unwrap()).await
    }

    async fn upgrade(server: &Server, stream: TcpStream) -> Self {
        let mut raw = Self { stream: BufReader::new(stream) };
        let request = format!(
            "GET /v1/connect HTTP/1.1\r\nHost: {}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
             Sec-WebSocket-Protocol: herenow.v1.json\r\n\r\n",
            server.address
        );
        raw.stream.write_all(request.as_bytes()).await.unwrap();
        let mut line = String::new();
        while line != "\r\n" {
            line.clear();
            assert!(raw.stream.read_line(&mut line).await.unwrap() > 0, "no answer");
        }
        raw
    }

    /// One frame as clients send it; the mask is zero.
    pub(crate) fn frame(opcode: u8, payload: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0x80 | opcode];
        match payload.len() {
            len @ 0..126 => bytes.push(0x80 | u8::try_from(len).unwrap()),
            len @ 126..65_536 => {
                bytes.push(0x80 | 126);
                bytes.extend(u16::try_from(len).unwrap().to_be_bytes());
            }
            len => {
                bytes.push(0x80 | 127);
                bytes.extend(u64::try_from(len).unwrap().to_be_bytes());
            }
        }
        bytes.extend([0; 4]);
        bytes.extend(payload);
        bytes
    }

    pub(crate) async fn send_text(&mut self, text: &str) {
        self.send(1, text.as_bytes()).await;
    }

    pub(crate) async fn send(&mut self, opcode: u8, payload: &[u8]) {
        self.stream.write_all(&Self::frame(opcode, payload)).await.unwrap();
    }

    /// Sends a byte each second until the server closes the socket; gives the code.
    pub(crate) async fn dribble(&mut self, bytes: &[u8]) -> u16 {
        for byte in bytes {
            self.stream.write_all(&[*byte]).await.unwrap();
            if let Ok(code) = timeout(Duration::from_secs(1), self.closed()).await {
                return code;
            }
        }
        panic!("the server is patient");
    }

    pub(crate) async fn read_frame(&mut self) -> RawFrame {
        timeout(PATIENCE, async {
            let first = self.stream.read_u8().await.unwrap();
            let len = match self.stream.read_u8().await.unwrap() {
                126 => usize::from(self.stream.read_u16().await.unwrap()),
                127 => usize::try_from(self.stream.read_u64().await.unwrap()).unwrap(),
                len => usize::from(len),
            };
            let mut payload = vec![0; len];
            self.stream.read_exact(&mut payload).await.unwrap();
            RawFrame { opcode: first & 0x0f, payload }
        })
        .await
        .expect("the server is silent")
    }

    /// Reads without answering pings until the close frame; gives its code.
    pub(crate) async fn closed(&mut self) -> u16 {
        loop {
            let frame = self.read_frame().await;
            if frame.opcode == 8 {
                return u16::from_be_bytes([frame.payload[0], frame.payload[1]]);
            }
        }
    }
}
