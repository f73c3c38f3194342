//! Client system architectures: which first boot program a network-booting client can run.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A class of network-booting clients (the IANA registry "Processor Architecture Types", which RFC 4578 2.1 began, and two kinds of
/// clients that the registry does not have).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ClientArch {
    X86Bios,
    X64Uefi,
    Arm64Uefi,
    X64UefiHttp,
    Arm64UefiHttp,
    /// Any client that is iPXE already (option 77 or 175): it gets a script, never a loader again.
    Ipxe,
    X86BiosHttp,
    X86Uefi,
    X86UefiHttp,
    Arm32Uefi,
    Arm32UefiHttp,
    Arm32Uboot,
    Arm32UbootHttp,
    Arm64Uboot,
    Arm64UbootHttp,
    ArmRpiboot,
    Riscv32Uefi,
    Riscv32UefiHttp,
    Riscv64Uefi,
    Riscv64UefiHttp,
    Riscv128Uefi,
    Riscv128UefiHttp,
    Loongarch64Uefi,
    Loongarch64UefiHttp,
    PpcOpenFirmware,
    PpcOpal,
    S390Basic,
    S390Extended,
    /// The installer of a switch (option 77): it gets the URL of a network operating system.
    Onie,
}

/// How a client fetches its first program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Transport {
    Tftp,
    Http,
}

/// What there is to know of an architecture.
struct ArchRow {
    /// As the language writes it.
    name: &'static str,
    /// As people say it.
    title: &'static str,
    /// What option 93 says of it: first what firmware sends.
    codes: &'static [u16],
    transport: Transport,
}

/// Some architectures, in four octets.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ClientArchs(u32);

/// Why a text names no architecture.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a client architecture")]
pub struct ArchError(pub String);

const fn tftp(name: &'static str, title: &'static str, codes: &'static [u16]) -> ArchRow {
    ArchRow {
        name,
        title,
        codes,
        transport: Transport::Tftp,
    }
}

const fn http(name: &'static str, title: &'static str, codes: &'static [u16]) -> ArchRow {
    ArchRow {
        transport: Transport::Http,
        ..tftp(name, title, codes)
    }
}

impl ClientArch {
    /// In the order in which people look for them.
    pub const ALL: [Self; 29] = [
        Self::X86Bios,
        Self::X86BiosHttp,
        Self::X86Uefi,
        Self::X86UefiHttp,
        Self::X64Uefi,
        Self::X64UefiHttp,
        Self::Arm32Uefi,
        Self::Arm32UefiHttp,
        Self::Arm32Uboot,
        Self::Arm32UbootHttp,
        Self::Arm64Uefi,
        Self::Arm64UefiHttp,
        Self::Arm64Uboot,
        Self::Arm64UbootHttp,
        Self::ArmRpiboot,
        Self::Riscv32Uefi,
        Self::Riscv32UefiHttp,
        Self::Riscv64Uefi,
        Self::Riscv64UefiHttp,
        Self::Riscv128Uefi,
        Self::Riscv128UefiHttp,
        Self::Loongarch64Uefi,
        Self::Loongarch64UefiHttp,
        Self::PpcOpenFirmware,
        Self::PpcOpal,
        Self::S390Basic,
        Self::S390Extended,
        Self::Ipxe,
        Self::Onie,
    ];

