//! Looking into a METS, a folder or an archive by itself, for `grind parse` and for people's questions.
//!
//! The same walk as the pass, so that support sees what the daemon sees.

use std::fs::{self, File};
use std::io::{self, BufReader, Read, Seek, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::archive::error::{ArchiveError, LayerFault};
use crate::archive::findings::{ArchiveFinding, FindingList};
use crate::archive::limits::ArchiveLimits;
use crate::archive::members::{MemberKind, TarMember};
use crate::archive::mets::{MetsSummary, RecordKind};
use crate::archive::pass::process_plain;
use crate::archive::scan::TarScan;
use crate::archive::volume::{PassOptions, ProvenVolume};
use crate::grin::Barcode;
use crate::vocabulary::MarcFields;

/// Folders in folders that are looked into.
const DEPTH: usize = 8;

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ArchiveInspection {
    /// MARC fields, if there is a record.
    pub marc: Option<MarcFields>,
    /// The record as a MARCXML document.
    #[serde(skip)]
    pub marc_xml: Option<String>,
    /// What came of the search for the record.
    pub record: RecordKind,
    /// Pages, as many as the text has lines.
    pub pages: u64,
    /// Pages that have a text.
    pub text_pages: u64,
    /// What was noticed.
    pub findings: Vec<ArchiveFinding>,
}

/// Reads one METS document.
pub fn parse_mets(document: impl Read, limits: &ArchiveLimits) -> io::Result<ArchiveInspection> {
    let mets = MetsSummary::read(BufReader::new(document), limits)?;
    let mut findings = FindingList::default();
    if let Some(mets) = &mets {
        mets.note(&mut findings);
    }
    let record = mets.as_ref().map_or(RecordKind::NoMets, |mets| mets.record);
    let (marc, marc_xml) = mets.map(|mets| (mets.marc, mets.marc_xml)).unwrap_or_default();
    Ok(ArchiveInspection {
        marc,
        marc_xml,
        record,
        pages: 0,
        text_pages: 0,
        findings: findings.finish(),
    })
}

/// Looks into a folder, a `.tar.gz` or an XML file; page texts go to `text` as JSON lines if `options` ask for them.
/// Digests are not compared: that is the pass's business.
pub fn inspect(
    path: &Path,
    text: impl Write,
    barcode: Option<&Barcode>,
    options: &PassOptions,
) -> Result<ArchiveInspection, ArchiveError> {
    let options = PassOptions {
        verify_checksums: false,
        require_volume: false,
        ..options.clone()
    };
    if path.is_dir() {
        return inspect_folder(path, text, barcode, &options);
    }
    let mut file = File::open(path).map_err(ArchiveError::Input)?;
    let mut magic = [0; 2];
    let got = file.read(&mut magic).map_err(ArchiveError::Input)?;
    file.rewind().map_err(ArchiveError::Input)?;
    if got == 2 && magic == [0x1f, 0x8b] {
        return process_plain(file, io::sink(), text, barcode, &options).map(ArchiveInspection::of);
    }
    parse_mets(file, &options.limits).map_err(ArchiveError::Input)
}

impl ArchiveInspection {
    fn of(volume: ProvenVolume) -> Self {
        let ProvenVolume {
            marc,
            marc_xml,
            record,
            acceptance,
            findings,
            ..
        } = volume;
        Self {
            marc,
            marc_xml,
            record,
            pages: acceptance.pages,
            text_pages: acceptance.text_pages,
            findings,
        }
    }
}

fn inspect_folder(
    folder: &Path,
    text: impl Write,
    barcode: Option<&Barcode>,
    options: &PassOptions,
) -> Result<ArchiveInspection, ArchiveError> {
    let mut scan = TarScan::new(options, barcode);
    for (name, path) in files_below(folder, &options.limits).map_err(ArchiveError::Input)? {
        let file = File::open(&path).map_err(ArchiveError::Input)?;
        let size = file.metadata().map_err(ArchiveError::Input)?.len();
        let member = TarMember {
            name,
            size,
            offset: 0,
            kind: MemberKind::File,
        };
        if let Err(error) = scan.file(&member, &mut BufReader::new(file)) {
            return Err(as_error(error, &mut scan));
        }
    }
    let mut contents = scan.judge();
    let judged = contents.decide();
    if options.extract_text {
        contents
            .pages
            .write_lines(text, options.compress_text)
            .map_err(ArchiveError::Text)?;
    }
    let mets = contents.mets;
    let record = mets.as_ref().map_or(RecordKind::NoMets, |mets| mets.record);
    let (marc, marc_xml) = mets.map(|mets| (mets.marc, mets.marc_xml)).unwrap_or_default();
    Ok(ArchiveInspection {
        marc,
        marc_xml,
        record,
        pages: judged.acceptance.pages,
        text_pages: judged.acceptance.text_pages,
        findings: judged.findings,
    })
}

fn as_error(error: io::Error, scan: &mut TarScan<'_>) -> ArchiveError {
    if let Some(failure) = scan.text_failure.take() {
        return ArchiveError::Text(failure);
    }
    match error.get_ref().and_then(|inner| inner.downcast_ref::<LayerFault>()) {
        Some(LayerFault::Hostile(limit, detail)) => ArchiveError::Hostile {
            limit: *limit,
            detail: detail.clone(),
            seen: Box::default(),
        },
        _ => ArchiveError::Input(error),
    }
}

/// All files below a folder in the order of their names, links not followed.
fn files_below(folder: &Path, limits: &ArchiveLimits) -> io::Result<Vec<(String, PathBuf)>> {
    let mut files = Vec::new();
    let mut folders = vec![(String::new(), folder.to_owned(), 0)];
    while let Some((prefix, folder, depth)) = folders.pop() {
        for entry in fs::read_dir(&folder)? {
            let entry = entry?;
            let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
            let kind = entry.file_type()?;
            if kind.is_dir() && depth < DEPTH {
                folders.push((format!("{name}/"), entry.path(), depth + 1));
            } else if kind.is_file() {
                files.push((name, entry.path()));
            }
            if (files.len() + folders.len()) as u64 > limits.entries {
                return Err(io::Error::other("there are too many files in the folder"));
            }
        }
    }
    files.sort_unstable();
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The page texts, one string a page.
    fn lines_of(path: &Path, options: &PassOptions) -> Result<Vec<String>, ArchiveError> {
        let options = PassOptions {
            compress_text: false,
            ..options.clone()
        };
        let mut lines = Vec::new();
        inspect(path, &mut lines, None, &options)?;
        let strings = serde_json::Deserializer::from_slice(&lines).into_iter::<String>();
        Ok(strings.collect::<Result<_, _>>().unwrap())
    }

    #[test]
    fn a_folder_is_read_in_page_order_with_its_gaps() {
        let folder = tempfile::tempdir().unwrap();
        for (name, content) in [
            ("00000003.txt", "c"),
            ("00000001.txt", "a"),
            ("00000003.jp2", ""),
            ("notes.txt", "x"),
        ] {
            fs::write(folder.path().join(name), content).unwrap();
        }
        assert_eq!(
            lines_of(folder.path(), &PassOptions::default()).unwrap(),
            ["a", "", "c"]
        );
    }

    #[test]
    fn a_link_in_a_folder_is_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink("/etc/hostname", folder.path().join("00000001.txt")).unwrap();
        assert_eq!(lines_of(folder.path(), &PassOptions::default()).unwrap(), [""; 0]);
    }

    #[test]
    fn a_page_of_text_that_is_too_long_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("00000001.txt"), "too long").unwrap();
        let options = PassOptions {
            limits: ArchiveLimits {
                page_text_bytes: 4,
                ..ArchiveLimits::default()
            },
            ..PassOptions::default()
        };
        let error = lines_of(folder.path(), &options).unwrap_err();
        assert_eq!(error.reason(), crate::vocabulary::FailureReason::Hostile);
    }
}
