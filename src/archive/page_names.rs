//! Which page a file is part of, by its name and those of the others.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use crate::archive::book_names::{SEPARATORS, behind_book, is_formed_as, names_book};
use crate::archive::digest::base_name;
use crate::archive::folder_owners::FolderOwners;
use crate::archive::names::{MemberRole, numbers_of_name, plain_name, role};
use crate::archive::page_number::{NumberForm, NumberedStem, PageKind, SeriesNumber, is_page_like};
use crate::archive::scan::FileSeen;
use crate::grin::Barcode;

/// How the pages of one archive are told by their files' names.
#[derive(Debug, Default)]
pub(super) struct PageNames<'b> {
    pub(super) barcode: Option<&'b Barcode>,
    /// The series that makes the pages, for kinds of which no file has GRIN's form.
    series: BTreeMap<PageKind, String>,
    /// Whose folders are whose.
    pub(super) owners: FolderOwners,
}

impl<'b> PageNames<'b> {
    /// The names of these files. Digits alone are a page, and so are digits behind the book's own name. Where no file of a kind has
    /// such a name, the series that more than half of its files are of makes the pages: names that differ in their number only, wherever
    /// it stands, or in the number of a leaf and the word for its side, of which each leaf has two pages.
    pub(super) fn of(files: &[FileSeen], barcode: Option<&'b Barcode>) -> Self {
        let mut images = numbers_of(PageKind::Image, files);
        let mut series = BTreeMap::new();
        for kind in PageKind::ALL {
            let Some((name, numbers)) =
                main_series(kind, files, barcode).filter(|_| numbers_of(kind, files).is_empty())
            else {
                continue;
            };
            let fits = match kind {
                PageKind::Image => numbers.len() > 1 || numbers_of(PageKind::Text, files).len() < 2,
                _ if images.is_empty() => numbers.len() > 1,
                // One text with a year in its name, or the like, is not the text of a page.
                _ => {
                    let placed = numbers.intersection(&images).count();
                    placed * 2 >= numbers.len() && placed >= images.len().min(2)
                }
            };
            if fits {
                if kind == PageKind::Image {
                    images = numbers;
                }
                series.insert(kind, name);
            }
        }
        Self {
            barcode,
            series,
            ..Self::default()
        }
    }

    /// The part of a page that a name means, the name of a file or one that a list has.
    pub(super) fn part(&self, name: &str) -> Option<MemberRole> {
        let name = plain_name(name);
        match role(&name, self.barcode) {
            _ if self.is_foreign(&name) => None,
            MemberRole::Candidate(kind, _) => {
                let series = self.series.get(&kind)?;
                let mut places = series_of(&name, self.barcode).into_iter();
                let place = places.find(|place| place.series == *series)?;
                Some(kind.of_page(place.number))
            }
            role => role.page_part(),
        }
    }

    /// A word in the pages' names that is formed as this book's barcode is, and is another one.
    pub(super) fn another_book(&self) -> Option<&str> {
        let ends = |c: char| c == '\0' || SEPARATORS.contains(&c);
        let mut words = self.series.values().flat_map(|series| series.split(ends));
        words.find(|word| self.barcode.is_some_and(|barcode| is_formed_as(word, barcode)))
    }

    /// Is it a name in the folder of another book? One at the top is not told so: a METS names the files of its own folder.
    pub(super) fn is_foreign(&self, name: &str) -> bool {
        self.owners
            .foreign_folder(name)
            .is_some_and(|folder| !folder.is_empty())
    }

    /// The part of a page that a name means if it is of a series that does not make the pages, or of coordinates in another form.
    pub(super) fn other_part(&self, name: &str) -> Option<MemberRole> {
        match role(name, self.barcode) {
            // What stands behind a page's number may tell two files of it apart.
            MemberRole::Candidate(kind, page) if !is_suffixed(name) => Some(kind.of_page(page)),
            MemberRole::Other => self.xml_page(name).map(MemberRole::Coordinates),
            _ => None,
        }
    }

