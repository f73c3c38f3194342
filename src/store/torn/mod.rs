//! The journal on a disk that tears, fails and loses power at any moment, against a model of what was acknowledged.

mod damage;
mod disk;
mod history;
