//! A connection of its own to whoever has a stream, to wait for what is added to it.

use std::sync::Arc;
use std::time::Duration;

use redis::{Value, cmd};
use tokio::sync::Mutex;

use super::super::StoreError;
use super::commands::Commands;
use super::link::{Link, PATIENCE};
use super::reply::list;

/// How long a read waits for something to happen.
const BLOCK: Duration = Duration::from_secs(1);

#[derive(Debug, Default)]
pub(super) struct Follower {
    link: Mutex<Option<Arc<Link>>>,
}

impl Follower {
    /// Entries of a stream after a place, at most `count`, as XRANGE gives them; waits a while for one.
    pub(super) async fn entries(
        &self,
        commands: &Commands,
        stream: &str,
        after: &str,
        count: u64,
    ) -> Result<Vec<Value>, StoreError> {
        let read = self.read(commands, stream, after, count).await;
        if read.is_err() {
            // The stream may have moved to another server.
            *self.link.lock().await = None;
        }
        // [[name, entries]], or nothing.
        let Value::Array(mut streams) = read? else { return Ok(Vec::new()) };
        let entries = streams.pop().map(list).transpose()?.and_then(|mut stream| stream.pop());
        Ok(entries.map(list).transpose()?.unwrap_or_default())
    }

    async fn read(
        &self,
        commands: &Commands,
        stream: &str,
        after: &str,
        count: u64,
    ) -> Result<Value, StoreError> {
        let mut read = cmd("XREAD");
        read.arg("BLOCK").arg(u64::try_from(BLOCK.as_millis()).unwrap_or(u64::MAX));
        read.arg("COUNT").arg(count).arg("STREAMS").arg(stream).arg(after);
        let link = self.link(commands, stream).await?;
        let mut open = link.open().await?;
        Ok(read.query_async(&mut open.it).await?)
    }

    async fn link(&self, commands: &Commands, stream: &str) -> Result<Arc<Link>, StoreError> {
        let mut link = self.link.lock().await;
        if let Some(known) = &*link {
            return Ok(Arc::clone(known));
        }
        // A command that blocks holds up all that follow it on its connection.
        let made = Arc::new(Link::new(commands.server_of(stream).await?, BLOCK + PATIENCE));
        *link = Some(Arc::clone(&made));
        Ok(made)
    }
}
