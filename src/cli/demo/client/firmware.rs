//! What network boot firmware says of itself in every DHCP message (RFC 4578; UEFI 2.10, 24.7).

use std::net::Ipv4Addr;

use dhcproto::v4::{Architecture, DhcpOption, Message, MessageType, OptionCode};

use crate::base::arch::ClientArch;
use crate::base::mac::MacAddr;

/// What the firmware can take in one message (option 57), as UEFI and PXE ROMs state it.
const MESSAGE_BYTES: u16 = 1472;

/// What firmware asks for (option 55).
const WANTED: [OptionCode; 8] = [
    OptionCode::SubnetMask,
    OptionCode::Router,
    OptionCode::DomainNameServer,
    OptionCode::Hostname,
    OptionCode::DomainName,
    OptionCode::ClassIdentifier,
    OptionCode::TFTPServerName,
    OptionCode::BootfileName,
];

/// The version of UNDI, the network driver's interface: 2.1 in a PXE ROM, 3.0 in UEFI.
struct Undi {
    major: u8,
    minor: u8,
}

/// A message without addresses.
pub(super) fn message(
    kind: MessageType,
    transaction: u32,
    mac: MacAddr,
    arch: ClientArch,
) -> Message {
    let none = Ipv4Addr::UNSPECIFIED;
    let mut message = Message::new_with_id(transaction, none, none, none, none, &mac.0);
    let code = code(arch);
    let undi = undi(arch);
    let options = message.opts_mut();
    options.insert(DhcpOption::MessageType(kind));
    options.insert(DhcpOption::ParameterRequestList(WANTED.to_vec()));
    options.insert(DhcpOption::MaxMessageSize(MESSAGE_BYTES));
    options.insert(DhcpOption::ClassIdentifier(class(arch).into_bytes()));
    options.insert(DhcpOption::ClientSystemArchitecture(Architecture(code)));
    options.insert(DhcpOption::ClientNetworkInterface(
        1, undi.major, undi.minor,
    ));
    options.insert(DhcpOption::ClientMachineIdentifier(identifier(mac)));
    message
}

/// Option 60 (RFC 4578 2, UEFI 2.10 24.7.3.1).
fn class(arch: ClientArch) -> String {
    let kind = if arch.boots_by_url() {
        "HTTPClient"
    } else {
        "PXEClient"
    };
    let Undi { major, minor } = undi(arch);
    format!("{kind}:Arch:{:05}:UNDI:{major:03}{minor:03}", code(arch))
}

fn undi(arch: ClientArch) -> Undi {
    if code(arch) == 0 {
        Undi { major: 2, minor: 1 }
    } else {
        Undi { major: 3, minor: 0 }
    }
}

/// The code that option 93 carries. iPXE states that of the firmware beneath it.
fn code(arch: ClientArch) -> u16 {
    arch.codes().first().copied().unwrap_or(0)
}

/// Option 97: a type byte of 0, then the machine's UUID; ours ends in its MAC, as version 1 UUIDs do (RFC 4578 2.3).
fn identifier(mac: MacAddr) -> Vec<u8> {
    let mut bytes = vec![0; 11];
    bytes.extend(mac.0);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_what_servers_and_captures_know() {
        let cases = [
            (ClientArch::X86Bios, "PXEClient:Arch:00000:UNDI:002001"),
            (ClientArch::X64Uefi, "PXEClient:Arch:00007:UNDI:003000"),
            (ClientArch::X64UefiHttp, "HTTPClient:Arch:00016:UNDI:003000"),
        ];
        for (arch, expected) in cases {
            assert_eq!(class(arch), expected);
            assert_eq!(ClientArch::from_code(code(arch)), Some(arch));
        }
    }

    #[test]
    fn a_machine_identifier_has_its_type_and_sixteen_bytes() {
        let bytes = identifier(MacAddr([1, 2, 3, 4, 5, 6]));
        assert_eq!((bytes.len(), bytes[0]), (17, 0));
        assert!(bytes.ends_with(&[1, 2, 3, 4, 5, 6]));
    }
}
