//! JWTs: whom they let in, and each way in that must not be one.

use std::fs;

use herenow_protocol::{ClientFrame, Encoding, ServerFrame};
use herenow_server::{AuthMode, Config, MetricsFlag};
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, DecodingKey};
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::common::client::{Client, hello_with};
use crate::common::jwt::{
    Keys, SECRET, Signer, claims, claims_with, ed25519, p256, rsa, seconds, secret, token_of, unsigned,
};
use crate::common::{Answer, PATIENCE, Server, answer, guest};

const COUNT: &str = "/v1/channel/count?channel=lobby";

async fn get(server: &Server, token: &str, path: &str) -> Answer {
    answer(reqwest::Client::new().get(server.url(path)).bearer_auth(token)).await
}

/// Says hello: the user of the welcome, or code and reason of the close.
async fn enter(server: &Server, token: &str) -> Result<String, (u16, String)> {
    let mut client = Client::silent(server, Encoding::Json).await;
    client.send(&[hello_with(token.into(), 1)]).await;
    let first = client.message().await.unwrap();
    if let Ok(text) = first.to_text()
        && let Some(user) =
            serde_json::from_str::<Value>(text).unwrap_or_default()[0]["welcome"]["user"].as_str()
    {
        return Ok(user.into());
    }
    match first {
        tokio_tungstenite::tungstenite::Message::Close(Some(close)) => {
            Err((close.code.into(), close.reason.to_string()))
        }
        other => panic!("{other:?}"),
    }
}

/// Refused by HTTP and by the socket, with this code.
async fn assert_refused(server: &Server, token: &str, code: &str, why: &str) {
    let read = get(server, token, COUNT).await;
    assert_eq!(read.error(), (401, code), "{why}: {read:?}");
    assert_eq!(enter(server, token).await, Err((4501, code.into())), "{why}");
}

#[tokio::test]
async fn each_kind_of_key_lets_its_user_in() {
    let (keys, ec) = (Keys::new(), p256().0);
    let signers: [(&str, Signer); 4] = [("h", secret(SECRET)), ("r", rsa()), ("e", ec), ("d", ed25519())];
    let mut config = Config { auth: AuthMode::Jwt, ..Config::default() };
    config.jwt_secret_files.push(keys.file(Some("h"), "secret", SECRET));
    for (kid, signer) in &signers[1..] {
        config.jwt_public_key_files.push(keys.file(Some(kid), &format!("{kid}.pem"), &signer.public));
    }
    let server = Server::with(config).await;
    for (kid, signer) in &signers {
        let token = signer.token(Some(kid), &claims());
        assert_eq!(enter(&server, &token).await, Ok("alice".into()), "{}", signer.name());
        assert_eq!(get(&server, &token, COUNT).await.status, 200, "{}", signer.name());
        assert_refused(&server, &signer.token(None, &claims()), "unauthorized", "no key is without a name")
            .await;
        let other = signers.iter().find(|(other, _)| other != kid).unwrap().0;
        assert_refused(&server, &signer.token(Some(other), &claims()), "unauthorized", "another key's name")
            .await;
        assert_refused(&server, &signer.token(Some("x"), &claims()), "unauthorized", "unknown kid").await;
    }
}

