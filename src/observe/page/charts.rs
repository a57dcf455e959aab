//! Bars, drawn as SVG inside the page.

use maud::{Markup, html};

/// Bars of the same width over a common base.
#[derive(Debug, Default)]
pub struct BarChart {
    /// What it shows, for whoever does not see it.
    pub label: String,
    pub bars: Vec<ChartBar>,
    /// There are at least so many places; the bars stand at the right.
    pub places: usize,
}

/// One of them.
#[derive(Debug, Clone, Default)]
pub struct ChartBar {
    pub value: f64,
    /// Shown to whoever points at it; empty: nothing.
    pub title: String,
}

/// Units of the drawing: a place is this wide, the drawing this high.
const PLACE: usize = 10;
const HEIGHT: f64 = 60.0;
/// What is not 0 is seen.
const LEAST: f64 = 1.5;

impl BarChart {
    /// The drawing; it is stretched to the room that there is.
    pub fn draw(&self) -> Markup {
        let places = self.places.max(self.bars.len()).max(1);
        let first = places - self.bars.len();
        let most = self.most();
        html! {
            svg.bars viewBox={ "0 0 " (places * PLACE) " " (HEIGHT) } preserveAspectRatio="none" role="img" aria-label=(self.label) {
                path.base d={ "M0 " (HEIGHT) "H" (places * PLACE) } {}
                @for (place, bar) in self.bars.iter().enumerate().filter(|(_, bar)| bar.value > 0.0 && most > 0.0) {
                    @let height = (bar.value / most * HEIGHT).max(LEAST);
                    rect x=((first + place) * PLACE + 1) width=(PLACE - 2) y=(format!("{:.1}", HEIGHT - height)) height=(format!("{height:.1}")) {
                        @if !bar.title.is_empty() { title { (bar.title) } }
                    }
                }
            }
        }
    }

    /// The highest bar.
    pub fn most(&self) -> f64 {
        self.bars.iter().map(|bar| bar.value).fold(0.0, f64::max)
    }
}

/// Parts of a whole, side by side, in their order.
#[derive(Debug)]
pub struct SharePart {
    /// The class that gives it its colour.
    pub class: &'static str,
    pub name: &'static str,
    pub count: u64,
}

/// The width of the drawing.
const WHOLE: f64 = 1_000.0;
/// A part that is not 0 is seen.
const LEAST_PART: f64 = 3.0;

/// A bar of parts; `label`: what it shows, for whoever does not see it.
pub fn share_bar(parts: &[SharePart], label: &str) -> Markup {
    let total = parts.iter().map(|part| part.count).sum::<u64>().max(1) as f64;
    let mut from = 0.0;
    let drawn = parts.iter().filter(|part| part.count > 0).map(|part| {
        let width = (part.count as f64 / total * WHOLE).max(LEAST_PART);
        let x = from;
        from += width;
        html! { rect class=(part.class) x=(format!("{x:.1}")) width=(format!("{width:.1}")) height="14" {} }
    });
    let drawn: Vec<_> = drawn.collect();
    html! {
        svg.share viewBox={ "0 0 " (format!("{:.1}", from.max(WHOLE))) " 14" } preserveAspectRatio="none" role="img" aria-label=(label) {
            @for part in &drawn { (part) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_stand_at_the_right_and_none_is_higher_than_the_drawing() {
        let bar = |value| ChartBar {
            value,
            title: format!("<{value}>"),
        };
        let chart = BarChart {
            label: "a \"label\"".into(),
            bars: vec![bar(0.0), bar(1.0), bar(1_000.0)],
            places: 10,
        };
        let svg = chart.draw().into_string();
        assert!(
            svg.contains("aria-label=\"a &quot;label&quot;\"") && svg.contains("&lt;1&gt;"),
            "{svg}"
        );
        assert_eq!(svg.matches("<rect").count(), 2, "nothing is no bar: {svg}");
        assert!(svg.contains("x=\"81\" width=\"8\" y=\"58.5\" height=\"1.5\""), "{svg}");
        assert!(svg.contains("x=\"91\" width=\"8\" y=\"0.0\" height=\"60.0\""), "{svg}");
        assert!(
            BarChart::default()
                .draw()
                .into_string()
                .contains("viewBox=\"0 0 10 60\"")
        );
    }

    #[test]
    fn a_small_part_is_seen_and_none_is_drawn_outside() {
        let part = |count| SharePart {
            class: "c",
            name: "n",
            count,
        };
        let svg = share_bar(&[part(1), part(0), part(999_999)], "books").into_string();
        assert!(svg.contains("viewBox=\"0 0 1003.0 14\""), "{svg}");
        assert!(svg.contains("x=\"3.0\" width=\"1000.0\""), "{svg}");
        assert!(
            share_bar(&[], "none")
                .into_string()
                .contains("viewBox=\"0 0 1000.0 14\"")
        );
    }
}
