//! A roster cut into pages and encoded once, for all observers that begin at the same sequence.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use herenow_protocol::{Attributes, Encoding, Epoch, Member, Mode, ServerFrame, Snapshot};

use crate::Millis;
use crate::names::Channel;
use crate::outbox::encode;

/// Members of a page, at most.
const PAGE_MEMBERS: usize = 500;
/// Bytes of a page, about.
const PAGE_BYTES: usize = 32 * 1024;
/// What a member takes beside its strings, about.
const MEMBER_OVERHEAD_BYTES: usize = 28;
const PAIR_OVERHEAD_BYTES: usize = 6;

/// Encoded pages of one sequence.
#[derive(Debug)]
pub(super) struct Pages {
    pub(super) seq: u64,
    pub(super) made_at: Millis,
    /// Whether the store was still settling.
    pub(super) unsettled: bool,
    /// At least one.
    pages: Vec<Bytes>,
}

/// What all pages of a snapshot say.
pub(super) struct Head<'a> {
    pub(super) channel: &'a Channel,
    pub(super) epoch: Epoch,
    pub(super) seq: u64,
    pub(super) settles_in_ms: u64,
}

impl Pages {
    pub(super) fn encode(
        now: Millis,
        head: &Head<'_>,
        members: &BTreeMap<Arc<str>, Attributes>,
        encoding: Encoding,
    ) -> Self {
        let mut pages = Vec::new();
        let mut page = Vec::new();
        let mut page_bytes = 0;
        for (user, attributes) in members {
            let bytes = MEMBER_OVERHEAD_BYTES
                + user.len()
                + attributes.byte_len()
                + PAIR_OVERHEAD_BYTES * attributes.len();
            if page.len() == PAGE_MEMBERS || (page_bytes + bytes > PAGE_BYTES && !page.is_empty()) {
                pages.push(head.page(std::mem::take(&mut page), true, encoding));
                page_bytes = 0;
            }
            page_bytes += bytes;
            page.push(Member { user: user.as_ref().into(), attributes: attributes.clone() });
        }
        pages.push(head.page(page, false, encoding));
        Self { seq: head.seq, made_at: now, unsettled: head.settles_in_ms > 0, pages }
    }

    /// A page and whether it is the last one.
    pub(super) fn page(&self, at: usize) -> Option<(&Bytes, bool)> {
        Some((self.pages.get(at)?, at + 1 == self.pages.len()))
    }
}

impl Head<'_> {
    fn page(&self, members: Vec<Member>, more: bool, encoding: Encoding) -> Bytes {
        let snapshot = Snapshot {
            channel: self.channel.name().into(),
            epoch: self.epoch,
            seq: self.seq,
            mode: Mode::Full,
            settles_in_ms: self.settles_in_ms,
            members,
            more,
        };
        encode(&ServerFrame::Snapshot(snapshot), encoding)
    }
}
