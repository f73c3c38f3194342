//! The command line: arguments, progress, colours, exit codes. One file a command; no rules of the business.

pub mod files;
