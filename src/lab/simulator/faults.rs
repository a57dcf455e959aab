//! What can go wrong, how often, and the dice that decide it, the same for the same seed.

pub(crate) mod answer;
pub(crate) mod hostile;

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::lab::simulator::seed::{DrawPurpose, SeedDraw};
use crate::lab::simulator::stats::SimulatorRequest;

/// Declares the faults: variant, name, where it can strike, sane rate, and what it does.
macro_rules! faults {
    ($($variant:ident $name:literal $place:ident $rate:literal $doc:literal;)*) => {
        /// One thing that can go wrong.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum FaultKind { $(#[doc = $doc] $variant,)* }

        impl FaultKind {
            /// Every fault.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// Its name on the command line and in the counts.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            fn place(self) -> Place {
                match self { $(Self::$variant => Place::$place,)* }
            }

            fn sane_rate(self) -> f64 {
                match self { $(Self::$variant => $rate,)* }
            }
        }
    };
}

faults! {
    Status403 "status-403" Archive 0.0 "403, as for an address that has expired or is signed for another method.";
    Status404 "status-404" Archive 0.0 "404 although the archive is listed.";
    Status500 "status-500" Grin 0.01 "500.";
    Status503 "status-503" Grin 0.01 "503 without `Retry-After`.";
    Status503Wait "status-503-wait" Grin 0.005 "503 with `Retry-After: 1`.";
    Status429 "status-429" Grin 0.01 "429 without `Retry-After`.";
    Status429Wait "status-429-wait" Grin 0.005 "429 with `Retry-After: 1`.";
    Status429Rfc850 "status-429-rfc850" Grin 0.002 "429 with `Retry-After` as a date in the form of RFC 850.";
    Status429Asctime "status-429-asctime" Grin 0.002 "429 with `Retry-After` as a date in the form of C's `asctime`.";
    LateHead "late-head" Grin 0.0 "The answer begins only after as long as a stall lasts.";
    HeadSilent "head-silent" Head 0.0 "HEAD is never answered.";
    Head503Wait "head-503-wait" Head 0.0 "HEAD answers 503 with `Retry-After: 1`, and GET is served.";
    TokenDown "token-down" Token 0.0 "The token address answers 503.";
    TokenRefused "token-refused" Grin 0.005 "401 although the token is good.";
    SignInRedirect "sign-in-redirect" Grin 0.005 "302 to the sign-in address although the token is good.";
    SignInPage "sign-in-page" Page 0.005 "A sign-in page with status 200.";
    Unavailable "unavailable" Page 0.01 "`Your request is unavailable` with status 200.";
    NoHeading "no-heading" List 0.01 "A list page without its heading row.";
    EmptyList "empty-list" List 0.0 "A list page with its heading and no row, whatever the list holds.";
    CutList "cut-list" List 0.01 "A list page that ends in the middle, the connection closed.";
    LongCell "long-cell" List 0.0 "The title of a list page's first row has 70,000 bytes.";
    NoBarcode "no-barcode" List 0.0 "A list page's first row does not say which volume it is.";
    CutText "cut-text" Text 0.01 "A text list or table in chunks that end in the middle, the connection closed.";
    Coded "coded" Read 0.01 "The body is packed with gzip, which nobody asked for.";
    Unframed "unframed" Proven 0.01 "The body has neither a length nor chunks: the connection's end ends it.";
    UnknownWords "unknown-words" Process 0.01 "A status word of `_process` that nobody knows.";
    NoAnswer "no-answer" Process 0.01 "A row of `_process` left out.";
    OddRows "odd-rows" Process 0.01 "Two blanks for the tab in one row of `_process`, a third column in the others.";
    Cut "cut" Body 0.03 "The connection is closed in the middle of the body.";
    ShortLength "short-length" Body 0.01 "`Content-Length` says fewer bytes than the archive has, and no more come.";
    LongLength "long-length" Body 0.01 "`Content-Length` says more bytes than come.";
    Chunked "chunked" Body 0.01 "The body comes in chunks, without a length.";
    Stall "stall" Body 0.01 "The body stops in the middle and the connection stays open for a while.";
    Trickle "trickle" Body 0.01 "The body comes drop by drop for a while.";
    RangeTotalUnknown "range-total-unknown" Rest 0.05 "A part of a body does not say how long the whole is.";
    RangeEarlier "range-earlier" Rest 0.05 "A part of a body begins before the byte that was asked for, at a block's border.";
    RangeShorter "range-shorter" Rest 0.05 "A part of a body is shorter than was asked for.";
    RangeIgnored "range-ignored" Rest 0.05 "The whole body comes although a part was asked for.";
    Html "html" Body 0.01 "An HTML page with status 200 in place of the archive.";
    DamagedOnce "damaged-once" Body 0.02 "One bit of the body is flipped, this time.";
    TruncatedOnce "truncated-once" Body 0.01 "The end of the archive is missing, this time, with a length that fits.";
    Remade "remade" Body 0.01 "GRIN makes the archive anew between HEAD and GET: another tag, other bytes.";
    NoTag "no-tag" Archive 0.01 "No `ETag`.";
    OtherTag "other-tag" Archive 0.01 "Another `ETag` for the same bytes, as from another node of the server.";
    RedirectSameHost "redirect-same-host" Archive 0.02 "302 to another path of the same host.";
    RedirectRelative "redirect-relative" Archive 0.01 "302 with a relative address.";
    RedirectOtherHost "redirect-other-host" Archive 0.01 "302 to another host that hands the archive out without a token.";
    RedirectSigned "redirect-signed" Archive 0.01 "302 to another host, at an address signed for GET: HEAD gets 403 there.";
    RedirectForeign "redirect-foreign" Archive 0.003 "302 to a host that nobody should follow to.";
    RedirectLoop "redirect-loop" Archive 0.005 "302 that never ends.";
    RedirectDowngrade "redirect-downgrade" Archive 0.005 "302 from https to http; only with TLS.";
    SourceDamaged "source-damaged" Source 0.02 "For good: one bit of the archive is flipped.";
    SourceTruncated "source-truncated" Source 0.01 "For good: the end of the archive is missing.";
    WrongChecksum "wrong-checksum" Source 0.02 "For good: a page differs from its digest.";
    NoChecksumList "no-checksum-list" Source 0.03 "For good: no `checksum.md5`; the METS has the digests.";
    NoDigests "no-digests" Source 0.02 "For good: neither list nor METS has digests.";
    WrongPassphrase "wrong-passphrase" Source 0.01 "For good: encrypted with another passphrase.";
    HostileArchive "hostile-archive" Source 0.02 "For good: an entry that must never be unpacked.";
}

