//! What writing and reading a diff costs alone, in both encodings.
#![allow(missing_docs, reason = "the macros of criterion make functions without")]

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use herenow_protocol::codec::{json, postcard};
use herenow_protocol::{Attributes, ServerFrame, Transition};

const SIZES: [usize; 2] = [1, 50];

/// A channel's members who each set an attribute.
fn diff(transitions: usize) -> ServerFrame {
    let set = |index| Transition::Set {
        user: format!("guest-{index:032}"),
        attributes: Attributes::from_iter([("mood", format!("happy {index}"))]),
    };
    ServerFrame::Diff {
        channel: "lobby".into(),
        prev: 1_000,
        seq: 1_000 + transitions as u64,
        transitions: (0..transitions).map(set).collect(),
    }
}

fn write(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("writing a diff");
    for size in SIZES {
        let frame = diff(size);
        group.throughput(Throughput::Elements(size as u64));
        group.bench_function(BenchmarkId::new("json", size), |bencher| bencher.iter(|| json::encode(&frame)));
        group.bench_function(BenchmarkId::new("postcard", size), |bencher| {
            bencher.iter(|| postcard::encode(&frame));
        });
    }
    group.finish();
}

fn read(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("reading a diff");
    for size in SIZES {
        let frame = diff(size);
        let text = [b"[".as_slice(), &json::encode(&frame), b"]"].concat();
        let bytes = postcard::encode(&frame);
        group.throughput(Throughput::Elements(size as u64));
        group.bench_function(BenchmarkId::new("json", size), |bencher| {
            bencher.iter(|| json::decode::<ServerFrame>(black_box(&text)));
        });
        group.bench_function(BenchmarkId::new("postcard", size), |bencher| {
            bencher.iter(|| postcard::decode::<ServerFrame>(black_box(&bytes)));
        });
    }
    group.finish();
}

criterion_group!(benches, write, read);
criterion_main!(benches);
