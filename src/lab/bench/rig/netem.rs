//! Whether the kernel could make distance itself (netem), for the note that says why a relay does.

use std::fs::{self, File};
use std::io::{BufReader, Read};
use std::path::Path;

use flate2::bufread::GzDecoder;

/// What was found out, by reading alone: asking the kernel would take privileges.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NetemSupport {
    /// The kernel was built with it, or its module is there.
    There,
    /// It was not, or the module is missing.
    Absent,
    /// Nothing on the machine says.
    Unknown,
}

impl NetemSupport {
    /// Looks at this machine.
    pub fn probe() -> Self {
        let release = rustix::system::uname().release().to_string_lossy().into_owned();
        Self::under(Path::new("/"), &release)
    }

    /// As [`NetemSupport::probe`] for the files below `root`.
    fn under(root: &Path, release: &str) -> Self {
        let modules = root.join("lib/modules").join(release);
        let listed = |name: &str| {
            let text = fs::read_to_string(modules.join(name)).ok()?;
            Some(text.contains("/sch_netem.ko"))
        };
        let (loadable, built_in) = (listed("modules.dep"), listed("modules.builtin"));
        if loadable == Some(true) || built_in == Some(true) {
            return Self::There;
        }
        let config = packed(&root.join("proc/config.gz"))
            .or_else(|| fs::read_to_string(root.join("boot").join(format!("config-{release}"))).ok());
        match config {
            Some(text) if text.lines().any(|line| line == "CONFIG_NET_SCH_NETEM=y") => Self::There,
            Some(_) => Self::Absent,
            None if loadable.is_some() && built_in.is_some() => Self::Absent,
            None => Self::Unknown,
        }
    }

    /// For the notes of a report.
    pub const fn note(self) -> &'static str {
        match self {
            Self::There => {
                "netem is there but was not used: it takes root, and would slow every program on this machine's loopback"
            }
            Self::Absent => "this kernel has no netem",
            Self::Unknown => {
                "whether this kernel has netem could not be found out, and it was not used: it takes root, and would slow every program on this machine's loopback"
            }
        }
    }
}

fn packed(path: &Path) -> Option<String> {
    let mut text = String::new();
    let file = BufReader::new(File::open(path).ok()?);
    GzDecoder::new(file).read_to_string(&mut text).ok()?;
    Some(text)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn found(files: &[(&str, &[u8])]) -> NetemSupport {
        let root = tempfile::tempdir().unwrap();
        for (name, bytes) in files {
            let path = root.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        }
        NetemSupport::under(root.path(), "6.1")
    }

    fn packed(text: &str) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(text.as_bytes()).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn what_the_machine_says_of_its_kernel_is_believed() {
        assert_eq!(found(&[]), NetemSupport::Unknown);
        let unset = packed("# CONFIG_NET_SCH_NETEM is not set\n");
        assert_eq!(found(&[("proc/config.gz", &unset)]), NetemSupport::Absent);
        let built_in = packed("CONFIG_NET_SCHED=y\nCONFIG_NET_SCH_NETEM=y\n");
        assert_eq!(found(&[("proc/config.gz", &built_in)]), NetemSupport::There);
        let module: (&str, &[u8]) = ("boot/config-6.1", b"CONFIG_NET_SCH_NETEM=m\n");
        assert_eq!(
            found(&[module]),
            NetemSupport::Absent,
            "the module is not on the machine"
        );
        let listed: (&str, &[u8]) = ("lib/modules/6.1/modules.dep", b"kernel/net/sched/sch_netem.ko.xz:\n");
        assert_eq!(found(&[module, listed]), NetemSupport::There);
        let others: [(&str, &[u8]); 2] = [
            ("lib/modules/6.1/modules.dep", b"kernel/net/sched/sch_tbf.ko:\n"),
            ("lib/modules/6.1/modules.builtin", b""),
        ];
        assert_eq!(found(&others), NetemSupport::Absent);
    }
}