/// Where a fault can strike.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Any answer of the library's pages and archives.
    Grin,
    /// Any page or text that is not an archive, and the archive's GET.
    Page,
    /// HTML lists.
    List,
    /// Text lists and tables.
    Text,
    /// Whatever is read: lists, tables, and the archive's GET.
    Read,
    /// Bodies whose content proves their end: HTML lists, and the archive's GET.
    Proven,
    /// The token address.
    Token,
    /// `_process`.
    Process,
    /// HEAD and GET of an archive.
    Archive,
    /// HEAD of an archive alone.
    Head,
    /// GET of an archive.
    Body,
    /// GET of a part of an archive.
    Rest,
    /// The archive itself, for good.
    Source,
}

impl Place {
    fn covers(self, op: SimulatorRequest, of_part: bool) -> bool {
        use SimulatorRequest as R;
        match self {
            Self::Grin => op.is_grin(),
            Self::Page => op.is_grin() && op != SimulatorRequest::Head,
            Self::List => op == R::ListPage,
            Self::Text => matches!(op, R::TextList | R::Search | R::Report),
            Self::Read => Self::List.covers(op, of_part) || Self::Text.covers(op, of_part) || op == R::Get,
            Self::Proven => matches!(op, R::ListPage | R::Get),
            Self::Token => op == R::Token,
            Self::Rest => op == R::Get && of_part,
            Self::Process => op == SimulatorRequest::Process,
            Self::Archive => matches!(op, SimulatorRequest::Head | SimulatorRequest::Get),
            Self::Head => op == R::Head,
            Self::Body => op == SimulatorRequest::Get,
            Self::Source => false,
        }
    }
}

impl FaultKind {
    /// The fault of this name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|fault| fault.name() == name)
    }

    /// Does it stay with a book for good?
    pub fn is_lasting(self) -> bool {
        self.place() == Place::Source
    }
}

/// Which faults, how often, and their measures.
#[derive(Debug, Clone)]
pub struct FaultPlan {
    /// Share of answers (or, for those that stay, of books) that each fault strikes.
    pub rates: HashMap<FaultKind, f64>,
    /// Answers of one kind for one book (or page) that may be faulty; the ones after these are good, so that a run ends.
    pub per_request: u32,
    /// How long a stalled body stays silent before the connection is closed.
    pub stall: Duration,
    /// How long a trickling body trickles before it goes on at full speed.
    pub trickle: Duration,
}

impl Default for FaultPlan {
    fn default() -> Self {
        Self {
            rates: HashMap::new(),
            per_request: 2,
            stall: Duration::from_secs(40),
            trickle: Duration::from_secs(4),
        }
    }
}

impl FaultPlan {
    /// Every fault at a rate that a good client copes with.
    pub fn all() -> Self {
        FaultKind::ALL
            .iter()
            .fold(Self::default(), |faults, &fault| faults.with(fault, fault.sane_rate()))
    }

    /// The same with one fault at another rate (0.0 switches it off).
    #[must_use]
    pub fn with(mut self, fault: FaultKind, rate: f64) -> Self {
        self.rates.insert(fault, rate);
        self
    }

    /// The rate of a fault.
    pub fn rate(&self, fault: FaultKind) -> f64 {
        self.rates.get(&fault).copied().unwrap_or(0.0)
    }

    /// The faults that stay with a book, with their rates, in a fixed order.
    pub(super) fn lasting(&self) -> impl Iterator<Item = (FaultKind, f64)> {
        let lasting = FaultKind::ALL.iter().copied().filter(|fault| fault.is_lasting());
        lasting.map(|fault| (fault, self.rate(fault)))
    }

