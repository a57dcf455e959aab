//! Tar entries that would do harm if a client unpacked them.

use tar::{EntryType, Header};

/// Which kind of harm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum HostileKind {
    /// A member with an absolute path.
    Absolute,
    /// A path that climbs out with `..`.
    Parent,
    /// A symbolic link out of the folder.
    Symlink,
    /// A hard link out of the folder.
    Hardlink,
    /// A character device.
    Device,
    /// A GNU sparse file that claims terabytes.
    Sparse,
    /// A size of terabytes with nothing behind it.
    Huge,
}

impl HostileKind {
    /// Every kind.
    pub const ALL: [Self; 7] = [
        Self::Absolute,
        Self::Parent,
        Self::Symlink,
        Self::Hardlink,
        Self::Device,
        Self::Sparse,
        Self::Huge,
    ];

    /// Two blocks: the header and what follows it.
    pub(crate) fn entry(self) -> Vec<u8> {
        let mut header = Header::new_gnu();
        header.set_mode(0o644);
        header.set_size(512);
        match self {
            Self::Absolute => name(&mut header, b"/tmp/00000001.txt"),
            Self::Parent => name(&mut header, b"../../00000001.txt"),
            Self::Symlink => link(&mut header, EntryType::Symlink),
            Self::Hardlink => link(&mut header, EntryType::Link),
            Self::Device => {
                name(&mut header, b"00000001.dev");
                header.set_entry_type(EntryType::Char);
                header.set_size(0);
            }
            Self::Sparse => {
                name(&mut header, b"99999999.txt");
                header.set_entry_type(EntryType::GNUSparse);
                claim_real_size(&mut header);
            }
            Self::Huge => {
                name(&mut header, b"99999998.txt");
                header.set_size(1 << 42);
            }
        }
        header.set_cksum();
        let content = if matches!(self, Self::Device | Self::Symlink | Self::Hardlink) {
            0
        } else {
            b'x'
        };
        let mut entry = header.as_bytes().to_vec();
        entry.resize(1_024, content);
        entry
    }
}

/// Sets a name as it stands, past the checks of the library.
fn name(header: &mut Header, name: &[u8]) {
    if let Some(field) = header.as_gnu_mut() {
        field.name[..name.len()].copy_from_slice(name);
    }
}

fn link(header: &mut Header, kind: EntryType) {
    name(header, b"00000001.link");
    header.set_entry_type(kind);
    header.set_size(0);
    if let Some(field) = header.as_gnu_mut() {
        field.linkname[..11].copy_from_slice(b"/etc/passwd");
    }
}

fn claim_real_size(header: &mut Header) {
    if let Some(field) = header.as_gnu_mut() {
        field.sparse[0].offset[..11].copy_from_slice(b"77777777000");
        field.sparse[0].numbytes[..11].copy_from_slice(b"00000001000");
        field.realsize[..11].copy_from_slice(b"77777777777");
    }
}
