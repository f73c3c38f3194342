//! What a site promises a machine, and whether the machine got it.

use std::net::IpAddr;

use super::client::dhcp::Lease;
use super::news::{Identity, Loaded};
use crate::base::digest::Digest;
use crate::diag::code::Code;
use crate::diag::fault::Fault;
use crate::site::model::Site;

/// What the site says about one machine.
pub(super) struct Promise {
    /// The address and the name; none for a machine that the site does not declare.
    declared: Option<(IpAddr, String)>,
    file: String,
    digest: Digest,
}

impl Promise {
    /// `None` where the site has nothing for the machine to boot.
    pub(super) fn of(site: &Site, identity: &Identity) -> Option<Self> {
        let machine = site.machines.get(&identity.name);
        let placed = machine
            .and_then(|machine| machine.interfaces.values().next())
            .and_then(|interface| interface.addresses.first());
        let declared = placed.map(|placed| {
            let name = format!("{}.{}", identity.name, site.domain);
            (placed.address.ip(), name)
        });
        let default = || {
            let mut served = site.vlans.values().filter_map(|vlan| vlan.dhcp.as_ref());
            served.find_map(|dhcp| dhcp.image.as_ref())
        };
        let image = machine
            .and_then(|machine| machine.image.as_ref())
            .or_else(default)?;
        let image = site.images.get(image)?;
        let file = image.programs.get(&identity.arch)?;
        Some(Self {
            declared,
            file: file.to_string(),
            digest: image.files.get(file)?.digest,
        })
    }

    pub(super) fn check_lease(&self, identity: &Identity, lease: &Lease) -> Result<(), Fault> {
        match &self.declared {
            Some((address, _)) => check(identity, "address", address, &lease.address.ip()),
            None => Ok(()),
        }
    }

    pub(super) fn check_program(&self, identity: &Identity, loaded: &Loaded) -> Result<(), Fault> {
        check(identity, "boot program", &self.file, &loaded.file)?;
        check(identity, "content", &self.digest, &loaded.digest)
    }

    pub(super) fn check_name(&self, identity: &Identity, name: &String) -> Result<(), Fault> {
        match &self.declared {
            Some((_, declared)) => check(identity, "name", declared, name),
            None => Ok(()),
        }
    }
}

fn check<T: PartialEq + ToString>(
    identity: &Identity,
    what: &str,
    promised: &T,
    got: &T,
) -> Result<(), Fault> {
    if promised == got {
        return Ok(());
    }
    let (name, promised, got) = (&identity.name, promised.to_string(), got.to_string());
    let message = format!("{name} has the {what} {got}; the site says {promised}");
    Err(Fault::new(Code::WorldFailed, message))
}