#[tokio::test]
async fn a_token_without_a_signature_of_the_key_is_refused() {
    let keys = Keys::new();
    let (own, stranger) = (rsa(), rsa());
    let public = keys.file(None, "public.pem", &own.public);
    let config = Config { auth: AuthMode::Jwt, jwt_public_key_files: vec![public], ..Config::default() };
    let server = Server::with(config).await;
    let good = own.token(None, &claims());
    assert_eq!(enter(&server, &good).await, Ok("alice".into()));

    for none in ["none", "None", "NONE", ""] {
        assert_refused(&server, &unsigned(&json!({ "alg": none }), &claims()), "unauthorized", none).await;
    }
    // The public key is no secret: it must not count as one, in any form in which it is passed around.
    for known in [own.public.clone(), own.public.trim_end().to_owned(), own.public.replace('\n', "\r\n")] {
        let forged = secret(&known).token(None, &claims());
        assert_refused(&server, &forged, "unauthorized", "HS256 signed with the public key").await;
    }
    assert_refused(&server, &stranger.token(None, &claims()), "unauthorized", "another key").await;
    // The header promises one algorithm, the signature is of the key's.
    for alg in ["HS256", "RS384", "RS512", "PS256", "ES256", "EdDSA"] {
        let lied = token_of(&json!({ "alg": alg }), &claims(), &own);
        assert_refused(&server, &lied, "unauthorized", alg).await;
    }
    for crit in [json!(["exp"]), json!(["b64"]), json!([]), json!("exp"), json!(7)] {
        let header = json!({ "alg": "RS256", "crit": crit, "b64": true });
        let critical = token_of(&header, &claims(), &own);
        assert_refused(&server, &critical, "unauthorized", "a critical header that is not understood").await;
    }
    let own_key =
        token_of(&json!({ "alg": "RS256", "jwk": { "kty": "oct", "k": "AAAA" } }), &claims(), &stranger);
    assert_refused(&server, &own_key, "unauthorized", "a key that the token brings itself").await;

    let parts: Vec<&str> = good.split('.').collect();
    let other = unsigned(&json!({ "alg": "RS256" }), &claims_with(json!({ "sub": "bob" })));
    let payload = other.split('.').nth(1).unwrap();
    for (token, why) in [
        (format!("{}.{payload}.{}", parts[0], parts[2]), "another payload under the signature"),
        (format!("{}.{}.", parts[0], parts[1]), "the signature taken off"),
        (format!("{}.{}", parts[0], parts[1]), "two parts"),
        (format!("{good}.{}", parts[2]), "four parts"),
        (format!("{}.{}.{}A", parts[0], parts[1], parts[2]), "a longer signature"),
        ("..".into(), "nothing"),
        ("eyJ".into(), "no JWT"),
        (guest("alice"), "a guest"),
    ] {
        assert_refused(&server, &token, "unauthorized", why).await;
    }
}

#[tokio::test]
async fn wrong_tokens_of_an_address_are_limited_over_http() {
    let keys = Keys::new();
    let trusted_proxies = vec!["127.0.0.1".parse().unwrap()];
    let metrics = MetricsFlag::On;
    let server = Server::with(Config { trusted_proxies, metrics, ..keys.config() }).await;
    let client = reqwest::Client::new();
    let ask = |token: Option<&str>, address: &str| {
        let request = client.get(server.url(COUNT)).header("x-forwarded-for", address);
        answer(match token {
            Some(token) => request.bearer_auth(token),
            None => request,
        })
    };
    let right = secret(SECRET).token(None, &claims());
    let wrong = secret("another secret of more than thirty-two bytes").token(None, &claims());
    let (network, neighbour) = ("2001:db8:1:2::1", "2001:db8:1:2::2");
    for sent in 0..50 {
        assert_eq!(ask(Some(&wrong), network).await.error(), (401, "unauthorized"), "{sent}");
    }
    // As many more as time has brought back.
    let mut refused = ask(Some(&wrong), network).await;
    while refused.status == 401 {
        refused = ask(Some(&wrong), network).await;
    }
    assert_eq!((refused.error(), refused.header("retry-after")), ((429, "rate_limited"), "1"));
    // Nothing is verified, not even what is right.
    while ask(Some(&right), neighbour).await.status != 429 {
        ask(Some(&wrong), network).await;
    }
    assert_eq!(ask(None, network).await.error(), (401, "unauthorized"), "no token costs nothing");
    assert_eq!(ask(Some(&right), "2001:db8:1:3::1").await.status, 200, "another network");
    let metrics = client.get(server.url("/metrics")).send().await.unwrap().text().await.unwrap();
    let count = metrics.lines().find_map(|line| {
        line.strip_prefix("herenow_http_refusals_total{code=\"rate_limited\"} ")?.parse::<u32>().ok()
    });
    assert!(count.is_some_and(|count| count >= 2), "{metrics}");
}

