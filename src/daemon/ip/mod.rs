//! Addresses as the daemon accounts for them: what the site says, what was granted, and who was seen.

mod account;
mod conflict;
mod part;
mod reclaim;
mod row;
mod spot;

pub(super) use account::{Account, Granted};
pub use row::{
    AddressDetail, AddressRow, AddressUse, Conflict, ConflictKind, Counts, IpOverview, MacDetail,
    NextAddress, Passed, RangeRow, Reclaim, ReclaimReason, Reclaimable, Reclaimed, SubnetListing,
    SubnetRow,
};
