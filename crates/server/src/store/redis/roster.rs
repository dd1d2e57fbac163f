//! Members: a page of them, or all as at one moment.

use std::collections::BTreeMap;
use std::sync::Arc;

use herenow_protocol::{Attributes, Epoch, Member, Transition};
use herenow_registry::store::{Channel, MAX_PAGE_BYTES, Outcome, Sequenced};

use super::super::{MembersPage, StoreError};
use super::commands::Commands;
use super::reply::{attributes, text};
use super::share::Share;
use super::{Reported, names, scripts, unknown};

/// Members of one page: reading it holds up everybody else for less than a millisecond.
const PAGE: usize = 500;
/// How often a roster is begun again that changed its life, or more than the log holds, while it was read.
const TRIES: usize = 3;

/// A page as the script gives it.
struct Page {
    epoch: Epoch,
    now_ms: u64,
    /// The channel's last transition, and the log's, when it was read.
    seq: u64,
    read_at: u64,
    count: u64,
    more: bool,
    members: Vec<Member>,
}

impl Share {
    async fn page(
        &self,
        commands: &Commands,
        channel: &str,
        after: &str,
        limit: usize,
    ) -> Result<Page, StoreError> {
        let asking = self.run(commands, &scripts::ROSTER, None, |names, call| {
            call.key(names.members(channel)).key(names.order(channel));
            call.arg(channel).arg(after).arg(limit).arg(MAX_PAGE_BYTES);
        });
        let mut reply = asking.await?;
        if reply.word != "page" {
            return Err(unknown());
        }
        let epoch = reply.epoch.ok_or_else(unknown)?;
        let (now_ms, seq, read_at, count) = (reply.now_ms, reply.number()?, reply.number()?, reply.number()?);
        let more = reply.number()? == 1;
        let mut members = Vec::new();
        let mut rest = reply.rest();
        while let (Some(user), Some(set)) = (rest.next(), rest.next()) {
            members.push(Member { user: text(user)?, attributes: attributes(set)? });
        }
        Ok(Page { epoch, now_ms, seq, read_at, count, more, members })
    }

    pub(super) async fn members(
        &self,
        commands: &Commands,
        channel: &Channel,
        after: Option<&str>,
        limit: usize,
    ) -> Result<MembersPage, StoreError> {
        let channel = names::channel(channel);
        let page = self.page(commands, &channel, after.unwrap_or_default(), limit).await?;
        Ok(MembersPage { members: page.members, count: page.count, more: page.more })
    }

    /// All members as they were when the last page was read: what the log told meanwhile is applied to the earlier pages.
    pub(super) async fn roster(
        &self,
        commands: &Commands,
        channel: &Channel,
    ) -> Result<Option<Reported>, StoreError> {
        for _ in 0..TRIES {
            if let Some(reported) = self.try_roster(commands, channel).await? {
                return Ok(Some(reported));
            }
        }
        Err(StoreError::Answer("the roster changes faster than it can be read"))
    }

    async fn try_roster(
        &self,
        commands: &Commands,
        channel: &Channel,
    ) -> Result<Option<Reported>, StoreError> {
        let name = names::channel(channel);
        let mut members = BTreeMap::<Arc<str>, Attributes>::new();
        let mut page = self.page(commands, &name, "", PAGE).await?;
        let (epoch, began_at) = (page.epoch, page.read_at);
        loop {
            let is_last = !page.more;
            let last = page.members.last().map(|member| member.user.clone()).unwrap_or_default();
            members.extend(page.members.drain(..).map(|member| (member.user.into(), member.attributes)));
            if is_last {
                break;
            }
            page = self.page(commands, &name, &last, PAGE).await?;
            if page.epoch != epoch {
                return Ok(None);
            }
        }
        let mut reached = began_at;
        while reached < page.read_at {
            let Some(entries) = self.log_since(commands, epoch, reached).await? else { return Ok(None) };
            for entry in entries {
                reached = entry.seq;
                if reached <= page.read_at && entry.channel == *channel {
                    apply(&mut members, entry.transition);
                }
            }
        }
        let Page { now_ms, seq, read_at, .. } = page;
        let outcome = Outcome::Roster { channel: channel.clone(), seq, read_at, members };
        Ok(Some(Reported { epoch, now_ms, outcome }))
    }

    /// What the log tells after a place that is not its end; `None` where it is not kept any more.
    async fn log_since(
        &self,
        commands: &Commands,
        epoch: Epoch,
        after: u64,
    ) -> Result<Option<Vec<Sequenced>>, StoreError> {
        match self.log(commands, epoch, after).await?.map(|reported| reported.outcome) {
            Some(Outcome::Log { entries, .. }) => Ok(Some(entries)),
            _ => Ok(None),
        }
    }
}

fn apply(members: &mut BTreeMap<Arc<str>, Attributes>, transition: Transition) {
    match transition {
        Transition::Join { user } => drop(members.insert(user.into(), Attributes::new())),
        Transition::Leave { user } | Transition::Timeout { user } => drop(members.remove(user.as_str())),
        Transition::Set { user, attributes } => drop(members.insert(user.into(), attributes)),
    }
}
