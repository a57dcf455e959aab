//! Writing rows into a Parquet file, column by column, a group of rows after another.

use std::io::Write;
use std::sync::Arc;

use parquet::basic::{Compression, GzipLevel};
use parquet::column::writer::ColumnWriter;
use parquet::data_type::ByteArray;
use parquet::errors::{ParquetError, Result};
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::file::writer::{SerializedColumnWriter, SerializedFileWriter};
use parquet::schema::parser::parse_message_type;

use crate::catalog::queries::dataset::row::{DatasetRights, DatasetRow};
use crate::catalog::queries::export::ExportError;

/// The columns: those of the dataset that come from its sources (`_src`) and the rights (`_ext`), in its order; and at the end two that it
/// does not have.
const SCHEMA: &str = "message books {
    optional binary barcode_src (STRING);
    optional binary title_src (STRING);
    optional binary author_src (STRING);
    optional binary date1_src (STRING);
    optional binary date2_src (STRING);
    optional binary date_types_src (STRING);
    optional int32 page_count_src;
    optional binary language_src (STRING);
    optional binary topic_or_subject_src (STRING);
    optional binary genre_or_form_src (STRING);
    optional binary general_note_src (STRING);
    optional int32 ocr_score_src;
    optional group identifiers_src {
        optional group lccn (LIST) { repeated group list { optional binary element (STRING); } }
        optional group isbn (LIST) { repeated group list { optional binary element (STRING); } }
        optional group ocolc (LIST) { repeated group list { optional binary element (STRING); } }
    }
    optional group hathitrust_data_ext {
        optional binary url (STRING);
        optional binary rights_code (STRING);
        optional binary reason_code (STRING);
        optional binary last_check (STRING);
    }
    optional binary hathitrust_access_ext (STRING);
    optional binary hathitrust_rights_timestamp_ext (STRING);
}";

/// The columns of the schema that hold values.
const LEAVES: usize = 21;
/// A group is closed with so many rows,
const GROUP_ROWS: usize = 20_000;
/// or with so many bytes of text, whichever comes first: it is kept in memory.
const GROUP_BYTES: usize = 16 << 20;

/// What a row has in one column.
enum LeafValue {
    Text(Option<String>),
    Number(Option<i32>),
    /// All of a list in a group that is there.
    List(Vec<String>),
    /// A text in a group; the group is there.
    Member(Option<String>),
    /// The group is not there.
    NoGroup,
}

fn leaves(row: DatasetRow) -> [LeafValue; LEAVES] {
    use LeafValue as L;
    let (group, access, determined_at) = match row.rights {
        Some(rights) => {
            let DatasetRights {
                url,
                code,
                reason,
                recorded_on,
                access,
                determined_at,
            } = rights;
            (
                [Some(url), code, reason, recorded_on].map(L::Member),
                access,
                determined_at,
            )
        }
        None => ([const { L::NoGroup }; 4], None, None),
    };
    let [url, code, reason, recorded_on] = group;
    [
        L::Text(Some(row.barcode)),
        L::Text(row.title),
        L::Text(row.author),
        L::Text(row.first_date),
        L::Text(row.second_date),
        L::Text(row.date_type),
        L::Number(row.pages),
        L::Text(row.language),
        L::Text(row.subjects),
        L::Text(row.genres),
        L::Text(row.note),
        L::Number(row.ocr_score),
        L::List(row.lccn),
        L::List(row.isbn),
        L::List(row.ocolc),
        url,
        code,
        reason,
        recorded_on,
        L::Text(access),
        L::Text(determined_at),
    ]
}

/// The values of one column in a group of rows. Parquet keeps what is there, and for each row how much of its way through the schema is
/// (definition) and where lists begin (repetition).
#[derive(Default)]
struct LeafBuffer {
    texts: Vec<ByteArray>,
    numbers: Vec<i32>,
    definition: Vec<i16>,
    repetition: Vec<i16>,
}

