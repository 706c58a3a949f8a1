//! Costs for people: one line for each number of workers.

use firesteel_engine::memory::readable;

use super::{Cost, Limit};

const COLUMNS: [&str; 14] = [
    "workers",
    "round",
    "computing",
    "steps/s",
    "speed-up",
    "in/round",
    "out/round",
    "link in",
    "link out",
    "fold",
    "limit",
    "hosts",
    "closed form",
    "all-reduce",
];

fn name(limit: Limit) -> &'static str {
    match limit {
        Limit::Compute => "compute",
        Limit::LinkIn => "link in",
        Limit::LinkOut => "link out",
        Limit::Fold => "fold",
        Limit::Wait => "wait",
    }
}

fn row(cost: &Cost) -> [String; 14] {
    let percent = |part: f64| format!("{:.0} %", part * 100.0);
    [
        cost.workers.to_string(),
        format!("{:.3} s", cost.round_seconds),
        percent(cost.computing),
        format!("{:.1}", cost.steps_per_second),
        format!("{:.1}", cost.speed_up),
        readable(cost.bytes_in as u64),
        readable(cost.bytes_out as u64),
        percent(cost.link_in),
        percent(cost.link_out),
        percent(cost.fold),
        name(cost.limit).to_owned(),
        format!("{} x {}", cost.hosts, cost.shards),
        format!("{:.1}/s", cost.closed_form),
        format!("{:.1}/s", cost.all_reduce),
    ]
}

/// The table, whose columns are aligned.
pub fn table(costs: &[Cost]) -> String {
    let mut rows = vec![COLUMNS.map(str::to_owned)];
    rows.extend(costs.iter().map(row));
    let widths: Vec<usize> =
        (0..COLUMNS.len()).map(|at| rows.iter().map(|row| row[at].len()).max().unwrap_or(0)).collect();
    let line = |row: &[String; 14]| {
        let cells = row.iter().zip(&widths).map(|(cell, &width)| format!("{cell:>width$}"));
        cells.collect::<Vec<_>>().join("  ")
    };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}
