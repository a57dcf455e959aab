//! Is the list complete, and if not, where does it go on?
//!
//! Nobody has recorded what GRIN's pager looks like (PROTOCOL.md, section 1), so a page counts as the last one only if
//! nothing on it can lead on. The rule, in this order:
//!
//! 1. A link of the same list that says "next" (in words, by `rel` or by an arrow), or whose `first=` is the position
//!    after this page's rows, is the next page. Where both exist and differ, the nearer one, so that no row is skipped.
//! 2. A link whose `first=` is a row of this page or an earlier one, or that says "previous", is no way on. A `ctoken=` is opaque:
//!    whatever `first=` stands beside it, only "previous" makes it lead back, and nothing leads back from the first page.
//! 3. Any other link of the same list with `first=` or `ctoken=`, whatever its text, leaves the end in doubt; so does one at an
//!    address that must not be asked (another scheme or server, a form that posts).
//! 4. Something that says "next" and tells no address (a button, a link that is a script) leaves the end in doubt; so does a link of the
//!    list that says "more" or "all", is a number, or has another parameter that may be a position, and so does a value that the page
//!    holds for a script and that leads on by its name (`pager/held.rs`), or a count in words that tells of more (`counted.rs`).
//! 5. So does a number of books that is larger than what was seen up to this page's end; a pass over several pages knows better.
//! 6. Links and forms of the list that are too many or too long to look at leave the end in doubt; so do scripts in scripts.
//! 7. Words of a server in trouble (`grin/refusal.rs`), words in the list's table that stand in none of its rows, and what books are called
//!    in a table that is not read, leave the end in doubt: they may have taken the place of rows.
//! 8. So do, more weakly (`aside.rs`), a number of books that may be the whole library's, and words that something other than the list
//!    is away: a pass that agrees with the text form is no fault then, and nothing is concluded from absence.
//! 9. A page with as many rows as were requested and without any link of the list leaves the end in doubt.
//! 10. Otherwise the page is the last one.

mod words;

pub(super) use crate::grin::list_page::page_end::words::{are_onward_arrows, promises_more};

use url::Url;

use crate::grin::AnswerRefusal;
use crate::grin::list_page::EndDoubt;

/// A link of a list page, outside of the rows that name volumes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PageLink {
    /// As it stands in the page.
    pub(super) href: String,
    /// What it leads to.
    pub(super) target: LinkTarget,
    /// It has `first=` or `ctoken=`.
    pub(super) marked: bool,
    /// What it says.
    pub(super) meaning: LinkMeaning,
}

/// What a link leads to, by its address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum LinkTarget {
    /// A page of the same list on the same server.
    Own(Url),
    /// The same list, at an address that must not be asked; where that page would be on this server.
    Mirror(Url),
    /// Anything else.
    Foreign,
}

impl LinkTarget {
    /// The page of this list that it names.
    pub(super) fn place(&self) -> Option<&Url> {
        match self {
            Self::Own(url) | Self::Mirror(url) => Some(url),
            Self::Foreign => None,
        }
    }

    fn own(&self) -> Option<&Url> {
        match self {
            Self::Own(url) => Some(url),
            Self::Mirror(_) | Self::Foreign => None,
        }
    }
}

/// What a link says about where it leads, more surely from top to bottom of the first four.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LinkMeaning {
    /// "Previous", "Back", "<".
    Back,
    /// Nothing that is known: "2", "More", "Last", ">>", an image without words.
    Unknown,
    /// "»".
    NextByDoubleArrow,
    /// ">", "›", "→".
    NextByArrow,
    /// "Next", "Next page", `rel="next"`.
    NextInWords,
}

/// What is known of a page when all of it was read.
#[derive(Debug)]
pub(super) struct PageFacts<'a> {
    /// Its address.
    pub(super) page: &'a Url,
    /// Its rows, also those that could not be taken.
    pub(super) rows: u64,
    /// Links that could lead to more of the list.
    pub(super) links: &'a [PageLink],
    /// Something says "next" or promises more of the list, and tells no address that is understood; as it shows itself.
    pub(super) unaddressed: Option<&'a str>,
    /// Links that may be the list's were not looked at.
    pub(super) left_out: bool,
    /// Words tell of trouble, or stand where rows should.
    pub(super) trouble: bool,
    /// The most books that the page says there are; 0: it does not say.
    pub(super) total: u64,
    /// As `total`, in words that may be about the whole library.
    pub(super) library_total: u64,
    /// Words tell that something other than the list is away.
    pub(super) other_service: bool,
}

