//! Which program a network-booting client is told to load, and what it must be told besides to take it (RFC 4578, PXE 2.1, UEFI 2.10
//! 24.7.3, ONIE, iPXE's user class).

use std::sync::Arc;

use smallvec::SmallVec;

use super::config::Image;
use super::program::{NoProgram, Program};
use super::wire::{Message, code};
use crate::base::arch::ClientArch;
use crate::state::Scope;

/// What a client can run; firmware says one, and seldom some more.
type Archs = SmallVec<[ClientArch; 8]>;

/// What a reply says about booting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Boot {
    pub told: Program,
    /// A path for TFTP, or a URL.
    pub program: String,
    /// Whether it calls itself a PXE client, and so takes what PXE says of boot servers.
    is_pxe: bool,
    /// Whether another server gives the address: then every client looks for what PXE says.
    is_proxied: bool,
}

/// "Take the boot file, ask no boot server": bit 3 of suboption 6, and the end (PXE 2.1, table 2-1).
const DISCOVERY_CONTROL: &[u8] = &[6, 1, 8, 255];

/// What a Raspberry Pi looks for before it takes an offer: suboption 9, a menu whose only item has this name, behind a prompt that
/// takes it at once.
const RASPBERRY_PI: &[u8] = b"\x06\x01\x03\x0a\x04\x00PXE\x09\x14\x00\x00\x11Raspberry Pi Boot\xff";

/// The enterprise number under which ONIE looks for the URL of its installer, as suboption 1 (RFC 3925 4).
const ONIE: u32 = 42_623;

/// The user classes of clients that are no firmware.
const IPXE_CLASS: &[u8] = b"iPXE";
const ONIE_CLASS: &[u8] = b"onie_dhcp_user_class";

/// How the vendor class of ONIE begins; the platform follows. It is ONIE's alone: the systems that it installs have their own.
const ONIE_VENDOR: &[u8] = b"onie_vendor:";

/// The vendor class of PXE clients and of those who answer them (PXE 2.1 2.2.3).
const PXE_CLASS: &[u8] = b"PXEClient";

/// The same of firmware that boots by HTTP (UEFI 2.10, 24.7.3.1).
const HTTP_CLASS: &[u8] = b"HTTPClient";

impl Boot {
    /// What option 60 must say; nothing where no firmware looks for it.
    pub(super) fn vendor_class(&self) -> Option<&'static [u8]> {
        if self.told.arch.is_http_firmware() {
            return Some(HTTP_CLASS);
        }
        self.takes_vendor_options().then_some(PXE_CLASS)
    }

    /// What option 43 says, where the site does not.
    pub(super) fn vendor_options(&self) -> Option<&'static [u8]> {
        self.takes_vendor_options()
            .then_some(if self.told.arch == ClientArch::ArmRpiboot {
                RASPBERRY_PI
            } else {
                DISCOVERY_CONTROL
            })
    }

    /// What option 125 says, where the site does not.
    pub(super) fn identified_options(&self) -> Option<Vec<u8>> {
        let length = u8::try_from(self.program.len()).ok()?;
        let all = length.checked_add(2)?;
        let is_onie = self.told.arch == ClientArch::Onie;
        let program = self.program.as_bytes();
        is_onie.then(|| [&ONIE.to_be_bytes(), &[all, 1, length][..], program].concat())
    }

    /// Whether the client is a PXE ROM that loads its program by TFTP: it never asks for what the program itself will look for in
    /// its answer (RFC 5071 2). Beside another server, it is any that calls itself a PXE client: iPXE takes no offer without an address
    /// for anything else.
    pub(super) fn takes_vendor_options(&self) -> bool {
        self.is_pxe && (self.is_proxied || !self.is_by_url())
    }

    /// Whether the program is a URL, which goes into option 67 unasked.
    pub(super) fn is_by_url(&self) -> bool {
        self.told.arch.boots_by_url()
    }
}