    /// The page image that a name means which is known to be an image's: it may have no extension.
    pub(super) fn image_part(&self, name: &str) -> Option<MemberRole> {
        let base_name = base_name(name);
        let numbered = NumberedStem::of(base_name).filter(|numbered| numbered.is_bare() && numbered.number > 0);
        let bare = numbered.map(|numbered| MemberRole::Image(numbered.number));
        bare.or_else(|| self.part(name))
    }

    /// Is it a file whose number is a page's beyond doubt, if no other file has it?
    pub(super) fn is_likely_page(&self, name: &str) -> bool {
        self.is_page_like(name) && self.other_part(name).is_some()
    }

    /// Does a name that is no page's by [`PageNames::part`] look as if it were?
    pub(super) fn is_page_like(&self, name: &str) -> bool {
        match role(name, self.barcode) {
            MemberRole::Candidate(..) => {
                let stem = stem_of(name).unwrap_or_default();
                is_page_like(behind_book(stem, self.barcode))
            }
            MemberRole::Unplaced { page_like } => page_like,
            MemberRole::Other => self.xml_page(name).is_some(),
            _ => false,
        }
    }

    /// The page of a file in ALTO or another form of XML.
    fn xml_page(&self, name: &str) -> Option<u32> {
        let (stem, _) = base_name(name)
            .rsplit_once('.')
            .filter(|(_, extension)| extension.eq_ignore_ascii_case("xml"))?;
        let is_own_name = self.barcode.is_some_and(|barcode| names_book(stem, barcode));
        let numbered = NumberedStem::of(stem).filter(|numbered| numbered.is_bare() && !is_own_name)?;
        Some(numbered.number).filter(|number| *number > 0)
    }
}

/// Numbers of the files of this kind that are pages by their names alone.
fn numbers_of(kind: PageKind, files: &[FileSeen]) -> BTreeSet<u32> {
    let number = |file: &FileSeen| file.role.page().filter(|page| file.role == kind.of_page(*page));
    files.iter().filter_map(number).collect()
}

/// The files of one series.
#[derive(Debug)]
struct SeriesFiles {
    numbers: BTreeSet<u32>,
    form: NumberForm,
}

impl SeriesFiles {
    /// May the series make pages? One file with a number between other words is none, nor are leaves of which the most have one side.
    fn is_series(&self) -> bool {
        let pages = self.numbers.len();
        match self.form {
            NumberForm::Last | NumberForm::First => true,
            NumberForm::Inner => pages > 1,
            NumberForm::Leaf => {
                let leaves: BTreeSet<u32> = self.numbers.iter().map(|page| page.div_ceil(2)).collect();
                2 * pages >= 3 * leaves.len()
            }
        }
    }
}

/// The series of more than half of the files of this kind that may be pages, and its numbers. Of several the longest counts, of equal
/// ones the one with the number in the most usual place.
fn main_series(kind: PageKind, files: &[FileSeen], barcode: Option<&Barcode>) -> Option<(String, BTreeSet<u32>)> {
    let mut all: BTreeMap<String, SeriesFiles> = BTreeMap::new();
    let mut stems = BTreeSet::new();
    let is_candidate = |file: &&FileSeen| matches!(file.role, MemberRole::Candidate(of_kind, _) if of_kind == kind);
    for file in files.iter().filter(is_candidate) {
        stems.insert(stem_of(&file.name)?.to_lowercase());
        for SeriesNumber { series, number, form } in series_of(&file.name, barcode) {
            let numbers = BTreeSet::new();
            let files = all.entry(series).or_insert(SeriesFiles { numbers, form });
            files.numbers.insert(number);
        }
    }
    let of_most = |files: &SeriesFiles| files.is_series() && files.numbers.len() * 2 > stems.len();
    let series = all.into_iter().filter(|(_, files)| of_most(files));
    let main = series.max_by_key(|(_, files)| (files.numbers.len(), Reverse(files.form)));
    main.map(|(series, files)| (series, files.numbers))
}

