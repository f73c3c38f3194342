//! Words that every layer shares. Knows no other layer.

pub mod addr;
pub mod arch;
pub mod bond;
pub mod care;
pub mod class;
pub mod digest;
pub mod duration;
pub mod glob;
pub mod identity;
pub mod kind;
pub mod limit;
pub mod mac;
pub mod moment;
pub mod name;
pub mod option;
pub mod origin;
pub mod percent;
pub mod policy;
pub mod record;
pub mod route;
pub mod secret;
pub mod setting;
pub mod vlan;
