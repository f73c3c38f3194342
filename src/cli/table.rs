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
        let mut text = String::new();
        for row in &self.rows {
            let mut line = String::from(" ");
            for (column, cell) in row.iter().enumerate() {
                let width = self.width(column);
                line.push_str(&format!(" {cell:width$} "));
            }
            text.push_str(line.trim_end());
            text.push('\n');
        }
        text
    }

    fn width(&self, column: usize) -> usize {
        let cells = self.rows.iter().filter_map(|row| row.get(column));
        let lengths = cells.map(|cell| cell.chars().count());
        lengths
            .filter(|length| *length <= WIDEST)
            .max()
            .unwrap_or(0)
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
}
