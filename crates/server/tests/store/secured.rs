//! The real server on a Redis that wants a password, on one that speaks TLS, and on something else.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;

use rcgen::{CertifiedKey, generate_simple_self_signed};

use crate::redis_server::{RedisServer, free_port};

/// Starts the server; gives whether it listened, and what it wrote on standard error before it was ended.
fn try_server(redis: &str, trusted: Option<&Path>) -> (bool, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_herenow-server"));
    command.args(["--listen", "127.0.0.1:0", "--log-level", "debug", "--redis", redis]);
    if let Some(trusted) = trusted {
        command.env("SSL_CERT_FILE", trusted);
    }
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let listens = line.starts_with("listening on ");
    if listens {
        child.kill().unwrap();
    }
    let mut log = String::new();
    child.stderr.take().unwrap().read_to_string(&mut log).unwrap();
    let status = child.wait().unwrap();
    assert!(listens || status.code() == Some(1), "{status}: {log}");
    (listens, log)
}

/// Lines beside the log: a failure is one of them.
fn complaints(log: &str) -> usize {
    log.lines().filter(|line| !line.contains(" DEBUG ") && !line.contains(" INFO ")).count()
}

#[test]
fn a_password_opens_the_store_and_is_never_logged() {
    let redis = RedisServer::start();
    redis.call(&["CONFIG", "SET", "requirepass", "hush-hush"]).unwrap();
    let address = redis.url().replace("redis://", "");
    let (listens, log) = try_server(&format!("redis://:hush-hush@{address}"), None);
    assert!(listens, "{log}");
    assert!(!log.contains("hush"), "{log}");
    for wrong in [format!("redis://:hush-wrong@{address}"), format!("redis://{address}")] {
        let (listens, log) = try_server(&wrong, None);
        assert!(!listens && log.contains("--redis: ") && log.contains("password fit"), "{log}");
        assert!(!log.contains("hush"), "{log}");
    }
}

#[test]
fn a_store_behind_tls_is_reached_if_its_certificate_is_trusted() {
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let port = free_port().to_string();
    let redis = RedisServer::with(|folder| {
        let file = |name: &str, text: String| {
            fs::write(folder.join(name), text).unwrap();
            folder.join(name).display().to_string()
        };
        let (cert, key) = (file("cert.pem", cert.pem()), file("key.pem", signing_key.serialize_pem()));
        let files = ["--tls-cert-file", &cert, "--tls-key-file", &key, "--tls-ca-cert-file", &cert];
        let others = ["--tls-port", &port, "--tls-auth-clients", "no"];
        files.iter().chain(&others).map(|word| (*word).to_owned()).collect()
    });
    let url = format!("rediss://localhost:{port}");
    let (listens, log) = try_server(&url, Some(&redis.folder.path().join("cert.pem")));
    assert!(listens, "{log}");
    let (listens, log) = try_server(&url, None);
    assert!(!listens && log.contains("--redis: "), "{log}");
    let (listens, log) = try_server(&url.replace("rediss", "redis"), None);
    assert!(!listens && complaints(&log) == 1, "{log}");
}

#[test]
fn what_is_no_redis_is_named_in_one_sentence() {
    let web = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("redis://{}", web.local_addr().unwrap());
    let answering = thread::spawn(move || {
        let (mut connection, _) = web.accept().unwrap();
        // What it asks for does not matter.
        let _ = connection.read(&mut [0; 1024]).unwrap();
        connection.write_all(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n").unwrap();
        // Until the server has read it.
        let _ = connection.read_to_end(&mut Vec::new());
    });
    let (listens, log) = try_server(&url, None);
    answering.join().unwrap();
    assert!(!listens && log.contains("--redis: what answers at this address is no Redis;"), "{log}");
    assert_eq!(complaints(&log), 1, "{log}");
}
