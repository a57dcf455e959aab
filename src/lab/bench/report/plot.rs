//! A plot as SVG: one line a mode, on a logarithmic scale, with the spread of each point.

use std::fmt::Write;

use html_escape::encode_text;
use plotters::prelude::*;
use serde::{Deserialize, Serialize};

use crate::lab::bench::error::BenchError;
use crate::lab::bench::measure::stats::SampleSpread;
use crate::lab::bench::report::axes::{LogAxis, NamedAxis};
use crate::lab::bench::report::numbers::number;

const SIZE: (u32, u32) = (760, 380);

/// Stands for the reader's own text colour while plotters draws; no line has it.
const INK: RGBColor = RGBColor(1, 2, 3);

/// As [`INK`], in the SVG.
const INK_TEXT: &str = "#010203";

/// Told apart on white and on black, and by people who do not see all colours; each line has its own marker as well.
const COLOURS: [RGBColor; 4] = [
    RGBColor(213, 94, 0),
    RGBColor(10, 132, 198),
    RGBColor(0, 148, 108),
    RGBColor(160, 110, 180),
];

/// What a plot shows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlotSpec {
    /// File name without ending; letters, digits and `-` only.
    pub name: String,
    /// The heading above the plot.
    pub title: String,
    /// What goes to the right.
    pub x_label: String,
    /// What goes up; the scale is logarithmic.
    pub y_label: String,
    /// The places on the x axis, evenly spaced.
    pub x: Vec<String>,
    /// One line a mode.
    pub lines: Vec<PlotLine>,
}

/// One line of a plot.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlotLine {
    /// The mode, as the legend names it.
    pub name: String,
    /// As many as there are places on the x axis; `None` where nothing was measured.
    pub points: Vec<Option<SampleSpread>>,
}

type Chart<'a, 'b> = ChartContext<'a, SVGBackend<'b>, Cartesian2d<NamedAxis, LogAxis>>;

impl PlotSpec {
    /// Whether any point can be drawn.
    pub fn shows_something(&self) -> bool {
        self.lines.iter().any(|line| line.drawn().next().is_some())
    }

    /// For a page: takes the page's text colour.
    pub fn inline(&self) -> Result<String, BenchError> {
        let svg = self
            .draw()
            .map_err(BenchError::Report)?
            .replace(INK_TEXT, "currentColor");
        Ok(self.described(&svg, ""))
    }

    /// For a file of its own: light or dark by the reader's setting.
    pub fn standalone(&self) -> Result<String, BenchError> {
        let svg = self
            .draw()
            .map_err(BenchError::Report)?
            .replace(INK_TEXT, "currentColor");
        let style = "<style>svg{color:#1b1b1b;background:#fff}@media(prefers-color-scheme:dark){svg{color:#e6e6e6;background:#161616}}</style>";
        Ok(self.described(&svg, style))
    }

    /// Puts title and description where screen readers look for them.
    fn described(&self, svg: &str, style: &str) -> String {
        let Some((open, rest)) = svg.split_once('>') else {
            return svg.to_owned();
        };
        let (title, mut text) = (encode_text(&self.title), String::new());
        for line in &self.lines {
            let points = self.x.iter().zip(&line.points);
            let told: Vec<String> = points
                .filter_map(|(x, point)| Some(format!("{x}: {}", number(point.as_ref()?.median))))
                .collect();
            let _ = write!(text, "{}: {}. ", line.name, told.join(", "));
        }
        let (id, text) = (&self.name, encode_text(&text).into_owned());
        format!(
            "{open} role=\"img\" aria-labelledby=\"{id}-title {id}-text\">{style}<title id=\"{id}-title\">{title}</title>\
             <desc id=\"{id}-text\">{text}</desc>{rest}"
        )
    }