/// The first program for this client of its image, or why none; `None` for a client that does not boot from the network. The image is
/// looked for only where the client is one that does.
pub(super) fn boot<'a>(
    message: &Message<'_>,
    scope: &Scope,
    image: impl FnOnce() -> Result<&'a Arc<Image>, NoProgram>,
) -> Option<Result<Boot, NoProgram>> {
    let archs = client_archs(message);
    if archs.is_empty() && !message.options.has(code::ARCHITECTURE) && !looks_for_program(message) {
        return None;
    }
    Some(image().and_then(|image| fitting(message, &archs, (image, scope))))
}

fn fitting(
    message: &Message<'_>,
    archs: &[ClientArch],
    (image, scope): (&Arc<Image>, &Scope),
) -> Result<Boot, NoProgram> {
    let is_disabled = |arch: &&ClientArch| scope.disabled_boot.contains(arch);
    let mut open = archs.iter().filter(|arch| !is_disabled(arch));
    let Some(arch) = open.find(|arch| image.programs.contains_key(arch)) else {
        return Err(why_none(message, archs, (image, scope)));
    };
    let told = Program {
        image: Arc::clone(image),
        server: scope.server,
        arch: *arch,
        is_assumed: is_assumed(message, archs),
    };
    Ok(Boot {
        program: told.text().into_owned(),
        told,
        is_pxe: message.options.is_of_vendor_class(PXE_CLASS),
        is_proxied: scope.policy.proxy,
    })
}

/// Why a client of these architectures has no program of its image.
fn why_none(
    message: &Message<'_>,
    archs: &[ClientArch],
    (image, scope): (&Arc<Image>, &Scope),
) -> NoProgram {
    if archs.is_empty() {
        let codes = message.options.get(code::ARCHITECTURE);
        let first = codes.and_then(|codes| codes.first_chunk().copied());
        return first.map_or(NoProgram::ArchUntold, |code| {
            NoProgram::ArchUnknown(u16::from_be_bytes(code))
        });
    }
    let of = |disabled: bool| {
        let archs = archs.iter().copied();
        let archs = archs.filter(|arch| scope.disabled_boot.contains(arch) == disabled);
        archs.collect()
    };
    NoProgram::Unfit {
        image: Arc::clone(image),
        lacking: of(false),
        disabled: of(true),
        is_assumed: is_assumed(message, archs),
    }
}

/// Whether the architecture is what old firmware is taken for, and not what the client tells.
fn is_assumed(message: &Message<'_>, archs: &[ClientArch]) -> bool {
    archs == [ClientArch::X86Bios] && !message.options.has(code::ARCHITECTURE)
}

/// Whether the client looks for a boot program, from whichever server.
pub(super) fn looks_for_program(message: &Message<'_>) -> bool {
    let mut classes = [PXE_CLASS, HTTP_CLASS].into_iter();
    classes.any(|class| message.options.is_of_vendor_class(class))
}

/// Whether the client is firmware or a boot loader, which hands over to a system soon.
pub(super) fn is_booting(message: &Message<'_>) -> bool {
    let options = &message.options;
    let mut archs = client_archs(message).into_iter();
    options.has(code::ARCHITECTURE)
        || options.is_of_vendor_class(HTTP_CLASS)
        || archs.any(|arch| arch != ClientArch::Onie)
}

/// What the client can run, best first. One that is iPXE already is nothing else, or it would load its own loader for ever.
pub(super) fn client_archs(message: &Message<'_>) -> Archs {
    let options = &message.options;
    if options.has(code::IPXE) || options.is_of_user_class(IPXE_CLASS) {
        return Archs::from_slice(&[ClientArch::Ipxe]);
    }
    if options.is_of_user_class(ONIE_CLASS) || options.is_of_vendor_class(ONIE_VENDOR) {
        return Archs::from_slice(&[ClientArch::Onie]);
    }
    if let Some(codes) = options.get(code::ARCHITECTURE) {
        let codes = codes.chunks_exact(2);
        return codes
            .filter_map(|pair| <[u8; 2]>::try_from(pair).ok())
            .filter_map(|pair| ClientArch::from_code(u16::from_be_bytes(pair)))
            .collect();
    }
    if options.is_of_vendor_class(PXE_CLASS) {
        // BIOS ROMs older than RFC 4578 say no more than this.
        return Archs::from_slice(&[ClientArch::X86Bios]);
    }
    Archs::new()
}
