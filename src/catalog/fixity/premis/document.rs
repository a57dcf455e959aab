//! A PREMIS document as it is written, element after element.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::io::{self, Write};
use std::ops::ControlFlow;

use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesEnd, BytesStart, BytesText, Event};
use serde_json::Value;

use crate::catalog::fixity::premis::{AgentVersion, CheckRow, CheckedArchive, PremisCounts};
use crate::catalog::queries::export::ExportError;
use crate::grin::{Barcode, LibraryDirectory};

const NAMESPACE: &str = "http://www.loc.gov/premis/v3";
const SCHEMA: &str = "http://www.loc.gov/premis/v3 https://www.loc.gov/standards/premis/premis.xsd";
/// Objects, events and agents have it, too: a part that is taken into another document is read by it.
const VERSION: (&str, &str) = ("version", "3.0");
const EVENT_TYPES: &str = "http://id.loc.gov/vocabulary/preservation/eventType";

/// The words by which events of any archive are told apart.
pub(super) fn premis_outcome(outcome: &str) -> &'static str {
    match outcome {
        "ok" => "success",
        "damaged" | "missing" => "fail",
        _ => "warning",
    }
}

fn detail(level: &str) -> &'static str {
    match level {
        "deep" => {
            "Every object of the book was read from the storage and its SHA-256 compared with the recorded one, and every page of \
             the archive with the MD5 that the archive lists."
        }
        _ => "Every object of the book was read from the storage and its SHA-256 compared with the recorded one.",
    }
}

/// What is to be said of a check besides its outcome, a note each.
pub(super) fn notes(check: &CheckRow) -> Vec<String> {
    let mut notes = vec![format!("{}; {} bytes read", check.outcome, check.bytes)];
    if let Some(sha256) = &check.sha256 {
        notes.push(format!("SHA-256 of the archive as it was read: {sha256}"));
    }
    let Some(text) = &check.findings else { return notes };
    match serde_json::from_str(text) {
        Ok(Value::Array(findings)) => notes.extend(findings.iter().map(|finding| {
            let word = |name: &str| finding[name].as_str().unwrap_or_default();
            format!("{}: {}: {}", word("key"), word("outcome"), word("detail"))
        })),
        _ => notes.push(text.clone()),
    }
    notes
}

/// The text without what no XML may have, which details from outside may.
pub(super) fn allowed(text: &str) -> Cow<'_, str> {
    let is_allowed =
        |c: char| matches!(c, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..);
    if text.chars().all(is_allowed) {
        return Cow::Borrowed(text);
    }
    let replaced = text.chars().map(|c| if is_allowed(c) { c } else { '\u{fffd}' });
    Cow::Owned(replaced.collect())
}

/// The document as it is written.
pub(super) struct PremisDocument<'a, W: Write> {
    out: Writer<io::BufWriter<W>>,
    library: &'a LibraryDirectory,
    agents: BTreeSet<AgentVersion>,
    pub counts: PremisCounts,
}

impl<'a, W: Write> PremisDocument<'a, W> {
    /// Of this library's books; all named ones are without evidence so far.
    pub fn new(out: W, library: &'a LibraryDirectory, without: BTreeSet<Barcode>) -> Self {
        Self {
            out: Writer::new_with_indent(io::BufWriter::new(out), b' ', 2),
            library,
            agents: BTreeSet::new(),
            counts: PremisCounts {
                without,
                ..PremisCounts::default()
            },
        }
    }

    fn begin(&mut self) -> io::Result<()> {
        let declaration = BytesDecl::new("1.0", Some("UTF-8"), None);
        self.out.write_event(Event::Decl(declaration))?;
        let root = BytesStart::new("premis").with_attributes([
            ("xmlns", NAMESPACE),
            ("xmlns:xsi", "http://www.w3.org/2001/XMLSchema-instance"),
            ("xsi:schemaLocation", SCHEMA),
            VERSION,
        ]);
        self.out.write_event(Event::Start(root))
    }

