//! Costs as a plot: one SVG file of two charts over the number of workers. Black on its own white ground, so that it can be
//! read on a dark page; dashes and markers tell the lines apart where colours do not.

mod lines;
mod ticks;

use std::path::PathBuf;

use firesteel_engine::results::write_whole;
use firesteel_engine::{Error, Result};
use plotters::coord::Shift;
use plotters::coord::ranged1d::{AsRangedCoord, ValueFormatter};
use plotters::prelude::*;

use self::lines::{Area, Drawn, Line, rates, uses};
use self::ticks::{logarithmic, of_workers};
use super::Cost;

/// Pixels.
const WIDTH: u32 = 760;
const TITLES: u32 = 50;
const CHART: u32 = 360; // without its legend
const ROW: u32 = 22; // of the legend
const BELOW: u32 = 16; // the legend
const LEFT: u32 = 84; // of the axis that goes up
/// plotters writes a font's size divided by 1.24.
const LARGE: u32 = 20;
const SMALL: u32 = 16;

/// A file that is to show costs.
pub struct PlotFile(PathBuf);

impl PlotFile {
    /// Refuses a name of another format, so that nobody waits for a file that no program opens.
    pub fn new(path: &str) -> Result<Self> {
        if !path.ends_with(".svg") {
            return Err(Error::config(format!("plot: {path} does not end in .svg, the one format of a plot")));
        }
        Ok(Self(path.into()))
    }

    /// Writes the plot of `costs`, of one number of workers at least. `titles` are its first two lines.
    pub fn write(&self, titles: &[String; 2], costs: &[Cost]) -> Result<()> {
        let text = svg(titles, costs).map_err(|e| Error::internal("draw the plot").caused_by(e))?;
        write_whole(&self.0, text.as_bytes())
    }
}

/// The text of the file.
fn svg(titles: &[String; 2], costs: &[Cost]) -> Drawn<String> {
    let (rates, uses) = (rates(costs), uses(costs));
    let heights = [&rates, &uses].map(|lines| CHART + ROW * lines.len() as u32 + BELOW);
    let mut text = String::new();
    {
        let root =
            SVGBackend::with_string(&mut text, (WIDTH, TITLES + heights.iter().sum::<u32>())).into_drawing_area();
        root.fill(&WHITE)?;
        for (at, (title, size)) in titles.iter().zip([LARGE, SMALL]).enumerate() {
            root.draw(&Text::new(title.clone(), (12, 10 + 24 * at as i32), ("sans-serif", size)))?;
        }
        let (_, charts) = root.split_vertically(TITLES);
        let (upper, lower) = charts.split_vertically(heights[0]);
        let (range, ticks) = logarithmic(rates.iter().flat_map(|line| &line.points).map(|(_, rate)| *rate));
        let range = range.log_scale().with_key_points(ticks);
        chart(&upper, costs, &rates, ("minibatches of all workers a second", range, &f64::to_string))?;
        chart(&lower, costs, &uses, ("use, % of the time", 0.0..100.0, &|percent| format!("{percent} %")))?;
        root.present()?;
    }
    Ok(text)
}

/// Title, range and numbers of the axis that goes up.
type Axis<'a, R> = (&'a str, R, &'a dyn Fn(&f64) -> String);

