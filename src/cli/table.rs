//! Lines in aligned columns. Knows nothing of what stands in them.

/// Longer cells do not push the others aside.
const WIDEST: usize = 48;

/// Lines of cells, each line indented by two.
#[derive(Default)]
pub(super) struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(super) fn row<const N: usize>(&mut self, cells: [String; N]) {
        self.rows.push(cells.into_iter().map(shown).collect());
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The lines, their columns two blanks apart.
    pub(super) fn text(&self) -> String {
        let widths = self.widths();
        let mut text = String::new();
        for row in &self.rows {
            let mut line = String::from(" ");
            for (cell, width) in row.iter().zip(widths.iter().copied()) {
                line.push_str(&format!(" {cell:width$} "));
            }
            text.push_str(line.trim_end());
            text.push('\n');
        }
        text
    }

    /// The width of each column.
    fn widths(&self) -> Vec<usize> {
        let mut widths: Vec<usize> = Vec::new();
        for row in &self.rows {
            widths.resize(widths.len().max(row.len()), 0);
            for (width, cell) in widths.iter_mut().zip(row) {
                let length = cell.chars().count();
                if length <= WIDEST {
                    *width = length.max(*width);
                }
            }
        }
        widths
    }
}

/// Free text of a site stays on its line, and sends a terminal no commands.
pub(super) fn shown(cell: String) -> String {
    if cell.chars().any(char::is_control) {
        cell.escape_debug().to_string()
    } else {
        cell
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_align_and_long_or_hostile_cells_do_no_harm() {
        let mut table = Table::default();
        let long = "x".repeat(WIDEST + 1);
        for cells in [
            ["a", "b", "c"],
            ["longer", "", "d"],
            [&long, "\u{1b}[2J\n", "e"],
        ] {
            table.row(cells.map(str::to_owned));
        }
        let expected = format!(
            "  a       b            c\n  longer               d\n  {long}  \\u{{1b}}[2J\\n  e\n"
        );
        assert_eq!(table.text(), expected);
    }

    #[test]
    fn a_hundred_thousand_lines_are_aligned_in_one_go() {
        const MANY: usize = 100_000;
        let mut table = Table::default();
        for number in 0..MANY {
            table.row([number.to_string(), "x".to_owned()]);
        }
        // Were each line to look at all others, this would not end here.
        let text = table.text();
        assert_eq!(text.lines().count(), MANY);
        assert!(text.lines().all(|line| line.len() == 10), "all are aligned");
    }
}
