//! What a stub of workers and catalog is asked about and answers with.

use std::time::Duration;

use crate::catalog::{MemberCard, MemberRow};
use crate::grin::Barcode;
use crate::pipeline::task_services::TaskFault;
use crate::pipeline::workers::CollectResult;

pub fn fault(why: &str, parts_may_be_answered: bool) -> TaskFault {
    TaskFault {
        why: why.to_owned(),
        parts_may_be_answered,
        unnamed: false,
        needs_person: false,
    }
}

pub fn incomplete(why: &str) -> CollectResult {
    CollectResult {
        incomplete: Some(why.to_owned()),
        ..CollectResult::default()
    }
}

pub fn books(range: std::ops::Range<u32>) -> Vec<Barcode> {
    range
        .map(|number| Barcode::parse(&format!("TL{number:04}")).unwrap())
        .collect()
}

/// Another member, that has renewed so often.
pub fn other(renewals: u64) -> MemberRow {
    MemberRow {
        card: MemberCard {
            instance: "other".into(),
            owner: "other:1".into(),
            host: "elsewhere".into(),
            program: "daemon".into(),
            version: "0".into(),
        },
        joined_at: String::new(),
        seen_at: String::new(),
        renewals,
        left: Duration::from_secs(10),
    }
}
