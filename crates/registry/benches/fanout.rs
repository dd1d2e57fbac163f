//! What one update costs a node, from its frame to the frames of all observers: without sockets.
#![allow(missing_docs, reason = "the macros of criterion make functions without")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a benchmark fails by panicking")]

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use herenow_protocol::{Attributes, ClientFrame, Decoded, Encoding, Hello, SessionSecret};
use herenow_registry::{Access, Config, ConnectionId, Identity, Millis, Output, Registry};

const CHANNEL: &str = "lobby";
const START: Millis = Millis(1_000_000);

/// Takes what the registry gives, as if all of it left at once. Gives how many frames there were.
fn drain(registry: &mut Registry, now: Millis) -> u64 {
    let mut frames = 0;
    while let Some(output) = registry.poll_output(now) {
        if let Output::Send { connection, frame } = output {
            frames += 1;
            registry.handle_written(now, connection, frame.len());
        }
    }
    frames
}

/// A channel of `members`, each of whom observes it.
fn channel_of(members: u64) -> Registry {
    let mut registry = Registry::new(Config::default(), 7, START);
    for member in 0..members {
        let connection = ConnectionId(member);
        let hello = Hello {
            client_id: "app".into(),
            token: None,
            session: SessionSecret(u128::from(member) + 1),
            attempt: 1,
            joined: vec![CHANNEL.into()],
        };
        let user = format!("guest-{member:032}");
        let identity = Identity {
            application: "app".into(),
            user,
            expires_at: None,
            access: Access::default(),
            key: None,
        };
        registry.handle_hello(START, connection, Encoding::Postcard, hello, identity);
        let observe = ClientFrame::Observe { id: 1, channel: CHANNEL.into(), from: None };
        registry.handle_frames(START, connection, vec![Decoded::Frame(observe)]);
        drain(&mut registry, START);
    }
    registry
}

fn fan_out(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("one update told to all");
    for members in [10, 100, 1_000] {
        let mut registry = channel_of(members);
        let mut now = START;
        let mut round = 0_u64;
        group.throughput(Throughput::Elements(members));
        group.bench_function(BenchmarkId::from_parameter(members), |bencher| {
            bencher.iter(|| {
                // Another tick each time, so that no two updates are told as one.
                now = now.plus(100);
                round += 1;
                let attributes = Attributes::from_iter([("mood", round.to_string())]);
                let set = ClientFrame::Set { id: 2, channel: CHANNEL.into(), attributes };
                registry.handle_frames(now, ConnectionId(round % members), vec![Decoded::Frame(set)]);
                drain(&mut registry, now)
            });
        });
    }
    group.finish();
}

fn join_storm(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("a channel that fills");
    group.sample_size(10);
    for members in [100, 1_000] {
        group.throughput(Throughput::Elements(members));
        group.bench_function(BenchmarkId::from_parameter(members), |bencher| {
            bencher.iter(|| channel_of(members));
        });
    }
    group.finish();
}

criterion_group!(benches, fan_out, join_storm);
criterion_main!(benches);
