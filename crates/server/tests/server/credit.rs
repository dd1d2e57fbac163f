//! What has left is told to the registry, on each of the ways that it can leave: or who reads everything would seem not
//! to read, and be closed.

use std::time::Duration;

use herenow_protocol::{ClientFrame, Encoding, ServerFrame, Transition};
use herenow_server::Config;

use crate::common::client::Client;
use crate::common::raw::Raw;
use crate::common::{Server, guest};

/// Requests, and together with those of ten rounds more answers than may wait for a connection.
const ASKED: u32 = 3_000;
const ROUNDS: u32 = 12;

fn unlimited() -> Config {
    Config { frames_per_second: 0, ..Config::default() }
}

/// A request that is refused, so that its answer is long.
fn refused(id: u32) -> ClientFrame {
    ClientFrame::Set { id, channel: "not-joined".into(), attributes: Default::default() }
}

#[tokio::test]
async fn by_the_registry_at_once() {
    let server = Server::with(unlimited()).await;
    let mut ann = Client::connect(&server, Encoding::Json, "ann", 1).await;
    for id in 0..ASKED * ROUNDS {
        ann.send(&[refused(id)]).await;
        assert!(matches!(ann.answer(id).await, ServerFrame::Error { .. }));
    }
}

/// Diffs are dropped for one that does not read. When it does, what the socket did not take at once leaves by its task,
/// and then it is caught up.
#[tokio::test]
async fn by_the_connections_task_when_the_socket_is_full() {
    // More than the sockets' buffers and the outbox hold.
    const UPDATES: u32 = 1_500;
    let config =
        Config { tick: Duration::from_millis(1), ping_interval: Duration::from_secs(3_600), ..unlimited() };
    let server = Server::with(config).await;
    let mut slow = Raw::narrow(&server).await;
    slow.send_text(&format!(r#"[{{"hello":{{"token":"{}","session":"{:032}"}}}}]"#, guest("slow"), 1)).await;
    slow.send_text(r#"[{"observe":{"id":1,"channel":"noise"}}]"#).await;
    let mut ann = Client::connect(&server, Encoding::Postcard, "ann", 2).await;
    ann.join(1, "noise").await;
    ann.make_noise(2..2 + UPDATES).await;
    let last = format!("{:>1000}\"", UPDATES + 1);
    let mut messages = 0;
    while !String::from_utf8(slow.read_frame().await.payload).unwrap().contains(&last) {
        messages += 1;
    }
    assert!(messages < UPDATES, "the socket was never full");
}

/// More observers than the registry's task writes to alone.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn by_tasks_that_share_a_flush() {
    const OBSERVERS: u128 = 100;
    const UPDATES: u32 = 60;
    let server = Server::with(unlimited()).await;
    let mut writer = Client::connect(&server, Encoding::Postcard, "writer", 1).await;
    writer.join(1, "lobby").await;
    let mut observers = Vec::new();
    for session in 0..OBSERVERS {
        let mut observer =
            Client::connect(&server, Encoding::Postcard, &format!("w{session}"), session + 2).await;
        observer.send(&[ClientFrame::Observe { id: 1, channel: "lobby".into(), from: None }]).await;
        assert!(matches!(observer.answer(1).await, ServerFrame::Ok { .. }));
        observers.push(observer);
    }
    // Together more than may wait for one of them.
    for id in 2..2 + UPDATES {
        let attributes = (0..7).map(|key| (format!("k{key}"), format!("{id:>1000}"))).collect();
        writer.send(&[ClientFrame::Set { id, channel: "lobby".into(), attributes }]).await;
        for observer in &mut observers {
            let told = observer.next().await;
            assert!(
                matches!(&told, ServerFrame::Diff { transitions, .. }
                    if matches!(transitions[..], [Transition::Set { .. }])),
                "{told:?}"
            );
        }
        assert!(matches!(writer.answer(id).await, ServerFrame::Ok { .. }));
    }
}
