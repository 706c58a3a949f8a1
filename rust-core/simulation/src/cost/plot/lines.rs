//! The lines of the two charts, and how each is drawn.

use plotters::coord::{CoordTranslate, Shift};
use plotters::element::DashedPathElement;
use plotters::prelude::*;

use crate::cost::{Cost, Limit};

pub type Area<'a, Coordinates> = DrawingArea<SVGBackend<'a>, Coordinates>;
pub type Drawn<T> = Result<T, DrawingAreaErrorKind<std::io::Error>>;

/// Pixels.
const STROKE: u32 = 2;
const SAMPLE: i32 = 44; // of a line, in the legend

#[derive(Clone, Copy)]
enum Marker {
    None,
    Dot,
    /// Wide enough to be seen around a dot at the same place.
    Ring,
    Triangle,
}

/// How a line looks: its colour, of those of a comparison's plots, pixels of a dash and of the gap behind it, its points.
type Look = (RGBColor, Option<(u32, u32)>, Marker);
const IDEAL: Look = (RGBColor(112, 112, 112), None, Marker::None);
const ALL_REDUCE: Look = (RGBColor(0, 135, 95), Some((2, 4)), Marker::Triangle);
const CLOSED_FORM: Look = (RGBColor(213, 94, 0), Some((9, 5)), Marker::Ring);
const SIMULATION: Look = (RGBColor(0, 114, 178), None, Marker::Dot);
const LINK_IN: Look = (RGBColor(176, 86, 138), None, Marker::Dot);
const LINK_OUT: Look = (RGBColor(34, 34, 34), Some((9, 5)), Marker::Ring);
const FOLD: Look = (RGBColor(168, 116, 0), Some((2, 4)), Marker::Triangle);

/// A line over the number of workers.
pub struct Line {
    pub label: String,
    /// Workers, and the value.
    pub points: Vec<(f64, f64)>,
    /// One to which the label calls attention.
    pub marked: Option<(f64, f64)>,
    look: Look,
}

impl Line {
    fn new(label: &str, look: Look, costs: &[Cost], value: impl Fn(&Cost) -> f64) -> Self {
        let points = costs.iter().map(|cost| (cost.workers as f64, value(cost))).collect();
        Self { label: label.to_owned(), points, marked: None, look }
    }

    /// With a mark where `value`, a part of the time, begins to limit the run. Links in both directions that are used alike
    /// both do, also if `limit` names one of them.
    fn of_use(label: &str, look: Look, costs: &[Cost], value: impl Fn(&Cost) -> f64) -> Self {
        const ALIKE: f64 = 0.01; // of the time: what the table rounds to
        let mut line = Self::new(label, look, costs, |cost| value(cost) * 100.0);
        let limits = |cost: &Cost| match cost.limit {
            Limit::Compute | Limit::Wait => false,
            _ => value(cost) >= cost.link_in.max(cost.link_out).max(cost.fold) - ALIKE,
        };
        if let Some(at) = costs.iter().position(limits) {
            line.marked = Some(line.points[at]);
            line.label = format!("{label}, which limits from {} workers on (circled)", costs[at].workers);
        }
        line
    }

    /// Into a chart.
    pub fn draw<C: CoordTranslate<From = (f64, f64)>>(&self, chart: &Area<'_, C>) -> Drawn<()> {
        self.stroke(chart, &self.points)?;
        self.points.iter().try_for_each(|point| self.mark(chart, *point))?;
        let (colour, _, marker) = self.look;
        let radius = if matches!(marker, Marker::Ring) { 13 } else { 9 }; // two circles at one place are both seen
        self.marked.map_or(Ok(()), |point| chart.draw(&Circle::new(point, radius, colour.stroke_width(STROKE))))
    }

    /// A piece of it from `(x, y)` to the right, and its label.
    pub fn draw_legend(&self, area: &Area<'_, Shift>, (x, y): (i32, i32), font: u32) -> Drawn<()> {
        self.stroke(area, &[(x, y), (x + SAMPLE, y)])?;
        self.mark(area, (x + SAMPLE / 2, y))?;
        area.draw(&Text::new(self.label.clone(), (x + SAMPLE + 10, y - 7), ("sans-serif", font)))
    }

    fn stroke<C: CoordTranslate>(&self, area: &Area<'_, C>, points: &[C::From]) -> Drawn<()>
    where
        C::From: Clone + 'static,
    {
        let (colour, dashes, _) = self.look;
        let style = colour.stroke_width(STROKE);
        match dashes {
            None => area.draw(&PathElement::new(points, style)),
            Some((dash, gap)) => area.draw(&DashedPathElement::new(points.iter().cloned(), dash, gap, style)),
        }
    }

    fn mark<C: CoordTranslate>(&self, area: &Area<'_, C>, at: C::From) -> Drawn<()>
    where
        C::From: Clone + 'static,
    {
        let (colour, _, marker) = self.look;
        match marker {
            Marker::None => Ok(()),
            Marker::Dot => area.draw(&Circle::new(at, 3, colour.filled())),
            Marker::Ring => area.draw(&Circle::new(at, 6, colour.stroke_width(STROKE))),
            Marker::Triangle => area.draw(&TriangleMarker::new(at, 5, colour.filled())),
        }
    }
}

/// Minibatches a second of all workers. The last line lies on top, and is the first of the legend.
pub fn rates(costs: &[Cost]) -> Vec<Line> {
    let ideal = |cost: &Cost| cost.workers as f64 * cost.steps_per_second / cost.speed_up;
    let closed_form = "closed form T(K, tau) = N/K t_step + N/(K tau) t_round";
    vec![
        Line::new("K times one worker that exchanges with nobody", IDEAL, costs, ideal),
        Line::new("all-reduce after every step", ALL_REDUCE, costs, |cost| cost.all_reduce),
        Line::new(closed_form, CLOSED_FORM, costs, |cost| cost.closed_form),
        Line::new("simulation", SIMULATION, costs, |cost| cost.steps_per_second),
    ]
}

/// How much of the time the links and the processor of the driver or exchangers are used, in percent.
pub fn uses(costs: &[Cost]) -> Vec<Line> {
    vec![
        Line::of_use("fold", FOLD, costs, |cost| cost.fold),
        Line::of_use("link out", LINK_OUT, costs, |cost| cost.link_out),
        Line::of_use("link in", LINK_IN, costs, |cost| cost.link_in),
    ]
}
