//! KDL 2.0 text to a tree of nodes with spans. It knows the notation (<https://kdl.dev/spec>) and nothing of what nodes mean.
//!
//! It never fails and never recurses: what cannot be read is reported, and its neighbours are read all the same. Time is linear
//! in the text, memory at most [`BYTES_PER_BYTE`] times its length.

mod blank;
mod block;
mod damage;
mod escape;
mod hint;
mod number;
mod parser;
#[cfg(test)]
mod proof;
mod token;
mod tree;
mod value;
mod word;

pub(super) use hint::{conflict_mark, lookalike};
pub(super) use parser::parse;
pub(super) use token::{Mark, Token, tokens};
pub(super) use tree::{Node, Scalar, Tree, Value};

/// How many bytes a tree takes for each byte of text, at most: a node needs two bytes of text.
#[cfg(test)]
const BYTES_PER_BYTE: usize = 128;
