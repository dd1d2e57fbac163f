//! A channel of 100,000 members, made in process, and 1,000 observers over sockets.

use std::collections::BTreeSet;
use std::time::Duration;

use herenow_protocol::codec::Decoded;
use herenow_protocol::{
    Attributes, ClientFrame, Encoding, Hello, Mode, Occupancy, ServerFrame, SessionSecret, Transition,
};
use herenow_registry::{Access, ConnectionId, Identity, Millis, Output, Registry};
use herenow_server::Config;

use crate::common::client::Client;
use crate::common::{Server, get};

const MEMBERS: u64 = 100_000;
const OBSERVERS: u64 = 1_000;
/// Connections that come at the same time.
const AT_ONCE: u64 = 50;
const CHANNEL: &str = "stadium";
/// Bytes that a member of it takes, with a session and one attribute, as the documents state; and with room for noise.
const STATED_BYTES: u64 = 1_300;
const MOST_BYTES: u64 = STATED_BYTES * 5 / 4;
/// Those in process are numbered from here, beyond the sockets.
const IN_PROCESS: u64 = 1 << 40;

/// Long enough that those who were in process stay though they have no sockets.
fn patient() -> Config {
    Config { grace: Duration::from_secs(3_600), ..Config::default() }
}

fn resident_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<u64>().ok()).unwrap_or(0) * 1024
}

fn drain(registry: &mut Registry) {
    while let Some(output) = registry.poll_output(Millis(0)) {
        if let Output::Send { connection, frame } = output {
            registry.handle_written(Millis(0), connection, frame.len());
        }
    }
}

/// Lets a member join, say something of itself, and lose its socket.
fn enter(registry: &mut Registry, number: u64) {
    let connection = ConnectionId(IN_PROCESS + number);
    let hello = Hello {
        client_id: "default".into(),
        token: None,
        session: SessionSecret(number.into()),
        attempt: 1,
        joined: vec![CHANNEL.into()],
    };
    let identity = Identity {
        application: "default".into(),
        user: format!("fan-{number:06}"),
        expires_at: None,
        access: Access::default(),
        key: None,
    };
    registry.handle_hello(Millis(0), connection, Encoding::Postcard, hello, identity);
    let attributes = Attributes::from_iter([("seat", format!("{number}").as_str())]);
    let set = Decoded::Frame(ClientFrame::Set { id: 1, channel: CHANNEL.into(), attributes });
    registry.handle_frames(Millis(0), connection, vec![set]);
    registry.handle_disconnect(Millis(0), connection);
    drain(registry);
}

fn filled() -> Registry {
    let config = herenow_registry::Config { grace_ms: 3_600_000, ..herenow_registry::Config::default() };
    let mut registry = Registry::new(config, 1, Millis(0));
    let before = resident_bytes();
    (0..MEMBERS).for_each(|number| enter(&mut registry, number));
    let each = resident_bytes().saturating_sub(before) / MEMBERS;
    println!("{each} bytes a member");
    // Where there is no /proc it is not measured.
    assert!(each <= MOST_BYTES, "{each} bytes a member, stated are {STATED_BYTES}");
    registry
}

/// The next occupancy, after nothing but answers and snapshots without members.
async fn occupancy(client: &mut Client) -> Occupancy {
    loop {
        match client.next().await {
            ServerFrame::Occupancy(told) => return told,
            ServerFrame::Ok { .. } => {}
            ServerFrame::Snapshot(snapshot) if snapshot.members.is_empty() => {}
            other => panic!("{other:?}"),
        }
    }
}

/// Observers that have all been told how many there are.
async fn observers(server: &Server) -> Vec<Client> {
    let mut clients = Vec::new();
    for start in (0..OBSERVERS).step_by(AT_ONCE as usize) {
        let coming = (start..start + AT_ONCE).map(|number| async move {
            let name = format!("observer-{number}");
            let mut client =
                Client::connect(server, Encoding::Postcard, &name, u128::from(number) << 64).await;
            client.send(&[ClientFrame::Observe { id: 1, channel: CHANNEL.into(), from: None }]).await;
            let told = occupancy(&mut client).await;
            assert_eq!((told.mode, told.count, told.sample.len()), (Mode::Count, MEMBERS, 20));
            assert!(told.changes.is_empty());
            assert!(matches!(client.answer(1).await, ServerFrame::Ok { .. }));
            client
        });
        clients.extend(futures_util::future::join_all(coming).await);
    }
    clients
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_channel_of_100_000_members_serves_1_000_observers() {
    rlimit::increase_nofile_limit(u64::MAX).unwrap();
    let server = Server::on(filled(), patient()).await;
    let mut clients = observers(&server).await;

    // Its own transitions are told at once, to itself alone.
    let (first, others) = clients.split_first_mut().unwrap();
    first.send(&[ClientFrame::Join { id: 2, channel: CHANNEL.into() }]).await;
    let told = first.next().await;
    let ServerFrame::Occupancy(own) = &told else { panic!("{told:?}") };
    assert!(matches!(own.changes.as_slice(), [Transition::Join { .. }]), "{own:?}");
    assert!(matches!(first.answer(2).await, ServerFrame::Ok { .. }));

    // The others are told of all who came, in one frame within the 5 s.
    let news = others.iter_mut().map(async |client| {
        let told = occupancy(client).await;
        assert_eq!((told.mode, told.count, told.joins, told.departures), (Mode::Count, MEMBERS + 1, 1, 0));
        assert!(told.changes.is_empty());
    });
    futures_util::future::join_all(news).await;

    let count = get(&server, &format!("/v1/channel/count?channel={CHANNEL}")).await;
    assert_eq!(count.body["count"], MEMBERS + 1);
    let mut users = BTreeSet::new();
    let mut after = String::new();
    loop {
        let page = get(&server, &format!("/v1/channel/users?channel={CHANNEL}{after}")).await;
        let found = page.body["users"].as_array().unwrap();
        users.extend(found.iter().map(|user| user["user"].as_str().unwrap().to_owned()));
        match page.body["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => break,
        }
    }
    assert_eq!(users.len() as u64, MEMBERS + 1);
}
