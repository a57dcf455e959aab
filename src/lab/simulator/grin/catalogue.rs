//! The library as a pure function of seed and number; nothing is kept for a book.

use crate::lab::simulator::archive::openpgp;
use crate::lab::simulator::archive::openpgp::LengthForm;
use crate::lab::simulator::archive::pages;
use crate::lab::simulator::archive::pages::PageBlocks;
use crate::lab::simulator::archive::record;
use crate::lab::simulator::archive::record::SimulatedRecord;
use crate::lab::simulator::archive::volume::{EncryptionForm, SimulatedVolume, VolumeFate};
use crate::lab::simulator::config::SimulatorConfig;
use crate::lab::simulator::faults::FaultKind;
use crate::lab::simulator::faults::hostile::HostileKind;
use crate::lab::simulator::grin::barcodes::SeededBarcodes;
use crate::lab::simulator::grin::life;
use crate::lab::simulator::grin::life::{BookLife, FixedDates, SimulatedState};
use crate::lab::simulator::grin::titles;
use crate::lab::simulator::seed::{DrawPurpose, SeedDraw};

/// All that is known of the books before anybody asks for anything.
pub(crate) struct SeededCatalogue {
    pub config: SimulatorConfig,
    barcodes: SeededBarcodes,
    blocks: PageBlocks,
    count: u8,
}

impl SeededCatalogue {
    pub fn new(config: SimulatorConfig) -> Self {
        Self {
            barcodes: SeededBarcodes::new(config.seed, config.odd_barcodes),
            blocks: PageBlocks::new(config.seed, config.image_bytes),
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

    pub fn beginning(&self, index: u32) -> BookLife {
        life::beginning(self.config.seed, &self.config.mix, index)
    }

    pub fn dates(&self, index: u32, state: SimulatedState) -> FixedDates {
        life::dates(self.config.seed, index, state)
    }

    pub fn record(&self, index: u32) -> SimulatedRecord {
        record::record(self.config.seed, index)
    }

    /// The volume id of the Google Books link.
    pub fn volume_id(index: u32) -> String {
        format!("qQaA{index:07X}J")
    }

    /// The entity tag of an archive, quoted and strong.
    pub fn etag(&self, index: u32, generation: u16) -> String {
        let mut draw = self.draw(DrawPurpose::Tag, volume_key(index, generation));
        format!("\"{:016x}{:016x}\"", draw.next(), draw.next())
    }

    /// What is wrong for good with the archive of a book, by the rates of the faults that stay.
    pub fn fate(&self, index: u32) -> VolumeFate {
        let mut draw = self.draw(DrawPurpose::Fate, u64::from(index));
        let mut left = draw.unit();
        for (fault, rate) in self.config.faults.lasting() {
            if left < rate {
                let hostile = HostileKind::ALL[draw.pick(HostileKind::ALL.len())];
                return fate_of(fault, hostile);
            }
            left -= rate;
        }
        VolumeFate::Whole
    }

    /// The archive of a book, to be measured or written.
    pub fn volume(&self, index: u32, generation: u16) -> SimulatedVolume<'_> {
        let config = &self.config;
        let barcode = self.barcode(index);
        let record = self.record(index);
        let key = volume_key(index, generation);
        let mut draw = self.draw(DrawPurpose::Message, key);
        let mut sealing = EncryptionForm {
            passphrase: config.passphrase.expose().as_bytes(),
            salt: [0; 8],
            prefix: [0; 16],
            count: self.count,
            form: config.form.unwrap_or(
                [
                    LengthForm::Fixed,
                    LengthForm::Partial,
                    LengthForm::Compressed,
                    LengthForm::Fixed,
                ][draw.pick(4)],
            ),
        };
        draw.fill(&mut sealing.salt);
        draw.fill(&mut sealing.prefix);
        SimulatedVolume {
            stem: format!("{}_{barcode}", config.library),
            name: format!("{barcode}.tar.gz"),
            object: format!("{}:{barcode}", config.library),
            style: crate::lab::simulator::archive::mets::MetsStyle::of(config.seed, index, &record),
            record,
            pages: pages::pages(config.seed, key, config.pages, &self.blocks),
            blocks: &self.blocks,
            fate: self.fate(index),
            lists_first: draw.once_in(4),
            sealing,
        }
    }

    pub fn draw(&self, purpose: DrawPurpose, key: u64) -> SeedDraw {
        SeedDraw::new(self.config.seed, purpose, key)
    }
}

fn volume_key(index: u32, generation: u16) -> u64 {
    // 8 bits of generation leave 24 for the page number in `pages`.
    u64::from(index) << 8 | u64::from(generation & 0xFF)
}

fn fate_of(fault: FaultKind, hostile: HostileKind) -> VolumeFate {
    match fault {
        FaultKind::SourceDamaged => VolumeFate::SourceDamaged,
        FaultKind::SourceTruncated => VolumeFate::SourceTruncated,
        FaultKind::WrongChecksum => VolumeFate::WrongChecksum,
        FaultKind::NoChecksumList => VolumeFate::NoChecksumList,
        FaultKind::NoDigests => VolumeFate::NoDigests,
        FaultKind::WrongPassphrase => VolumeFate::WrongPassphrase,
        FaultKind::HostileArchive => VolumeFate::Hostile(hostile),
        _ => VolumeFate::Whole,
    }
}

#[cfg(test)]
mod tests;