/// What follows after a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum PageEnd {
    /// The next page, and what is worth a line in the log about it.
    Next(Url, Option<String>),
    /// This was the last page.
    Last,
    /// This may have been the last page.
    Doubt(EndDoubt),
    /// The next page must not be asked for; the address as it stands in the page.
    Refused(AnswerRefusal, String),
}

/// Decides by the rule of this file.
pub(super) fn page_end(facts: &PageFacts<'_>) -> PageEnd {
    let place = Place::of(facts);
    let own: Vec<(&PageLink, &Url)> = facts
        .links
        .iter()
        .filter_map(|link| Some((link, link.target.own()?)))
        .collect();
    let rank = |link: &PageLink| if link.marked { link.meaning.rank() } else { UNMARKED };
    // Of equals, the last is taken: here that is the first on the page.
    let said = own.iter().copied().rev().filter(|(link, _)| link.meaning.rank() > 0);
    let said = said.max_by_key(|(link, url)| (rank(link), std::cmp::Reverse(first_of(url))));
    let foreign = facts.links.iter().filter(|link| link.target.own().is_none());
    let foreign = foreign.filter(|link| link.meaning.rank() > 0);
    if let Some(foreign) = foreign.max_by_key(|link| rank(link))
        && said.is_none_or(|(link, _)| rank(foreign) > rank(link))
    {
        return PageEnd::Refused(AnswerRefusal::ForeignNext, foreign.href.clone());
    }
    let placed = own.iter().copied().filter(|(_, url)| place.is_next(url));
    let placed = placed.min_by_key(|(_, url)| first_of(url));
    match (said, placed) {
        (Some((_, said)), Some((_, placed))) if first_of(said) > first_of(placed) && first_of(said).is_some() => {
            let warning = format!(
                "the link that says \"next\" skips rows; a nearer one was followed: {}",
                short(placed.as_str())
            );
            PageEnd::Next(placed.clone(), Some(warning))
        }
        (Some((link, url)), _) if url == facts.page => PageEnd::Refused(AnswerRefusal::Loop, link.href.clone()),
        (Some((link, url)), _) => PageEnd::Next(url.clone(), remark(link, url)),
        (None, Some((_, url))) => PageEnd::Next(url.clone(), None),
        (None, None) => end_without_next(facts, &place),
    }
}

fn remark(link: &PageLink, url: &Url) -> Option<String> {
    let words = "a link that says \"next\" has neither first= nor ctoken=; it was followed";
    (!link.marked).then(|| format!("{words}: {}", short(url.as_str())))
}

fn end_without_next(facts: &PageFacts<'_>, place: &Place) -> PageEnd {
    let mut open: Vec<Url> = Vec::new();
    for link in facts.links {
        if let Some(url) = link.target.place()
            && !place.is_back(link, url, facts.page)
            && !open.contains(url)
        {
            open.push(url.clone());
        }
    }
    let requested = number_of(facts.page, "result_count");
    // Open links that a pass came by elsewhere are no doubt any more; so they are told after all that it cannot come by.
    if facts.trouble {
        PageEnd::Doubt(EndDoubt::Trouble)
    } else if facts.left_out {
        PageEnd::Doubt(EndDoubt::LinksLeftOut)
    } else if let Some(shown) = facts.unaddressed {
        PageEnd::Doubt(EndDoubt::NextWithoutAddress(shown.to_owned()))
    } else if !open.is_empty() {
        PageEnd::Doubt(EndDoubt::OpenLinks(open))
    } else if facts.total > place.reached(facts.rows) {
        PageEnd::Doubt(EndDoubt::CountsMore(facts.total))
    } else if facts.library_total > place.reached(facts.rows) {
        PageEnd::Doubt(EndDoubt::CountsLibrary(facts.library_total))
    } else if facts.other_service {
        PageEnd::Doubt(EndDoubt::OtherService)
    } else if facts.links.is_empty() && requested.is_some_and(|requested| requested > 0 && facts.rows >= requested) {
        PageEnd::Doubt(EndDoubt::FullPage)
    } else {
        PageEnd::Last
    }
}

