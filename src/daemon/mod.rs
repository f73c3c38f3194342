//! The daemon: owns the servers, netlink and the store; answers the API; converges to the last applied site at start.

pub mod api;
mod binding;
mod blobs;
mod bmc;
mod bundle;
mod confirm;
mod doing;
mod draft;
mod drift;
mod event;
mod fault;
mod fight;
mod history;
mod hold;
mod hook;
mod in_force;
mod ip;
mod lease;
mod meaning;
mod mend;
mod order;
mod privileges;
mod reconcile;
mod record;
mod serve;
mod start;
mod status;
mod turn;
mod webhook;
mod who;
mod why;

pub use api::SocketError;
pub use binding::{BindingChange, BindingRow};
pub use bmc::{
    BmcEvent, BmcInventory, BmcOrder, BmcReading, BmcRow, BmcState, BmcSummary, BmcWish,
    BootOrderDrift, CONSOLE_PROTOCOL, ChosenMachines, ConsoleFrame, ConsoleOpened, ConsoleOrder,
    FoundBmc, FoundRedfish, InventoryDifference, MachineDrift, MachineSelection, ManualRequest,
    MatchedBy, PowerDrift, PowerEvent, PowerOrder, RECORDING_BYTES, RECORDING_DAYS,
    RECORDING_MACHINE_BYTES, RecordingHeader, RecordingRow, Restart, ShownCertificate,
    SkippedMachines, SweepEvent, SweepOrder,
};
pub use bundle::{Bundle, Content, FORMAT_VERSION as BUNDLE_VERSION};
pub use confirm::{Unconfirmed, WITHIN};
pub use doing::{AwaitedMachine, AwaitedMachines, Deed, Doing};
pub use draft::Planned;
pub use drift::{Departure, Drift, ENDED, Ended, TOLD, Waits};
pub use event::{EventRow, LeaseEvent};
pub use fault::plan as plan_fault;
pub use fight::Tries;
pub use history::{Cause, ENTRIES, Entry, Fate, OWN_ENTRIES, Past, STATES};
pub use hold::{Hold, REASON_BYTES};
pub use hook::HookTally;
pub use ip::{
    AddressDetail, AddressRow, AddressUse, Conflict, ConflictKind, Counts, IpOverview, MacDetail,
    NextAddress, Passed, RangeRow, Reclaim, ReclaimReason, Reclaimable, Reclaimed, SubnetListing,
    SubnetRow,
};
pub use lease::{LeaseFilter, LeaseRow, PastRow, StateFilter, StateFilterError};
pub use serve::{ServeError, Settings, serve};
pub use status::{ListenerRow, Status};
pub use turn::UnderWay;
pub use who::{Who, now};
pub use why::{
    BootRow, ExchangeRow, InUseRow, ObstacleRow, QuarantineRow, ReservedRow, WaitingRow, Why,
};
