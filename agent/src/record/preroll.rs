//! What a stream holds back before it is known whether it will be kept: whole GOPs, oldest first.
//!
//! Belongs here: which of them are no longer needed. Does not: the byte budget they count against (`intake`), deciding
//! that they are wanted after all (`modes`).

use std::collections::VecDeque;

use farwatch_shared::time::BootNs;

use super::intake::Handed;

/// What may leave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Leave {
    /// Whatever is over by then: decoding of that instant and later needs none of it.
    Before(BootNs),
    /// All but so many GOPs, the one being received counted in.
    AllBut(usize),
    All,
}

/// GOPs held back, with whatever came between their frames.
#[derive(Debug, Default)]
pub struct Preroll {
    groups: VecDeque<Group>,
    bytes: u64,
    /// GOPs given up because the budget was used up.
    dropped: u32,
}

/// From a keyframe, or from the begin or end of a session, to the next.
#[derive(Debug)]
struct Group {
    at: BootNs,
    items: VecDeque<Handed>,
    bytes: u64,
    /// Begins with a keyframe.
    entry: bool,
    /// Partly gone already: the rest follows.
    leaving: bool,
}

impl Preroll {
    pub fn push(&mut self, at: BootNs, handed: Handed) {
        let (bytes, entry) = (handed.bytes(), handed.is_entry());
        if self.groups.is_empty() || entry || matches!(handed, Handed::Begin(_) | Handed::End { .. }) {
            self.groups.push_back(Group { at, items: VecDeque::new(), bytes: 0, entry, leaving: false });
        }
        if let Some(group) = self.groups.back_mut() {
            group.items.push_back(handed);
            group.bytes += bytes;
            self.bytes += bytes;
        }
    }

    /// The next thing that may leave, oldest first.
    pub fn pop(&mut self, leave: Leave) -> Option<Handed> {
        let second = self.groups.get(1).map(|group| group.at);
        let front = self.groups.front()?;
        let may = front.leaving
            // What no keyframe begins is of use to nobody.
            || !front.entry
            || match leave {
                Leave::All => true,
                Leave::Before(at) => second.is_some_and(|second| second <= at),
                Leave::AllBut(gops) => self.gops() > gops,
            };
        if !may {
            return None;
        }
        let front = self.groups.front_mut()?;
        front.leaving = true;
        let handed = front.items.pop_front()?;
        let bytes = handed.bytes();
        front.bytes -= bytes;
        self.bytes -= bytes;
        if front.items.is_empty() {
            self.groups.pop_front();
        }
        Some(handed)
    }

    /// When the oldest of it came.
    #[must_use]
    pub fn since(&self) -> Option<BootNs> {
        self.groups.front().map(|group| group.at)
    }

    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.groups.is_empty()
    }

    #[must_use]
    pub fn gops(&self) -> usize {
        self.groups.iter().filter(|group| group.entry).count()
    }

    /// Gives up the frames of the oldest GOP; what else came with them stays. Gives the bytes that became free.
    pub(super) fn drop_oldest(&mut self) -> u64 {
        let Some(group) = self.groups.iter_mut().find(|group| group.entry && group.bytes > 0) else { return 0 };
        let freed = std::mem::take(&mut group.bytes);
        group.items.retain(|handed| handed.bytes() == 0);
        group.entry = false;
        self.groups.retain(|group| !group.items.is_empty());
        self.bytes -= freed;
        self.dropped = self.dropped.saturating_add(1);
        freed
    }

    /// How many GOPs were given up since this was asked last.
    pub(super) fn take_dropped(&mut self) -> u32 {
        std::mem::take(&mut self.dropped)
    }
}
