//! A MARC record as it stands in MARCXML.

use std::fmt::Write;

use quick_xml::escape::escape;

/// Bytes of text and tags that one record may hold.
const RECORD_BYTES: usize = 1 << 20;

/// A bibliographic record, fields in their order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct MarcRecord {
    pub(super) leader: String,
    /// Tag and value of the fields 001 to 009, not trimmed: positions count.
    pub(super) control: Vec<(String, String)>,
    pub(super) data: Vec<DataField>,
    /// Bytes kept so far.
    pub(super) bytes: usize,
}

/// A field with indicators and subfields.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct DataField {
    pub(super) tag: String,
    pub(super) ind1: String,
    pub(super) ind2: String,
    pub(super) subfields: Vec<(String, String)>,
}

impl MarcRecord {
    /// Counts bytes that are about to be kept; false if they are too many for a record.
    pub(super) fn has_room(&mut self, bytes: usize) -> bool {
        self.bytes += bytes + 16;
        self.bytes <= RECORD_BYTES
    }

    /// The record as a MARCXML document of its own, in the default namespace.
    pub(super) fn to_xml(&self) -> String {
        let mut xml = String::with_capacity(self.bytes + 1_024);
        xml.push_str("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
        xml.push_str("<record xmlns=\"http://www.loc.gov/MARC21/slim\">\n");
        self.write_fields(&mut xml);
        xml.push_str("</record>\n");
        xml
    }

    fn write_fields(&self, xml: &mut String) {
        let mut line = |args: std::fmt::Arguments<'_>| xml.write_fmt(args).unwrap_or_default();
        if !self.leader.is_empty() {
            line(format_args!("  <leader>{}</leader>\n", escape(self.leader.as_str())));
        }
        for (tag, value) in &self.control {
            line(format_args!(
                "  <controlfield tag=\"{}\">{}</controlfield>\n",
                escape(tag.as_str()),
                escape(value.as_str())
            ));
        }
        for field in &self.data {
            let [tag, ind1, ind2] = [&field.tag, &field.ind1, &field.ind2].map(|text| escape(text.as_str()));
            line(format_args!(
                "  <datafield tag=\"{tag}\" ind1=\"{ind1}\" ind2=\"{ind2}\">\n"
            ));
            for (code, value) in &field.subfields {
                line(format_args!(
                    "    <subfield code=\"{}\">{}</subfield>\n",
                    escape(code.as_str()),
                    escape(value.as_str())
                ));
            }
            line(format_args!("  </datafield>\n"));
        }
    }
}