#[tokio::test]
async fn each_claim_has_to_be_right() {
    let keys = Keys::new();
    let server = Server::with(keys.config()).await;
    let signer = secret(SECRET);
    let long = "x".repeat(17_000);
    for (changes, code, why) in [
        (json!({ "exp": seconds(-3_600) }), "token_expired", "expired"),
        (json!({ "exp": seconds(-10) }), "token_expired", "expired a moment ago"),
        (json!({ "nbf": seconds(3_600) }), "unauthorized", "not yet valid"),
        (json!({ "nbf": "soon" }), "unauthorized", "nbf of a wrong type"),
        (json!({ "exp": null }), "unauthorized", "no exp"),
        (json!({ "exp": "never" }), "unauthorized", "exp of a wrong type"),
        (json!({ "exp": -1 }), "unauthorized", "exp below 0"),
        (json!({ "sub": null }), "unauthorized", "no sub"),
        (json!({ "sub": "" }), "unauthorized", "an empty sub"),
        (json!({ "sub": 7 }), "unauthorized", "sub of a wrong type"),
        (json!({ "sub": "a\u{0}b" }), "unauthorized", "a control character in sub"),
        (json!({ "sub": "x".repeat(129) }), "unauthorized", "a long sub"),
        (json!({ "aud": null }), "unauthorized", "no aud"),
        (json!({ "aud": "other" }), "unauthorized", "foreign aud"),
        (json!({ "aud": ["other", "more"] }), "unauthorized", "foreign auds"),
        (json!({ "aud": "Default" }), "unauthorized", "aud in other letters"),
        (json!({ "caps": "everything" }), "unauthorized", "caps of a wrong type"),
        (json!({ "caps": { "a": "join" } }), "unauthorized", "words of a wrong type"),
        (json!({ "user_channels": "yes" }), "unauthorized", "user_channels of a wrong type"),
        (json!({ "more": long }), "unauthorized", "larger than a token may be"),
        (
            json!({ "caps": (0..1_001).map(|n| (n.to_string(), json!([]))).collect::<serde_json::Map<_, _>>() }),
            "unauthorized",
            "more patterns than there may be",
        ),
    ] {
        assert_refused(&server, &signer.token(None, &claims_with(changes)), code, why).await;
    }
    for (changes, why) in [
        (json!({ "aud": ["other", "default"] }), "one of several auds"),
        (json!({ "exp": seconds(60) as f64 + 0.5 }), "a fraction of a second"),
        (json!({ "nbf": seconds(-1), "iat": seconds(0), "iss": "backend" }), "other claims"),
        (json!({ "sub": "x".repeat(128) }), "the longest sub"),
        (
            json!({ "caps": (0..1_000).map(|n| (n.to_string(), json!([]))).collect::<serde_json::Map<_, _>>() }),
            "as many patterns as there may be",
        ),
        (json!({ "caps": { "*": ["join", "fly"] } }), "a word of the future"),
    ] {
        let token = signer.token(None, &claims_with(changes));
        assert!(enter(&server, &token).await.is_ok(), "{why}");
    }
    let elsewhere = signer.token(None, &claims_with(json!({ "aud": "other" })));
    let path = format!("{COUNT}&client_id=other");
    assert_eq!(get(&server, &elsewhere, &path).await.status, 200, "of another application, there");
}

/// A token of so many bytes. Base64 has not every length, so the header is stretched, too.
fn token_of_length(bytes: usize) -> String {
    let signer = secret(SECRET);
    let make = |header: usize, payload: usize| {
        let header = json!({ "alg": "HS256", "more": "x".repeat(header) });
        token_of(&header, &claims_with(json!({ "more": "x".repeat(payload) })), &signer)
    };
    let begin = (bytes - make(0, 0).len()) * 3 / 4 - 8;
    let all = (0..3).flat_map(|header| (begin..begin + 16).map(move |payload| (header, payload)));
    all.map(|(header, payload)| make(header, payload)).find(|token| token.len() == bytes).unwrap()
}

