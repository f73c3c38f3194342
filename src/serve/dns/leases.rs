//! The names that leases bring: an overlay over the declared ones. Knows neither zones nor who holds a lease.

use std::collections::{BTreeSet, HashMap};
use std::net::Ipv4Addr;

use super::zone::suffixes;
use crate::base::name::DomainName;
use crate::state::reverse_name;

/// Names and addresses in force, both ways; keys as `zone::fold` writes them.
#[derive(Default)]
pub(super) struct Leases {
    addresses: HashMap<String, BTreeSet<Ipv4Addr>>,
    pointers: HashMap<String, DomainName>,
    /// How many names exist below each name, which therefore exists itself (RFC 8020 2).
    below: HashMap<String, usize>,
}

impl Leases {
    /// Names `address`, in place of the name that it had. Returns whether anything changed.
    pub(super) fn publish(&mut self, name: &DomainName, address: Ipv4Addr) -> bool {
        let Some(reverse) = reverse_name(address.into()) else {
            return false;
        };
        match self.pointers.get(reverse.as_str()) {
            Some(before) if before == name => return false,
            Some(before) => {
                let before = before.clone();
                self.withdraw(&before, address);
            }
            None => {}
        }
        let addresses = self.addresses.entry(name.as_str().to_owned()).or_default();
        if addresses.is_empty() {
            count_above(&mut self.below, name.as_str());
        }
        addresses.insert(address);
        count_above(&mut self.below, reverse.as_str());
        self.pointers.insert(reverse.into(), name.clone());
        true
    }

    /// Takes the name of `address` away, where it is `name`. Returns whether anything changed.
    pub(super) fn withdraw(&mut self, name: &DomainName, address: Ipv4Addr) -> bool {
        let Some(reverse) = reverse_name(address.into()) else {
            return false;
        };
        if self.pointers.get(reverse.as_str()) != Some(name) {
            return false;
        }
        self.pointers.remove(reverse.as_str());
        uncount_above(&mut self.below, reverse.as_str());
        if let Some(addresses) = self.addresses.get_mut(name.as_str()) {
            addresses.remove(&address);
            if addresses.is_empty() {
                self.addresses.remove(name.as_str());
                uncount_above(&mut self.below, name.as_str());
            }
        }
        true
    }

    pub(super) fn addresses(&self, name: &str) -> Option<&BTreeSet<Ipv4Addr>> {
        self.addresses.get(name)
    }

    pub(super) fn pointer(&self, name: &str) -> Option<&DomainName> {
        self.pointers.get(name)
    }

    /// Whether there are names below `name`.
    pub(super) fn has_below(&self, name: &str) -> bool {
        self.below.contains_key(name)
    }
}

fn count_above(below: &mut HashMap<String, usize>, name: &str) {
    for above in suffixes(name).skip(1) {
        *below.entry(above.to_owned()).or_default() += 1;
    }
}

fn uncount_above(below: &mut HashMap<String, usize>, name: &str) {
    for above in suffixes(name).skip(1) {
        let left = below.get(above).map_or(0, |count| count.saturating_sub(1));
        if left == 0 {
            below.remove(above);
        } else {
            below.insert(above.to_owned(), left);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_published_can_be_withdrawn_without_trace() {
        let name = |text: &str| text.parse::<DomainName>().unwrap();
        let (one, two): (Ipv4Addr, Ipv4Addr) = ([10, 0, 0, 1].into(), [10, 0, 0, 2].into());
        let mut leases = Leases::default();
        assert!(leases.publish(&name("a.x.example"), one));
        assert!(!leases.publish(&name("a.x.example"), one));
        assert!(leases.publish(&name("a.x.example"), two));
        assert!(leases.publish(&name("b.example"), one), "one is renamed");
        assert_eq!(
            leases.addresses("a.x.example"),
            Some(&BTreeSet::from([two]))
        );
        assert_eq!(
            leases.pointer("1.0.0.10.in-addr.arpa"),
            Some(&name("b.example"))
        );
        assert!(leases.has_below("x.example") && leases.has_below("0.0.10.in-addr.arpa"));
        assert!(
            !leases.withdraw(&name("a.x.example"), one),
            "its name is another"
        );
        assert!(leases.withdraw(&name("a.x.example"), two));
        assert!(!leases.has_below("x.example"));
        assert!(leases.withdraw(&name("b.example"), one));
        let left = (
            leases.addresses.len(),
            leases.pointers.len(),
            leases.below.len(),
        );
        assert_eq!(left, (0, 0, 0));
    }
}
