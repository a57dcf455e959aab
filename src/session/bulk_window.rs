//! How many archives may be on their way at once: as many as there are download workers, fewer while GRIN cannot keep up.
//!
//! Each archive that came to its end widens the window by its part of one, so that a whole window of them widens it by one. So does each
//! half minute in which bytes come and nothing tells of overload: the one archive for which there is room may take hours.
//! A sign that GRIN is overloaded halves the window; what was sent before that says nothing of the narrower window, and narrows it no
//! further. A sign that proves to be one archive's own trouble is taken back.

use std::time::Duration;

use tokio::time::Instant;

/// After so long without a sign of overload there is room for one archive more.
pub(crate) const WIDER_AFTER: Duration = Duration::from_secs(30);

/// The number of archives on their way at once.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct BulkWindow {
    /// 1 to `most`; its whole part counts.
    width: f64,
    most: usize,
    narrowed: Option<Instant>,
    /// When it was narrowed, or widened for the time that passed, last.
    changed: Option<Instant>,
}

/// What a request for an archive tells of the load.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BulkSign {
    /// The archive came to its end.
    Complete,
    /// Bytes of one came.
    Bytes,
    /// 429, 503, no answer in time, or a body that fell silent or too slow, of a request that was sent then.
    Overload { sent: Instant },
    /// What fell silent, and narrowed the window with that, was answered again and fell silent at the same place: that was no overload.
    Unfounded,
}

#[expect(clippy::cast_precision_loss, reason = "as many archives as 53 bits can count")]
impl BulkWindow {
    /// As wide as it can be.
    pub(super) fn new(most: usize) -> Self {
        let most = most.max(1);
        Self {
            width: most as f64,
            most,
            narrowed: None,
            changed: None,
        }
    }