#[tokio::test]
async fn a_token_has_16384_bytes_and_not_one_more() {
    let keys = Keys::new();
    let server = Server::with(keys.config()).await;
    let longest = token_of_length(16_384);
    assert_eq!(enter(&server, &longest).await, Ok("alice".into()));
    assert_eq!(get(&server, &longest, COUNT).await.status, 200);
    assert_refused(&server, &token_of_length(16_385), "unauthorized", "one byte more").await;
}

#[tokio::test]
async fn guests_stay_outside() {
    let keys = Keys::new();
    let server = Server::with(keys.config()).await;
    assert_refused(&server, &guest("ann"), "unauthorized", "a guest").await;
    let created = answer(reqwest::Client::new().post(server.url("/v1/guests"))).await;
    assert_eq!(created.error(), (401, "unauthorized"));
    let without = answer(reqwest::Client::new().get(server.url(COUNT))).await;
    assert_eq!(without.error(), (401, "unauthorized"));
}

#[tokio::test]
async fn http_reads_only_what_the_token_lists() {
    let keys = Keys::new();
    let server = Server::with(keys.config()).await;
    let signer = secret(SECRET);
    let all = signer.token(None, &claims_with(json!({ "sub": "bob" })));
    let mut bob = Client::silent(&server, Encoding::Json).await;
    bob.send(&[hello_with(all.clone(), 2)]).await;
    assert!(matches!(bob.next().await, ServerFrame::Welcome(_)));
    for (id, channel) in [(1, "open-1"), (2, "closed")] {
        bob.join(id, channel).await;
    }

    let caps = json!({ "open-*": ["list"], "closed": ["join", "observe", "attributes"] });
    let some = |changes: Value| {
        let mut changes = changes;
        changes["caps"] = caps.clone();
        signer.token(None, &claims_with(changes))
    };
    let alice = some(json!({}));
    for path in ["/v1/channel/users?", "/v1/channel/count?", "/v1/channel/attributes?user=bob&"] {
        let read = |channel: &'static str| {
            let path = format!("{path}channel={channel}");
            let (server, alice) = (&server, &alice);
            async move { get(server, alice, &path).await }
        };
        assert_eq!(read("open-1").await.status, 200, "{path}");
        assert_eq!(read("closed").await.error(), (403, "forbidden"), "{path}");
        assert_eq!(read("open").await.error(), (403, "forbidden"), "{path}");
    }
    let channels = "/v1/user/channels?user=bob";
    assert_eq!(get(&server, &alice, channels).await.error(), (403, "forbidden"));
    let own = get(&server, &alice, "/v1/user/channels?user=alice").await;
    assert_eq!((own.status, &own.body["channels"]), (200, &json!([])));
    let reader = some(json!({ "user_channels": true }));
    assert_eq!(get(&server, &reader, channels).await.body["channels"], json!(["open-1"]), "what it may list");
    let unrestricted = signer.token(None, &claims_with(json!({ "user_channels": true })));
    assert_eq!(get(&server, &unrestricted, channels).await.body["channels"], json!(["closed", "open-1"]));
    assert_eq!(get(&server, &all, channels).await.body["channels"], json!(["closed", "open-1"]), "one's own");
}

fn forbidden(frame: ServerFrame) -> bool {
    matches!(frame, ServerFrame::Error { code, .. } if code.as_str() == "forbidden")
}

