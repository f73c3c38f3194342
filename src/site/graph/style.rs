//! How kinds of objects look: a shape and a colour each, and always the kind in words. Text is dark on a light ground.

use crate::site::catalog::Group;

/// The outline of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    Box,
    Rounded,
    Ellipse,
    Hexagon,
    /// A box with slanting sides.
    Slanted,
    /// A box with a dog-ear.
    Note,
}

pub(super) struct Style {
    pub(super) shape: Shape,
    pub(super) fill: &'static str,
    pub(super) stroke: &'static str,
}

/// Text, on white or on any fill; all pairs have a contrast above 7:1 (WCAG 2.2, 1.4.6).
pub(super) const INK: &str = "#1f2328";

/// Words of less weight; above 4.5:1 on white.
pub(super) const FAINT: &str = "#57606a";

pub(super) fn style(group: Group) -> Style {
    let (shape, fill, stroke) = match group {
        Group::Site => (Shape::Box, "#ffffff", "#57606a"),
        Group::Spaces => (Shape::Hexagon, "#fff8c5", "#9a6700"),
        Group::Fabrics => (Shape::Hexagon, "#ffe2cc", "#bc4c00"),
        Group::Vlans => (Shape::Ellipse, "#ddf4ff", "#0969da"),
        Group::Subnets => (Shape::Slanted, "#e6f2ff", "#54768f"),
        Group::Routes => (Shape::Slanted, "#f6e8ff", "#8250df"),
        Group::Records => (Shape::Note, "#fbefff", "#6639ba"),
        Group::Images => (Shape::Note, "#ffeff7", "#bf3989"),
        Group::Controllers => (Shape::Box, "#dafbe1", "#1a7f37"),
        Group::Profiles => (Shape::Note, "#eaeef2", "#57606a"),
        Group::Machines => (Shape::Rounded, "#f6f8fa", "#24292f"),
    };
    Style {
        shape,
        fill,
        stroke,
    }
}
