//! Client system architectures: which first boot program a network-booting client can run.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A class of network-booting clients (RFC 4578 2.1 and the IANA "Processor Architecture Types" registry).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ClientArch {
    /// 0: x86 BIOS.
    X86Bios,
    /// 7 and 9: x64 UEFI over TFTP (9 is what the RFC's text says, 7 what firmware sends).
    X64Uefi,
    /// 11: 64-bit Arm UEFI over TFTP.
    Arm64Uefi,
    /// 16: x64 UEFI over HTTP.
    X64UefiHttp,
    /// 19: 64-bit Arm UEFI over HTTP.
    Arm64UefiHttp,
    /// Any client that is iPXE already (option 77 or 175): it gets a script, never a loader again.
    Ipxe,
}

/// Why a text names no architecture.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a client architecture")]
pub struct ArchError(pub String);

impl ClientArch {
    pub const ALL: [Self; 6] = [
        Self::X86Bios,
        Self::X64Uefi,
        Self::Arm64Uefi,
        Self::X64UefiHttp,
        Self::Arm64UefiHttp,
        Self::Ipxe,
    ];

    /// The class of an option 93 code, where we know it.
    pub fn from_code(code: u16) -> Option<Self> {
        match code {
            0 => Some(Self::X86Bios),
            7 | 9 => Some(Self::X64Uefi),
            11 => Some(Self::Arm64Uefi),
            16 => Some(Self::X64UefiHttp),
            19 => Some(Self::Arm64UefiHttp),
            _ => None,
        }
    }

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::X86Bios => "x86-bios",
            Self::X64Uefi => "x64-uefi",
            Self::Arm64Uefi => "arm64-uefi",
            Self::X64UefiHttp => "x64-uefi-http",
            Self::Arm64UefiHttp => "arm64-uefi-http",
            Self::Ipxe => "ipxe",
        }
    }

    /// Whether the client wants a URL in option 67 and `HTTPClient` in option 60 (UEFI 2.10, 24.7.3.1).
    pub fn boots_by_url(self) -> bool {
        match self {
            Self::X64UefiHttp | Self::Arm64UefiHttp | Self::Ipxe => true,
            Self::X86Bios | Self::X64Uefi | Self::Arm64Uefi => false,
        }
    }
}

impl fmt::Display for ClientArch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for ClientArch {
    type Err = ArchError;

    fn from_str(text: &str) -> Result<Self, ArchError> {
        Self::ALL
            .into_iter()
            .find(|arch| arch.as_str() == text)
            .ok_or_else(|| ArchError(text.to_owned()))
    }
}
