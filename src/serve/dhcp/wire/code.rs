//! Codes of the options that the engine itself deals with.

pub(in super::super) const HOST_NAME: u8 = 12;
pub(in super::super) const REQUESTED_ADDRESS: u8 = 50;
pub(in super::super) const LEASE_TIME: u8 = 51;
pub(in super::super) const OVERLOAD: u8 = 52;
pub(in super::super) const MESSAGE_TYPE: u8 = 53;
pub(in super::super) const SERVER_ID: u8 = 54;
pub(in super::super) const PARAMETERS: u8 = 55;
pub(in super::super) const MESSAGE_SIZE: u8 = 57;
pub(in super::super) const RENEWAL_TIME: u8 = 58;
pub(in super::super) const REBINDING_TIME: u8 = 59;
pub(in super::super) const VENDOR_CLASS: u8 = 60;
pub(in super::super) const CLIENT_ID: u8 = 61;
pub(in super::super) const TFTP_SERVER: u8 = 66;
pub(in super::super) const BOOT_FILE: u8 = 67;
pub(in super::super) const USER_CLASS: u8 = 77;
pub(in super::super) const RELAY: u8 = 82;
pub(in super::super) const ARCHITECTURE: u8 = 93;
pub(in super::super) const MACHINE_ID: u8 = 97;
pub(in super::super) const SUBNET_SELECTION: u8 = 118;
pub(in super::super) const IPXE: u8 = 175;
