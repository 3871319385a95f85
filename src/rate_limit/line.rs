//! The calls of one program that wait for a slot, and which of them is next.

use std::collections::VecDeque;
use std::sync::Arc;

use tokio::sync::Notify;

use super::{Lane, Turn, WRITES_BEFORE_A_READ};

#[derive(Default)]
pub(super) struct Line {
    writes: VecDeque<Arc<Notify>>,
    reads: VecDeque<Arc<Notify>>,
    writes_since_a_read: usize,
}

impl Line {
    /// A new place; whoever waits there is called when it may be the head.
    pub(super) fn join(&mut self, lane: Lane, turn: Turn) -> Arc<Notify> {
        let called = Arc::new(Notify::new());
        let queue = self.queue(lane);
        match turn {
            Turn::Last => queue.push_back(Arc::clone(&called)),
            Turn::First => queue.push_front(Arc::clone(&called)),
        }
        called
    }

    pub(super) fn leave(&mut self, lane: Lane, called: &Arc<Notify>) {
        self.queue(lane).retain(|other| !Arc::ptr_eq(other, called));
    }

    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.writes.is_empty() && self.reads.is_empty()
    }

    pub(super) fn is_head(&self, called: &Arc<Notify>) -> bool {
        self.head().is_some_and(|head| Arc::ptr_eq(head, called))
    }

    #[inline]
    pub(super) fn call_head(&self) {
        if let Some(head) = self.head() {
            head.notify_one();
        }
    }

    #[inline]
    pub(super) fn served(&mut self, lane: Lane) {
        match lane {
            Lane::Write => self.writes_since_a_read += 1,
            Lane::Read => self.writes_since_a_read = 0,
        }
    }

    fn queue(&mut self, lane: Lane) -> &mut VecDeque<Arc<Notify>> {
        match lane {
            Lane::Write => &mut self.writes,
            Lane::Read => &mut self.reads,
        }
    }

    /// Who goes next.
    #[inline]
    fn head(&self) -> Option<&Arc<Notify>> {
        let read_is_due = self.writes_since_a_read >= WRITES_BEFORE_A_READ;
        match (self.writes.front(), self.reads.front()) {
            (Some(write), read) if read.is_none() || !read_is_due => Some(write),
            (_, read) => read,
        }
    }
}
