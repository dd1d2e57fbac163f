//! The program itself: its options, what it prints, and how it ends.

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Output, Stdio};

use crate::common::PATIENCE;
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::sync::oneshot;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

pub(crate) fn program(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_herenow-server"));
    command.args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    command
}

pub(crate) async fn output(mut command: Command) -> Output {
    timeout(PATIENCE, command.output()).await.unwrap().unwrap()
}

/// The one line of an error.
pub(crate) fn line(output: &Output) -> String {
    let text = String::from_utf8(output.stderr.clone()).unwrap();
    assert_eq!(text.lines().count(), 1, "{text}");
    assert!(output.stdout.is_empty());
    text
}

pub(crate) struct Running {
    child: Child,
    stdout: BufReader<tokio::process::ChildStdout>,
    pub(crate) address: String,
}

pub(crate) async fn start(mut command: Command) -> Running {
    let mut child = command.spawn().unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    let mut first = String::new();
    timeout(PATIENCE, stdout.read_line(&mut first)).await.unwrap().unwrap();
    let url = first.trim_end().strip_prefix("listening on ");
    let address = url
        .and_then(|url| url.strip_prefix("http://").or_else(|| url.strip_prefix("https://")))
        .unwrap_or_else(|| panic!("{first:?}"));
    Running { child, address: address.to_owned(), stdout }
}

impl Running {
    pub(crate) async fn signal(&self, name: &str) {
        let id = self.child.id().unwrap().to_string();
        assert!(Command::new("kill").args([name, &id]).status().await.unwrap().success());
    }

    /// Waits for a line of the log that holds `text`; gives the log up to it.
    pub(crate) async fn logged(&mut self, text: &str) -> String {
        let mut log = BufReader::new(self.child.stderr.as_mut().unwrap());
        let mut all = String::new();
        let mut begin = 0;
        while !all[begin..].contains(text) {
            begin = all.len();
            let read = timeout(PATIENCE, log.read_line(&mut all)).await.unwrap().unwrap();
            assert_ne!(read, 0, "the log ended without {text}");
        }
        all
    }

