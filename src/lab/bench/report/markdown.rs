//! A report as Markdown, which is also what the terminal shows.

use std::fmt::Write;

use crate::lab::bench::report::{BenchReport, ReportSection, ReportTable};

impl BenchReport {
    /// The whole report.
    pub fn markdown(&self) -> String {
        let mut text = format!("# {}\n\n", self.title);
        for (name, value) in self.facts() {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "- {name}: {value}");
        }
        for section in &self.sections {
            put_section(&mut text, section);
        }
        let _ = write!(text, "\n## How it was measured\n\n");
        for note in &self.notes {
            let _ = writeln!(text, "- {note}");
        }
        text
    }
}

fn put_section(text: &mut String, section: &ReportSection) {
    let _ = write!(text, "\n## {}\n", section.title);
    for paragraph in &section.text {
        let _ = write!(text, "\n{paragraph}\n");
    }
    for table in &section.tables {
        let _ = write!(text, "\n{}\n\n{}", table.caption, grid(table));
    }
    for plot in &section.plots {
        let _ = write!(text, "\n![{}]({}.svg)\n", escape(&plot.title), plot.name);
    }
}

/// A table whose columns stand below each other also where nothing renders it.
fn grid(table: &ReportTable) -> String {
    let rows: Vec<Vec<String>> = std::iter::once(&table.head)
        .chain(&table.rows)
        .map(|row| row.iter().map(|cell| escape(cell)).collect())
        .collect();
    let width = |column: usize| {
        let lengths = rows.iter().filter_map(|row| Some(row.get(column)?.chars().count()));
        lengths.max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..table.head.len()).map(width).collect();
    let mut text = String::new();
    for (place, row) in rows.iter().enumerate() {
        let cells: Vec<String> = row
            .iter()
            .zip(&widths)
            .map(|(cell, width)| format!("{cell:<width$}"))
            .collect();
        let _ = writeln!(text, "| {} |", cells.join(" | "));
        if place == 0 {
            let lines: Vec<String> = widths.iter().map(|width| "-".repeat(*width)).collect();
            let _ = writeln!(text, "| {} |", lines.join(" | "));
        }
    }
    text
}

fn escape(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}

#[cfg(test)]
mod tests {
    use crate::lab::bench::report::tests::sample;

    #[test]
    fn a_bar_in_a_cell_does_not_split_it() {
        let text = sample().markdown();
        assert!(text.contains("| a <cell> \\| b | 12.5    |"), "{text}");
        assert!(text.contains("![books <per> second](books.svg)"));
        assert!(text.contains("- A note."));
    }
}