    /// So many archives may be on their way at once.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "between 1 and most"
    )]
    pub(super) fn places(self) -> usize {
        (self.width as usize).clamp(1, self.most)
    }

    /// As many as there may be while GRIN keeps up.
    pub(super) const fn most(self) -> usize {
        self.most
    }

    /// Whether a sign of overload has narrowed it since it was `before`.
    pub(super) fn is_narrower_than(self, before: Self) -> bool {
        self.width < before.width
    }

    pub(super) fn is_narrowed(self) -> bool {
        self.places() < self.most
    }

    /// There is another number of download workers. A window that was not narrowed goes with it.
    pub(super) fn resized(self, most: usize) -> Self {
        if self.is_narrowed() {
            let widest = Self::new(most);
            return Self {
                width: self.width.min(widest.width),
                narrowed: self.narrowed,
                changed: self.changed,
                ..widest
            };
        }
        Self {
            narrowed: self.narrowed,
            ..Self::new(most)
        }
    }

    /// After this sign.
    pub(super) fn after(self, sign: BulkSign, now: Instant) -> Self {
        match sign {
            BulkSign::Complete => Self {
                width: (self.width + 1.0 / self.width).min(self.most as f64),
                ..self
            },
            BulkSign::Bytes if self.changed.is_some_and(|changed| now - changed >= WIDER_AFTER) => Self {
                width: (self.width + 1.0).min(self.most as f64),
                changed: Some(now),
                ..self
            },
            BulkSign::Bytes => self,
            BulkSign::Unfounded => Self {
                width: (self.width * 2.0).min(self.most as f64),
                ..self
            },
            BulkSign::Overload { sent } if self.narrowed.is_some_and(|narrowed| sent <= narrowed) => self,
            BulkSign::Overload { .. } => Self {
                width: (self.width / 2.0).max(1.0),
                narrowed: Some(now),
                changed: Some(now),
                ..self
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Seconds of sending and of the sign, which tells of overload or not, and the places after it.
    type Step = ([u64; 2], bool, usize);

    #[test]
    fn overload_halves_once_an_incident_and_whole_windows_of_archives_widen_by_one() {
        let start = Instant::now();
        let at = |second| start + Duration::from_secs(second);
        let cases: [(usize, &[Step]); 4] = [
            (
                4,
                &[
                    ([0, 1], false, 4),
                    ([0, 2], true, 2),
                    ([3, 4], false, 2),
                    ([3, 5], false, 2),
                    ([4, 6], false, 3),
                ],
            ),
            // Four in hand meet the same 503.
            (
                8,
                &[
                    ([0, 2], true, 4),
                    ([0, 2], true, 4),
                    ([1, 3], true, 4),
                    ([2, 3], true, 4),
                    ([3, 4], true, 2),
                ],
            ),
            // Never below one, and up again from there.
            (
                4,
                &[
                    ([0, 1], true, 2),
                    ([2, 3], true, 1),
                    ([4, 5], true, 1),
                    ([6, 7], false, 2),
                    ([7, 8], false, 2),
                ],
            ),
            (1, &[([0, 1], true, 1), ([2, 3], false, 1)]),
        ];
        for (most, steps) in cases {
            let mut window = BulkWindow::new(most);
            for ([sent, now], overload, places) in steps {
                let sign = if *overload {
                    BulkSign::Overload { sent: at(*sent) }
                } else {
                    BulkSign::Complete
                };
                window = window.after(sign, at(*now));
                assert_eq!(window.places(), *places, "{most}: {sent} {now}: {window:?}");
                assert_eq!(window.is_narrowed(), *places < most);
            }
        }
    }

    #[test]
    fn one_archive_that_takes_hours_keeps_no_narrowed_window_narrow() {
        let start = Instant::now();
        let at = |second| start + Duration::from_secs(second);
        let mut window = BulkWindow::new(4);
        for (sign, second, places) in [
            (BulkSign::Bytes, 100, 4),
            (BulkSign::Overload { sent: at(1) }, 101, 2),
            (BulkSign::Overload { sent: at(102) }, 110, 1),
            (BulkSign::Bytes, 139, 1),
            (BulkSign::Bytes, 140, 2),
            (BulkSign::Bytes, 141, 2),
            (BulkSign::Overload { sent: at(141) }, 142, 1),
            (BulkSign::Bytes, 171, 1),
            (BulkSign::Bytes, 172, 2),
            (BulkSign::Bytes, 202, 3),
            (BulkSign::Bytes, 232, 4),
            (BulkSign::Bytes, 262, 4),
        ] {
            window = window.after(sign, at(second));
            assert_eq!(window.places(), places, "{sign:?} at {second}: {window:?}");
        }
    }

    /// Eight archives of which each falls silent twice at the same place, whoever else is served.
    #[test]
    fn what_proves_to_be_one_archives_own_trouble_leaves_the_window_as_it_was() {
        let start = Instant::now();
        let at = |second| start + Duration::from_secs(second);
        let mut window = BulkWindow::new(4);
        for turn in 0..8 {
            let (sent, now) = (at(60 * turn + 1), at(60 * turn + 30));
            window = window.after(BulkSign::Overload { sent }, now);
            assert_eq!(window.places(), 2, "{turn}");
            window = window.after(BulkSign::Unfounded, at(60 * turn + 60));
            assert_eq!(window.places(), 4, "{turn}");
        }
    }

    #[test]
    fn only_what_has_narrowed_the_window_is_taken_back() {
        let start = Instant::now();
        let at = |second| start + Duration::from_secs(second);
        let overload = |second| BulkSign::Overload { sent: at(second) };
        let wide = BulkWindow::new(4);
        let narrowed = wide.after(overload(1), at(30));
        let one = narrowed.after(overload(31), at(60));
        for (case, before, sign, is_narrower) in [
            ("the first of an incident", wide, overload(1), true),
            ("another of it", narrowed, overload(2), false),
            ("the next incident", narrowed, overload(31), true),
            ("there is no narrower one", one, overload(61), false),
            ("what is complete", narrowed, BulkSign::Complete, false),
        ] {
            assert_eq!(
                before.after(sign, at(90)).is_narrower_than(before),
                is_narrower,
                "{case}"
            );
        }
    }

    #[test]
    fn a_narrowed_window_comes_back_to_its_full_width_and_stays_there() {
        let now = Instant::now();
        let mut window = BulkWindow::new(16).after(BulkSign::Overload { sent: now }, now);
        let mut archives = 0;
        while window.is_narrowed() {
            window = window.after(BulkSign::Complete, now);
            archives += 1;
            assert!(archives < 1_000);
        }
        assert!((80..120).contains(&archives), "8 + 9 + … + 15 archives: {archives}");
        window = window.after(BulkSign::Complete, now);
        assert_eq!(window.places(), 16);
    }

    #[test]
    fn another_number_of_workers_moves_the_bound_and_widens_no_narrowed_window() {
        let now = Instant::now();
        let narrowed = BulkWindow::new(8).after(BulkSign::Overload { sent: now }, now);
        for (window, most, places) in [
            (BulkWindow::new(4), 8, 8),
            (BulkWindow::new(8), 2, 2),
            (BulkWindow::new(8), 0, 1),
            (narrowed, 16, 4),
            (narrowed, 3, 3),
            (BulkWindow::new(0), 5, 5),
        ] {
            assert_eq!(window.resized(most).places(), places, "{window:?} {most}");
        }
        let widened = narrowed.resized(3).resized(8);
        assert_eq!(widened.places(), 8, "three of three were all that there could be");
    }
}