#[tokio::test]
async fn a_socket_does_only_what_the_token_allows() {
    let keys = Keys::new();
    let server = Server::with(keys.config()).await;
    let caps = json!({ "in": ["join"], "out": ["observe"] });
    let token = secret(SECRET).token(None, &claims_with(json!({ "caps": caps })));
    for encoding in [Encoding::Json, Encoding::Postcard] {
        let mut alice = Client::silent(&server, encoding).await;
        let ClientFrame::Hello(mut hello) = hello_with(token.clone(), 1) else { panic!() };
        hello.joined = vec!["in".into(), "out".into()];
        alice.send(&[ClientFrame::Hello(hello)]).await;
        let ServerFrame::Welcome(welcome) = alice.next().await else { panic!() };
        assert_eq!(welcome.joined.len(), 1);
        assert_eq!(
            (welcome.refused[0].channel.as_str(), welcome.refused[0].code.as_str()),
            ("out", "forbidden")
        );
        let channel = |name: &str| name.to_owned();
        for (frame, allowed) in [
            (ClientFrame::Join { id: 1, channel: channel("out") }, false),
            (ClientFrame::Observe { id: 1, channel: channel("in"), from: None }, false),
            (ClientFrame::Observe { id: 1, channel: channel("out"), from: None }, true),
            (ClientFrame::Set { id: 1, channel: channel("in"), attributes: Default::default() }, false),
            (ClientFrame::Join { id: 1, channel: channel("elsewhere") }, false),
            (ClientFrame::Observe { id: 1, channel: channel("elsewhere"), from: None }, false),
            (ClientFrame::Leave { id: 1, channel: channel("elsewhere") }, true),
        ] {
            alice.send(std::slice::from_ref(&frame)).await;
            assert_eq!(forbidden(alice.answer(1).await), !allowed, "{frame:?}");
        }
    }
}

#[tokio::test]
async fn a_fresh_token_takes_over_on_the_open_socket() {
    let keys = Keys::new();
    let server = Server::with(keys.config()).await;
    let signer = secret(SECRET);
    let mut alice = Client::silent(&server, Encoding::Json).await;
    alice.send(&[hello_with(signer.token(None, &claims_with(json!({ "exp": seconds(60) }))), 1)]).await;
    let ServerFrame::Welcome(welcome) = alice.next().await else { panic!() };
    assert!((50_000..=60_000).contains(&welcome.expires_in_ms.unwrap()), "{welcome:?}");
    alice.join(1, "lobby").await;

    let renew = |id, token: String| [ClientFrame::Token { id, token }];
    let caps = json!({ "other": ["join"] });
    alice
        .send(&renew(2, signer.token(None, &claims_with(json!({ "exp": seconds(600), "caps": caps })))))
        .await;
    let ServerFrame::Ok { expires_in_ms, .. } = alice.answer(2).await else { panic!() };
    assert!((590_000..=600_000).contains(&expires_in_ms.unwrap()));
    let left = alice.next().await;
    assert!(matches!(&left, ServerFrame::Left(left) if left.channel == "lobby"), "{left:?}");
    assert_eq!(get(&server, &signer.token(None, &claims()), COUNT).await.body["count"], 0);
    // Signatures are not verified as fast as a client may send tokens.
    for id in 3..=6 {
        alice.send(&renew(id, signer.token(None, &claims()))).await;
        assert!(matches!(alice.answer(id).await, ServerFrame::Ok { .. }), "{id}");
    }
    alice.send(&renew(7, signer.token(None, &claims()))).await;
    let sixth = alice.answer(7).await;
    let ServerFrame::Error { code, retry_in_ms, .. } = &sixth else { panic!("{sixth:?}") };
    assert_eq!(code.as_str(), "rate_limited");
    assert!(retry_in_ms.is_some_and(|wait| (1..=5_001).contains(&wait)), "{sixth:?}");

    let mut bob = Client::silent(&server, Encoding::Json).await;
    bob.send(&[hello_with(signer.token(None, &claims_with(json!({ "sub": "bob" }))), 2)]).await;
    assert!(matches!(bob.next().await, ServerFrame::Welcome(_)));
    bob.send(&renew(1, signer.token(None, &claims()))).await;
    let other_user = bob.answer(1).await;
    assert!(
        matches!(&other_user, ServerFrame::Error { code, .. } if code.as_str() == "unauthorized"),
        "{other_user:?}"
    );
    bob.join(2, "lobby").await;
}

/// How long a client has for a fresh token after its own has ended.
const TOKEN_GRACE_MS: u128 = 30_000;

