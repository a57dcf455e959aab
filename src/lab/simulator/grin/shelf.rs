//! What changes: conversion queue, pool and each touched book's life; the conversion engine.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use crate::lab::simulator::config::AfterDownload;
use crate::lab::simulator::faults::lock;
use crate::lab::simulator::grin::catalogue::SeededCatalogue;
use crate::lab::simulator::grin::dates::{DAY, EpochMinutes};
use crate::lab::simulator::grin::life::{BookLife, SimulatedState};
use crate::lab::simulator::seed::DrawPurpose;

/// Reasons of failed conversions with their details.
pub(crate) const FAILURES: [(&str, &str); 4] = [
    ("Conversion error", "Image processing failed on page 12"),
    ("Missing pages", "Expected 312 pages, found 310"),
    ("Bad metadata", "MARC record could not be read"),
    ("Internal error", "Try again later"),
];

/// The status texts of `_process` (src/grin/PROTOCOL.md, section 7).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ConversionRequest {
    Success,
    AlreadyBeingConverted,
    AlreadyAvailable,
    NotAllowed,
    OtherError,
}

impl ConversionRequest {
    pub fn words(self) -> &'static str {
        match self {
            Self::Success => "Success",
            Self::AlreadyBeingConverted => "Already being converted",
            Self::AlreadyAvailable => "Already available for download",
            Self::NotAllowed => "Not allowed to be downloaded",
            Self::OtherError => "Other error",
        }
    }
}

/// The changeable part of the library.
pub(crate) struct BookShelf {
    catalogue: Arc<SeededCatalogue>,
    inner: Mutex<Inner>,
    began: Instant,
}

#[derive(Default)]
struct Inner {
    /// Only books that something happened to.
    changed: HashMap<u32, BookLife>,
    /// Books in process, the oldest request first.
    queue: VecDeque<u32>,
    /// Converted archives, the oldest first; kept only where the pool has a limit.
    pool: VecDeque<u32>,
    /// Minutes added by hand.
    moved: EpochMinutes,
    /// Until when conversion has been worked through.
    worked: EpochMinutes,
    /// Conversions owed for part of a day, in 1/1440.
    owed: u64,
}

impl BookShelf {
    pub fn new(catalogue: Arc<SeededCatalogue>) -> Self {
        let mut inner = Inner {
            worked: catalogue.config.conversion.start,
            ..Inner::default()
        };
        let limited = catalogue.config.conversion.pool_limit.is_some();
        if limited || catalogue.config.mix.in_process > 0 {
            for index in 0..catalogue.books() {
                match catalogue.beginning(index).state {
                    SimulatedState::InProcess => inner.queue.push_back(index),
                    SimulatedState::Converted if limited => inner.pool.push_back(index),
                    _ => {}
                }
            }
        }
        Self {
            catalogue,
            inner: Mutex::new(inner),
            began: Instant::now(),
        }
    }

    /// Moves the simulated clock forwards.
    pub fn pass_minutes(&self, minutes: EpochMinutes) {
        let mut inner = lock(&self.inner);
        inner.moved += minutes;
        self.advance(&mut inner);
    }

    /// Where a book stands now.
    pub fn life(&self, index: u32) -> BookLife {
        let mut inner = lock(&self.inner);
        self.advance(&mut inner);
        self.life_in(&inner, index)
    }

    /// Calls `visit` for a run of books until it says stop; gives the number after the last one visited.
    pub fn visit(&self, from: u32, upto: u32, mut visit: impl FnMut(u32, BookLife) -> bool) -> u32 {
        let mut inner = lock(&self.inner);
        self.advance(&mut inner);
        let end = upto.min(self.catalogue.books());
        for index in from..end {
            if !visit(index, self.life_in(&inner, index)) {
                return index + 1;
            }
        }
        end.max(from)
    }

    /// Asks for conversions, all or, where the queue has no room for the new ones among them, none.
    pub fn ask(&self, books: &[Option<u32>]) -> Option<Vec<ConversionRequest>> {
        let mut inner = lock(&self.inner);
        self.advance(&mut inner);
        let asks = |book: &&Option<u32>| book.is_some_and(|index| self.life_in(&inner, index).state.can_be_requested());
        let wanted = books.iter().filter(asks).count();
        let limit = self.catalogue.config.conversion.queue_limit as usize;
        if wanted > 0 && inner.queue.len() + wanted > limit {
            return None;
        }
        Some(books.iter().map(|book| self.ask_one(&mut inner, *book)).collect())
    }

    fn ask_one(&self, inner: &mut Inner, book: Option<u32>) -> ConversionRequest {
        let Some(index) = book else {
            return ConversionRequest::OtherError;
        };
        let mut life = self.life_in(inner, index);
        match life.state {
            SimulatedState::New | SimulatedState::PreviouslyDownloaded => {
                life.state = SimulatedState::InProcess;
                life.failed = 0;
                inner.changed.insert(index, life);
                inner.queue.push_back(index);
                ConversionRequest::Success
            }
            SimulatedState::InProcess => ConversionRequest::AlreadyBeingConverted,
            SimulatedState::Converted => ConversionRequest::AlreadyAvailable,
            SimulatedState::NotAvailable => ConversionRequest::NotAllowed,
            SimulatedState::CheckedIn => ConversionRequest::OtherError,
        }
    }