    fn striking(&self, op: SimulatorRequest, of_part: bool) -> impl Iterator<Item = (FaultKind, f64)> {
        let striking = FaultKind::ALL
            .iter()
            .copied()
            .filter(move |fault| fault.place().covers(op, of_part));
        striking
            .map(|fault| (fault, self.rate(fault)))
            .filter(|(_, rate)| *rate > 0.0)
    }
}

/// Faults ordered for a kind of request and a book or page (`None`: whichever comes).
type Orders = HashMap<(SimulatorRequest, Option<u64>), VecDeque<FaultKind>>;

/// Decides which answer is faulty: by seed, kind of request, book (or page) and attempt, or as a test has ordered.
pub(super) struct FaultDice {
    seed: u64,
    faults: Mutex<FaultPlan>,
    attempts: Mutex<HashMap<(SimulatorRequest, u64), u32>>,
    ordered: Mutex<Orders>,
}

impl FaultDice {
    pub fn new(seed: u64, faults: FaultPlan) -> Self {
        Self {
            seed,
            faults: Mutex::new(faults),
            attempts: Mutex::default(),
            ordered: Mutex::default(),
        }
    }

    /// Changes the faults of answers from now on; those that stay with a book are fixed at the start.
    pub fn set(&self, faults: FaultPlan) {
        *lock(&self.faults) = faults;
    }

    /// A copy of the measures in force.
    pub fn faults(&self) -> FaultPlan {
        lock(&self.faults).clone()
    }

    /// Orders a fault for the next request of this kind, for one book or page, or for whichever comes.
    pub fn order(&self, op: SimulatorRequest, key: Option<u64>, fault: FaultKind) {
        lock(&self.ordered).entry((op, key)).or_default().push_back(fault);
    }

    /// Forgets what was ordered and did not come yet.
    pub fn forget(&self) {
        lock(&self.ordered).clear();
    }

    /// The fault of this answer, if it has one; `of_part`: a part of a body is asked for.
    pub fn throw(&self, op: SimulatorRequest, key: u64, of_part: bool) -> Option<FaultKind> {
        if let Some(fault) = self.ordered(op, key) {
            return Some(fault);
        }
        let faults = lock(&self.faults);
        faults.striking(op, of_part).next()?;
        let attempt = self.attempt(op, key);
        if attempt >= faults.per_request {
            return None;
        }
        let mix = key ^ u64::from(attempt) << 58 ^ (op as u64) << 50;
        let mut left = SeedDraw::new(self.seed, DrawPurpose::Fault, mix).unit();
        for (fault, rate) in faults.striking(op, of_part) {
            if left < rate {
                return Some(fault);
            }
            left -= rate;
        }
        None
    }

    fn attempt(&self, op: SimulatorRequest, key: u64) -> u32 {
        let mut attempts = lock(&self.attempts);
        let attempt = attempts.entry((op, key)).or_default();
        *attempt += 1;
        *attempt - 1
    }

    fn ordered(&self, op: SimulatorRequest, key: u64) -> Option<FaultKind> {
        let mut ordered = lock(&self.ordered);
        let next = |ordered: &mut Orders, key| ordered.get_mut(&(op, key))?.pop_front();
        next(&mut ordered, Some(key)).or_else(|| next(&mut ordered, None))
    }
}

/// A lock whose holder panicked still guards usable data here.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_back_and_are_unique() {
        for &fault in FaultKind::ALL {
            assert_eq!(FaultKind::parse(fault.name()), Some(fault));
        }
        assert_eq!(FaultKind::parse("no-such"), None);
    }

    #[test]
    fn the_same_seed_throws_the_same() {
        let throws = |seed| {
            let dice = FaultDice::new(seed, FaultPlan::all());
            (0..500)
                .map(|key| dice.throw(SimulatorRequest::Get, key, false))
                .collect::<Vec<_>>()
        };
        assert_eq!(throws(1), throws(1));
        assert_ne!(throws(1), throws(2));
    }

    #[test]
    fn a_request_is_spared_after_its_share_of_faults() {
        let dice = FaultDice::new(1, FaultPlan::default().with(FaultKind::Status500, 1.0));
        let thrown: Vec<_> = (0..4).map(|_| dice.throw(SimulatorRequest::Head, 7, false)).collect();
        assert_eq!(
            thrown,
            [Some(FaultKind::Status500), Some(FaultKind::Status500), None, None]
        );
    }

    #[test]
    fn ordered_faults_come_first_and_once() {
        let dice = FaultDice::new(1, FaultPlan::default());
        dice.order(SimulatorRequest::Get, Some(3), FaultKind::Cut);
        dice.order(SimulatorRequest::Get, None, FaultKind::Html);
        assert_eq!(dice.throw(SimulatorRequest::Head, 3, false), None);
        assert_eq!(dice.throw(SimulatorRequest::Get, 4, false), Some(FaultKind::Html));
        assert_eq!(dice.throw(SimulatorRequest::Get, 3, false), Some(FaultKind::Cut));
        assert_eq!(dice.throw(SimulatorRequest::Get, 3, false), None);
    }
}