#[tokio::test]
async fn a_connection_whose_token_ends_is_closed_half_a_minute_later() {
    let keys = Keys::new();
    let server = Server::with(keys.config()).await;
    let mut alice = Client::silent(&server, Encoding::Json).await;
    let started = std::time::Instant::now();
    alice
        .send(&[hello_with(secret(SECRET).token(None, &claims_with(json!({ "exp": seconds(1) }))), 1)])
        .await;
    loop {
        match alice.message().await.unwrap() {
            tokio_tungstenite::tungstenite::Message::Close(close) => {
                let close = close.unwrap();
                assert_eq!((u16::from(close.code), close.reason.as_str()), (4501, "token_expired"));
                break;
            }
            _ => {
                // Whatever else it is told: it lives.
            }
        }
    }
    let lived = started.elapsed().as_millis();
    assert!((TOKEN_GRACE_MS - 1_000..TOKEN_GRACE_MS + 5_000).contains(&lived), "{lived} ms");
}

#[cfg(unix)]
#[tokio::test]
async fn a_connection_whose_key_is_withdrawn_needs_another_token_within_half_a_minute() {
    let keys = Keys::new();
    let config = Config {
        auth: AuthMode::Jwt,
        jwt_secret_files: vec![
            keys.file(Some("old"), "old", SECRET),
            keys.file(Some("new"), "new", "another secret of more than thirty-two bytes"),
        ],
        ..Config::default()
    };
    let server = Server::with(config).await;
    let (old, new) = (secret(SECRET), secret("another secret of more than thirty-two bytes"));
    let mut entered = Vec::new();
    for (number, (kid, signer)) in [("old", &old), ("old", &old), ("new", &new)].into_iter().enumerate() {
        let mut client = Client::silent(&server, Encoding::Json).await;
        client.send(&[hello_with(signer.token(Some(kid), &claims()), number as u128)]).await;
        assert!(matches!(client.next().await, ServerFrame::Welcome(_)));
        entered.push(client);
    }
    fs::write(keys.folder.path().join("old"), "a third secret of more than thirty-two bytes").unwrap();
    // Other servers of this process read their files again, too, which changes nothing for them.
    let own = std::process::id().to_string();
    assert!(std::process::Command::new("kill").args(["-HUP", &own]).status().unwrap().success());
    let withdrawn = std::time::Instant::now();
    let [mut stays, mut renews, mut other] = <[Client; 3]>::try_from(entered).ok().unwrap();
    renews.send(&[ClientFrame::Token { id: 1, token: new.token(Some("new"), &claims()) }]).await;
    assert!(matches!(renews.answer(1).await, ServerFrame::Ok { .. }));
    let pump = async |client: &mut Client| loop {
        if let ServerFrame::Error { .. } = client.next().await {
            panic!("it is refused something");
        }
    };
    let closed = tokio::select! {
        closed = stays.closed() => closed,
        () = pump(&mut renews) => unreachable!("it goes on"),
        () = pump(&mut other) => unreachable!("it goes on"),
        () = tokio::time::sleep(2 * PATIENCE) => panic!("the key still counts"),
    };
    assert_eq!(closed, (4501, "token_expired".into()));
    let lived = withdrawn.elapsed().as_millis();
    assert!((TOKEN_GRACE_MS / 2 - 1_000..TOKEN_GRACE_MS + 5_000).contains(&lived), "{lived} ms");
    for client in [&mut renews, &mut other] {
        client.join(2, "lobby").await;
    }
}

/// The public key as a JSON Web Key.
fn jwk(signer: &Signer, kid: &str) -> Value {
    let pem = signer.public.as_bytes();
    let key = match signer.algorithm {
        Algorithm::ES256 => DecodingKey::from_ec_pem(pem),
        Algorithm::EdDSA => DecodingKey::from_ed_pem(pem),
        other => panic!("{other:?}"),
    };
    let mut jwk = Jwk::from_decoding_key(&key.unwrap(), Some(signer.algorithm)).unwrap();
    jwk.common.key_id = Some(kid.into());
    serde_json::to_value(jwk).unwrap()
}

/// Why a server in `jwt` mode does not start.
async fn refused(config: Config) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let config = Config { auth: AuthMode::Jwt, ..config };
    let running = herenow_server::run(listener, config, std::future::pending());
    timeout(PATIENCE, running).await.expect("it starts").unwrap_err().to_string()
}

