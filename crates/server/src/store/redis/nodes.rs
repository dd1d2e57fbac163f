//! What nodes tell each other beside members: who they are, and what an operator has asked one of them.

use redis::{Value, cmd};

use super::super::StoreError;
use super::RedisStore;
use super::reply::{list, text};

/// How long a node is shown that says nothing more, in milliseconds.
const SHOWN_MS: u64 = 10_000;
/// Kicks that are kept for nodes which are behind.
const KEPT_KICKS: u64 = 1_000;

/// An operator has thrown a user out, of a channel or of all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Kick {
    /// The node that was asked, and has done its part.
    pub(crate) node: String,
    pub(crate) application: String,
    pub(crate) user: String,
    pub(crate) channel: Option<String>,
}

impl RedisStore {
    fn node_key(&self, node: &str) -> String {
        format!("{}:node:{node}", self.prefix)
    }

    fn nodes_key(&self) -> String {
        format!("{}:nodes", self.prefix)
    }

    fn kicks_key(&self) -> String {
        format!("{}:kicks", self.prefix)
    }

    /// Shows a node to operators for a while.
    pub(crate) async fn announce(&self, node: &str, about: &str) -> Result<(), StoreError> {
        let mut set = cmd("SET");
        self.commands.query(set.arg(self.node_key(node)).arg(about).arg("PX").arg(SHOWN_MS)).await?;
        self.commands.query(cmd("SADD").arg(self.nodes_key()).arg(node)).await?;
        Ok(())
    }

    /// What the nodes have said of themselves, by name.
    pub(crate) async fn nodes(&self) -> Result<Vec<String>, StoreError> {
        let names = list(self.commands.query(cmd("SMEMBERS").arg(self.nodes_key())).await?)?;
        let mut names = names.into_iter().map(text).collect::<Result<Vec<_>, _>>()?;
        names.sort_unstable();
        let mut found = Vec::new();
        for name in names {
            match self.commands.query(cmd("GET").arg(self.node_key(&name))).await? {
                Value::Nil => drop(self.commands.query(cmd("SREM").arg(self.nodes_key()).arg(&name)).await?),
                about => found.push(text(about)?),
            }
        }
        Ok(found)
    }

    /// Tells all nodes of a kick.
    pub(crate) async fn kick(&self, kick: &Kick) -> Result<(), StoreError> {
        let mut add = cmd("XADD");
        add.arg(self.kicks_key()).arg("MAXLEN").arg("~").arg(KEPT_KICKS).arg("*");
        add.arg("node").arg(&kick.node).arg("application").arg(&kick.application).arg("user").arg(&kick.user);
        if let Some(channel) = &kick.channel {
            add.arg("channel").arg(channel);
        }
        self.commands.query(&add).await?;
        Ok(())
    }

    /// The place after which kicks are of interest for a node that begins now.
    pub(crate) async fn last_kick(&self) -> Result<String, StoreError> {
        let mut last = cmd("XREVRANGE");
        let entries = list(
            self.commands.query(last.arg(self.kicks_key()).arg("+").arg("-").arg("COUNT").arg(1)).await?,
        )?;
        let Some(entry) = entries.into_iter().next() else { return Ok("0-0".into()) };
        let id = list(entry)?.into_iter().next().ok_or(StoreError::Answer("an entry has no id"))?;
        text(id)
    }

    /// Waits a while for kicks after a place; gives the next place with them.
    pub(crate) async fn kicks_after(&self, place: &str) -> Result<(String, Vec<Kick>), StoreError> {
        let entries = self.kicks.entries(&self.commands, &self.kicks_key(), place, KEPT_KICKS).await?;
        let mut reached = place.to_owned();
        let mut kicks = Vec::new();
        for entry in entries {
            let mut entry = list(entry)?.into_iter();
            let (Some(id), Some(fields)) = (entry.next(), entry.next()) else { continue };
            reached = text(id)?;
            kicks.extend(kick(list(fields)?)?);
        }
        Ok((reached, kicks))
    }
}

/// `None` for what a later release tells.
fn kick(fields: Vec<Value>) -> Result<Option<Kick>, StoreError> {
    let (mut node, mut application, mut user, mut channel) = (None, None, None, None);
    let mut fields = fields.into_iter();
    while let (Some(name), Some(value)) = (fields.next(), fields.next()) {
        let value = text(value)?;
        match text(name)?.as_str() {
            "node" => node = Some(value),
            "application" => application = Some(value),
            "user" => user = Some(value),
            "channel" => channel = Some(value),
            _ => return Ok(None),
        }
    }
    let (Some(node), Some(application), Some(user)) = (node, application, user) else { return Ok(None) };
    Ok(Some(Kick { node, application, user, channel }))
}
