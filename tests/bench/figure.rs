//! One measured figure as one line of JSON.

use serde_json::json;

/// Prints ours beside a peer's; `ratio` is ours by theirs.
#[expect(clippy::print_stdout, reason = "figures are what a benchmark is for")]
pub(crate) fn print(figure: &str, unit: &str, ours: f64, peer: &str, theirs: f64) {
    let ratio = (ours / theirs * 1000.0).round() / 1000.0;
    let (ours, theirs) = (ours.round(), theirs.round());
    let line = json!({ "figure": figure, "unit": unit, "ours": ours, "peer": peer, "theirs": theirs, "ratio": ratio });
    println!("{line}");
}

/// The middle one of an odd number of measurements.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