    fn draw(&self) -> Result<String, String> {
        let mut svg = String::new();
        {
            let area = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
            let text = ("sans-serif", 14).into_font().color(&INK);
            let heights = self.heights();
            let mut chart = ChartBuilder::on(&area)
                .margin(10)
                .caption(&self.title, ("sans-serif", 17).into_font().color(&INK))
                .x_label_area_size(42)
                .y_label_area_size(78)
                .build_cartesian_2d(NamedAxis(self.x.clone()), heights)
                .map_err(told)?;
            chart
                .configure_mesh()
                .disable_x_mesh()
                .light_line_style(TRANSPARENT)
                .bold_line_style(INK.mix(0.18))
                .axis_style(INK.mix(0.6))
                .label_style(text.clone())
                .axis_desc_style(text.clone())
                .x_desc(&self.x_label)
                .y_desc(&self.y_label)
                .y_labels(9)
                .draw()
                .map_err(told)?;
            for (index, line) in self.lines.iter().enumerate() {
                line.draw(&mut chart, index)?;
            }
            chart
                .configure_series_labels()
                .position(SeriesLabelPosition::UpperLeft)
                .label_font(text)
                .background_style(TRANSPARENT)
                .border_style(INK.mix(0.3))
                .draw()
                .map_err(told)?;
            area.present().map_err(told)?;
        }
        Ok(svg)
    }

    /// From below the least to above the most, as powers of ten.
    fn heights(&self) -> LogAxis {
        let points = || self.lines.iter().flat_map(PlotLine::drawn).map(|(_, point)| point);
        let low = points().map(|point| point.min.log10()).fold(f64::INFINITY, f64::min);
        let high = points()
            .map(|point| point.max.log10())
            .fold(f64::NEG_INFINITY, f64::max);
        if low > high {
            return LogAxis(0.0..1.0);
        }
        let room = ((high - low) * 0.08).max(0.1);
        // Above is the legend's place.
        LogAxis(low - room..high + room * 3.5)
    }
}

impl PlotLine {
    /// Points that have a place on a logarithmic scale.
    fn drawn(&self) -> impl Iterator<Item = (f64, SampleSpread)> {
        self.points
            .iter()
            .enumerate()
            .filter_map(|(place, point)| Some((place as f64, (*point)?)))
            .filter(|(_, point)| point.min > 0.0 && point.max.is_finite())
    }

    fn draw(&self, chart: &mut Chart<'_, '_>, index: usize) -> Result<(), String> {
        let colour = COLOURS[index % COLOURS.len()];
        let at = |(x, point): (f64, SampleSpread)| (x, point.median.log10());
        chart
            .draw_series(LineSeries::new(self.drawn().map(at), colour.stroke_width(2)))
            .map_err(told)?
            .label(&self.name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 20, y)], colour.stroke_width(3)));
        let spreads = self
            .drawn()
            .map(|(x, point)| PathElement::new([(x, point.min.log10()), (x, point.max.log10())], colour));
        chart.draw_series(spreads).map_err(told)?;
        let marks = self.drawn().map(at);
        match index % 3 {
            0 => chart
                .draw_series(marks.map(|at| Circle::new(at, 4, colour.filled())))
                .map(drop),
            1 => chart
                .draw_series(marks.map(|at| TriangleMarker::new(at, 6, colour.filled())))
                .map(drop),
            _ => chart
                .draw_series(marks.map(|at| Cross::new(at, 5, colour.stroke_width(2))))
                .map(drop),
        }
        .map_err(told)
    }
}

fn told(error: impl std::fmt::Display) -> String {
    error.to_string()
}

#[cfg(test)]
mod tests {
    use crate::lab::bench::report::tests::sample;

    #[test]
    fn a_plot_is_drawn_with_its_words_and_in_the_readers_ink() {
        let plot = &sample().sections[0].plots[0];
        let svg = plot.inline().unwrap();
        assert!(svg.starts_with("<svg") && svg.trim_end().ends_with("</svg>"));
        assert!(svg.contains("<title id=\"books-title\">books &lt;per&gt; second</title>"));
        assert!(svg.contains("new &amp; old: 1: 10, 50: 2 000."), "{svg}");
        assert!(svg.contains("currentColor") && !svg.contains(crate::lab::bench::report::plot::INK_TEXT));
        assert!(svg.matches("<polyline").count() > 2);
        assert!(plot.standalone().unwrap().contains("prefers-color-scheme"));
    }

    #[test]
    fn what_has_no_place_on_the_scale_is_left_out() {
        let mut plot = sample().sections[0].plots[0].clone();
        for line in &mut plot.lines {
            for point in line.points.iter_mut().flatten() {
                point.min = 0.0;
            }
        }
        assert!(!plot.shows_something());
        assert!(plot.inline().is_ok());
    }
}
