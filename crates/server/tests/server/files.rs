//! The files of `--www`, and nothing else.

use std::fs;

use crate::common::raw::Raw;
use crate::common::{Server, answer, get};
use herenow_server::Config;

#[tokio::test]
async fn files_have_their_types_and_paths_cannot_leave_the_directory() {
    let outer = tempfile::tempdir().unwrap();
    let www = outer.path().join("www");
    fs::create_dir_all(www.join("pkg")).unwrap();
    fs::write(outer.path().join("secret.txt"), "secret").unwrap();
    for (name, text) in [("index.html", "<h1>"), ("a.js", "1"), ("a.css", "a"), ("pkg/a.wasm", "\0asm")] {
        fs::write(www.join(name), text).unwrap();
    }
    let server = Server::with(Config { www: Some(www), ..Config::default() }).await;
    for (path, kind) in [
        ("/", "text/html"),
        ("/index.html", "text/html"),
        ("/a.js", "text/javascript"),
        ("/a.css", "text/css"),
        ("/pkg/a.wasm", "application/wasm"),
    ] {
        let file = get(&server, path).await;
        assert_eq!(file.status, 200, "{path}");
        assert!(file.header("content-type").starts_with(kind), "{path}: {file:?}");
        assert_eq!(
            (file.header("cache-control"), file.header("x-content-type-options")),
            ("no-cache", "nosniff")
        );
    }
    assert_eq!(get(&server, "/missing.js").await.status, 404);
    assert_eq!(get(&server, &format!("/{}", "a".repeat(300))).await.status, 404);
    assert_eq!(get(&server, "/v1/missing").await.error(), (404, "unsupported"));
    assert_eq!(answer(reqwest::Client::new().post(server.url("/index.html"))).await.status, 405);

    for path in [
        "/../secret.txt",
        "/pkg/../../secret.txt",
        "/%2e%2e/secret.txt",
        "/..%2fsecret.txt",
        "/%2e%2e%2fsecret.txt",
        "/..%5csecret.txt",
        "//secret.txt",
        "/./../secret.txt",
        "/pkg/%2e%2e/%2e%2e/secret.txt",
        "/%00/../secret.txt",
    ] {
        let request = format!("GET {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", server.address);
        let answered = Raw::exchange(&server, request.as_bytes()).await;
        assert!(answered.starts_with("HTTP/1.1 4") && !answered.ends_with("secret"), "{path}: {answered}");
    }
}
