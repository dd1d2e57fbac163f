//! TLS: the same server, on an encrypted socket.

use std::fs;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::{SinkExt, StreamExt};
use herenow_server::{Config, MetricsFlag};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::aws_lc_rs::default_provider;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::{WebSocketStream, client_async};

use crate::binary::{output, program, start};
use crate::common::{PATIENCE, Server, guest};

/// A folder with a certificate for `localhost` and its key.
struct Identity {
    folder: TempDir,
    certificate: CertificateDer<'static>,
}

impl Identity {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let certificate = write(&folder);
        Self { folder, certificate }
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    fn config(&self) -> Config {
        Config {
            tls_cert: Some(self.path("cert.pem").into()),
            tls_key: Some(self.path("key.pem").into()),
            ..Config::default()
        }
    }
}

/// Writes a new certificate and its key.
fn write(folder: &TempDir) -> CertificateDer<'static> {
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    fs::write(folder.path().join("cert.pem"), cert.pem()).unwrap();
    fs::write(folder.path().join("key.pem"), signing_key.serialize_pem()).unwrap();
    cert.der().clone()
}

/// What trusts one certificate and no other.
fn connector(trusted: &CertificateDer<'static>) -> TlsConnector {
    let mut roots = RootCertStore::empty();
    roots.add(trusted.clone()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    TlsConnector::from(Arc::new(config))
}

async fn secure(
    trusted: &CertificateDer<'static>,
    stream: TcpStream,
) -> std::io::Result<TlsStream<TcpStream>> {
    connector(trusted).connect(ServerName::try_from("localhost").unwrap(), stream).await
}

async fn connect(
    server: &Server,
    trusted: &CertificateDer<'static>,
) -> std::io::Result<TlsStream<TcpStream>> {
    secure(trusted, TcpStream::connect(server.address).await.unwrap()).await
}

struct Client(WebSocketStream<TlsStream<TcpStream>>);

impl Client {
    async fn on(server: &Server, stream: TlsStream<TcpStream>, name: &str, session: u128) -> Self {
        let mut request =
            format!("wss://localhost:{}/v1/connect", server.address.port()).into_client_request().unwrap();
        request.headers_mut().insert("sec-websocket-protocol", "herenow.v1.json".parse().unwrap());
        let mut client = Self(client_async(request, stream).await.unwrap().0);
        client
            .say(&format!(r#"[{{"hello":{{"token":"{}","session":"{session:032}"}}}}]"#, guest(name)))
            .await;
        assert!(client.next("welcome").await["user"].is_string());
        client
    }

    async fn open(server: &Server, identity: &Identity, name: &str, session: u128) -> Self {
        let stream = connect(server, &identity.certificate).await.unwrap();
        Self::on(server, stream, name, session).await
    }

    async fn say(&mut self, text: &str) {
        self.0.send(Message::text(text)).await.unwrap();
    }

    /// The next frame of a kind; what else comes is skipped.
    async fn next(&mut self, kind: &str) -> Value {
        loop {
            let message = timeout(PATIENCE, self.0.next()).await.unwrap().unwrap().unwrap();
            let Ok(Value::Array(frames)) = serde_json::from_str(message.to_text().unwrap_or_default()) else {
                continue;
            };
            if let Some(frame) = frames.into_iter().find_map(|mut frame| Some(frame.get_mut(kind)?.take())) {
                return frame;
            }
        }
    }
}

#[tokio::test]
async fn what_happens_is_told_over_tls_too() {
    let identity = Identity::new();
    let server = Server::with(identity.config()).await;
    let mut ann = Client::open(&server, &identity, "ann", 1).await;
    ann.say(r#"[{"observe":{"id":1,"channel":"lobby"}}]"#).await;
    assert_eq!(ann.next("snapshot").await["seq"], 0);
    let mut bob = Client::open(&server, &identity, "bob", 2).await;
    bob.say(r#"[{"join":{"id":1,"channel":"lobby"}}]"#).await;
    assert!(ann.next("diff").await["transitions"][0]["join"]["user"].is_string());
    // HTTP, on a connection of its own.
    let mut http = connect(&server, &identity.certificate).await.unwrap();
    let request = format!(
        "GET /v1/channel/count?channel=lobby HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {}\r\nConnection: close\r\n\r\n",
        guest("reader")
    );
    http.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    http.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains(r#""count":1"#), "{answer}");
}

#[tokio::test]
async fn a_close_arrives_with_its_code() {
    let identity = Identity::new();
    let server = Server::with(identity.config()).await;
    let mut ann = Client::open(&server, &identity, "ann", 1).await;
    ann.say("no frames").await;
    loop {
        match timeout(PATIENCE, ann.0.next()).await.unwrap().unwrap().unwrap() {
            Message::Close(close) => break assert_eq!(u16::from(close.unwrap().code), 4500),
            _ => continue,
        }
    }
}

/// More than the socket takes at once, for a client that reads late: everything arrives, in order.
#[tokio::test]
async fn what_the_socket_does_not_take_at_once_arrives_later() {
    const UPDATES: u32 = 1_500;
    let identity = Identity::new();
    let config = Config {
        frames_per_second: 0,
        tick: Duration::from_millis(1),
        ping_interval: Duration::from_secs(3_600),
        ..identity.config()
    };
    let server = Server::with(config).await;
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(8 * 1024).unwrap();
    let narrow = socket.connect(server.address).await.unwrap();
    let narrow = secure(&identity.certificate, narrow).await.unwrap();
    let mut slow = Client::on(&server, narrow, "slow", 1).await;
    slow.say(r#"[{"observe":{"id":1,"channel":"noise"}}]"#).await;
    let mut ann = Client::open(&server, &identity, "ann", 2).await;
    ann.say(r#"[{"join":{"id":1,"channel":"noise"}}]"#).await;
    ann.next("ok").await;
    let filling = "x".repeat(1_000);
    for id in 2..2 + UPDATES {
        let attributes: Vec<String> = (0..7).map(|key| format!(r#""k{key}":"{filling}{id}""#)).collect();
        ann.say(&format!(
            r#"[{{"set":{{"id":{id},"channel":"noise","attributes":{{{}}}}}}}]"#,
            attributes.join(",")
        ))
        .await;
        ann.next("ok").await;
    }
    let last = format!("{filling}{}\"", UPDATES + 1);
    let mut messages = 0;
    loop {
        let message = timeout(PATIENCE, slow.0.next()).await.unwrap().unwrap().unwrap();
        messages += 1;
        if message.to_text().is_ok_and(|text| text.contains(&last)) {
            break;
        }
    }
    assert!(messages < UPDATES, "the socket was never full");
}

#[tokio::test]
async fn who_does_not_speak_tls_is_dropped() {
    let identity = Identity::new();
    let server = Server::with(Config { metrics: MetricsFlag::On, ..identity.config() }).await;
    let mut plain = TcpStream::connect(server.address).await.unwrap();
    plain.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    // An alert of TLS, or a reset: but an end, and no answer.
    let _ = timeout(PATIENCE, plain.read_to_end(&mut answer)).await.expect("the server keeps the stream");
    assert!(!answer.starts_with(b"HTTP"));
    // It waits for one that says nothing, and serves others meanwhile.
    let mut silent = TcpStream::connect(server.address).await.unwrap();
    let began = Instant::now();
    let _ann = Client::open(&server, &identity, "ann", 1).await;
    assert!(began.elapsed() < Duration::from_secs(5));
    let _ =
        timeout(PATIENCE, silent.read_to_end(&mut Vec::new())).await.expect("the server keeps the stream");
    assert!(began.elapsed() >= Duration::from_secs(7), "{:?}", began.elapsed());
    let mut operator = connect(&server, &identity.certificate).await.unwrap();
    let request = b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    operator.write_all(request).await.unwrap();
    let mut metrics = String::new();
    timeout(PATIENCE, operator.read_to_string(&mut metrics)).await.unwrap().unwrap();
    for reason in ["tls", "tls_timeout"] {
        let line = format!("herenow_connections_failed_total{{reason=\"{reason}\"}} 1\n");
        assert!(metrics.contains(&line), "{metrics}");
    }
}

#[cfg(unix)]
#[tokio::test]
async fn sighup_says_what_became_of_the_certificate() {
    let identity = Identity::new();
    let (cert, key) = (identity.path("cert.pem"), identity.path("key.pem"));
    let mut server =
        start(program(&["--listen", "127.0.0.1:0", "--tls-cert", &cert, "--tls-key", &key])).await;
    server.signal("-HUP").await;
    server.logged("read the certificate again").await;
    fs::write(&key, "no key").unwrap();
    server.signal("-HUP").await;
    server.logged("the certificate stays as it was").await;
}

#[cfg(unix)]
#[tokio::test]
async fn sighup_takes_a_new_certificate_and_keeps_open_connections() {
    let identity = Identity::new();
    let server = Server::with(identity.config()).await;
    let mut ann = Client::open(&server, &identity, "ann", 1).await;
    let renewed = write(&identity.folder);
    assert!(connect(&server, &renewed).await.is_err(), "not before it is asked to");
    let own = std::process::id().to_string();
    // Other servers of this process read their files again, too, which changes nothing for them.
    let hangup = || std::process::Command::new("kill").args(["-HUP", &own]).status().unwrap();
    assert!(hangup().success());
    let begun = Instant::now();
    while connect(&server, &renewed).await.is_err() {
        assert!(begun.elapsed() < PATIENCE, "the new certificate is never used");
    }
    assert!(connect(&server, &identity.certificate).await.is_err(), "the old one is not used any more");
    ann.say(r#"[{"join":{"id":1,"channel":"lobby"}}]"#).await;
    ann.next("ok").await;

    // A key that does not fit, as in the middle of a renewal, changes nothing.
    let other = Identity::new();
    fs::copy(other.path("key.pem"), identity.path("key.pem")).unwrap();
    assert!(hangup().success());
    fs::write(identity.path("cert.pem"), "").unwrap();
    assert!(hangup().success());
    for _ in 0..20 {
        connect(&server, &renewed).await.unwrap();
    }
}

#[tokio::test]
async fn files_that_do_not_fit_end_the_start_with_a_remedy() {
    let (identity, other) = (Identity::new(), Identity::new());
    let (cert, key) = (identity.path("cert.pem"), identity.path("key.pem"));
    for (cert, key, named) in [
        (&cert, &other.path("key.pem"), "not a certificate for the key"),
        (&key, &key, "no certificate in PEM"),
        (&cert, &cert, "no private key in PEM"),
        (&cert, &"/does/not/exist".to_owned(), "/does/not/exist"),
    ] {
        let refused = output(program(&["--tls-cert", cert, "--tls-key", key])).await;
        assert_eq!(refused.status.code(), Some(2), "{refused:?}");
        let text = String::from_utf8(refused.stderr).unwrap();
        assert!(text.contains(named) && text.lines().count() == 1, "{text}");
    }
}

/// The certificate is not one that the machine trusts, nor for the address.
#[tokio::test]
async fn health_asks_with_tls_where_the_environment_says_so() {
    let identity = Identity::new();
    let server = Server::with(identity.config()).await;
    let asked = |listen: String, tls: bool| {
        let mut command = program(&["health"]);
        command.env("HERENOW_LISTEN", listen);
        if tls {
            command.env("HERENOW_TLS_CERT", identity.path("cert.pem"));
        }
        output(command)
    };
    let port = server.address.port();
    for listen in ["0.0.0.0", "127.0.0.1"] {
        let asked = asked(format!("{listen}:{port}"), true).await;
        assert_eq!((asked.status.code(), asked.stderr.len()), (Some(0), 0), "{asked:?}");
    }
    assert_eq!(asked(format!("127.0.0.1:{port}"), false).await.status.code(), Some(1), "it speaks TLS only");
    let plain = Server::start().await;
    let port = plain.address.port();
    let healthy = asked(format!("0.0.0.0:{port}"), false).await;
    assert_eq!((healthy.status.code(), healthy.stderr.len()), (Some(0), 0), "{healthy:?}");
    assert_eq!(asked(format!("0.0.0.0:{port}"), true).await.status.code(), Some(1), "it speaks no TLS");
}
