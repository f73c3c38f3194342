//! Names of leases: made valid, unique among themselves, and never one that the site declares.

use std::hash::{BuildHasher as _, RandomState};
use std::net::Ipv4Addr;

use compact_str::CompactString;
use hashbrown::HashTable;

use super::config::Config;
use crate::base::name::DomainName;

/// A lease's name in DNS begins or ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NameChange {
    Publish { name: DomainName, address: Ipv4Addr },
    Withdraw { name: DomainName, address: Ipv4Addr },
}

/// Which lease has which name.
///
/// Names are known by a keyed hash: a million of them need not lie here too. Two that share one, of which there will be none, cannot
/// both be had, as if they were the same.
#[derive(Debug, Default)]
pub(super) struct Names {
    holders: HashTable<Holder>,
    /// Secret, since names come from the network.
    hasher: RandomState,
}

#[derive(Debug)]
struct Holder {
    name: u64,
    address: Ipv4Addr,
}

impl Names {
    /// The name for the lease of `address`: the one its client asks for, else one made from the address; held from now on. `is_own`
    /// where the client is the machine of that name: nobody else has it.
    pub(super) fn choose(
        &mut self,
        config: &Config,
        domain: &DomainName,
        (asked, is_own): (Option<&[u8]>, bool),
        address: Ipv4Addr,
    ) -> Option<DomainName> {
        let from_client = wanted(domain, asked);
        let from_client = from_client.filter(|name| is_own || !config.is_of_machine(name));
        let generated = || domain.child(&generated_label(address)).ok();
        let mut take = |name: &DomainName| !config.declares(name) && self.hold(name, address);
        from_client
            .filter(&mut take)
            .or_else(|| generated().filter(&mut take))
    }

    /// The lease that has the name which a client asks for.
    pub(super) fn holder(&self, domain: &DomainName, asked: Option<&[u8]>) -> Option<Ipv4Addr> {
        self.holder_of(&wanted(domain, asked)?)
    }

    fn holder_of(&self, name: &DomainName) -> Option<Ipv4Addr> {
        let name = self.hasher.hash_one(name);
        let found = self.holders.find(name, |holder| holder.name == name)?;
        Some(found.address)
    }

    /// Holds a name from now on; false where another lease holds it.
    pub(super) fn hold(&mut self, name: &DomainName, address: Ipv4Addr) -> bool {
        self.hold_hashed(self.hasher.hash_one(name), address)
    }

    /// Holds many names, and tells of which it does. One right after the other, many places in memory are waited for at once.
    pub(super) fn hold_all<'n>(
        &mut self,
        names: impl Iterator<Item = (&'n DomainName, Ipv4Addr)>,
    ) -> Vec<bool> {
        let hashed = names.map(|(name, address)| (self.hasher.hash_one(name), address));
        let hashed: Vec<(u64, Ipv4Addr)> = hashed.collect();
        let held = hashed
            .into_iter()
            .map(|(name, address)| self.hold_hashed(name, address));
        held.collect()
    }

    fn hold_hashed(&mut self, name: u64, address: Ipv4Addr) -> bool {
        let is_it = |holder: &Holder| holder.name == name;
        let place = self.holders.entry(name, is_it, |holder| holder.name);
        place.or_insert(Holder { name, address }).get().address == address
    }

    pub(super) fn release(&mut self, name: &DomainName, address: Ipv4Addr) {
        let name = self.hasher.hash_one(name);
        let is_its = |holder: &Holder| (holder.name, holder.address) == (name, address);
        if let Ok(held) = self.holders.find_entry(name, is_its) {
            held.remove();
        }
    }
}

/// `dhcp-10-0-0-1`.
fn generated_label(address: Ipv4Addr) -> CompactString {
    let mut label = CompactString::const_new("dhcp");
    for octet in address.octets() {
        label.push('-');
        let digits = [octet / 100, octet / 10 % 10, octet % 10];
        let shown = if octet >= 100 {
            3
        } else {
            1 + usize::from(octet >= 10)
        };
        label.extend(
            digits
                .iter()
                .skip(3 - shown)
                .map(|digit| char::from(b'0' + digit)),
        );
    }
    label
}

fn wanted(domain: &DomainName, asked: Option<&[u8]>) -> Option<DomainName> {
    domain.child(&valid_label(asked?)?).ok()
}

/// The first label of what a client calls itself, in letters, digits and inner hyphens; `None` where none of it remains.
fn valid_label(asked: &[u8]) -> Option<String> {
    let first = asked.split(|byte| *byte == b'.').next()?;
    let spelt: String = first
        .iter()
        .take_while(|byte| **byte != 0)
        .map(|byte| match byte {
            b'a'..=b'z' | b'0'..=b'9' => char::from(*byte),
            b'A'..=b'Z' => char::from(byte.to_ascii_lowercase()),
            _ => '-',
        })
        .collect();
    let label: String = spelt.trim_matches('-').chars().take(63).collect();
    let label = label.trim_end_matches('-');
    (!label.is_empty()).then(|| label.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_made_valid() {
        let long = [b'a'; 255];
        for (asked, label) in [
            (&b"Node_7"[..], Some("node-7")),
            (b"web.example.net", Some("web")),
            (b"cut\0off", Some("cut")),
            (b"-x-", Some("x")),
            (b"", None),
            (b"...", None),
            (b"\0\0", None),
            (b"\xff\xfe", None),
            (b"caf\xc3\xa9", Some("caf")),
        ] {
            assert_eq!(valid_label(asked).as_deref(), label, "{asked:?}");
        }
        assert_eq!(valid_label(&long).unwrap().len(), 63);
    }

    #[test]
    fn generated_labels_spell_the_address() {
        for octets in [[0, 9, 10, 99], [100, 101, 200, 255], [10, 0, 0, 1]] {
            let [a, b, c, d] = octets;
            let expected = format!("dhcp-{a}-{b}-{c}-{d}");
            assert_eq!(generated_label(octets.into()), expected);
        }
    }

    #[test]
    fn two_leases_never_share_a_name() {
        let (config, mut names) = (Config::default(), Names::default());
        let domain: DomainName = "example".parse().unwrap();
        let mut choose = |asked: &str, last: u8| {
            let address = Ipv4Addr::new(10, 0, 0, last);
            let name = names.choose(&config, &domain, (Some(asked.as_bytes()), false), address);
            name.map(|name| name.to_string())
        };
        assert_eq!(choose("web", 1).as_deref(), Some("web.example"));
        assert_eq!(choose("web", 1).as_deref(), Some("web.example"));
        assert_eq!(choose("WEB", 2).as_deref(), Some("dhcp-10-0-0-2.example"));
        assert_eq!(
            choose("dhcp-10-0-0-4", 3).as_deref(),
            Some("dhcp-10-0-0-4.example")
        );
        assert_eq!(choose("web", 4), None);
    }
}