#[tokio::test]
async fn files_that_hold_no_key_are_refused_with_a_remedy() {
    let keys = Keys::new();
    let (ec, private) = p256();
    let curve = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P384_SHA384).unwrap().public_key_pem();
    let certificate = "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n";
    let own = r#"{"keys":[{"kty":"oct","kid":"a","k":"c2VjcmV0"}]}"#;
    for (name, content, problem) in [
        ("private.pem", private.as_str(), "private key"),
        ("certificate.pem", certificate, "openssl x509"),
        ("p384.pem", curve.as_str(), "P-256"),
        ("empty.pem", "", "BEGIN PUBLIC KEY"),
        ("text.pem", "a secret", "BEGIN PUBLIC KEY"),
        ("oct.json", own, "only RSA"),
        ("set.json", "{}", "no JSON Web Key Set"),
    ] {
        let file = keys.file(None, name, content);
        let error = refused(Config { jwt_public_key_files: vec![file], ..Config::default() }).await;
        assert!(error.contains(name) && error.contains(problem) && !error.contains('\n'), "{error}");
    }
    let public = rsa().public;
    let ed = ed25519();
    let public_jwk = jwk(&ec, "ec").to_string();
    let oct = json!({ "kty": "oct", "kid": "a", "k": "c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0" });
    let windows = format!("\u{feff}\r\n{}", public.replace('\n', "\r\n"));
    for (content, problem) in [
        ("short", "32 bytes"),
        (&"x".repeat(2 << 20), "at most"),
        (&public, "--jwt-public-key-file"),
        (&windows, "--jwt-public-key-file"),
        (&private, "--jwt-public-key-file"),
        (&public_jwk, "--jwt-public-key-file"),
        (&format!("\u{feff}\n {public_jwk}\r\n\r\n"), "--jwt-public-key-file"),
        (&json!({ "keys": [jwk(&ec, "a"), jwk(&ed, "b")] }).to_string(), "--jwt-public-key-file"),
        (&json!([jwk(&ed, "a")]).to_string(), "--jwt-public-key-file"),
        (&json!({ "keys": [oct, jwk(&ed, "a")] }).to_string(), "--jwt-public-key-file"),
        (&format!("{public_jwk},"), "--jwt-public-key-file"),
        (&oct.to_string(), "`k`"),
        (&json!({ "keys": [oct] }).to_string(), "`k`"),
    ] {
        let file = keys.file(None, "secret", content);
        let error = refused(Config { jwt_secret_files: vec![file], ..Config::default() }).await;
        assert!(error.contains(problem), "{error}");
    }
    let twice = vec![keys.file(None, "1.pem", &ec.public), keys.file(None, "2.pem", &ec.public)];
    let error = refused(Config { jwt_public_key_files: twice, ..Config::default() }).await;
    assert!(error.contains("KID=FILE"), "{error}");
}

#[tokio::test]
async fn a_key_set_names_its_keys() {
    let keys = Keys::new();
    let (ec, ed) = (p256().0, ed25519());
    let set = json!({ "keys": [jwk(&ec, "one"), jwk(&ed, "two")] });
    let file = keys.file(None, "keys.json", &set.to_string());
    let config = Config { auth: AuthMode::Jwt, jwt_public_key_files: vec![file], ..Config::default() };
    let server = Server::with(config).await;
    assert_eq!(enter(&server, &ec.token(Some("one"), &claims())).await, Ok("alice".into()));
    assert_eq!(enter(&server, &ed.token(Some("two"), &claims())).await, Ok("alice".into()));
    assert_refused(&server, &ec.token(Some("two"), &claims()), "unauthorized", "the name of the other").await;
}

#[tokio::test]
async fn loopback_origins_are_at_home_in_open_mode_only() {
    let keys = Keys::new();
    let server = Server::with(keys.config()).await;
    let token = secret(SECRET).token(None, &claims());
    let read = |origin: String| {
        let request =
            reqwest::Client::new().get(server.url(COUNT)).bearer_auth(&token).header("origin", origin);
        async { answer(request).await.status }
    };
    assert_eq!(read(format!("http://{}", server.address)).await, 200, "the own origin");
    assert_eq!(read("http://localhost:5173".into()).await, 403);
}
