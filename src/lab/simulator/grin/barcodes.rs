//! Barcodes as a function of a book's number, and back again, with nothing kept.
//!
//! The forms are those of src/grin/PROTOCOL.md, section 1: fourteen digits with a library's prefix, six letters and
//! digits as on old Harvard volumes, and work and volume joined by a hyphen. A modular bijection scatters the numbers,
//! so that neighbours in a list do not look like a count.

use crate::lab::simulator::seed::{DrawPurpose, SeedDraw};

const PREFIXES: [&str; 3] = ["39015", "33433", "32101"];
const DIGITS: Ring = Ring::new(1_000_000_000, 387_420_489, 400_000_000);
const SHORT: Ring = Ring::new(1_679_616, 390_625, 559_872);
const BASE36: &[u8; 36] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";

/// Barcodes of one seeded library.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SeededBarcodes {
    seed: u64,
    offset: u64,
    /// Short ones begin with `$B` or `+Z`, as Berkeley's and the Austrian National Library's do.
    odd: bool,
}

/// A bijection on `0..modulus`: times a unit, plus an offset.
#[derive(Debug, Clone, Copy)]
struct Ring {
    modulus: u64,
    factor: u64,
    inverse: u64,
}

impl Ring {
    /// `totient` is Euler's φ of the modulus; it gives the inverse of the factor.
    const fn new(modulus: u64, factor: u64, totient: u64) -> Self {
        let inverse = power(factor, totient - 1, modulus);
        Self {
            modulus,
            factor,
            inverse,
        }
    }

    fn forth(&self, number: u64, offset: u64) -> u64 {
        (number % self.modulus * self.factor + offset % self.modulus) % self.modulus
    }

    fn back(&self, number: u64, offset: u64) -> u64 {
        (number + self.modulus - offset % self.modulus) % self.modulus * self.inverse % self.modulus
    }
}

const fn power(base: u64, mut exponent: u64, modulus: u64) -> u64 {
    let (mut result, mut square) = (1, base % modulus);
    while exponent > 0 {
        if exponent & 1 == 1 {
            result = result * square % modulus;
        }
        square = square * square % modulus;
        exponent >>= 1;
    }
    result
}

impl SeededBarcodes {
    pub fn new(seed: u64, odd: bool) -> Self {
        let offset = SeedDraw::new(seed, DrawPurpose::Form, u64::MAX).below(DIGITS.modulus);
        Self { seed, offset, odd }
    }

    fn short_prefix(&self, number: u64) -> &'static str {
        match (self.odd, number % 2) {
            (false, _) => "HX",
            (true, 0) => "$B",
            (true, _) => "+Z",
        }
    }

    /// The barcode of book number `index`.
    pub fn of(&self, index: u32) -> String {
        let mut out = Vec::with_capacity(20);
        self.push(index, &mut out);
        String::from_utf8(out).unwrap_or_default()
    }

    /// Writes the barcode of book number `index`.
    pub fn push(&self, index: u32, out: &mut Vec<u8>) {
        let number = u64::from(index);
        let mut draw = SeedDraw::new(self.seed, DrawPurpose::Form, number);
        let prefix = PREFIXES[draw.pick(PREFIXES.len())];
        match draw.below(8) {
            5 | 6 if number < SHORT.modulus => {
                out.extend_from_slice(self.short_prefix(number).as_bytes());
                push_base36(SHORT.forth(number, self.offset), out);
            }
            7 => {
                let work = DIGITS.forth(number, self.offset);
                out.extend_from_slice(format!("W{work}PD-I{}PD", number % 1_000).as_bytes());
            }
            _ => {
                out.extend_from_slice(prefix.as_bytes());
                push_digits(DIGITS.forth(number, self.offset), 9, out);
            }
        }
    }

    /// The number of the book with this barcode, if a library of `books` has it. Case counts.
    pub fn index_of(&self, barcode: &str, books: u32) -> Option<u32> {
        let number = self.number_in(barcode)?;
        let index = u32::try_from(number).ok().filter(|index| *index < books)?;
        (self.of(index) == barcode).then_some(index)
    }

    fn number_in(&self, barcode: &str) -> Option<u64> {
        let short = ["HX", "$B", "+Z"]
            .into_iter()
            .find_map(|prefix| barcode.strip_prefix(prefix));
        if let Some(short) = short {
            let value = (short.len() == 4).then(|| u64::from_str_radix(short, 36).ok())??;
            return Some(SHORT.back(value, self.offset));
        }
        if let Some(work) = barcode.strip_prefix('W') {
            let value = work.split_once("PD-")?.0.parse::<u64>().ok()?;
            return (value < DIGITS.modulus).then(|| DIGITS.back(value, self.offset));
        }
        let digits = (barcode.len() == 14).then(|| barcode.get(5..))??;
        Some(DIGITS.back(digits.parse().ok()?, self.offset))
    }
}

/// Writes `value` with at least `width` digits.
pub(crate) fn push_digits(mut value: u64, width: usize, out: &mut Vec<u8>) {
    let start = out.len();
    while value > 0 || out.len() - start < width {
        out.push(b'0' + u8::try_from(value % 10).unwrap_or(0));
        value /= 10;
    }
    out[start..].reverse();
}

fn push_base36(mut value: u64, out: &mut Vec<u8>) {
    let start = out.len();
    for _ in 0..4 {
        out.push(BASE36[usize::try_from(value % 36).unwrap_or(0)]);
        value /= 36;
    }
    out[start..].reverse();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grin::Barcode;
    use std::collections::HashSet;

    #[test]
    fn every_barcode_is_valid_unique_and_leads_back() {
        for odd in [false, true] {
            let barcodes = SeededBarcodes::new(11, odd);
            let mut seen = HashSet::new();
            for index in (0..20_000).chain(999_000..1_000_000).chain(1_679_600..1_680_000) {
                let text = barcodes.of(index);
                assert!(Barcode::parse(&text).is_ok(), "{text}");
                assert_eq!(barcodes.index_of(&text, 2_000_000), Some(index), "{text}");
                assert!(seen.insert(text));
            }
        }
    }

    #[test]
    fn all_forms_occur() {
        let barcodes = SeededBarcodes::new(1, false);
        let all: Vec<String> = (0..100).map(|index| barcodes.of(index)).collect();
        for start in ["39015", "33433", "32101", "HX", "W"] {
            assert!(all.iter().any(|barcode| barcode.starts_with(start)), "{start}");
        }
    }

    #[test]
    fn what_the_library_does_not_hold_has_no_number() {
        let barcodes = SeededBarcodes::new(1, false);
        let last = barcodes.of(9);
        assert_eq!(barcodes.index_of(&last, 9), None);
        for foreign in [
            "",
            "TL0000000001",
            "HX!!!!",
            "W99999999999999999999PD-I1PD",
            "39015é1234567",
            "HX",
        ] {
            assert_eq!(barcodes.index_of(foreign, 1_000_000), None, "{foreign}");
        }
    }
}
