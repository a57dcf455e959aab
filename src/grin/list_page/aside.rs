//! Words on a list page that may be about something other than the list: counts of the whole library, and services that are away.

/// What has the books of all lists.
const WHOLE: [&str; 10] = [
    "library",
    "libraries",
    "library's",
    "collection",
    "collections",
    "bibliothek",
    "bibliothèque",
    "biblioteca",
    "bibliotheek",
    "partner",
];

/// What only a count of the list itself speaks of.
const OF_LIST: [&str; 17] = [
    "displayed",
    "displaying",
    "found",
    "list",
    "listed",
    "listing",
    "matched",
    "matches",
    "matching",
    "page",
    "query",
    "results",
    "returned",
    "rows",
    "showing",
    "shown",
    "table",
];

/// Is a count perhaps one of the whole library: "Library total: 108,037 books"?
pub(super) fn may_count_library(statement: &str) -> bool {
    let plain = statement.to_lowercase();
    let has = |known: &[&str]| words_of(&plain).any(|word| known.contains(&word));
    has(&WHOLE) && !has(&OF_LIST)
}

/// What pages offer besides lists.
const OTHER_SERVICES: [&str; 9] = [
    "conversion",
    "conversions",
    "converting",
    "downloading",
    "downloads",
    "search",
    "searching",
    "upload",
    "uploads",
];

/// What may stand between the name of a service and that it is away.
const BETWEEN: [&str; 8] = ["is", "are", "was", "currently", "has", "been", "service", "services"];

/// What is said of a service that is away, in lower case.
const AWAY: [&str; 2] = ["temporarily unavailable", "service unavailable"];

const LATER: &str = "try again later";

/// Does a phrase of trouble tell, after the words `before` it, of another service than the list: "Conversion is temporarily unavailable.
/// Please try again later."? Both are in lower case.
pub(in crate::grin) fn is_of_other_service(before: &str, phrase: &str) -> bool {
    if phrase == LATER {
        let before = before.trim_end_matches(|c: char| !c.is_alphanumeric());
        let before = before.strip_suffix("please").unwrap_or(before);
        let before = before.trim_end_matches(|c: char| !c.is_alphanumeric());
        let told = AWAY.iter().find_map(|away| Some((before.strip_suffix(away)?, *away)));
        return told.is_some_and(|(before, away)| is_of_other_service(before, away));
    }
    let sentence = before.rsplit(['.', '!', '?', ';', ':']).next().unwrap_or_default();
    let words: Vec<&str> = words_of(sentence).collect();
    let subject = words.iter().rev().find(|word| !BETWEEN.contains(word));
    AWAY.contains(&phrase) && subject.is_some_and(|word| OTHER_SERVICES.contains(word))
}

fn words_of(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !(c.is_alphanumeric() || matches!(c, '-' | '\'')))
        .filter(|word| !word.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_of_the_library_is_told_from_one_of_the_list() {
        for (text, expected) in [
            ("Library total: 108,037 books", true),
            ("Total books in your library: 5,000", true),
            ("5,000 books in the collection", true),
            ("Total: 5,000 books", false),
            ("Found 5,000 books of your library", false),
            ("5,000 books of the library in this list", false),
            ("Your library: 1-2 of 5000 shown", false),
            ("", false),
        ] {
            assert_eq!(may_count_library(text), expected, "{text}");
        }
    }

    #[test]
    fn a_service_that_is_away_is_told_from_a_list_that_is() {
        for (before, phrase, expected) in [
            ("conversion is ", "temporarily unavailable", true),
            (
                "books 1-2 of 2 conversions are currently ",
                "temporarily unavailable",
                true,
            ),
            ("conversion ", "service unavailable", true),
            (
                "conversion is temporarily unavailable. please ",
                "try again later",
                true,
            ),
            ("upload service is temporarily unavailable; ", "try again later", true),
            ("the list is ", "temporarily unavailable", false),
            ("the list of conversions to come is ", "temporarily unavailable", false),
            ("", "temporarily unavailable", false),
            ("conversion. ", "temporarily unavailable", false),
            (
                "something is temporarily unavailable. please ",
                "try again later",
                false,
            ),
            ("please ", "try again later", false),
            ("conversion ", "internal error", false),
        ] {
            assert_eq!(is_of_other_service(before, phrase), expected, "{before}{phrase}");
        }
    }
}