/// Axes, lines and below them the legend.
fn chart<'a, R>(
    area: &Area<'a, Shift>,
    costs: &[Cost],
    lines: &[Line],
    (title, range, number): Axis<'_, R>,
) -> Drawn<()>
where
    R: AsRangedCoord<Value = f64>,
    R::CoordDescType: ValueFormatter<f64>,
{
    let (plot, legend) = area.split_vertically(CHART);
    let workers = of_workers(costs);
    let most = workers[workers.len() - 1].max(2.0); // one worker alone has no range
    let mut chart = ChartBuilder::on(&plot)
        .margin(14)
        .margin_right(30)
        .x_label_area_size(48)
        .y_label_area_size(LEFT - 14)
        .build_cartesian_2d((1.0..most).log_scale().with_key_points(workers), range)?;
    chart
        .configure_mesh()
        .bold_line_style(RGBColor(226, 226, 226))
        .light_line_style(TRANSPARENT)
        .label_style(("sans-serif", SMALL))
        .x_desc("number of workers")
        .x_label_formatter(&f64::to_string)
        .y_desc(title)
        .y_labels(6)
        .y_label_formatter(number)
        .draw()?;
    for line in lines {
        line.draw(chart.plotting_area())?;
    }
    for (row, line) in lines.iter().rev().enumerate() {
        line.draw_legend(&legend, (LEFT as i32, ROW as i32 * row as i32 + 8), SMALL)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cost::Limit;

    /// The links are used alike, and limit beyond four workers.
    fn cost(workers: usize) -> Cost {
        let most = workers as f64;
        Cost {
            workers,
            round_seconds: 5.0,
            computing: 0.5,
            steps_per_second: 2.0 * most.sqrt(),
            speed_up: most.sqrt(),
            bytes_in: 0.0,
            bytes_out: 0.0,
            link_in: 0.9 - 0.8 / most,
            link_out: 0.905 - 0.8 / most,
            fold: 0.01,
            limit: if workers > 4 { Limit::LinkOut } else { Limit::Compute },
            hosts: 1,
            shards: 1,
            closed_form: 1.5 * most.sqrt(),
            all_reduce: most,
        }
    }

    fn drawn(workers: &[usize]) -> String {
        let costs: Vec<Cost> = workers.iter().copied().map(cost).collect();
        svg(&["a < b".to_owned(), "of a test".to_owned()], &costs).unwrap()
    }

    /// The texts of an SVG file, in its order.
    fn texts(svg: &str) -> Vec<&str> {
        svg.split("<text ").skip(1).map(|text| text.split(['>', '<']).nth(1).unwrap().trim()).collect()
    }

    #[test]
    fn a_plot_has_titles_units_a_legend_and_each_number_of_workers_in_each_line() {
        let workers = [1, 2, 4, 8, 16];
        let svg = drawn(&workers);
        assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>\n") && svg.contains("#FFFFFF"), "{svg}");
        let texts = texts(&svg);
        for text in [
            "a &lt; b",
            "of a test",
            "number of workers",
            "minibatches of all workers a second",
            "use, % of the time",
            "100 %",
            "simulation",
            "closed form T(K, tau) = N/K t_step + N/(K tau) t_round",
            "all-reduce after every step",
            "K times one worker that exchanges with nobody",
            "fold",
        ] {
            assert!(texts.contains(&text), "{text} of {texts:?}");
        }
        assert_eq!(texts.windows(5).filter(|texts| *texts == ["1", "2", "4", "8", "16"]).count(), 2, "{texts:?}");
        // in each chart a line of dots, one of circles, one of triangles, each with one more point in the legend
        let points = workers.len() + 1;
        let (marked, filled) = (2, svg.matches(r#"stroke="none" stroke-width"#).count());
        assert_eq!(svg.matches("<circle ").count(), 2 * 2 * points + marked);
        assert_eq!(filled, 2 * points);
        assert_eq!(svg.matches("<polygon ").count(), 2 * points);
    }

    #[test]
    fn links_that_are_used_alike_limit_from_the_same_number_of_workers() {
        let svg = drawn(&[1, 2, 4, 8, 16]);
        let texts = texts(&svg);
        for line in ["link in", "link out"] {
            assert!(texts.contains(&&*format!("{line}, which limits from 8 workers on (circled)")), "{texts:?}");
        }
        assert_eq!(drawn(&[1, 2, 4]).matches("which limits").count(), 0);
    }

    #[test]
    fn one_number_of_workers_can_be_drawn_too() {
        assert!(texts(&drawn(&[1])).contains(&"simulation"));
        assert!(texts(&drawn(&[1024])).contains(&"1024"));
    }

    #[test]
    fn another_format_is_refused_by_its_name() {
        for name in ["costs.png", "costs", "svg", "costs.svg.gz"] {
            let error = PlotFile::new(name).err().unwrap().to_string();
            assert_eq!(error, format!("plot: {name} does not end in .svg, the one format of a plot"));
        }
    }

    #[test]
    fn a_file_that_cannot_be_written_is_named_and_nothing_is_left() {
        let directory = tempfile::tempdir().unwrap();
        let titles = ["a".to_owned(), "b".to_owned()];
        let write = |path: &std::path::Path| PlotFile::new(path.to_str().unwrap()).unwrap().write(&titles, &[cost(1)]);
        let taken = directory.path().join("taken.svg");
        std::fs::create_dir(&taken).unwrap();
        for path in [directory.path().join("nowhere/costs.svg"), taken] {
            let error = write(&path).unwrap_err();
            assert_eq!(error.kind(), firesteel_engine::Kind::Io);
            assert!(error.to_string().starts_with(&format!("{}: ", path.display())), "{error}");
        }
        let left: Vec<_> =
            std::fs::read_dir(directory.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(left, ["taken.svg"]);
        write(&directory.path().join("costs.svg")).unwrap();
        assert!(std::fs::read_to_string(directory.path().join("costs.svg")).unwrap().contains("simulation"));
    }
}
