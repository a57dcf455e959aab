//! A report as one HTML page that needs nothing else.

use std::fmt::Write;

use html_escape::{encode_safe, encode_text};

use crate::lab::bench::error::BenchError;
use crate::lab::bench::report::{BenchReport, ReportSection, ReportTable};

/// Light and dark by the reader's own setting; wide tables scroll by themselves.
const STYLE: &str = "\
:root{color-scheme:light dark;--ink:#1b1b1b;--paper:#fff;--line:#c8c8c8;--soft:#f3f3f1}\
@media(prefers-color-scheme:dark){:root{--ink:#e6e6e6;--paper:#161616;--line:#444;--soft:#202020}}\
body{font:16px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--paper);max-width:76rem;margin:2rem auto;padding:0 1rem}\
h1,h2{line-height:1.2}h2{margin-top:2.5rem}\
.wide{overflow-x:auto}\
table{border-collapse:collapse;margin:1rem 0;font-variant-numeric:tabular-nums}\
caption{text-align:left;font-weight:600;padding:.3rem 0}\
th,td{border:1px solid var(--line);padding:.25rem .4rem;text-align:left;vertical-align:top}\
td,th{font-size:.875rem}thead th{background:var(--soft)}tbody th{font-weight:400}\
figure{margin:1rem 0}svg{max-width:100%;height:auto;color:var(--ink)}";

impl BenchReport {
    /// The whole report.
    pub fn html(&self) -> Result<String, BenchError> {
        let title = encode_text(&self.title);
        let mut page = format!(
            "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <title>{title}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<main>\n<h1>{title}</h1>\n"
        );
        put_table(&mut page, &self.facts_table());
        for section in &self.sections {
            put_section(&mut page, section)?;
        }
        page.push_str("<h2>How it was measured</h2>\n<ul>\n");
        for note in &self.notes {
            let _ = writeln!(page, "<li>{}</li>", encode_text(note));
        }
        page.push_str("</ul>\n</main>\n</body>\n</html>\n");
        Ok(page)
    }

    fn facts_table(&self) -> ReportTable {
        let mut table = ReportTable::new("What was measured on what", &["", ""]);
        table.rows = self
            .facts()
            .into_iter()
            .map(|(name, value)| vec![name, value])
            .collect();
        table
    }
}

fn put_section(page: &mut String, section: &ReportSection) -> Result<(), BenchError> {
    let _ = writeln!(page, "<h2>{}</h2>", encode_text(&section.title));
    for paragraph in &section.text {
        let _ = writeln!(page, "<p>{}</p>", encode_text(paragraph));
    }
    for plot in &section.plots {
        let title = encode_text(&plot.title);
        let _ = writeln!(
            page,
            "<figure>\n{}\n<figcaption>{title}. The numbers stand in the table below.</figcaption>\n</figure>",
            plot.inline()?
        );
    }
    for table in &section.tables {
        put_table(page, table);
    }
    Ok(())
}

fn put_table(page: &mut String, table: &ReportTable) {
    let caption = encode_text(&table.caption);
    let name = encode_safe(&table.caption);
    let _ = write!(
        page,
        "<div class=\"wide\" tabindex=\"0\" role=\"region\" aria-label=\"{name}\">\n<table>\n<caption>{caption}</caption>\n"
    );
    if table.head.iter().any(|cell| !cell.is_empty()) {
        page.push_str("<thead><tr>");
        for cell in &table.head {
            let _ = write!(page, "<th scope=\"col\">{}</th>", encode_text(cell));
        }
        page.push_str("</tr></thead>\n");
    }
    page.push_str("<tbody>\n");
    for row in &table.rows {
        page.push_str("<tr>");
        for (place, cell) in row.iter().enumerate() {
            let cell = broken_between(cell);
            let _ = match place {
                0 => write!(page, "<th scope=\"row\">{cell}</th>"),
                _ => write!(page, "<td>{cell}</td>"),
            };
        }
        page.push_str("</tr>\n");
    }
    page.push_str("</tbody>\n</table>\n</div>\n");
}

/// A cell that is broken between its numbers, never within one: as narrow as that, the widest table fits on a screen.
fn broken_between(cell: &str) -> String {
    let letters: Vec<char> = cell.chars().collect();
    let is_digit = |place: Option<usize>| {
        place
            .and_then(|place| letters.get(place))
            .is_some_and(char::is_ascii_digit)
    };
    let kept = letters.iter().enumerate().map(|(place, letter)| {
        let is_within = *letter == ' ' && is_digit(place.checked_sub(1)) && is_digit(Some(place + 1));
        if is_within { '\u{a0}' } else { *letter }
    });
    let kept: String = kept.collect();
    encode_text(&kept).replace('–', "–<wbr>")
}

#[cfg(test)]
mod tests {
    use super::broken_between;
    use crate::lab::bench::report::tests::sample;

    #[test]
    fn tables_and_plots_are_there_and_nothing_from_outside_is_markup() {
        let page = sample().html().unwrap();
        assert!(
            page.contains("<th scope=\"row\">a &lt;cell&gt; | b</th><td>12.5</td>"),
            "{page}"
        );
        assert!(page.contains("<caption>books &amp; more</caption>"));
        assert!(page.contains("<svg") && page.contains("role=\"img\""));
        assert!(page.contains("<title>Sessions &lt;script&gt;</title>") && !page.contains("<script>"));
        assert!(page.contains("books &lt;per&gt; second") && !page.contains("<per>"));
        assert!(page.contains("prefers-color-scheme:dark"));
    }

    #[test]
    fn a_cell_is_broken_between_its_numbers_and_never_within_one() {
        for (cell, markup) in [
            ("72 863 (65 000–75 000)", "72\u{a0}863 (65\u{a0}000–<wbr>75\u{a0}000)"),
            ("–", "–<wbr>"),
            ("1 bare <client> 2", "1 bare &lt;client&gt; 2"),
        ] {
            assert_eq!(broken_between(cell), markup);
        }
        assert!(!sample().html().unwrap().contains("nowrap"));
    }

    #[test]
    fn the_page_needs_nothing_else() {
        let page = sample().html().unwrap();
        let rest = page.replace("http://www.w3.org/2000/svg", "");
        for outside in ["http://", "https://", "src=", "@import", "url("] {
            assert!(!rest.contains(outside), "{outside}");
        }
    }
}