/// Does something stand behind a name's number?
fn is_suffixed(name: &str) -> bool {
    stem_of(name)
        .and_then(NumberedStem::of)
        .is_some_and(|numbered| !numbered.suffix.is_empty())
}

/// The series that a name may be of.
fn series_of(name: &str, barcode: Option<&Barcode>) -> Vec<SeriesNumber> {
    let numbers = stem_of(name).map(|stem| numbers_of_name(stem, barcode));
    let numbers = numbers.unwrap_or_default();
    numbers.iter().flat_map(NumberedStem::series).collect()
}

fn stem_of(name: &str) -> Option<&str> {
    base_name(name).rsplit_once('.').map(|(stem, _)| stem)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::archive::acceptance::BookIdentity;
    use crate::archive::scan::seen;

    #[test]
    fn pages_that_have_another_books_name_tell_so() {
        for (prefix, expected) in [
            ("TL7700000002_", Some("tl7700000002")),
            ("TESTLIB_TL7700000002_", Some("tl7700000002")),
            ("TL7700000001_", None),
        ] {
            let names = [1, 2, 3].map(|page| format!("{prefix}{page:08}.jp2"));
            let barcode = Barcode::parse("TL7700000001").unwrap();
            let files = seen(&names.each_ref().map(String::as_str), Some(&barcode));
            let names = PageNames::of(&files, Some(&barcode));
            assert_eq!(names.another_book(), expected, "{prefix}");
        }
    }

    #[test]
    #[expect(clippy::too_many_lines, reason = "a table of cases")]
    fn a_series_makes_the_pages_where_no_name_is_digits_alone() {
        use MemberRole::{Coordinates, Image, Text};
        let barcode = Barcode::parse("TL0000000001").unwrap();
        let cases: [(&str, &[&str], &str, Option<MemberRole>); 28] = [
            ("digits alone", &["1.jp2", "x_2.jp2", "x_3.jp2"], "x_2.jp2", None),
            ("a series", &["x_2.jp2", "x_3.jp2"], "X_4.JP2", Some(Image(4))),
            ("the larger series", &["a_1.jp2", "x_2.jp2", "x_3.jp2"], "a_1.jp2", None),
            (
                "the larger series",
                &["a_1.jp2", "x_2.jp2", "x_3.jp2"],
                "x_3.jp2",
                Some(Image(3)),
            ),
            ("one page", &["x-0001.tif", "x-0001.txt"], "x-0001.tif", Some(Image(1))),
            ("one page", &["x-0001.tif", "x-0001.txt"], "x-0001.txt", Some(Text(1))),
            (
                "a cover beside texts",
                &["1.txt", "2.txt", "cover_1.jpg"],
                "cover_1.jpg",
                None,
            ),
            (
                "texts of their own name",
                &["1.jp2", "2.jp2", "t1.txt", "t2.txt"],
                "t2.txt",
                Some(Text(2)),
            ),
            (
                "a year",
                &["1.jp2", "2.jp2", "readme_1920.txt"],
                "readme_1920.txt",
                None,
            ),
            (
                "hOCR of its own name",
                &["1.jp2", "1.txt", "o_1.html"],
                "o_1.html",
                Some(Coordinates(1)),
            ),
            (
                "the book's name",
                &["1.jp2"],
                "TESTLIB_TL0000000001_00000003.jp2",
                Some(Image(3)),
            ),
            ("the book's name alone", &["1.jp2"], "TL0000000001.jp2", None),
            (
                "another book's name",
                &["1.jp2"],
                "TESTLIB_TL0000000002_00000003.jp2",
                None,
            ),
            (
                "an address",
                &["1.jp2"],
                "http://example.org/00000003.jp2?x#y",
                Some(Image(3)),
            ),
            ("no series", &["a_1.jp2", "b_2.jp2"], "a_1.jp2", None),
            (
                "a number of several",
                &["1_of_5.jp2", "2_of_5.jp2", "3_of_5.jp2", "4_of_5.jp2"],
                "5_of_5.jp2",
                Some(Image(5)),
            ),
            (
                "the same resolution",
                &["0001_600.tif", "0002_600.tif"],
                "0001_600.tif",
                Some(Image(1)),
            ),
            (
                "a number between words",
                &["b_0001_x.jp2", "b_0002_x.jp2"],
                "b_0002_x.jp2",
                Some(Image(2)),
            ),
            ("one number between words", &["b_1920_x.jp2"], "b_1920_x.jp2", None),
            (
                "sides of leaves",
                &["1r.jp2", "1v.jp2", "2r.jp2", "2v.jp2"],
                "2R.jp2",
                Some(Image(3)),
            ),
            (
                "sides of leaves, the last without its other side",
                &["f1-recto.jp2", "f1-verso.jp2", "f2-recto.jp2"],
                "f1-verso.jp2",
                Some(Image(2)),
            ),
            (
                "texts of leaves",
                &["1a.jp2", "1b.jp2", "2a.jp2", "1a.txt", "1b.txt", "2a.txt"],
                "2b.txt",
                Some(Text(4)),
            ),
            (
                "one side only",
                &["1r.jp2", "2r.jp2", "3r.jp2"],
                "3r.jp2",
                Some(Image(3)),
            ),
            (
                "a further page",
                &["1a.jp2", "2a.jp2", "3a.jp2", "2b.jp2"],
                "3a.jp2",
                Some(Image(3)),
            ),
            (
                "a further page",
                &["1a.jp2", "2a.jp2", "3a.jp2", "2b.jp2"],
                "2b.jp2",
                None,
            ),
            (
                "a series by its end",
                &["1_x.jp2", "2_x.jp2"],
                "3_x.jp2",
                Some(Image(3)),
            ),
            (
                "texts of another end",
                &["1.jp2", "2.jp2", "1_o.txt", "2_o.txt"],
                "2_o.txt",
                Some(Text(2)),
            ),
            ("zeros", &["x_0.jp2", "x_1.jp2", "x_2.jp2"], "x_0.jp2", None),
        ];
        for (what, files, name, expected) in cases {
            let names = PageNames::of(&seen(files, Some(&barcode)), Some(&barcode));
            assert_eq!(names.part(name), expected, "{what}: {name}");
        }
    }

    #[test]
    fn what_looks_like_a_page_is_told_from_other_files() {
        let barcode = Barcode::parse("12345678").unwrap();
        let mut owners = FolderOwners::default();
        for folder in ["", "other/"] {
            owners.note(folder, BookIdentity::Another);
        }
        owners.note("ours/", BookIdentity::Requested);
        let names = PageNames {
            barcode: Some(&barcode),
            owners,
            ..PageNames::default()
        };
        let cases = [
            ("scan_00000002.jp2", true, Some(MemberRole::Image(2))),
            ("map_2.tif", false, Some(MemberRole::Image(2))),
            ("00000002a.jp2", true, None),
            ("00000002 copy.jp2", true, None),
            ("00000003.xml", true, Some(MemberRole::Coordinates(3))),
            ("._00000003.xml", false, None),
            ("12345678.xml", false, None),
            ("cover.jpg", false, None),
            ("readme_1920.txt", false, Some(MemberRole::Text(1920))),
            ("notes.xml", false, None),
            ("12345678_cover2.jpg", false, Some(MemberRole::Image(2))),
        ];
        for (name, is_page_like, part) in cases {
            assert_eq!(
                (names.is_page_like(name), names.other_part(name)),
                (is_page_like, part),
                "{name}"
            );
        }
        for (name, part) in [
            ("1.jp2", Some(MemberRole::Image(1))),
            ("other/1.jp2", None),
            ("ours/1.jp2", Some(MemberRole::Image(1))),
        ] {
            assert_eq!(names.part(name), part, "{name}");
        }
    }
}
