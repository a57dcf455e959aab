//! The queues as SQL filters over `books`, and how books of several queues are mixed.

use crate::catalog::observations::dates::{NEWER, OUTDATED};
use crate::vocabulary::Queue;

/// SQL that is true of a book of any of these queues, whether or not it may be taken now; of each book if there are none.
pub(crate) fn any_of(queues: &[Queue]) -> String {
    if queues.is_empty() {
        return "TRUE".into();
    }
    let filters: Vec<_> = queues.iter().map(|queue| format!("({})", members(*queue))).collect();
    filters.join(" OR ")
}

fn members(queue: Queue) -> String {
    let members = match queue {
        Queue::Changed => return format!("sync_timestamp IS NOT NULL AND (({NEWER}) OR ({OUTDATED}))"),
        Queue::All => "TRUE",
        Queue::Converted => "listed_converted = 1 AND sync_timestamp IS NULL",
        Queue::Previous => {
            "sync_timestamp IS NULL AND (requested_for = 'previous' OR grin_state = 'PREVIOUSLY_DOWNLOADED')"
        }
        Queue::Unconverted => {
            "sync_timestamp IS NULL AND (requested_for = 'unconverted' OR grin_state IN ('NEW', 'AVAILABLE') \
             OR can_be_requested = 1)"
        }
        Queue::Failed => "state IN ('failed', 'conversion_failed')",
    };
    members.into()
}

/// SQL that is true of the books of these queues that GRIN has ready or makes ready; `None`: of all of them.
pub(crate) fn ready_of(queues: &[Queue]) -> Option<String> {
    if queues
        .iter()
        .any(|queue| matches!(queue, Queue::Converted | Queue::All))
    {
        return None;
    }
    let of = |queue: &Queue| match queue {
        Queue::Previous => Some("requested_for = 'previous' OR grin_state = 'PREVIOUSLY_DOWNLOADED'"),
        Queue::Unconverted => Some("requested_for = 'unconverted'"),
        Queue::Converted | Queue::Changed | Queue::Failed | Queue::All => None,
    };
    let filters: Vec<_> = queues.iter().filter_map(of).collect();
    Some(if filters.is_empty() {
        "FALSE".into()
    } else {
        filters.join(" OR ")
    })
}

/// Takes from each list in turn, each book once, until there are enough: no queue starves another, and the same lists
/// give the same order.
pub(crate) fn in_turn(lists: Vec<Vec<i64>>, limit: usize) -> Vec<i64> {
    let mut taken = std::collections::HashSet::new();
    let mut out = Vec::new();
    let mut lists: Vec<_> = lists.into_iter().map(Vec::into_iter).collect();
    while out.len() < limit && !lists.is_empty() {
        lists.retain_mut(|list| {
            let next = list.find(|id| taken.insert(*id));
            if let Some(id) = next {
                out.push(id);
            }
            next.is_some()
        });
    }
    out.truncate(limit);
    out
}

/// The first ones, then as many of the others as there is room for, each book once.
pub(crate) fn in_sequence(mut first: Vec<i64>, others: Vec<i64>, limit: usize) -> Vec<i64> {
    for id in others {
        if first.len() < limit && !first.contains(&id) {
            first.push(id);
        }
    }
    first
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queues_are_served_in_turn() {
        let lists = || vec![vec![1, 2, 3, 4], vec![10], vec![2, 20, 21]];
        assert_eq!(in_turn(lists(), 10), [1, 10, 2, 3, 20, 4, 21]);
        assert_eq!(in_turn(lists(), 2), [1, 10]);
        assert!(in_turn(Vec::new(), 2).is_empty());
    }
}