impl LeafBuffer {
    /// Adds a row; comes back with the bytes of its text.
    fn push(&mut self, value: LeafValue) -> usize {
        match value {
            LeafValue::Text(text) => self.text(text, 0),
            LeafValue::Member(text) => self.text(text, 1),
            LeafValue::NoGroup => self.text(None, 0),
            LeafValue::Number(number) => {
                self.definition.push(i16::from(number.is_some()));
                self.numbers.extend(number);
                0
            }
            LeafValue::List(texts) => self.list(texts),
        }
    }

    /// A text at such a depth.
    fn text(&mut self, text: Option<String>, depth: i16) -> usize {
        self.definition.push(depth + i16::from(text.is_some()));
        let bytes = text.as_ref().map_or(0, String::len);
        self.texts.extend(text.map(|text| ByteArray::from(text.into_bytes())));
        bytes
    }

    /// The group and the list are there; without an element the way ends at the list.
    fn list(&mut self, texts: Vec<String>) -> usize {
        if texts.is_empty() {
            self.definition.push(2);
            self.repetition.push(0);
        }
        let mut bytes = 0;
        for (at, text) in texts.into_iter().enumerate() {
            self.repetition.push(i16::from(at > 0));
            bytes += self.text(Some(text), 3);
        }
        bytes
    }

    fn write(&mut self, mut column: SerializedColumnWriter<'_>) -> Result<()> {
        let repetition = (!self.repetition.is_empty()).then_some(self.repetition.as_slice());
        let definition = Some(self.definition.as_slice());
        match column.untyped() {
            ColumnWriter::Int32ColumnWriter(column) => column.write_batch(&self.numbers, definition, repetition)?,
            ColumnWriter::ByteArrayColumnWriter(column) => column.write_batch(&self.texts, definition, repetition)?,
            _ => return Err(ParquetError::General("a column is neither text nor a number".into())),
        };
        column.close()?;
        self.texts.clear();
        self.numbers.clear();
        self.definition.clear();
        self.repetition.clear();
        Ok(())
    }
}

/// A file that is being written.
pub(super) struct DatasetFile<W: Write + Send> {
    file: SerializedFileWriter<W>,
    columns: [LeafBuffer; LEAVES],
    rows: usize,
    bytes: usize,
}

impl<W: Write + Send> DatasetFile<W> {
    pub(super) fn begin(out: W) -> Result<Self> {
        let properties = WriterProperties::builder()
            .set_compression(Compression::GZIP(GzipLevel::default()))
            .set_statistics_enabled(EnabledStatistics::Chunk)
            .build();
        let schema = Arc::new(parse_message_type(SCHEMA)?);
        Ok(Self {
            file: SerializedFileWriter::new(out, schema, Arc::new(properties))?,
            columns: std::array::from_fn(|_| LeafBuffer::default()),
            rows: 0,
            bytes: 0,
        })
    }

    /// Adds a row; writes the group if it is full.
    pub(super) fn push(&mut self, row: DatasetRow) -> std::result::Result<(), ExportError> {
        for (column, value) in self.columns.iter_mut().zip(leaves(row)) {
            self.bytes += column.push(value);
        }
        self.rows += 1;
        if self.rows >= GROUP_ROWS || self.bytes >= GROUP_BYTES {
            self.write_group()?;
        }
        Ok(())
    }

    fn write_group(&mut self) -> Result<()> {
        let mut group = self.file.next_row_group()?;
        let mut columns = self.columns.iter_mut();
        while let (Some(column), Some(buffer)) = (group.next_column()?, columns.next()) {
            buffer.write(column)?;
        }
        group.close()?;
        (self.rows, self.bytes) = (0, 0);
        Ok(())
    }

    /// Writes what is left, and the end without which the file cannot be read.
    pub(super) fn finish(mut self) -> Result<()> {
        if self.rows > 0 {
            self.write_group()?;
        }
        self.file.close().map(drop)
    }
}