    /// The one table. EFI byte code counts as x64, the only processor that such firmware was built for: RFC 4578's text has 9 for it,
    /// firmware sends 7.
    const fn row(self) -> ArchRow {
        match self {
            Self::X86Bios => tftp("x86-bios", "x86 BIOS", &[0x00]),
            Self::X86BiosHttp => http("x86-bios-http", "x86 BIOS HTTP", &[0x14]),
            Self::X86Uefi => tftp("x86-uefi", "x86 UEFI", &[0x06]),
            Self::X86UefiHttp => http("x86-uefi-http", "x86 UEFI HTTP", &[0x0f]),
            Self::X64Uefi => tftp("x64-uefi", "x64 UEFI", &[0x07, 0x09]),
            Self::X64UefiHttp => http("x64-uefi-http", "x64 UEFI HTTP", &[0x10, 0x11]),
            Self::Arm32Uefi => tftp("arm32-uefi", "32-bit Arm UEFI", &[0x0a]),
            Self::Arm32UefiHttp => http("arm32-uefi-http", "32-bit Arm UEFI HTTP", &[0x12]),
            Self::Arm32Uboot => tftp("arm32-uboot", "32-bit Arm U-Boot", &[0x15]),
            Self::Arm32UbootHttp => http("arm32-uboot-http", "32-bit Arm U-Boot HTTP", &[0x17]),
            Self::Arm64Uefi => tftp("arm64-uefi", "Arm UEFI", &[0x0b]),
            Self::Arm64UefiHttp => http("arm64-uefi-http", "Arm UEFI HTTP", &[0x13]),
            Self::Arm64Uboot => tftp("arm64-uboot", "Arm U-Boot", &[0x16]),
            Self::Arm64UbootHttp => http("arm64-uboot-http", "Arm U-Boot HTTP", &[0x18]),
            Self::ArmRpiboot => tftp("arm-rpiboot", "Raspberry Pi", &[0x29]),
            Self::Riscv32Uefi => tftp("riscv32-uefi", "32-bit RISC-V UEFI", &[0x19]),
            Self::Riscv32UefiHttp => http("riscv32-uefi-http", "32-bit RISC-V UEFI HTTP", &[0x1a]),
            Self::Riscv64Uefi => tftp("riscv64-uefi", "RISC-V UEFI", &[0x1b]),
            Self::Riscv64UefiHttp => http("riscv64-uefi-http", "RISC-V UEFI HTTP", &[0x1c]),
            Self::Riscv128Uefi => tftp("riscv128-uefi", "128-bit RISC-V UEFI", &[0x1d]),
            Self::Riscv128UefiHttp => {
                http("riscv128-uefi-http", "128-bit RISC-V UEFI HTTP", &[0x1e])
            }
            Self::Loongarch64Uefi => tftp("loongarch64-uefi", "LoongArch UEFI", &[0x27]),
            Self::Loongarch64UefiHttp => {
                http("loongarch64-uefi-http", "LoongArch UEFI HTTP", &[0x28])
            }
            Self::PpcOpenFirmware => tftp("ppc-open-firmware", "POWER Open Firmware", &[0x0c]),
            Self::PpcOpal => tftp("ppc-opal", "POWER OPAL", &[0x0e]),
            Self::S390Basic => tftp("s390-basic", "s390x", &[0x1f]),
            Self::S390Extended => tftp("s390-extended", "s390x partition", &[0x20]),
            Self::Ipxe => http("ipxe", "iPXE", &[]),
            Self::Onie => http("onie", "ONIE", &[]),
        }
    }

    /// The class of an option 93 code, where we know it.
    pub fn from_code(code: u16) -> Option<Self> {
        let mut all = Self::ALL.into_iter();
        all.find(|arch| arch.codes().contains(&code))
    }

    /// What option 93 says of it, first what firmware sends; nothing of a client that is told by other options.
    pub const fn codes(self) -> &'static [u16] {
        self.row().codes
    }

    pub const fn as_str(self) -> &'static str {
        self.row().name
    }

    /// As people say it.
    pub const fn title(self) -> &'static str {
        self.row().title
    }

    /// Whether the client wants a URL in option 67.
    pub fn boots_by_url(self) -> bool {
        match self.row().transport {
            Transport::Http => true,
            Transport::Tftp => false,
        }
    }

    /// Whether it is firmware that boots by HTTP, and so wants `HTTPClient` in option 60 (UEFI 2.10, 24.7.3.1).
    pub fn is_http_firmware(self) -> bool {
        self.boots_by_url() && !self.codes().is_empty()
    }
}

impl fmt::Display for ClientArch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl ClientArchs {
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// In the order in which people look for them.
    pub fn iter(self) -> impl Iterator<Item = ClientArch> {
        let all = ClientArch::ALL.into_iter();
        all.filter(move |arch| self.0 & Self::bit(*arch) != 0)
    }

    const fn bit(arch: ClientArch) -> u32 {
        1 << arch as u32
    }
}

impl FromIterator<ClientArch> for ClientArchs {
    fn from_iter<T: IntoIterator<Item = ClientArch>>(archs: T) -> Self {
        let archs = archs.into_iter();
        Self(archs.fold(0, |all, arch| all | Self::bit(arch)))
    }
}

impl fmt::Display for ClientArchs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, arch) in self.iter().enumerate() {
            let before = if at == 0 { "" } else { ", " };
            write!(f, "{before}{arch}")?;
        }
        Ok(())
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_code_and_name_is_one_architectures() {
        let all: BTreeSet<_> = ClientArch::ALL.into_iter().collect();
        assert_eq!(all.len(), ClientArch::ALL.len());
        let mut seen = BTreeSet::new();
        for arch in ClientArch::ALL {
            let stored = serde_json::to_value(arch).unwrap();
            assert_eq!(stored, arch.as_str());
            assert_eq!(arch.as_str().parse(), Ok(arch));
            for code in arch.codes() {
                assert!(seen.insert(*code), "{code}");
                assert_eq!(ClientArch::from_code(*code), Some(arch));
            }
        }
    }

    #[test]
    fn a_set_has_each_and_nothing_else() {
        for arch in ClientArch::ALL {
            let one: ClientArchs = [arch, arch].into_iter().collect();
            assert_eq!(one.to_string(), arch.as_str());
        }
        let all: ClientArchs = ClientArch::ALL.into_iter().rev().collect();
        assert!(all.iter().eq(ClientArch::ALL));
        let some = [ClientArch::Arm64Uefi, ClientArch::X64Uefi];
        let some: ClientArchs = some.into_iter().collect();
        assert_eq!(some.to_string(), "x64-uefi, arm64-uefi");
        assert!(ClientArchs::default().is_empty() && !some.is_empty());
    }
}
