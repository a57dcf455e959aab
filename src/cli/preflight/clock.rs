//! Is this machine's clock right? GRIN's answers say what time it is there.

use jiff::Timestamp;

use crate::cli::exit::ExitStatus;
use crate::cli::preflight::line::CheckLine;
use crate::session::SmallAnswer;

/// What the check is about; no key of the configuration.
const KEY: &str = "clock";
/// Seconds that two clocks may be apart. Tokens of service accounts and signed requests to object stores name the time, and are
/// refused at 5 to 15 minutes.
const APART: i64 = 180;

/// Compares the time of an answer's head with ours.
pub fn compare(answer: &SmallAnswer, now: Timestamp) -> CheckLine {
    judge(answer.headers.get("date"), now)
}

fn judge(date: Option<&str>, now: Timestamp) -> CheckLine {
    let theirs = date
        .and_then(|date| httpdate::parse_http_date(date).ok())
        .and_then(|date| Timestamp::try_from(date).ok());
    let Some(theirs) = theirs else {
        return CheckLine::not_checked(KEY, "GRIN's answer does not say what time it is there");
    };
    let ahead = now.as_second() - theirs.as_second();
    if ahead.abs() <= APART {
        return CheckLine::passed(KEY, format!("{} s apart from GRIN's", ahead.abs()));
    }
    let way = if ahead > 0 { "ahead of" } else { "behind" };
    let text = format!(
        "this machine's clock is {} min {way} GRIN's, so sign-ins and signed requests are refused. Set it, and let it be kept right \
         (timedatectl set-ntp true).",
        ahead.abs() / 60
    );
    CheckLine::failed(KEY, ExitStatus::Config, text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::preflight::line::exit_of;

    #[test]
    fn minutes_apart_are_a_finding_and_a_missing_date_is_none() {
        let now: Timestamp = "2026-03-01T12:00:00Z".parse().unwrap();
        for (date, begins, exit) in [
            (
                Some("Sun, 01 Mar 2026 12:00:00 GMT"),
                "ok: clock: 0 s",
                ExitStatus::Done,
            ),
            (
                Some("Sun, 01 Mar 2026 11:57:00 GMT"),
                "ok: clock: 180 s",
                ExitStatus::Done,
            ),
            (
                Some("Sun, 01 Mar 2026 11:56:00 GMT"),
                "error: clock: this machine's clock is 4 min ahead",
                ExitStatus::Config,
            ),
            (
                Some("Mon, 02 Mar 2026 12:00:00 GMT"),
                "error: clock: this machine's clock is 1440 min behind",
                ExitStatus::Config,
            ),
            (Some("noon"), "not checked: clock", ExitStatus::Done),
            (None, "not checked: clock", ExitStatus::Done),
        ] {
            let line = judge(date, now);
            assert!(line.to_string().starts_with(begins), "{date:?}: {line}");
            assert_eq!(exit_of(&[line]), exit, "{date:?}");
        }
    }
}
