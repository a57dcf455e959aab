//! Every digest that lists and METS give for one file, and what they say of it.

use crate::archive::digest::Md5Digest;
use crate::archive::verify::file_names::ListedFiles;

/// Every digest that is given for one file.
#[derive(Debug)]
pub(super) struct GivenDigests {
    by_list: Vec<Md5Digest>,
    by_mets: Vec<Md5Digest>,
}

/// What the given digests say of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DigestVerdict {
    /// It is equal to all of them.
    Equal,
    /// It differs from one of the checksum list's.
    DiffersFromList,
    /// It differs from one of the METS's.
    DiffersFromMets,
    /// There is none.
    NotGiven,
}

impl GivenDigests {
    /// What lists and METS give for the files of these numbers.
    pub(super) fn of(ids: &[usize], lists: &[ListedFiles], mets: &[ListedFiles]) -> Self {
        let given = |listed: &[ListedFiles]| {
            let digests = ids
                .iter()
                .flat_map(|id| listed.iter().filter_map(|listed| listed.digests.get(id)));
            let mut digests: Vec<Md5Digest> = digests.flatten().copied().collect();
            digests.sort_unstable();
            digests.dedup();
            digests
        };
        Self {
            by_list: given(lists),
            by_mets: given(mets),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.by_list.is_empty() && self.by_mets.is_empty()
    }

    /// A page must be equal to every digest: where two contradict each other one is wrong, and nothing says which. Of other files the
    /// METS speaks only where the list does not: a METS can hardly hold its own digest.
    pub(super) fn judge(&self, is_page: bool, digest: Md5Digest) -> DigestVerdict {
        let Self { by_list, by_mets } = self;
        let by_mets = if is_page || by_list.is_empty() {
            by_mets
        } else {
            &[][..]
        };
        let differs = |digests: &[Md5Digest]| digests.iter().any(|given| *given != digest);
        match () {
            () if differs(by_list) => DigestVerdict::DiffersFromList,
            () if differs(by_mets) => DigestVerdict::DiffersFromMets,
            () if self.is_empty() => DigestVerdict::NotGiven,
            () => DigestVerdict::Equal,
        }
    }

    pub(super) fn contradict_each_other(&self) -> bool {
        let known = |digest| self.by_list.is_empty() || self.by_list.contains(digest);
        !self.by_mets.iter().all(known)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_equal_to_every_digest_that_is_given() {
        use DigestVerdict::{DiffersFromList, DiffersFromMets, Equal, NotGiven};
        const FILE: Md5Digest = [7; 16];
        const OTHER: Md5Digest = [8; 16];
        let cases: [(&[Md5Digest], &[Md5Digest], [DigestVerdict; 2]); 10] = [
            (&[], &[], [NotGiven, NotGiven]),
            (&[FILE], &[], [Equal, Equal]),
            (&[], &[FILE], [Equal, Equal]),
            (&[FILE], &[FILE], [Equal, Equal]),
            (&[OTHER], &[], [DiffersFromList, DiffersFromList]),
            (&[], &[OTHER], [DiffersFromMets, DiffersFromMets]),
            (&[OTHER], &[FILE], [DiffersFromList, DiffersFromList]),
            (&[FILE], &[OTHER], [DiffersFromMets, Equal]),
            (&[FILE, OTHER], &[FILE], [DiffersFromList, DiffersFromList]),
            (&[], &[FILE, OTHER], [DiffersFromMets, DiffersFromMets]),
        ];
        for (by_list, by_mets, expected) in cases {
            let [by_list, by_mets] = [by_list, by_mets].map(<[_]>::to_vec);
            let given = GivenDigests { by_list, by_mets };
            let judged = [true, false].map(|is_page| given.judge(is_page, FILE));
            assert_eq!(judged, expected, "{given:?}");
        }
    }
}