/// Where the page begins in its list.
enum Place {
    /// `first=` of its address, and its rows.
    Known(u64, u64),
    /// The first page, whose rows are counted from 0 or from 1.
    Beginning(u64),
    /// Reached by an opaque mark.
    Unknown,
}

impl Place {
    fn of(facts: &PageFacts<'_>) -> Self {
        match (first_of(facts.page), ctoken_of(facts.page)) {
            (Some(first), _) => Self::Known(first, facts.rows),
            (None, None) => Self::Beginning(facts.rows),
            (None, Some(_)) => Self::Unknown,
        }
    }

    /// How many rows of the list there are up to this page's end, as far as is known.
    fn reached(&self, rows: u64) -> u64 {
        match self {
            Self::Known(from, rows) => from.saturating_add(*rows),
            Self::Beginning(_) | Self::Unknown => rows,
        }
    }

    /// The link's `first=` is the position after this page's rows.
    fn is_next(&self, url: &Url) -> bool {
        let Some(first) = first_of(url) else { return false };
        match self {
            Self::Known(from, rows) => *rows > 0 && first == from.saturating_add(*rows),
            Self::Beginning(rows) => *rows > 0 && (first == *rows || first == rows.saturating_add(1)),
            Self::Unknown => false,
        }
    }

    /// The link leads to this page, to one of its rows or to an earlier one.
    fn is_back(&self, link: &PageLink, url: &Url, page: &Url) -> bool {
        let place = |url: &Url| (ctoken_of(url), first_of(url));
        if url == page || place(url) == place(page) && place(url) != (None, None) {
            return true;
        }
        let says_back = link.meaning == LinkMeaning::Back && !self.is_beginning();
        let opaque = ctoken_of(url).is_some_and(|token| ctoken_of(page) != Some(token));
        match (self, first_of(url)) {
            _ if opaque && !says_back => false,
            (Self::Known(from, rows), Some(first)) => first < from.saturating_add((*rows).max(1)),
            (Self::Beginning(rows), Some(first)) => first <= (*rows).max(1),
            (Self::Unknown, Some(_)) | (_, None) => says_back,
        }
    }

    /// Nothing comes before this page.
    fn is_beginning(&self) -> bool {
        matches!(self, Self::Beginning(_) | Self::Known(0 | 1, _))
    }
}

/// The value of a parameter, which is there if it is not empty.
fn value_of(url: &Url, name: &str) -> Option<String> {
    let mut pairs = url.query_pairs();
    let found = pairs.find(|(key, value)| key.eq_ignore_ascii_case(name) && !value.is_empty());
    found.map(|(_, value)| value.into_owned())
}

fn number_of(url: &Url, name: &str) -> Option<u64> {
    value_of(url, name)?.parse().ok()
}

fn ctoken_of(url: &Url) -> Option<String> {
    value_of(url, "ctoken")
}

fn first_of(url: &Url) -> Option<u64> {
    number_of(url, "first")
}

/// The first 200 characters, for a log.
pub(super) fn short(text: &str) -> String {
    text.chars().take(200).collect()
}

/// Rank of a link that says "next" in words and has parameters other than those that have been seen.
const UNMARKED: u8 = 1;

impl LinkMeaning {
    /// How surely it says "next"; 0 is not at all.
    pub(super) fn rank(self) -> u8 {
        match self {
            Self::Back | Self::Unknown => 0,
            Self::NextByDoubleArrow => 2,
            Self::NextByArrow => 3,
            Self::NextInWords => 4,
        }
    }

    /// `rel` of a link.
    pub(super) fn of_rel(rel: &str) -> Option<Self> {
        rel.split_ascii_whitespace().find_map(|word| match word {
            _ if word.eq_ignore_ascii_case("next") => Some(Self::NextInWords),
            _ if word.eq_ignore_ascii_case("prev") || word.eq_ignore_ascii_case("previous") => Some(Self::Back),
            _ => None,
        })
    }
}

#[cfg(test)]
mod tests;
