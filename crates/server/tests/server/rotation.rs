//! `herenow-server token`, and keys that change while the server runs.

use std::fs;
use std::process::Output;
use std::time::Duration;

use jsonwebtoken::DecodingKey;
use jsonwebtoken::jwk::Jwk;
use serde_json::json;
use tokio::time::{Instant, sleep};

use crate::binary::{line, output, program, start};
use crate::common::PATIENCE;
use crate::common::jwt::{Keys, SECRET, p256};

const OTHER: &str = "another secret of more than thirty-two bytes";

fn token(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout.clone()).unwrap().trim_end().to_owned()
}

/// The status of a read with this token.
async fn read(address: &str, token: &str, path: &str) -> u16 {
    let url = format!("http://{address}/v1/channel/{path}");
    reqwest::Client::new().get(url).bearer_auth(token).send().await.unwrap().status().as_u16()
}

/// Waits until a read with this token has this status.
async fn becomes(address: &str, token: &str, status: u16) {
    let begun = Instant::now();
    while read(address, token, "count?channel=lobby").await != status {
        assert!(begun.elapsed() < PATIENCE, "it is never {status}");
        sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn a_made_token_is_taken_with_what_it_allows() {
    let keys = Keys::new();
    let secret = keys.write("secret", SECRET).display().to_string();
    let (signer, private) = p256();
    let private = keys.write("private.pem", &private).display().to_string();
    let public = format!("ec={}", keys.write("public.pem", &signer.public).display());
    let arguments = [
        "--listen",
        "127.0.0.1:0",
        "--auth",
        "jwt",
        "--jwt-secret-file",
        &secret,
        "--jwt-public-key-file",
        &public,
    ];
    let server = start(program(&arguments)).await;

    let all = output(program(&["token", "--sub", "alice", "--jwt-secret-file", &secret])).await;
    assert_eq!(read(&server.address, &token(&all), "count?channel=any").await, 200);
    let some = ["token", "--sub", "alice", "--cap", "room-*=list,join", "--ttl", "1m"];
    let mut by_environment = program(&some);
    by_environment.env("HERENOW_JWT_SECRET_FILE", &secret);
    let some = token(&output(by_environment).await);
    assert_eq!(read(&server.address, &some, "count?channel=room-1").await, 200);
    assert_eq!(read(&server.address, &some, "count?channel=any").await, 403);
    let signed = ["token", "--sub", "bob", "--private-key-file", &private, "--kid", "ec"];
    assert_eq!(
        read(&server.address, &token(&output(program(&signed)).await), "count?channel=any").await,
        200
    );
    let named = format!("ec={secret}");
    let named = ["token", "--sub", "bob", "--jwt-secret-file", &named];
    assert_eq!(read(&server.address, &token(&output(program(&named)).await), "count?channel=any").await, 401);
    let elsewhere = ["token", "--sub", "a", "--client-id", "shop", "--jwt-secret-file", &secret];
    let elsewhere = token(&output(program(&elsewhere)).await);
    assert_eq!(read(&server.address, &elsewhere, "count?channel=any").await, 401);
    assert_eq!(read(&server.address, &elsewhere, "count?channel=any&client_id=shop").await, 200);

    for (arguments, named) in [
        (vec!["token", "--jwt-secret-file", &secret], "--sub"),
        (vec!["token", "--sub", "a"], "--jwt-secret-file"),
        (vec!["token", "--sub", "", "--jwt-secret-file", &secret], "--sub"),
        (vec!["token", "--sub", "a", "--jwt-secret-file", &secret, "--cap", "x=fly"], "fly"),
        (vec!["token", "--sub", "a", "--jwt-secret-file", &secret, "--cap", "x"], "room-*"),
        (vec!["token", "--sub", "a", "--jwt-secret-file", "/does/not/exist"], "/does/not/exist"),
        (vec!["token", "--sub", "a", "--private-key-file", &secret], "BEGIN PRIVATE KEY"),
    ] {
        let output = output(program(&arguments)).await;
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(line(&output).contains(named), "{output:?}");
    }
}

#[tokio::test]
async fn sighup_rotates_keys() {
    let keys = Keys::new();
    let file = keys.write("secret", SECRET);
    let path = file.display().to_string();
    let server =
        start(program(&["--listen", "127.0.0.1:0", "--auth", "jwt", "--jwt-secret-file", &path])).await;
    let make = |secret: &str| {
        let path = keys.write("maker", secret).display().to_string();
        async move { token(&output(program(&["token", "--sub", "alice", "--jwt-secret-file", &path])).await) }
    };
    let (old, new) = (make(SECRET).await, make(OTHER).await);
    becomes(&server.address, &old, 200).await;
    becomes(&server.address, &new, 401).await;

    fs::write(&file, OTHER).unwrap();
    assert_eq!(read(&server.address, &new, "count?channel=lobby").await, 401, "not before it is asked to");
    server.signal("-HUP").await;
    becomes(&server.address, &new, 200).await;
    becomes(&server.address, &old, 401).await;

    server.signal("-TERM").await;
    let (status, log) = server.end().await;
    assert_eq!(status, Some(0));
    assert!(!log.contains(OTHER) && !log.contains(SECRET) && !log.contains(&old), "{log}");
}

#[tokio::test]
async fn keys_that_cannot_be_read_again_stay() {
    let keys = Keys::new();
    let file = keys.write("secret", SECRET);
    let path = file.display().to_string();
    let mut server =
        start(program(&["--listen", "127.0.0.1:0", "--auth", "jwt", "--jwt-secret-file", &path])).await;
    let made = token(&output(program(&["token", "--sub", "alice", "--jwt-secret-file", &path])).await);
    fs::remove_file(&file).unwrap();
    server.signal("-HUP").await;
    server.logged("stay as they were").await;
    assert_eq!(read(&server.address, &made, "count?channel=lobby").await, 200);

    let public =
        json!({ "kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" });
    fs::write(&file, public.to_string()).unwrap();
    server.signal("-HUP").await;
    let log = server.logged("stay as they were").await;
    assert!(log.contains("--jwt-public-key-file"), "{log}");
    assert_eq!(read(&server.address, &made, "count?channel=lobby").await, 200);
}

#[tokio::test]
async fn an_odd_key_of_a_set_is_skipped_and_named_in_the_log() {
    let keys = Keys::new();
    let (signer, private) = p256();
    let private = keys.write("private.pem", &private).display().to_string();
    let make = ["token", "--sub", "alice", "--private-key-file", &private, "--kid", "good"];
    let made = token(&output(program(&make)).await);
    let key = DecodingKey::from_ec_pem(signer.public.as_bytes()).unwrap();
    let mut good = Jwk::from_decoding_key(&key, Some(signer.algorithm)).unwrap();
    good.common.key_id = Some("good".into());
    let odd = |kid: &str| json!({ "kty": "EC", "kid": kid, "crv": "P-384", "x": "AAAA", "y": "AAAA" });
    let file = keys.write("set.json", &json!({ "keys": [odd("first"), good] }).to_string());
    let path = file.display().to_string();
    let arguments = ["--listen", "127.0.0.1:0", "--auth", "jwt", "--jwt-public-key-file", &path];
    let mut server = start(program(&arguments)).await;
    assert_eq!(read(&server.address, &made, "count?channel=lobby").await, 200);
    let log = server.logged("is not used").await;
    assert!(log.contains("first") && log.contains("P-256") && log.contains(&path), "{log}");

    fs::write(&file, json!({ "keys": [good, odd("second")] }).to_string()).unwrap();
    server.signal("-HUP").await;
    let log = server.logged("read the keys of tokens again").await;
    assert!(log.contains("is not used") && log.contains("second"), "{log}");

    fs::write(&file, r#"{"keys":[]}"#).unwrap();
    server.signal("-HUP").await;
    let log = server.logged("stay as they were").await;
    assert!(log.contains("no key of this set can be used"), "{log}");
    assert_eq!(read(&server.address, &made, "count?channel=lobby").await, 200);
}

/// The steps of "Changing keys" in docs/operations.md.
#[tokio::test]
async fn a_key_is_withdrawn_by_overwriting_its_file_and_not_by_removing_it() {
    let keys = Keys::new();
    let (old_file, new_file) = (keys.write("old", SECRET), keys.write("new", OTHER));
    let (old, new) = (format!("2026={}", old_file.display()), format!("2027={}", new_file.display()));
    let unnamed = keys.write("unnamed", "a third secret of more than thirty-two bytes").display().to_string();
    let all = format!("{unnamed},{old},{new}");
    let arguments = ["--listen", "127.0.0.1:0", "--auth", "jwt", "--jwt-secret-file", &all];
    let mut server = start(program(&arguments)).await;
    let made = async |file: &str| {
        token(&output(program(&["token", "--sub", "alice", "--jwt-secret-file", file])).await)
    };
    let named_later = made(&format!("2026={unnamed}")).await;
    assert_eq!(read(&server.address, &named_later, "count?channel=lobby").await, 401);
    let unnamed = made(&unnamed).await;
    assert_eq!(read(&server.address, &unnamed, "count?channel=lobby").await, 200, "a key without a name");
    let (old, new) = (made(&old).await, made(&new).await);
    assert_eq!(read(&server.address, &old, "count?channel=lobby").await, 200);
    assert_eq!(read(&server.address, &new, "count?channel=lobby").await, 200);

    fs::remove_file(&old_file).unwrap();
    server.signal("-HUP").await;
    server.logged("the keys of tokens stay as they were").await;
    assert_eq!(read(&server.address, &old, "count?channel=lobby").await, 200, "it is still valid");

    fs::copy(&new_file, &old_file).unwrap();
    server.signal("-HUP").await;
    server.logged("read the keys of tokens again").await;
    assert_eq!(read(&server.address, &old, "count?channel=lobby").await, 401);
    assert_eq!(read(&server.address, &new, "count?channel=lobby").await, 200);
}