    /// The archive of a book, as far as anything is recorded of it now.
    pub fn object(&mut self, archive: &CheckedArchive) -> Result<ControlFlow<()>, ExportError> {
        if self.counts.objects == 0 {
            self.begin()?;
        }
        self.counts.objects += 1;
        self.counts.without.remove(archive.barcode.as_str());
        self.out.write_event(Event::Start(
            BytesStart::new("object").with_attributes([("xsi:type", "file"), VERSION]),
        ))?;
        self.pair("objectIdentifier", &["barcode", &archive.barcode], &[])?;
        if let Ok(barcode) = Barcode::parse(&archive.barcode) {
            self.pair("objectIdentifier", &["URI", &self.library.identifier_of(&barcode)], &[])?;
        }
        self.start("objectCharacteristics")?;
        if let Some(sha256) = &archive.sha256 {
            self.start("fixity")?;
            self.text("messageDigestAlgorithm", "SHA-256")?;
            self.text("messageDigest", sha256)?;
            self.end_of("fixity")?;
        }
        if let Some(bytes) = archive.bytes {
            self.text("size", &bytes.to_string())?;
        }
        self.start("format")?;
        self.start("formatDesignation")?;
        self.text("formatName", "application/gzip")?;
        self.end_of("formatDesignation")?;
        self.end_of("format")?;
        self.end_of("objectCharacteristics")?;
        if let Some(path) = &archive.path {
            self.start("storage")?;
            self.start("contentLocation")?;
            self.text("contentLocationType", "name within the storage")?;
            self.text("contentLocationValue", path)?;
            self.end_of("contentLocation")?;
            self.end_of("storage")?;
        }
        self.end_of("object")?;
        Ok(ControlFlow::Continue(()))
    }

    pub fn event(&mut self, check: &CheckRow) -> Result<ControlFlow<()>, ExportError> {
        self.counts.events += 1;
        self.out
            .write_event(Event::Start(BytesStart::new("event").with_attributes([VERSION])))?;
        self.pair(
            "eventIdentifier",
            &["local", &format!("fixity-check-{}", check.id)],
            &[],
        )?;
        let fixity_check = format!("{EVENT_TYPES}/fix");
        self.out
            .create_element("eventType")
            .with_attributes([
                ("authority", "eventType"),
                ("authorityURI", EVENT_TYPES),
                ("valueURI", fixity_check.as_str()),
            ])
            .write_text_content(BytesText::new("fixity check"))?;
        self.text("eventDateTime", &check.checked_at)?;
        self.start("eventDetailInformation")?;
        self.text("eventDetail", detail(&check.level))?;
        self.end_of("eventDetailInformation")?;
        self.start("eventOutcomeInformation")?;
        self.text("eventOutcome", premis_outcome(&check.outcome))?;
        for note in notes(check) {
            self.start("eventOutcomeDetail")?;
            self.text("eventOutcomeDetailNote", &note)?;
            self.end_of("eventOutcomeDetail")?;
        }
        self.end_of("eventOutcomeInformation")?;
        if let Some(agent) = &check.agent {
            self.pair(
                "linkingAgentIdentifier",
                &["local", &agent.identifier()],
                &["executing program"],
            )?;
            self.agents.insert(agent.clone());
        }
        self.pair("linkingObjectIdentifier", &["barcode", &check.barcode], &["source"])?;
        self.end_of("event")?;
        Ok(ControlFlow::Continue(()))
    }

    pub fn end(&mut self) -> Result<(), ExportError> {
        for agent in std::mem::take(&mut self.agents) {
            self.out
                .write_event(Event::Start(BytesStart::new("agent").with_attributes([VERSION])))?;
            self.pair("agentIdentifier", &["local", &agent.identifier()], &[])?;
            self.text("agentName", &agent.program)?;
            self.text("agentType", "software")?;
            self.text("agentVersion", &agent.version)?;
            self.end_of("agent")?;
        }
        self.end_of("premis")?;
        self.out.get_mut().write_all(b"\n")?;
        self.out.get_mut().flush()?;
        Ok(())
    }

    /// An identifier: its type, its value, and what it is there for.
    fn pair(&mut self, name: &str, identifier: &[&str; 2], role: &[&str]) -> io::Result<()> {
        self.start(name)?;
        self.text(&format!("{name}Type"), identifier[0])?;
        self.text(&format!("{name}Value"), identifier[1])?;
        let role_name = name.replace("Identifier", "Role");
        role.iter().try_for_each(|role| self.text(&role_name, role))?;
        self.end_of(name)
    }

    fn text(&mut self, name: &str, text: &str) -> io::Result<()> {
        let text = allowed(text);
        self.out
            .create_element(name)
            .write_text_content(BytesText::new(&text))
            .map(drop)
    }

    fn start(&mut self, name: &str) -> io::Result<()> {
        self.out.write_event(Event::Start(BytesStart::new(name)))
    }

    fn end_of(&mut self, name: &str) -> io::Result<()> {
        self.out.write_event(Event::End(BytesEnd::new(name)))
    }
}