    /// The exit status, and all that was written to standard error.
    pub(crate) async fn end(mut self) -> (Option<i32>, String) {
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
    let mut socket = hello(address, "ann", 1).await;
    let frames = next(&mut socket).await;
    (socket, frames)
}

/// The same for anybody; `None` if the server takes no new session.
async fn greeted_as(address: &str, name: &str, session: usize) -> Option<Socket> {
    let mut socket = hello(address, name, session).await;
    match timeout(PATIENCE, socket.next()).await.unwrap()?.ok()? {
        Message::Text(_) => Some(socket),
        _ => None,
    }
}

async fn hello(address: &str, name: &str, session: usize) -> Socket {
    let mut request = format!("ws://{address}/v1/connect").into_client_request().unwrap();
    request.headers_mut().insert("sec-websocket-protocol", "herenow.v1.json".parse().unwrap());
    let (mut socket, _) = connect_async(request).await.unwrap();
    let hello =
        format!(r#"[{{"hello":{{"token":"{}","session":"{session:032}"}}}}]"#, crate::common::guest(name));
    socket.send(Message::text(hello)).await.unwrap();
    socket
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

/// Writes what somebody then reads from a pipe that has a name.
async fn fed(pipe: &Path, text: &'static str) {
    let (pipe, (done, written)) = (pipe.to_owned(), oneshot::channel());
    // A thread of its own: where nobody reads, it would hold up the end of the test.
    std::thread::spawn(move || drop(done.send(fs::write(pipe, text))));
    timeout(PATIENCE, written).await.expect("somebody reads").unwrap().unwrap();
}

/// The file is a pipe, so that the server is held between its line and serving.
#[tokio::test]
async fn a_hangup_right_after_the_line_is_heard() {
    const TOKEN: &str = "an operator's token of more than thirty-two bytes";
    let directory = tempfile::tempdir().unwrap();
    let pipe = directory.path().join("token");
    assert!(Command::new("mkfifo").arg(&pipe).status().await.unwrap().success());
    let flags = ["--listen", "127.0.0.1:0", "--admin-token-file", pipe.to_str().unwrap()];
    let (running, ()) = tokio::join!(start(program(&flags)), fed(&pipe, TOKEN));
    running.signal("-HUP").await;
    fed(&pipe, TOKEN).await;
    let answer = reqwest::get(format!("http://{}/healthz", running.address)).await.unwrap();
    assert_eq!(answer.status(), 200);
    running.signal("-HUP").await;
    fed(&pipe, TOKEN).await;
}

#[tokio::test]
async fn hangups_at_once_do_not_end_it() {
    for _ in 0..5 {
        let running = start(program(&["--listen", "127.0.0.1:0"])).await;
        running.signal("-HUP").await;
        let answer = reqwest::get(format!("http://{}/healthz", running.address)).await.unwrap();
        assert_eq!(answer.status(), 200);
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
async fn a_port_of_metrics_in_use_names_its_option() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let output = output(program(&["--listen", "127.0.0.1:0", "--metrics", &address])).await;
    assert_eq!(output.status.code(), Some(1));
    let line = line(&output);
    assert!(line.contains(&address) && line.contains("with --metrics ADDR:PORT"), "{line}");
}

#[tokio::test]
async fn the_file_says_on_or_off_and_one_string_for_a_list() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("herenow.toml");
    for switch in ["\"on\"", "true", "\"off\""] {
        let text = format!(
            "listen = \"127.0.0.1:0\"\nreuse-port = {switch}\nallowed-origin = \"https://app.example.com\"\ntrusted-proxy = \"10.0.0.1\"\n"
        );
        fs::write(&file, text).unwrap();
        let running = start(program(&["--config", file.to_str().unwrap()])).await;
        let url = format!("http://{}/v1/channel/count?channel=a", running.address);
        let request = reqwest::Client::new().get(url).bearer_auth(crate::common::guest("a"));
        let answer = request.header("origin", "https://app.example.com").send().await.unwrap();
        assert_eq!(answer.status(), 200, "{switch}");
    }
}

#[tokio::test]
async fn of_several_files_of_secrets_one_signs() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| {
        let path = directory.path().join(name);
        fs::write(&path, format!("{name}: a secret of more than thirty-two bytes")).unwrap();
        path.display().to_string()
    };
    let both = format!("{},k={}", path("first"), path("second"));
    let token = async |files: &str, kid: &[&str]| {
        let mut command = program(&["token", "--sub", "ann"]);
        command.args(kid).env("HERENOW_JWT_SECRET_FILE", files);
        let made = output(command).await;
        assert_eq!(made.status.code(), Some(0), "{made:?}");
        String::from_utf8(made.stdout).unwrap().trim_end().split('.').next().unwrap().to_owned()
    };
    assert_eq!(token(&both, &[]).await, token(&path("first"), &[]).await, "the first");
    let named = token(&format!("k={}", path("second")), &[]).await;
    assert_eq!(token(&both, &["--kid", "k"]).await, named, "the named one");
}

#[tokio::test]
async fn a_mistake_ends_the_start_with_2_and_one_line() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("herenow.toml");
    fs::write(&file, "listen = \"127.0.0.1:0\"\nunknown = 1\n").unwrap();
    for (arguments, named) in [
        (vec!["--redis", "localhost"], "--redis"),
        (vec!["--auth", "jwt"], "--auth"),
        (vec!["--metrics"], "--metrics"),
        (vec!["--metrics", ":9090"], "--metrics"),
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
    assert!(text.contains("[possible values: on, off]"), "{text}");
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

/// Memory that was needed once and is free again is no reason to refuse anybody.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn memory_is_short_only_while_it_is_needed() {
    const CHANNELS: usize = 100;
    let flags = [
        "--listen",
        "127.0.0.1:0",
        "--drain",
        "1s",
        "--metrics",
        "on",
        "--max-memory",
        "32MiB",
        "--grace",
        "100ms",
        "--frames-per-second",
        "0",
    ];
    let running = start(program(&flags)).await;
    let url = format!("http://{}/metrics", running.address);
    let is_short = async || {
        reqwest::get(&url).await.unwrap().text().await.unwrap().contains("\nherenow_short_of_memory 1\n")
    };
    let attributes: serde_json::Map<String, Value> =
        (0..7).map(|key| (format!("k{key}"), "v".repeat(1_000).into())).collect();
    let mut sockets = Vec::new();
    for session in 1.. {
        let Some(mut socket) = greeted_as(&running.address, &format!("user{session}"), session).await else {
            break;
        };
        for channel in 0..CHANNELS {
            let set = serde_json::json!([
                { "join": { "id": 1, "channel": format!("c{channel}") } },
                { "set": { "id": 2, "channel": format!("c{channel}"), "attributes": attributes } },
            ]);
            socket.send(Message::text(set.to_string())).await.unwrap();
        }
        sockets.push(socket);
        assert!(session < 300, "it is never short");
    }
    assert!(is_short().await);
    // All that 32 MiB can hold, and what was on its way.
    let status = fs::read_to_string(format!("/proc/{}/status", running.child.id().unwrap())).unwrap();
    let peak: u64 = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .unwrap()
        .trim()
        .strip_suffix(" kB")
        .unwrap()
        .parse()
        .unwrap();
    assert!(peak < 80 << 10, "{peak} KiB");
    drop(sockets);
    let begun = std::time::Instant::now();
    while is_short().await {
        assert!(begun.elapsed() < std::time::Duration::from_secs(5), "it stays short though nobody is there");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    running.signal("-TERM").await;
    assert_eq!(running.end().await.0, Some(0));
}

/// What is logged for operators holds nothing of users: whatever they send, and in whatever way they are refused.
#[tokio::test]
async fn logs_hold_no_token_no_attribute_and_no_address() {
    let running = start(program(&["--listen", "127.0.0.1:0", "--drain", "1s"])).await;
    let (mut socket, _) = greeted(&running.address).await;
    let frames = r#"[{"join":{"id":1,"channel":"secret-channel"}},{"set":{"id":2,"channel":"secret-channel","attributes":{"secret-key":"secret-value"}}},{"token":{"id":3,"token":"secret-token"}}]"#;
    socket.send(Message::text(frames)).await.unwrap();
    let mut answered = String::new();
    while !answered.contains("\"id\":3") {
        answered.push_str(&next(&mut socket).await.to_string());
    }
    let client = reqwest::Client::new();
    let url = format!("http://{}/v1/channel/users?channel=secret-channel", running.address);
    for token in ["secret-token", "guest.secret-token-of-a-reader"] {
        client
            .get(&url)
            .bearer_auth(token)
            .header("origin", "https://secret-origin.example")
            .send()
            .await
            .unwrap();
        client.get(&url).bearer_auth(token).send().await.unwrap();
    }
    let mut broken = TcpStream::connect(&running.address).await.unwrap();
    let own = broken.local_addr().unwrap().to_string();
    broken.write_all(b"secret-request\r\n\r\n").await.unwrap();
    broken.read_to_end(&mut Vec::new()).await.unwrap();
    running.signal("-TERM").await;
    drop(socket);
    let (status, log) = running.end().await;
    assert_eq!(status, Some(0));
    assert!(log.contains("serving"), "{log}");
    let guest = crate::common::guest("ann");
    for word in ["secret", guest.as_str(), "guest-", own.as_str()] {
        assert!(!log.contains(word), "{word}: {log}");
    }
}

/// At debug, what happens to a session is told with its number and the channel, and still without secrets.
#[tokio::test]
async fn a_log_at_debug_tells_the_session_and_the_channel() {
    let flags = ["--listen", "127.0.0.1:0", "--drain", "1s", "--log-level", "debug", "--log-format", "json"];
    let mut running = start(program(&flags)).await;
    let (mut socket, _) = greeted(&running.address).await;
    let frames = r#"[{"join":{"id":1,"channel":"lobby"}},{"set":{"id":2,"channel":"lobby","attributes":{"hush-key":"hush-value"}}},{"set":{"id":3,"channel":"elsewhere"}},{"token":{"id":4,"token":"hush-token"}}]"#;
    socket.send(Message::text(frames)).await.unwrap();
    let mut answered = String::new();
    while !answered.contains("\"id\":4") {
        answered.push_str(&next(&mut socket).await.to_string());
    }
    drop(socket);
    let log = running.logged("detached").await;
    let lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let told = |message: &str, span: &str, fields: &Value| {
        lines.iter().any(|line| {
            let about = &line["span"];
            line["fields"]["message"] == message
                && about["name"] == span
                && fields.as_object().unwrap().iter().all(|(name, value)| about[name] == *value)
        })
    };
    assert!(told("attached", "session", &json!({"connection": 1, "session": 1})), "{log}");
    assert!(told("arrived", "frame", &json!({"session": 1, "kind": "join", "channel": "lobby"})), "{log}");
    assert!(told("refused", "frame", &json!({"session": 1, "kind": "set", "channel": "elsewhere"})), "{log}");
    assert!(told("detached", "session", &json!({"connection": 1, "session": 1})), "{log}");
    for word in ["hush", crate::common::guest("ann").as_str()] {
        assert!(!log.contains(word), "{word}: {log}");
    }
}

#[tokio::test]
async fn health_asks_a_running_server() {
    let running = start(program(&["--listen", "127.0.0.1:0", "--drain", "1s"])).await;
    let url = |path: &str| format!("http://{}{path}", running.address);
    for path in ["/healthz", "/readyz"] {
        let asked = output(program(&["health", &url(path)])).await;
        assert_eq!((asked.status.code(), asked.stderr.len()), (Some(0), 0), "{path}");
    }
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for (wrong, named) in [
        (url("/nothing"), "404"),
        (url(""), "404"),
        (format!("http://{free}/healthz"), "refused"),
        ("https://127.0.0.1/healthz".into(), "http://127.0.0.1:8787/healthz"),
        ("http://127.0.0.1/a b".into(), "http://127.0.0.1:8787/healthz"),
    ] {
        let asked = output(program(&["health", &wrong])).await;
        assert_eq!(asked.status.code(), Some(1), "{wrong}");
        assert!(line(&asked).contains(named), "{asked:?}");
    }
}
