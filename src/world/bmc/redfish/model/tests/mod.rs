//! Readers against what real services write, and against anything else.

mod any;
mod part;
mod sensor;
