//! The program itself: its options, what it prints, and how it ends.

use std::fs;
use std::net::TcpListener;
use std::process::{Output, Stdio};

use crate::common::PATIENCE;
use futures_util::{SinkExt, StreamExt};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

fn program(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_herenow-server"));
    command.args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    command
}

async fn output(mut command: Command) -> Output {
    timeout(PATIENCE, command.output()).await.unwrap().unwrap()
}

/// The one line of an error.
fn line(output: &Output) -> String {
    let text = String::from_utf8(output.stderr.clone()).unwrap();
    assert_eq!(text.lines().count(), 1, "{text}");
    assert!(output.stdout.is_empty());
    text
}

struct Running {
    child: Child,
    stdout: BufReader<tokio::process::ChildStdout>,
    address: String,
}

async fn start(mut command: Command) -> Running {
    let mut child = command.spawn().unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    let mut first = String::new();
    timeout(PATIENCE, stdout.read_line(&mut first)).await.unwrap().unwrap();
    let address =
        first.trim_end().strip_prefix("listening on http://").unwrap_or_else(|| panic!("{first:?}"));
    Running { child, address: address.to_owned(), stdout }
}

impl Running {
    async fn signal(&self, name: &str) {
        let id = self.child.id().unwrap().to_string();
        assert!(Command::new("kill").args([name, &id]).status().await.unwrap().success());
    }

    /// The exit status, and all that was written to standard error.
    async fn end(mut self) -> (Option<i32>, String) {
        let status = timeout(PATIENCE, self.child.wait()).await.unwrap().unwrap();
        let mut rest = String::new();
        self.stdout.read_to_string(&mut rest).await.unwrap();
        assert_eq!(rest, "", "standard output has the address and nothing else");
        let mut log = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut log).await.unwrap();
        (status.code(), log)
    }
}

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// Connects as a guest; gives the socket and the answer to the hello.
async fn greeted(address: &str) -> (Socket, Value) {
    let mut request = format!("ws://{address}/v1/connect").into_client_request().unwrap();
    request.headers_mut().insert("sec-websocket-protocol", "herenow.v1.json".parse().unwrap());
    let (mut socket, _) = connect_async(request).await.unwrap();
    let hello =
        format!(r#"[{{"hello":{{"token":"{}","session":"{:032}"}}}}]"#, crate::common::guest("ann"), 1);
    socket.send(Message::text(hello)).await.unwrap();
    let frames = next(&mut socket).await;
    (socket, frames)
}

async fn next(socket: &mut Socket) -> Value {
    let message = timeout(PATIENCE, socket.next()).await.unwrap().unwrap().unwrap();
    serde_json::from_str(message.to_text().unwrap()).unwrap()
}

#[tokio::test]
async fn sigterm_and_ctrl_c_end_it_with_0() {
    for signal in ["-TERM", "-INT"] {
        let running = start(program(&["--listen", "127.0.0.1:0"])).await;
        let answer = reqwest::get(format!("http://{}/readyz", running.address)).await.unwrap();
        assert_eq!(answer.status(), 200);
        running.signal(signal).await;
        let (status, log) = running.end().await;
        assert_eq!(status, Some(0), "{log}");
        assert!(!log.contains("anybody may enter"), "{log}");
    }
}

#[tokio::test]
async fn a_second_signal_ends_it_at_once() {
    let running = start(program(&["--listen", "127.0.0.1:0", "--drain", "1h"])).await;
    let (mut socket, welcome) = greeted(&running.address).await;
    assert!(welcome[0]["welcome"].is_object());
    running.signal("-TERM").await;
    assert!(next(&mut socket).await[0]["going_away"].is_object());
    running.signal("-TERM").await;
    assert_eq!(running.end().await.0, Some(130));
}

#[tokio::test]
async fn an_open_address_is_warned_of_and_logs_can_be_json() {
    let running = start(program(&["--listen", "0.0.0.0:0", "--log-format", "json"])).await;
    running.signal("-TERM").await;
    let (status, log) = running.end().await;
    assert_eq!(status, Some(0));
    let lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let warned =
        lines.iter().any(|line| line["level"] == "WARN" && line.to_string().contains("anybody may enter"));
    assert!(warned, "{log}");
}

#[tokio::test]
async fn a_port_in_use_is_one_sentence_with_a_remedy() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let output = output(program(&["--listen", &address])).await;
    assert_eq!(output.status.code(), Some(1));
    let line = line(&output);
    assert!(line.contains(&address) && line.contains("in use") && line.contains("--listen"), "{line}");
}

#[tokio::test]
async fn a_mistake_ends_the_start_with_2_and_one_line() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("herenow.toml");
    fs::write(&file, "listen = \"127.0.0.1:0\"\nunknown = 1\n").unwrap();
    for (arguments, named) in [
        (vec!["--redis", "redis://localhost"], "--redis"),
        (vec!["--auth", "jwt"], "--auth"),
        (vec!["--metrics"], "--metrics"),
        (vec!["--grace", "soon"], "--grace"),
        (vec!["--listen", "nowhere"], "--listen"),
        (vec!["--www", "/does/not/exist"], "--www"),
        (vec!["--config", file.to_str().unwrap()], "unknown"),
    ] {
        let output = output(program(&arguments)).await;
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(line(&output).contains(named), "{output:?}");
    }
    let mut by_environment = program(&[]);
    by_environment.env("HERENOW_TICK", "never");
    let output = output(by_environment).await;
    assert_eq!(output.status.code(), Some(2));
    assert!(line(&output).contains("--tick"), "{output:?}");
}

#[tokio::test]
async fn a_flag_wins_over_the_environment_and_that_over_the_file() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("herenow.toml");
    let text = "listen = \"127.0.0.1:1\"\ngrace = \"3s\"\nping-interval = \"4s\"\nframes-per-second = 7\n";
    fs::write(&file, text).unwrap();
    let mut command = program(&["--listen", "127.0.0.1:0", "--config", file.to_str().unwrap()]);
    command.env("HERENOW_LISTEN", "127.0.0.1:2").env("HERENOW_GRACE", "5s");
    let running = start(command).await;
    let (_socket, answer) = greeted(&running.address).await;
    let welcome = &answer[0]["welcome"];
    assert_eq!(welcome["grace_ms"], 5_000, "the environment");
    assert_eq!(welcome["ping_interval_ms"], 4_000, "the file");
    assert_eq!(welcome["limits"]["frames_per_second"], 7);
}

#[tokio::test]
async fn help_and_version_are_shown() {
    let help = output(program(&["--help"])).await;
    assert_eq!(help.status.code(), Some(0));
    let text = String::from_utf8(help.stdout).unwrap();
    assert!(text.contains("--listen") && text.contains("HERENOW_LISTEN"));
    assert_eq!(output(program(&["--version"])).await.status.code(), Some(0));
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn it_takes_as_many_open_files_as_are_allowed() {
    let mut command = Command::new("sh");
    let script = "ulimit -S -n 200; exec \"$0\" --listen 127.0.0.1:0";
    command.args(["-c", script, env!("CARGO_BIN_EXE_herenow-server")]);
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    let server = start(command).await;
    let limits = fs::read_to_string(format!("/proc/{}/limits", server.child.id().unwrap())).unwrap();
    let files = limits.lines().find(|line| line.starts_with("Max open files")).unwrap();
    let numbers: Vec<&str> = files.split_whitespace().skip(3).take(2).collect();
    assert_eq!(numbers[0], numbers[1], "the soft limit is the hard one: {files}");
    assert_ne!(numbers[0], "200", "the hard limit of this machine is too low to show it");
}
