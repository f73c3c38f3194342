//! How far down each cell stands: as near as it can to its neighbours, without overlapping those above and below.

use super::layout::{Cell, MARGIN};
use super::order::mean;

/// Sweeps over all columns, there and back.
const SWEEPS: usize = 16;

/// Between two nodes of a column, and beside the way of an edge.
const GAP: f64 = 16.0;
const WAY_GAP: f64 = 10.0;

/// How much more an edge's way should be straight than a node be in its middle.
const WAY_WEIGHT: f64 = 3.0;

/// The middle of each cell, in pixels from the top.
pub(super) fn place(cells: &[Cell], columns: &[Vec<usize>]) -> Vec<f64> {
    let mut heights = vec![0.0; cells.len()];
    for column in columns {
        settle(column, cells, &vec![0.0; column.len()], &mut heights);
    }
    for sweep in 0..SWEEPS {
        let side = match sweep {
            _ if sweep + 2 >= SWEEPS => Side::Both,
            _ if sweep % 2 == 0 => Side::Right,
            _ => Side::Left,
        };
        let count = columns.len();
        for step in 0..count {
            let rank = match side {
                Side::Right | Side::Both => step,
                Side::Left => count - 1 - step,
            };
            let Some(column) = columns.get(rank) else {
                continue;
            };
            let wanted: Vec<f64> = column
                .iter()
                .map(|index| {
                    let own = heights.get(*index).copied().unwrap_or_default();
                    let cell = cells.get(*index);
                    cell.and_then(|cell| side.of(cell, &heights)).unwrap_or(own)
                })
                .collect();
            settle(column, cells, &wanted, &mut heights);
        }
    }
    let tops = cells.iter().zip(&heights);
    let top = tops.map(|(cell, y)| y - cell.height / 2.0);
    let shift = MARGIN - top.fold(f64::INFINITY, f64::min);
    heights.iter_mut().for_each(|y| *y = (*y + shift).round());
    heights
}

/// Whose height a cell follows.
#[derive(Clone, Copy)]
enum Side {
    Left,
    Right,
    Both,
}

impl Side {
    fn of(self, cell: &Cell, heights: &[f64]) -> Option<f64> {
        let (left, right) = (mean(&cell.left, heights), mean(&cell.right, heights));
        match self {
            Self::Left => left.or(right),
            Self::Right => right.or(left),
            Self::Both => match (left, right) {
                (Some(left), Some(right)) => Some(f64::midpoint(left, right)),
                (left, right) => left.or(right),
            },
        }
    }
}

/// Puts the cells of a column as near as possible to where they are wanted, in their order and apart: the least squares, by pooling
/// those that would overlap (Ayer and others, 1955).
fn settle(column: &[usize], cells: &[Cell], wanted: &[f64], heights: &mut [f64]) {
    struct Pool {
        mean: f64,
        weight: f64,
        count: usize,
    }
    let mut offsets = Vec::with_capacity(column.len());
    let mut pools: Vec<Pool> = Vec::new();
    let (mut offset, mut above): (f64, Option<&Cell>) = (0.0, None);
    for (index, wanted) in column.iter().zip(wanted) {
        let Some(cell) = cells.get(*index) else {
            continue;
        };
        if let Some(above) = above {
            offset += f64::midpoint(above.height, cell.height) + gap(above, cell);
        }
        above = Some(cell);
        offsets.push((*index, offset));
        let mut pool = Pool {
            mean: wanted - offset,
            weight: if cell.is_way { WAY_WEIGHT } else { 1.0 },
            count: 1,
        };
        while let Some(last) = pools.pop_if(|last| last.mean > pool.mean) {
            let weight = last.weight + pool.weight;
            pool = Pool {
                mean: (last.mean * last.weight + pool.mean * pool.weight) / weight,
                weight,
                count: last.count + pool.count,
            };
        }
        pools.push(pool);
    }
    let means = pools
        .iter()
        .flat_map(|pool| std::iter::repeat_n(pool.mean, pool.count));
    for ((index, offset), mean) in offsets.into_iter().zip(means) {
        if let Some(slot) = heights.get_mut(index) {
            *slot = mean + offset;
        }
    }
}

fn gap(above: &Cell, below: &Cell) -> f64 {
    if above.is_way || below.is_way {
        WAY_GAP
    } else {
        GAP
    }
}
