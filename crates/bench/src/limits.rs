//! How many files this process may have open: one a connection.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Files beside the connections.
const SPARE: u64 = 64;

/// Raises the limit of open files as far as it goes, but not beyond what `connections` need, and gives how many
/// connections are possible.
pub(crate) fn room_for(connections: usize) -> usize {
    let wanted = connections as u64 + SPARE;
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let now = current.unwrap_or(u64::MAX);
    if now < wanted {
        let hard = maximum.unwrap_or(u64::MAX);
        // Root may raise the hard limit, too.
        let tries = [(wanted, hard.max(wanted)), (hard.min(wanted), hard)];
        for (current, maximum) in tries {
            if setrlimit(Resource::Nofile, Rlimit { current: Some(current), maximum: Some(maximum) }).is_ok()
            {
                break;
            }
        }
    }
    let now = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    connections.min(usize::try_from(now.saturating_sub(SPARE)).unwrap_or(usize::MAX))
}
