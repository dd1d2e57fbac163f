//! What processes and all that they started cost: memory and processor time, as Linux tells it in `/proc`.

use std::fs;
use std::rc::Rc;
use std::time::Duration;

/// A clock tick of `/proc/PID/stat`: Linux counts in hundredths of a second on every machine of today.
const TICK: Duration = Duration::from_millis(10);
/// Where `utime` stands behind the name in `/proc/PID/stat`; `stime` follows.
const UTIME: usize = 11;

/// Processes and their descendants.
#[derive(Clone, Debug)]
pub(crate) struct Tree {
    roots: Rc<[u32]>,
}

impl Tree {
    pub(crate) fn new(roots: &[u32]) -> Self {
        Self { roots: roots.into() }
    }

    /// Whether all that it was made of still live.
    pub(crate) fn lives(&self) -> bool {
        self.roots.iter().all(|root| fs::metadata(format!("/proc/{root}")).is_ok())
    }

    /// Memory in use, in bytes: the sum of the resident sets.
    pub(crate) fn resident_bytes(&self) -> u64 {
        self.members().into_iter().filter_map(resident_bytes).sum()
    }

    /// Processor time spent so far, in user and in kernel mode, to 10 ms.
    pub(crate) fn processor_time(&self) -> Duration {
        self.members().into_iter().filter_map(processor_time).sum()
    }

    /// Time in which a thread could have run, but had no processor: another program has disturbed the measurement.
    pub(crate) fn waiting_time(&self) -> Duration {
        self.members().into_iter().map(waiting_time).sum()
    }

    fn members(&self) -> Vec<u32> {
        let mut members = self.roots.to_vec();
        let mut next = 0;
        while let Some(&parent) = members.get(next) {
            members.extend(children(parent));
            next += 1;
        }
        members
    }
}

/// The processor time of this process, to 10 ms.
pub(crate) fn own_processor_time() -> Duration {
    processor_time(std::process::id()).unwrap_or_default()
}

/// The time in which this process waited for a processor.
pub(crate) fn own_waiting_time() -> Duration {
    waiting_time(std::process::id())
}

fn waiting_time(id: u32) -> Duration {
    let Ok(threads) = fs::read_dir(format!("/proc/{id}/task")) else { return Duration::ZERO };
    let waited = |text: String| text.split_whitespace().nth(1)?.parse().ok();
    threads
        .flatten()
        .filter_map(|thread| fs::read_to_string(thread.path().join("schedstat")).ok().and_then(waited))
        .map(Duration::from_nanos)
        .sum()
}

fn children(parent: u32) -> Vec<u32> {
    let Ok(threads) = fs::read_dir(format!("/proc/{parent}/task")) else { return Vec::new() };
    threads
        .flatten()
        .filter_map(|thread| fs::read_to_string(thread.path().join("children")).ok())
        .flat_map(|list| list.split_whitespace().filter_map(|id| id.parse().ok()).collect::<Vec<_>>())
        .collect()
}

fn resident_bytes(id: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{id}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    Some(line.split_whitespace().next()?.parse::<u64>().ok()? * 1024)
}

fn processor_time(id: u32) -> Option<Duration> {
    let stat = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    // The name stands in brackets and may hold anything.
    let (_, fields) = stat.rsplit_once(") ")?;
    let ticks: u32 =
        fields.split(' ').skip(UTIME).take(2).filter_map(|ticks| ticks.parse::<u32>().ok()).sum();
    Some(TICK * ticks)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_has_a_size_and_lives() {
        let tree = Tree::new(&[std::process::id()]);
        assert!(tree.lives());
        assert!(tree.resident_bytes() > 100_000);
        assert!(tree.processor_time() >= own_processor_time());
    }
}