    /// Notes that an archive was fetched to its end.
    pub fn downloaded(&self, index: u32) {
        let mut inner = lock(&self.inner);
        let now = self.advance(&mut inner);
        let mut life = self.life_in(&inner, index);
        life.downloaded = now;
        if self.catalogue.config.after_download != AfterDownload::Keeps {
            life.state = SimulatedState::PreviouslyDownloaded;
        }
        inner.changed.insert(index, life);
    }

    /// Can this book's archive be had?
    pub fn has_archive(&self, life: &BookLife) -> bool {
        let kept = self.catalogue.config.after_download == AfterDownload::Marks;
        let fetched = life.state == SimulatedState::PreviouslyDownloaded
            && life.downloaded >= self.catalogue.config.conversion.start;
        life.state == SimulatedState::Converted || (kept && fetched)
    }

    /// GRIN makes an archive anew: another generation, another tag.
    pub fn remake(&self, index: u32) -> BookLife {
        let mut inner = lock(&self.inner);
        let mut life = self.life_in(&inner, index);
        life.generation += 1;
        inner.changed.insert(index, life);
        life
    }

    /// Sets a book's state, as a test or a person at GRIN might.
    pub fn set_state(&self, index: u32, state: SimulatedState) {
        let mut inner = lock(&self.inner);
        let now = self.advance(&mut inner);
        let mut life = self.life_in(&inner, index);
        life.state = state;
        inner.queue.retain(|other| *other != index);
        inner.pool.retain(|other| *other != index);
        match state {
            SimulatedState::InProcess => inner.queue.push_back(index),
            SimulatedState::Converted => {
                life.converted = now;
                self.put_into_pool(&mut inner, index);
            }
            _ => {}
        }
        inner.changed.insert(index, life);
    }

    /// Books in process.
    pub fn in_process(&self) -> usize {
        lock(&self.inner).queue.len()
    }

    fn life_in(&self, inner: &Inner, index: u32) -> BookLife {
        let changed = inner.changed.get(&index).copied();
        changed.unwrap_or_else(|| self.catalogue.beginning(index))
    }

    /// Works the queue up to now.
    fn advance(&self, inner: &mut Inner) -> EpochMinutes {
        let config = &self.catalogue.config.conversion;
        let now = config.start + self.elapsed() + inner.moved;
        let passed = u64::from(now.saturating_sub(inner.worked));
        inner.worked = inner.worked.max(now);
        inner.owed += passed * u64::from(config.per_day);
        let mut due = inner.owed / u64::from(DAY);
        inner.owed %= u64::from(DAY);
        while due > 0 {
            let Some(index) = inner.queue.pop_front() else { break };
            self.convert(inner, index, now);
            due -= 1;
        }
        now
    }

    fn elapsed(&self) -> EpochMinutes {
        let Some(day) = self.catalogue.config.conversion.day else {
            return 0;
        };
        let minutes = self.began.elapsed().as_nanos() * u128::from(DAY) / day.as_nanos().max(1);
        u32::try_from(minutes).unwrap_or(0)
    }

    fn convert(&self, inner: &mut Inner, index: u32, now: EpochMinutes) {
        let mut life = self.life_in(inner, index);
        life.conversions += 1;
        let key = u64::from(index) << 16 | u64::from(life.conversions);
        let chance = self.catalogue.draw(DrawPurpose::Conversion, key).unit();
        if chance < self.catalogue.config.conversion.failure_rate {
            life.failed = now;
            life.state = if life.downloaded > 0 {
                SimulatedState::PreviouslyDownloaded
            } else {
                SimulatedState::New
            };
            inner.changed.insert(index, life);
            return;
        }
        if life.converted > 0 {
            life.generation += 1;
        }
        (life.state, life.converted) = (SimulatedState::Converted, now);
        inner.changed.insert(index, life);
        self.put_into_pool(inner, index);
    }

    fn put_into_pool(&self, inner: &mut Inner, index: u32) {
        let Some(limit) = self.catalogue.config.conversion.pool_limit else {
            return;
        };
        inner.pool.push_back(index);
        while inner.pool.len() > limit as usize {
            let Some(oldest) = inner.pool.pop_front() else { break };
            let mut life = self.life_in(inner, oldest);
            if life.state == SimulatedState::Converted {
                life.state = if life.downloaded > 0 {
                    SimulatedState::PreviouslyDownloaded
                } else {
                    SimulatedState::New
                };
                inner.changed.insert(oldest, life);
            }
        }
    }
}

#[cfg(test)]
mod tests;
