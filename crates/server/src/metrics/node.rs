//! The registry's numbers.

use std::fmt;

use herenow_protocol::Code;
use herenow_registry::{Counters, Gauges};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;

/// See the module.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) counters: Counters,
    pub(super) gauges: Gauges,
}

/// Values of one name, each with its label.
type Labelled<'a, T> = &'a [(&'a str, T)];

impl Collector for Node {
    fn encode(&self, mut encoder: DescriptorEncoder) -> fmt::Result {
        let Self { counters, gauges } = self;
        let Counters {
            joins,
            leaves,
            timeouts,
            sets,
            frames,
            frame_bytes,
            deliveries,
            overflows,
            snapshots,
            resumed_observers,
            unresumed_observers,
            resumed_sessions,
            new_sessions,
            denied_sessions,
            evicted_sessions,
            kicked_sessions,
            refusals,
        } = counters;
        let to = &mut encoder;
        let transitions = [("join", *joins), ("leave", *leaves), ("timeout", *timeouts), ("set", *sets)];
        counter(to, "transitions", "What happened to members", "kind", &transitions)?;
        count(
            to,
            "deliveries",
            "Transitions given to observers in full, each once for each of them",
            *deliveries,
        )?;
        count(to, "frames", "Frames given to connections", *frames)?;
        count(to, "frame_bytes", "Bytes of frames given to connections", *frame_bytes)?;
        count(to, "outbox_overflows", "Diffs not given to a connection that did not read", *overflows)?;
        count(to, "snapshots", "Rosters that were told from the beginning", *snapshots)?;
        let resumes = [("hit", *resumed_observers), ("miss", *unresumed_observers)];
        counter(
            to,
            "observer_resumes",
            "Observers who said what they knew: told what was missing, or everything",
            "result",
            &resumes,
        )?;
        let hellos = [("new", *new_sessions), ("resumed", *resumed_sessions), ("denied", *denied_sessions)];
        counter(to, "hellos", "Hellos by what became of the session", "session", &hellos)?;
        count(
            to,
            "evicted_sessions",
            "Detached sessions that made room for a newer one of their user",
            *evicted_sessions,
        )?;
        count(to, "kicked_sessions", "Sessions that an operator ended", *kicked_sessions)?;
        let refusals: Vec<(&str, u64)> =
            Code::ALL.iter().zip(refusals).map(|(code, count)| (code.as_str(), *count)).collect();
        counter(
            to,
            "refusals",
            "Requests over WebSockets and channels of hellos that were refused, by error code",
            "code",
            &refusals,
        )?;

        let Gauges {
            connections,
            attached_sessions,
            detached_sessions,
            users,
            channels,
            members,
            full_channels,
            interval_channels,
            count_channels,
            observers,
        } = gauges;
        gauge(to, "connections", "WebSockets that have said hello", *connections)?;
        let sessions = [("attached", *attached_sessions), ("detached", *detached_sessions)];
        labelled_gauge(
            to,
            "sessions",
            "Sessions on a socket, and those that may still come back",
            "state",
            &sessions,
        )?;
        gauge(to, "users", "Users with a session", *users)?;
        gauge(to, "channels", "Channels with members", *channels)?;
        gauge(to, "members", "Members of all channels; a user in two channels counts twice", *members)?;
        let modes = [("full", *full_channels), ("interval", *interval_channels), ("count", *count_channels)];
        labelled_gauge(
            to,
            "observed_channels",
            "Channels that somebody observes, by how they are told",
            "mode",
            &modes,
        )?;
        gauge(
            to,
            "observers",
            "Observations; a connection that observes two channels counts twice",
            *observers,
        )
    }
}

fn count(encoder: &mut DescriptorEncoder, name: &str, help: &str, value: u64) -> fmt::Result {
    let metric = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
    ConstCounter::new(value).encode(metric)
}

fn counter(
    encoder: &mut DescriptorEncoder,
    name: &str,
    help: &str,
    label: &str,
    values: Labelled<u64>,
) -> fmt::Result {
    let mut metric = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
    for (value, number) in values {
        metric.encode_family(&[(label, *value)])?.encode_counter::<NoLabelSet, _, u64>(number, None)?;
    }
    Ok(())
}

fn gauge(encoder: &mut DescriptorEncoder, name: &str, help: &str, value: usize) -> fmt::Result {
    let metric = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
    ConstGauge::new(signed(value)).encode(metric)
}

fn labelled_gauge(
    encoder: &mut DescriptorEncoder,
    name: &str,
    help: &str,
    label: &str,
    values: Labelled<usize>,
) -> fmt::Result {
    let mut metric = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
    for (value, number) in values {
        metric.encode_family(&[(label, *value)])?.encode_gauge(&signed(*number))?;
    }
    Ok(())
}

fn signed(value: usize) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}
