//! Sparse files, of which the holes are left out. Honest archives may have them; none was ever seen from GRIN, and the bytes of one do not lie
//! side by side, as all that reads members needs them. Those of no page are skipped.

use std::io::{self, BufRead};

use tar::Header;

use crate::archive::error::ArchiveLimit;
use crate::archive::members::{BLOCK, TarMembers, broken, hostile};

/// Where a block that names holes says that another one follows.
const SPARSE_GOES_ON: usize = 504;

impl<B: BufRead> TarMembers<'_, B> {
    /// Refuses a sparse file that claims too much; `size` is the one with the holes.
    pub(super) fn check_sparse(&self, size: Option<u64>, name: &str) -> io::Result<()> {
        match size {
            Some(size) if size > self.limits.member_bytes => Err(hostile(
                ArchiveLimit::MemberSize,
                format!("{name}, a sparse file, claims {size} bytes"),
            )),
            _ => Ok(()),
        }
    }

    /// Where there are more holes than the header has room for, blocks before the data name them.
    pub(super) fn skip_sparse_map(&mut self, header: &Header) -> io::Result<()> {
        let mut goes_on = header.as_gnu().is_some_and(|header| header.is_extended());
        while goes_on {
            self.count_entry()?;
            let mut block = [0; BLOCK];
            if self.read_block(&mut block)? < BLOCK {
                return Err(broken("it is cut short"));
            }
            goes_on = block[SPARSE_GOES_ON] != 0;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use tar::EntryType;

    use crate::archive::findings::FindingCode;
    use crate::archive::limits::ArchiveLimits;
    use crate::archive::members::sparse::SPARSE_GOES_ON;
    use crate::archive::members::*;
    use crate::archive::scan::TarScan;
    use crate::archive::volume::PassOptions;

    fn entry(kind: EntryType, name: &str, data: &[u8], adapt: impl Fn(&mut Header)) -> Vec<u8> {
        let mut header = Header::new_gnu();
        header.set_entry_type(kind);
        header.set_path(name).unwrap();
        header.set_size(data.len() as u64);
        adapt(&mut header);
        header.set_cksum();
        let mut bytes = [header.as_bytes(), data].concat();
        bytes.resize(bytes.len().next_multiple_of(BLOCK), 0);
        bytes
    }

    fn file(name: &str) -> Vec<u8> {
        entry(EntryType::Regular, name, b"an image", |_| {})
    }

    /// GNU tar's own form, with two more blocks that name holes.
    fn in_gnu_form(name: &str, size: u64) -> Vec<u8> {
        let header = entry(EntryType::GNUSparse, name, &[], |header| {
            header.set_size(600);
            let gnu = header.as_gnu_mut().unwrap();
            gnu.set_is_extended(true);
            gnu.set_real_size(size);
        });
        let mut holes = [0; 2 * BLOCK];
        holes[SPARSE_GOES_ON] = 1;
        [&header[..], &holes, &[b'x'; 2 * BLOCK]].concat()
    }

    /// The form of pax, where the header of the file has another name.
    fn in_pax_form(name: &str, size: u64) -> Vec<u8> {
        let record = |text: String| {
            let length = (2..1_000).find(|length| length.to_string().len() + text.len() + 2 == *length);
            format!("{} {text}\n", length.unwrap())
        };
        let records = record("GNU.sparse.major=1".to_owned())
            + &record(format!("GNU.sparse.name={name}"))
            + &record(format!("GNU.sparse.realsize={size}"));
        let header = entry(EntryType::XHeader, "pax", records.as_bytes(), |_| {});
        [header, file("GNUSparseFile.1/x")].concat()
    }

    #[test]
    fn a_sparse_file_on_which_no_page_depends_is_skipped_and_said() {
        let huge = u64::MAX / 4;
        for (name, size, is_read) in [
            ("notes.bin", 9_000, true),
            ("00000002.jp2", 9_000, false),
            ("00000002.txt", 9_000, false),
            ("checksum.md5", 9_000, false),
            ("TESTLIB_TL0001.xml", 9_000, false),
            ("notes.bin", huge, false),
        ] {
            for sparse in [in_gnu_form(name, size), in_pax_form(name, size)] {
                let tar = [file("00000001.jp2"), sparse, file("00000003.jp2"), vec![0; 2 * BLOCK]].concat();
                let limits = ArchiveLimits::default();
                let options = PassOptions::default();
                let mut scan = TarScan::new(&options, None);
                let walked = scan.walk(&mut TarMembers::new(&tar[..], &limits));
                assert_eq!(walked.is_ok(), is_read, "{name} {size}: {walked:?}");
                if let Err(error) = walked {
                    assert!(error.to_string().contains("sparse file"), "{error}");
                    continue;
                }
                let judged = scan.judge().decide();
                let is_said = |code| {
                    let mut findings = judged.findings.iter();
                    findings.any(|finding| finding.code == code && finding.member.as_deref() == Some(name))
                };
                assert!(is_said(FindingCode::OddEntry), "{:?}", judged.findings);
                assert_eq!((judged.acceptance.images, judged.acceptance.verified), (2, false));
            }
        }
    }
}
