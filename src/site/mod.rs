//! The resolved site: names looked up, profiles applied, rules checked; immutable. Reads `lang`'s nodes, never KDL itself.

pub mod model;
