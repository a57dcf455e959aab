//! Room `simulator`: the library as a pure function of seed and number; nothing is kept for a book.

use super::barcodes::Barcodes;
use super::config::SimulatorConfig;
use super::faults::Fault;
use super::hostile::Hostile;
use super::life::{self, Dates, Life, State};
use super::openpgp::{self, Form};
use super::pages::{self, Blocks};
use super::record::{self, Record};
use super::seed::{Draw, Purpose};
use super::titles;
use super::volume::{Fate, Sealing, Volume};

/// All that is known of the books before anybody asks for anything.
pub(super) struct Catalogue {
    pub config: SimulatorConfig,
    barcodes: Barcodes,
    blocks: Blocks,
    count: u8,
}

impl Catalogue {
    pub fn new(config: SimulatorConfig) -> Self {
        Self {
            barcodes: Barcodes::new(config.seed),
            blocks: Blocks::new(config.seed, config.image_bytes),
            count: openpgp::coded_count(config.s2k_count),
            config,
        }
    }

    pub fn books(&self) -> u32 {
        self.config.books
    }

    pub fn barcode(&self, index: u32) -> String {
        self.barcodes.of(index)
    }

    pub fn push_barcode(&self, index: u32, out: &mut Vec<u8>) {
        self.barcodes.push(index, out);
    }

    pub fn index_of(&self, barcode: &str) -> Option<u32> {
        self.barcodes.index_of(barcode, self.config.books)
    }

    /// Writes the archive's name as `_converted` lists it.
    pub fn push_file_name(&self, index: u32, out: &mut Vec<u8>) {
        if self.config.prefixed_names {
            out.extend_from_slice(self.config.library.as_bytes());
            out.push(b'_');
        }
        self.push_barcode(index, out);
        out.extend_from_slice(b".tar.gz.gpg");
    }

    /// The number of the book whose archive is listed under this name.
    pub fn index_of_file(&self, name: &str) -> Option<u32> {
        let stem = name.strip_suffix(".tar.gz.gpg")?;
        let barcode = if self.config.prefixed_names {
            stem.strip_prefix(self.config.library.as_str())?.strip_prefix('_')?
        } else {
            stem
        };
        self.index_of(barcode)
    }

    pub fn title(&self, index: u32) -> String {
        titles::title(self.config.seed, index)
    }

    pub fn beginning(&self, index: u32) -> Life {
        life::beginning(self.config.seed, &self.config.mix, index)
    }

    pub fn dates(&self, index: u32, state: State) -> Dates {
        life::dates(self.config.seed, index, state)
    }

    pub fn record(&self, index: u32) -> Record {
        record::record(self.config.seed, index)
    }

    /// The volume id of the Google Books link.
    pub fn volume_id(index: u32) -> String {
        format!("qQaA{index:07X}J")
    }

    /// The entity tag of an archive, quoted and strong.
    pub fn etag(&self, index: u32, generation: u16) -> String {
        let mut draw = self.draw(Purpose::Tag, volume_key(index, generation));
        format!("\"{:016x}{:016x}\"", draw.next(), draw.next())
    }

    /// What is wrong for good with the archive of a book, by the rates of the faults that stay.
    pub fn fate(&self, index: u32) -> Fate {
        let mut draw = self.draw(Purpose::Fate, u64::from(index));
        let mut left = draw.unit();
        for (fault, rate) in self.config.faults.lasting() {
            if left < rate {
                let hostile = Hostile::ALL[draw.pick(Hostile::ALL.len())];
                return fate_of(fault, hostile);
            }
            left -= rate;
        }
        Fate::Whole
    }

    /// The archive of a book, to be measured or written.
    pub fn volume(&self, index: u32, generation: u16) -> Volume<'_> {
        let config = &self.config;
        let barcode = self.barcode(index);
        let record = self.record(index);
        let key = volume_key(index, generation);
        let mut draw = self.draw(Purpose::Message, key);
        let mut sealing = Sealing {
            passphrase: config.passphrase.expose().as_bytes(),
            salt: [0; 8],
            prefix: [0; 16],
            count: self.count,
            form: config
                .form
                .unwrap_or([Form::Fixed, Form::Partial, Form::Compressed, Form::Fixed][draw.pick(4)]),
        };
        draw.fill(&mut sealing.salt);
        draw.fill(&mut sealing.prefix);
        Volume {
            stem: format!("{}_{barcode}", config.library),
            name: format!("{barcode}.tar.gz"),
            object: format!("{}:{barcode}", config.library),
            style: super::mets::Style::of(config.seed, index, &record),
            record,
            pages: pages::pages(config.seed, key, config.pages, &self.blocks),
            blocks: &self.blocks,
            fate: self.fate(index),
            lists_first: draw.once_in(4),
            sealing,
        }
    }

    pub fn draw(&self, purpose: Purpose, key: u64) -> Draw {
        Draw::new(self.config.seed, purpose, key)
    }
}

fn volume_key(index: u32, generation: u16) -> u64 {
    // 8 bits of generation leave 24 for the page number in `pages`.
    u64::from(index) << 8 | u64::from(generation & 0xFF)
}

fn fate_of(fault: Fault, hostile: Hostile) -> Fate {
    match fault {
        Fault::SourceDamaged => Fate::SourceDamaged,
        Fault::SourceTruncated => Fate::SourceTruncated,
        Fault::WrongChecksum => Fate::WrongChecksum,
        Fault::NoChecksumList => Fate::NoChecksumList,
        Fault::NoDigests => Fate::NoDigests,
        Fault::WrongPassphrase => Fate::WrongPassphrase,
        Fault::HostileArchive => Fate::Hostile(hostile),
        _ => Fate::Whole,
    }
}

#[cfg(test)]
#[path = "tests/catalogue.rs"]
mod tests;
