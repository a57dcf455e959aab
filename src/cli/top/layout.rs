//! How the screen is divided: a pure function of its size and of how much there is to show.

/// How many lines each part would like to have.
#[derive(Debug, Clone, Copy, Default)]
pub struct LinesWanted {
    /// What the daemon does and waits for.
    pub head: u16,
    /// Of these, how it is, and what needs a person.
    pub urgent: u16,
    /// Mailboxes.
    pub rows: u16,
    /// Links of the blocking chain.
    pub links: u16,
    /// Classes of permits.
    pub classes: u16,
    /// Transfers.
    pub transfers: u16,
}

/// How many lines each part gets, its heading included; the log takes what is left.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ScreenPlan {
    /// What the daemon does and waits for.
    pub head: u16,
    /// Mailboxes.
    pub table: u16,
    /// The blocking chain: 1 = on one line.
    pub chain: u16,
    /// The pool: 1 = on one line.
    pub pool: u16,
    /// Transfers; 0 = none.
    pub transfers: u16,
    /// The log; 0 = none.
    pub log: u16,
    /// Chain and pool stand beside transfers and log.
    pub is_wide: bool,
}

/// From here on two parts fit beside each other.
const WIDE: u16 = 150;
/// Lines of the log that are left on a screen of 24 lines.
const LEAST_LOG: u16 = 3;

impl ScreenPlan {
    /// The plan for so many columns and lines, without the line of the keys.
    pub fn of(columns: u16, lines: u16, wanted: LinesWanted) -> Self {
        let head = wanted.head.min((lines / 4).max(wanted.urgent.min(lines / 3)).max(1));
        // What is below needs four lines at the least: chain, pool, and one transfer or line of the log with its heading.
        let table = (wanted.rows + 1).min(lines.saturating_sub(head + 4).max(2));
        let rest = lines.saturating_sub(head + table);
        if columns >= WIDE {
            return Self::wide(
                Self {
                    head,
                    table,
                    ..Self::default()
                },
                rest,
                wanted,
            );
        }
        let full = wanted.links + 1 + wanted.classes + 1;
        let is_roomy = rest >= full + wanted.transfers.min(4) + 1 + LEAST_LOG;
        let (chain, pool) = if is_roomy {
            (wanted.links + 1, wanted.classes + 1)
        } else {
            (1, 1)
        };
        let rest = rest.saturating_sub(chain + pool);
        let transfers = with_heading(wanted.transfers).min(rest.saturating_sub(LEAST_LOG));
        Self {
            head,
            table,
            chain: chain.min(lines),
            pool: pool.min(lines),
            transfers: whole(transfers),
            log: whole(rest.saturating_sub(whole(transfers))),
            is_wide: false,
        }
    }

    fn wide(plan: Self, rest: u16, wanted: LinesWanted) -> Self {
        let pool = (wanted.classes + 1).min(rest / 2);
        let transfers = whole(with_heading(wanted.transfers).min(rest / 2));
        Self {
            chain: rest - pool,
            pool,
            transfers,
            log: rest - transfers,
            is_wide: true,
            ..plan
        }
    }
}

/// Columns before the text of a fact.
pub const FACT_INDENT: usize = 16;

/// A fact on as many lines as it needs, parted at blanks; where there is hardly any room for words, on one.
pub fn wrapped(fact: &str, columns: u16) -> Vec<String> {
    let columns = usize::from(columns);
    let mut lines = vec![String::new()];
    for word in fact.split_inclusive(' ') {
        let taken = lines.last().map_or(0, |line| line.chars().count());
        let is_beyond = taken + word.trim_end().chars().count() > columns;
        if is_beyond && taken > FACT_INDENT && columns > 2 * FACT_INDENT {
            lines.push(" ".repeat(FACT_INDENT));
        }
        if let Some(line) = lines.last_mut() {
            line.push_str(word);
        }
    }
    lines
}

fn with_heading(lines: u16) -> u16 {
    if lines == 0 { 0 } else { lines + 1 }
}

/// A heading with nothing below it is left out.
fn whole(lines: u16) -> u16 {
    if lines < 2 { 0 } else { lines }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WANTED: LinesWanted = LinesWanted {
        head: 6,
        urgent: 1,
        rows: 9,
        links: 5,
        classes: 5,
        transfers: 4,
    };

    #[test]
    fn what_is_urgent_has_a_third_of_the_screen_and_is_told_to_its_end() {
        let plan = |head, urgent| ScreenPlan::of(80, 23, LinesWanted { head, urgent, ..WANTED }).head;
        assert_eq!([plan(9, 1), plan(9, 6), plan(20, 20), plan(3, 3)], [5, 6, 7, 3]);
        let fact = "needs a person  Waiting for disk space: no room in /library. Make room there.";
        for (columns, lines) in [
            (200, vec![fact]),
            (
                60,
                vec![
                    "needs a person  Waiting for disk space: no room in /library. ",
                    "                Make room there.",
                ],
            ),
            (20, vec![fact]),
        ] {
            assert_eq!(wrapped(fact, columns), lines, "{columns}");
        }
        let long = format!("how it is       {} end", "x".repeat(90));
        assert_eq!(
            wrapped(&long, 80),
            [&long[..107], "                end"],
            "a word is never parted"
        );
    }

    #[test]
    fn each_size_has_its_plan_and_no_plan_is_higher_than_the_screen() {
        let plan = |columns, lines| {
            let plan = ScreenPlan::of(columns, lines, WANTED);
            (plan.head, plan.table, plan.chain, plan.pool, plan.transfers, plan.log)
        };
        for (columns, lines, expected) in [
            (80, 23, (5, 10, 1, 1, 3, 3)),
            (80, 40, (6, 10, 6, 6, 5, 7)),
            (120, 60, (6, 10, 6, 6, 5, 27)),
            (200, 50, (6, 10, 28, 6, 5, 29)),
            (80, 12, (3, 5, 1, 1, 0, 2)),
            (20, 5, (1, 2, 1, 1, 0, 0)),
        ] {
            assert_eq!(plan(columns, lines), expected, "{columns} x {lines}");
        }
        for lines in 3..80 {
            let plan = ScreenPlan::of(80, lines, WANTED);
            let all = plan.head + plan.table + plan.chain + plan.pool + plan.transfers + plan.log;
            assert!(all <= lines.max(5), "{lines}: {plan:?}");
        }
    }

    #[test]
    fn where_nothing_is_fetched_the_log_has_the_room() {
        let wanted = LinesWanted {
            transfers: 0,
            links: 0,
            ..WANTED
        };
        let plan = ScreenPlan::of(80, 23, wanted);
        assert_eq!((plan.transfers, plan.log), (0, 6));
    }
}
