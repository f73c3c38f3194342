//! Which program a network-booting client is told to load (RFC 4578, UEFI 2.10 24.7.3, iPXE's user class).

use std::net::Ipv4Addr;

use super::wire::{Message, code};
use crate::base::arch::ClientArch;
use crate::state::{BootImage, Scope};

/// What a reply says about booting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Boot {
    pub server: Ipv4Addr,
    /// A path for TFTP, or a URL.
    pub program: String,
    /// Whether `program` is a URL, which goes into option 67 unasked.
    pub by_url: bool,
    /// Whether the reply must carry the vendor class `HTTPClient`.
    pub http_client: bool,
}

/// The first program of `image` for this client; `None` for one that does not boot from the network, that may not here, or that
/// none fits.
pub(super) fn boot(message: &Message<'_>, image: &BootImage, scope: &Scope) -> Option<Boot> {
    let server = scope.server;
    let arch = client_archs(message)
        .into_iter()
        .filter(|arch| !scope.disabled_boot.contains(arch))
        .find(|arch| image.programs.contains_key(arch))?;
    let path = image.programs.get(&arch)?;
    let by_url = arch.boots_by_url();
    Some(Boot {
        server,
        program: if by_url {
            format!("http://{server}/{path}")
        } else {
            path.to_string()
        },
        by_url,
        http_client: by_url && arch != ClientArch::Ipxe,
    })
}

/// What the client can run, best first. One that is iPXE already is nothing else, or it would load its own loader for ever.
fn client_archs(message: &Message<'_>) -> Vec<ClientArch> {
    let options = &message.options;
    let user_class = options.get(code::USER_CLASS).unwrap_or_default();
    // iPXE sends its class bare; RFC 3004 puts a length before each.
    if options.has(code::IPXE) || matches!(&*user_class, b"iPXE" | b"\x04iPXE") {
        return vec![ClientArch::Ipxe];
    }
    if let Some(codes) = options.get(code::ARCHITECTURE) {
        let codes = codes.chunks_exact(2);
        return codes
            .filter_map(|pair| <[u8; 2]>::try_from(pair).ok())
            .filter_map(|pair| ClientArch::from_code(u16::from_be_bytes(pair)))
            .collect();
    }
    let vendor_class = options.get(code::VENDOR_CLASS).unwrap_or_default();
    if vendor_class.starts_with(b"PXEClient") {
        // BIOS ROMs older than RFC 4578 say no more than this.
        return vec![ClientArch::X86Bios];
    }
    Vec::new()
}
