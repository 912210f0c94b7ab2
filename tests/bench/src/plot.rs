//! Plain SVG, written by hand: bars and lines that read on a light page and on a dark one.

use std::fmt::Write as _;

use crate::harness::{Chart, amount};

const WIDTH: f64 = 760.0;
/// Told apart by eyes that see fewer colours too, and readable on white and on black.
const COLOURS: [&str; 6] = ["#3b7dd8", "#d9822b", "#3a9d6e", "#b5548f", "#8a7fd1", "#7f8c8d"];
const STYLE: &str = "<style>text{font:13px system-ui,sans-serif;fill:#333}.t{font-weight:600;font-size:15px}\
.a{stroke:#999}.g{stroke:#bbb;stroke-width:.5}.goal{stroke:#c0392b;stroke-dasharray:5 4}\
@media(prefers-color-scheme:dark){text{fill:#ddd}.g{stroke:#555}}</style>";

/// The chart's file name and its text.
pub(crate) fn svg(chart: &Chart) -> (String, String) {
    match chart {
        Chart::Bars { file, title, unit, bars, goal } => (file.clone(), bars_svg(title, unit, bars, *goal)),
        Chart::Lines { file, title, x, y, lines } => (file.clone(), lines_svg(title, [x, y], lines)),
    }
}

fn open(title: &str, height: f64) -> String {
    let title = escaped(title);
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" \
         aria-label=\"{title}\">{STYLE}\n<text class=\"t\" x=\"8\" y=\"22\">{title}</text>\n"
    )
}

fn bars_svg(title: &str, unit: &str, bars: &[(String, f64)], goal: Option<f64>) -> String {
    let (left, right, top, step) = (270.0, 90.0, 40.0, 26.0);
    let bottom = top + step * bars.len() as f64;
    let most = bars.iter().map(|b| b.1).chain(goal).filter(|v| v.is_finite()).fold(0.0, f64::max);
    let scale = if most > 0.0 { (WIDTH - left - right) / most } else { 0.0 };
    let mut out = open(title, bottom + if goal.is_some() { 24.0 } else { 10.0 });
    let mut y = top;
    for (label, value) in bars {
        let value = if value.is_finite() { *value } else { 0.0 };
        let (wide, mid) = ((value * scale).max(1.0), y + 16.0);
        let (label, text, colour) = (escaped(label), escaped(&amount(value, unit)), COLOURS[0]);
        let _ = writeln!(
            out,
            "<text x=\"{:.0}\" y=\"{mid:.0}\" text-anchor=\"end\">{label}</text>\
             <rect x=\"{left}\" y=\"{:.0}\" width=\"{wide:.1}\" height=\"18\" rx=\"2\" fill=\"{colour}\"/>\
             <text x=\"{:.0}\" y=\"{mid:.0}\">{text}</text>",
            left - 8.0,
            y + 2.0,
            left + wide + 6.0,
        );
        y += step;
    }
    if let Some(goal) = goal {
        let x = left + goal * scale;
        let _ = writeln!(
            out,
            "<line class=\"goal\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{:.0}\" y2=\"{:.0}\"/>\
             <text x=\"{x:.1}\" y=\"{:.0}\" text-anchor=\"middle\">goal {}</text>",
            top - 4.0,
            bottom + 4.0,
            bottom + 18.0,
            escaped(&amount(goal, unit)),
        );
    }
    out.push_str("</svg>\n");
    out
}

fn lines_svg(title: &str, [x_name, y_name]: [&str; 2], lines: &[(String, Vec<(f64, f64)>)]) -> String {
    let (left, right, top, high) = (70.0, 30.0, 64.0, 220.0);
    let all = || lines.iter().flat_map(|(_, points)| points.iter());
    let (most_x, most_y) = (nice(all().map(|p| p.0)), nice(all().map(|p| p.1)));
    let wide = WIDTH - left - right;
    let place = |(x, y): (f64, f64)| (left + x / most_x * wide, top + high - y / most_y * high);
    let mut out = open(title, top + high + 46.0);
    for part in 0..=4 {
        let share = f64::from(part) / 4.0;
        let ((x, bottom), (_, y)) = (place((most_x * share, 0.0)), place((0.0, most_y * share)));
        let _ = writeln!(
            out,
            "<line class=\"g\" x1=\"{left}\" x2=\"{:.0}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>\
             <text x=\"{:.0}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>\
             <text x=\"{x:.1}\" y=\"{:.0}\" text-anchor=\"middle\">{}</text>",
            left + wide,
            left - 6.0,
            y + 4.0,
            amount(most_y * share, ""),
            bottom + 18.0,
            amount(most_x * share, ""),
        );
    }
    let bottom = top + high;
    let _ = writeln!(
        out,
        "<line class=\"a\" x1=\"{left}\" x2=\"{:.0}\" y1=\"{bottom}\" y2=\"{bottom}\"/>\
         <text x=\"{:.0}\" y=\"{:.0}\" text-anchor=\"middle\">{}</text><text x=\"8\" y=\"{:.0}\">{}</text>",
        left + wide,
        left + wide / 2.0,
        bottom + 38.0,
        escaped(x_name),
        top - 12.0,
        escaped(y_name),
    );
    let mut legend = 240.0;
    for ((name, points), colour) in lines.iter().zip(COLOURS.iter().cycle()) {
        let at: Vec<String> =
            points.iter().map(|p| place(*p)).map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
        let _ = writeln!(
            out,
            "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>",
            at.join(" ")
        );
        for (x, y) in points.iter().map(|p| place(*p)) {
            let _ = write!(out, "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3\" fill=\"{colour}\"/>");
        }
        let _ = writeln!(
            out,
            "<rect x=\"{legend:.0}\" y=\"{:.0}\" width=\"12\" height=\"12\" fill=\"{colour}\"/>\
             <text x=\"{:.0}\" y=\"{:.0}\">{}</text>",
            top - 23.0,
            legend + 17.0,
            top - 12.0,
            escaped(name),
        );
        let long = name.chars().count() as f64;
        legend += 8.0 * long + 34.0;
    }
    out.push_str("</svg>\n");
    out
}

/// The next round number above all of them.
fn nice(of: impl Iterator<Item = f64>) -> f64 {
    let most = of.filter(|v| v.is_finite()).fold(0.0, f64::max);
    if most <= 0.0 {
        return 1.0;
    }
    let power = 10.0_f64.powf(most.log10().floor());
    let steps = [1.0, 1.2, 1.6, 2.0, 2.4, 3.2, 4.0, 6.0, 8.0, 10.0];
    steps.into_iter().map(|s| s * power).find(|v| *v >= most).unwrap_or(most)
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chart_of_nothing_and_of_no_numbers_is_a_chart_all_the_same() {
        let bars = |bars| Chart::Bars {
            file: "x.svg".into(),
            title: "<a>".into(),
            unit: "ms".into(),
            bars,
            goal: None,
        };
        for chart in [bars(vec![]), bars(vec![("a".into(), f64::NAN), ("b".into(), 0.0)])] {
            let (_, text) = svg(&chart);
            assert!(!text.contains("NaN") && !text.contains("inf") && text.contains("&lt;a&gt;"), "{text}");
        }
        let lines = vec![("one".to_owned(), vec![(0.0, 0.0)])];
        let chart =
            Chart::Lines { file: "x.svg".into(), title: "t".into(), x: "n".into(), y: "MiB".into(), lines };
        assert!(!svg(&chart).1.contains("NaN"));
    }
}
