//! One measured figure as one line of JSON: medians, their spread, and the ratio.

use serde_json::{Value, json};

/// Prints ours beside a peer's, each the median of its measurements with the least and the greatest; `ratio` is ours by theirs.
#[expect(clippy::print_stdout, reason = "figures are what a benchmark is for")]
pub(crate) fn print(figure: &str, unit: &str, ours: &[f64], peer: &str, theirs: &[f64]) {
    let ratio = round(median(ours) / median(theirs));
    let line = json!({
        "figure": figure, "unit": unit, "ours": round(median(ours)), "ours_range": range(ours),
        "peer": peer, "theirs": round(median(theirs)), "theirs_range": range(theirs), "ratio": ratio,
    });
    println!("{line}");
}

/// Prints ours alone, where no peer has the like.
#[allow(dead_code, reason = "most benchmarks have both")]
#[expect(clippy::print_stdout, reason = "figures are what a benchmark is for")]
pub(crate) fn print_ours(figure: &str, unit: &str, ours: &[f64]) {
    let line = json!({
        "figure": figure, "unit": unit, "ours": round(median(ours)), "ours_range": range(ours),
    });
    println!("{line}");
}

/// The middle one of an odd number of measurements.
pub(crate) fn median(values: &[f64]) -> f64 {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

fn range(values: &[f64]) -> Value {
    let least = values.iter().copied().fold(f64::INFINITY, f64::min);
    let greatest = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    json!([round(least), round(greatest)])
}

/// Three decimals for what is small, none for what is large.
fn round(value: f64) -> f64 {
    if value.abs() < 100.0 {
        (value * 1000.0).round() / 1000.0
    } else {
        value.round()
    }
}
