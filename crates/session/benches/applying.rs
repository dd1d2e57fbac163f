//! What a diff costs the SDK's core, from its frame to the batch of events: without decoding and without JavaScript.
#![allow(missing_docs, reason = "the macros of criterion make functions without")]
#![allow(clippy::panic, reason = "a benchmark fails by panicking")]

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use herenow_protocol::{Attributes, Epoch, Limits, Member, Mode, ServerFrame, Snapshot, Transition, Welcome};
use herenow_session::{Config, Intent, Millis, Output, PromiseId, Seed, Session, SocketEvent, SocketId};

const CHANNEL: &str = "lobby";
const NOW: Millis = Millis(1_000_000);
const SOCKET: SocketId = SocketId(1);

fn drain(session: &mut Session) -> usize {
    let mut events = 0;
    while let Some(output) = session.poll_output(NOW) {
        match output {
            Output::NeedToken { .. } => session.handle_token(NOW, Ok("guest".into())),
            Output::Events(batch) => events += batch.len(),
            _ => {}
        }
    }
    events
}

fn user(index: usize) -> String {
    format!("guest-{index:032}")
}

/// A session that observes a channel of `members`.
fn observing(members: usize) -> Session {
    let mut session = Session::new(Config::default(), Seed { session: 7, random: 7 });
    session.handle_intent(NOW, Intent::Observe { promise: PromiseId(1), channel: CHANNEL.into() });
    drain(&mut session);
    session.handle_socket(NOW, SOCKET, SocketEvent::Opened);
    drain(&mut session);
    let welcome = Welcome {
        user: user(0),
        node: "bench".into(),
        expires_in_ms: None,
        ping_interval_ms: 10_000,
        grace_ms: 10_000,
        limits: Limits::default(),
        joined: Vec::new(),
        refused: Vec::new(),
    };
    session.handle_frame(NOW, SOCKET, ServerFrame::Welcome(welcome));
    let member = |index| Member { user: user(index), attributes: Attributes::new() };
    let snapshot = Snapshot {
        channel: CHANNEL.into(),
        epoch: Epoch(1),
        seq: 0,
        mode: Mode::Full,
        settles_in_ms: 0,
        members: (0..members).map(member).collect(),
        more: false,
    };
    session.handle_frame(NOW, SOCKET, ServerFrame::Snapshot(snapshot));
    session.handle_frame(NOW, SOCKET, ServerFrame::Ok { id: 1, fresh: None, expires_in_ms: None });
    drain(&mut session);
    assert!(session.roster(CHANNEL).is_some(), "it observes");
    session
}

fn apply(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("updates applied");
    for (members, in_frame) in [(100, 1), (100, 50), (1_000, 50)] {
        let mut session = observing(members);
        let mut seq = 0;
        group.throughput(Throughput::Elements(in_frame as u64));
        group.bench_function(BenchmarkId::new(format!("of {members} members"), in_frame), |bencher| {
            bencher.iter(|| {
                let transitions = (0..in_frame).map(|offset| Transition::Set {
                    user: user((seq as usize + offset) % members),
                    attributes: Attributes::from_iter([("mood", (seq as usize + offset).to_string())]),
                });
                let transitions = transitions.collect();
                let prev = seq;
                seq += in_frame as u64;
                let diff = ServerFrame::Diff { channel: CHANNEL.into(), prev, seq, transitions };
                session.handle_frame(NOW, SOCKET, diff);
                assert_eq!(drain(&mut session), in_frame);
            });
        });
    }
    group.finish();
}

criterion_group!(benches, apply);
criterion_main!(benches);
