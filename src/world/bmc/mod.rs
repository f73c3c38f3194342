//! Drivers that talk with BMCs: a folder for each protocol. They are told whom to ask and with which secret, and read no site.

pub mod ipmi;
pub mod redfish;
