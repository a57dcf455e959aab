//! An event of a book's history as a sentence.

use serde_json::Value;

use crate::catalog::queries::explain::{BookEvent, plain};

/// When it was, what became of the book, and why. An event that is not known here is told as it is recorded.
pub(super) fn told(event: &BookEvent) -> String {
    let text = |name: &str| event.metadata.get(name).map(plain);
    let value = &event.status_value;
    let what = match (&*event.status_type, text("from")) {
        ("state", Some(from)) if from == *value => format!("still {value}"),
        ("state", Some(from)) => format!("{from} → {value}"),
        ("state", None) => format!("known, {value}"),
        ("grin_state", _) => format!("GRIN says {value}"),
        ("conversion", _) => format!("conversion: {value}"),
        (topic, _) => format!("{topic}: {value}"),
    };
    let cause = text("cause").map(|cause| words(&cause).map_or(cause, str::to_owned));
    let reason = match (text("reason"), text("detail")) {
        (Some(reason), Some(detail)) => Some(format!("{reason}: {detail}")),
        (reason, detail) => reason.or(detail),
    };
    let more = [
        cause,
        text("list").map(|list| format!("list {list}")),
        text("by").map(|by| format!("by {by}")),
        reason,
        text("words").map(|words| format!("GRIN: {words}")),
        text("next").map(|next| format!("tried again at {}", second(&next))),
    ];
    let more: Vec<_> = more.into_iter().flatten().collect();
    let at = second(&event.timestamp);
    match more.is_empty() {
        true => format!("{at}  {what}"),
        false => format!("{at}  {what}: {}", more.join("; ")),
    }
}

/// A stamp of the catalog as a person is told it.
pub(super) fn moment(stamp: &str) -> String {
    format!("{} UTC", second(stamp))
}

/// A stamp of the catalog to the second.
fn second(stamp: &str) -> String {
    match stamp.get(..19) {
        Some(stamp) => stamp.replace('T', " "),
        None => plain(&Value::from(stamp)),
    }
}

/// What a cause means; see [`crate::catalog::lifecycle::history::ChangeCause`].
fn words(cause: &str) -> Option<&'static str> {
    Some(match cause {
        "listed" => "a list of GRIN names it",
        "not_listed" => "a whole list of GRIN does not name it",
        "enriched" => "GRIN's answer to a search says so",
        "asked" => "GRIN's answer to the request",
        "named" => "somebody named the barcode",
        "claimed" => "a worker took it",
        "downloading" => "its archive is being fetched",
        "stored" => "its archive is published",
        "up_to_date" => "GRIN has the archive that is stored",
        "not_converted" => "GRIN has no archive ready",
        "retry" => "the attempt failed, and another one follows",
        "failed" => "given up",
        "handed_back" => "released untried",
        "lease_expired" => "whoever had it did not say for too long that it works on it",
        "recovered" => "whoever had it started anew",
        "reset" => "somebody wants it tried again",
        "prioritised" => "somebody wants it before others",
        "forgotten" => "somebody wants it left out",
        "operator" => "an operator asked for it",
        "pause_over" => "the time of the pause was over",
        "restored" => "the storage says so",
        "unsound" => "what is stored was read again and is not sound",
        "removed" => "an operator removed what was stored",
        "imported" => "taken over from another program",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::catalog::lifecycle::history::ChangeCause;

    fn event(topic: &str, value: &str, metadata: Value) -> BookEvent {
        BookEvent {
            timestamp: "2026-11-28T12:00:01.123Z".into(),
            status_type: topic.into(),
            status_value: value.into(),
            session_id: Some(1),
            metadata,
        }
    }

    #[test]
    fn each_kind_of_event_is_a_sentence() {
        for (topic, value, metadata, expected) in [
            (
                "state",
                "downloading",
                json!({"from": "checking", "cause": "downloading"}),
                "checking → downloading: its archive is being fetched",
            ),
            (
                "state",
                "available",
                json!({"from": "downloading", "cause": "retry", "reason": "network", "detail": "reset", "next": "2026-11-28T13:00:00Z"}),
                "downloading → available: the attempt failed, and another one follows; network: reset; tried again at 2026-11-28 13:00:00",
            ),
            (
                "state",
                "known",
                json!({"cause": "listed", "list": "_all_books"}),
                "known, known: a list of GRIN names it; list _all_books",
            ),
            (
                "state",
                "failed",
                json!({"from": "failed", "cause": "reset"}),
                "still failed: somebody wants it tried again",
            ),
            ("grin_state", "CONVERTED", json!({}), "GRIN says CONVERTED"),
            (
                "conversion",
                "requested",
                json!({"words": "Success\u{1b}"}),
                "conversion: requested: GRIN: Success ",
            ),
            (
                "priority",
                "1",
                json!({"cause": "of a later version"}),
                "priority: 1: of a later version",
            ),
            ("import", "x", Value::Null, "import: x"),
        ] {
            let told = told(&event(topic, value, metadata));
            assert_eq!(told, format!("2026-11-28 12:00:01  {expected}"));
        }
        let odd = BookEvent {
            timestamp: "soon".into(),
            ..event("listing", "vanished", Value::Null)
        };
        assert_eq!(told(&odd), "soon  listing: vanished");
    }

    #[test]
    fn every_cause_has_its_words() {
        use ChangeCause as C;
        let all = [
            C::Listed,
            C::NotListed,
            C::Enriched,
            C::Asked,
            C::Named,
            C::Claimed,
            C::Downloading,
            C::Stored,
            C::UpToDate,
            C::NotConverted,
            C::Retry,
            C::Failed,
            C::Released,
            C::LeaseExpired,
            C::Recovered,
            C::Reset,
            C::Prioritised,
            C::Forgotten,
            C::Operator,
            C::PauseOver,
            C::Restored,
            C::Unsound,
            C::Removed,
            C::Imported,
        ];
        for cause in all {
            let word = serde_json::to_value(cause).unwrap();
            assert!(words(word.as_str().unwrap()).is_some(), "{cause:?}");
        }
    }
}
