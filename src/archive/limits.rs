//! How much an archive may hold before it is taken for hostile.

/// Bounds of one pass. The defaults leave an honest volume (a few thousand pages, a few GB) far inside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArchiveLimits {
    /// Entries of the tar, folders included.
    pub entries: u64,
    /// Bytes of a member's name.
    pub name_bytes: usize,
    /// Bytes of one member.
    pub member_bytes: u64,
    /// Bytes of all members together.
    pub total_bytes: u64,
    /// Unpacked bytes for each packed byte, once more than [`ArchiveLimits::ratio_floor`] bytes were unpacked.
    pub expansion_ratio: u64,
    /// Up to here the ratio is not looked at.
    pub ratio_floor: u64,
    /// gzip members behind each other.
    pub gzip_members: u32,
    /// Bytes of a name or a record in an extended header (GNU long name, pax).
    pub header_bytes: u64,
    /// Bytes of a whole pax header; the most of it is skipped and never kept.
    pub pax_header_bytes: u64,
    /// Bytes of all checksum lists together.
    pub checksum_list_bytes: u64,
    /// Bytes of one page's text.
    pub page_text_bytes: u64,
    /// Bytes of the METS; a longer one is refused, the archive is not.
    pub mets_bytes: u64,
    /// Bytes of one tag or text of the METS.
    pub mets_event_bytes: usize,
    /// Nesting of the METS.
    pub mets_depth: usize,
}

impl Default for ArchiveLimits {
    fn default() -> Self {
        Self {
            entries: 65_536,
            name_bytes: 512,
            member_bytes: 4 << 30,
            total_bytes: 64 << 30,
            expansion_ratio: 100,
            ratio_floor: 64 << 20,
            gzip_members: 1_000,
            header_bytes: 64 << 10,
            pax_header_bytes: 64 << 20,
            checksum_list_bytes: 8 << 20,
            page_text_bytes: 4 << 20,
            mets_bytes: 64 << 20,
            mets_event_bytes: 256 << 10,
            mets_depth: 64,
        }
    }
}
