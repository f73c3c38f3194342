//! The order of cells in their columns: each where its neighbours are on average, swept over until fewer edges no longer cross.

use super::layout::Cell;

/// Sweeps over all columns, there and back. A few bring most of what there is to gain.
const SWEEPS: usize = 12;

/// The cells of each column, from top to bottom; the column of rank 0 first.
pub(super) fn order(cells: &[Cell]) -> Vec<Vec<usize>> {
    let mut columns: Vec<Vec<usize>> = Vec::new();
    for (index, cell) in cells.iter().enumerate() {
        if columns.len() <= cell.rank {
            columns.resize_with(cell.rank + 1, Vec::new);
        }
        if let Some(column) = columns.get_mut(cell.rank) {
            column.push(index);
        }
    }
    let mut places = vec![0.0; cells.len()];
    columns
        .iter()
        .for_each(|column| number(column, &mut places));
    let mut best = (usize::MAX, columns.clone());
    for sweep in 0..SWEEPS {
        let is_leftward = sweep % 2 == 0;
        let ranks: Vec<usize> = if is_leftward {
            (1..columns.len()).collect()
        } else {
            (0..columns.len().saturating_sub(1)).rev().collect()
        };
        for rank in ranks {
            if let Some(column) = columns.get_mut(rank) {
                sort(column, cells, is_leftward, &mut places);
            }
        }
        let crossings = crossings(cells, &columns);
        if crossings < best.0 {
            best = (crossings, columns.clone());
        }
    }
    best.1
}

/// Notes where each cell of a column stands, from 0 to 1.
fn number(column: &[usize], places: &mut [f64]) {
    let count = f64::from(u32::try_from(column.len()).unwrap_or(u32::MAX));
    for (place, cell) in (0_u32..).zip(column) {
        if let Some(slot) = places.get_mut(*cell) {
            *slot = (f64::from(place) + 0.5) / count;
        }
    }
}

/// Sorts a column by the places of each cell's neighbours on one side; one without any stays about where it is.
fn sort(column: &mut [usize], cells: &[Cell], by_right: bool, places: &mut [f64]) {
    let mut wanted: Vec<(f64, usize)> =
        column
            .iter()
            .map(|index| {
                let own = places.get(*index).copied().unwrap_or_default();
                let neighbours = cells.get(*index).map_or(&[][..], |cell| {
                    if by_right { &cell.right } else { &cell.left }
                });
                (mean(neighbours, places).unwrap_or(own), *index)
            })
            .collect();
    wanted.sort_by(|a, b| a.0.total_cmp(&b.0));
    for (slot, (_, index)) in column.iter_mut().zip(wanted) {
        *slot = index;
    }
    number(column, places);
}

pub(super) fn mean(cells: &[usize], values: &[f64]) -> Option<f64> {
    let found = cells.iter().filter_map(|cell| values.get(*cell));
    let (sum, count) = found.fold((0.0, 0.0), |(sum, count), value| (sum + value, count + 1.0));
    (count > 0.0).then(|| sum / count)
}

/// How many pairs of edges cross between neighbouring columns (Barth, Jünger and Mutzel, 2002).
fn crossings(cells: &[Cell], columns: &[Vec<usize>]) -> usize {
    let mut positions = vec![0; cells.len()];
    for column in columns {
        for (place, cell) in column.iter().enumerate() {
            if let Some(slot) = positions.get_mut(*cell) {
                *slot = place;
            }
        }
    }
    let mut count = 0;
    for pair in columns.windows(2) {
        let [right, left] = pair else {
            continue;
        };
        let mut sums = Sums(vec![0; right.len() + 1]);
        let mut seen = 0;
        for cell in left.iter().filter_map(|index| cells.get(*index)) {
            let ends = cell.right.iter().filter_map(|end| positions.get(*end));
            let ends: Vec<usize> = ends.copied().collect();
            count += ends
                .iter()
                .map(|end| seen - sums.up_to(*end))
                .sum::<usize>();
            ends.iter().for_each(|end| sums.add(*end));
            seen += ends.len();
        }
    }
    count
}

/// How many numbers up to one were added (Fenwick, 1994).
struct Sums(Vec<usize>);

impl Sums {
    fn add(&mut self, number: usize) {
        let mut at = number + 1;
        while let Some(slot) = self.0.get_mut(at) {
            *slot += 1;
            at += at & at.wrapping_neg();
        }
    }

    fn up_to(&self, number: usize) -> usize {
        let (mut at, mut sum) = (number + 1, 0);
        while at > 0 {
            sum += self.0.get(at).copied().unwrap_or_default();
            at -= at & at.wrapping_neg();
        }
        sum
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two columns of `size` cells, the left ones joined to the right ones in reverse.
    fn reversed(size: usize) -> Vec<Cell> {
        let cell = |rank: usize, left, right| Cell {
            rank,
            height: 10.0,
            is_way: false,
            left,
            right,
        };
        let right = (0..size).map(|n| cell(0, vec![2 * size - 1 - n], vec![]));
        let left = (0..size).map(|n| cell(1, vec![], vec![size - 1 - n]));
        right.chain(left).collect()
    }

    #[test]
    fn crossings_are_counted_and_undone() {
        let cells = reversed(5);
        let before = vec![(0..5).collect(), (5..10).collect::<Vec<_>>()];
        assert_eq!(crossings(&cells, &before), 10);
        assert_eq!(crossings(&cells, &order(&cells)), 0);
    }
}
