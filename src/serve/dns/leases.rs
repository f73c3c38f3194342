//! The names that leases bring: an overlay over the declared ones. Knows neither zones nor who holds a lease.

use std::collections::{BTreeMap, HashMap};
use std::net::Ipv4Addr;

use super::zone::suffixes;
use crate::base::index::{AddressIndex, Addresses};
use crate::base::name::DomainName;

/// What reverse names of addresses end with (RFC 1035 3.5).
const REVERSE: &str = "in-addr.arpa";

/// Names and addresses in force, both ways; names as `zone::fold` writes them.
#[derive(Default)]
pub(super) struct Leases {
    /// By the names that `pointers` has.
    addresses: AddressIndex,
    /// By addresses as numbers, which compare faster than octets.
    pointers: BTreeMap<u32, DomainName>,
    /// The names that exist by what is below them (RFC 8020 2): how many right below have an address, and how many are here themselves.
    below: HashMap<String, usize>,
}

impl Leases {
    /// Names `address`, in place of the name that it had. Returns whether anything changed.
    pub(super) fn publish(&mut self, name: DomainName, address: Ipv4Addr) -> bool {
        match self.pointers.get(&address.to_bits()) {
            Some(same) if *same == name => return false,
            Some(_) => self.forget(address),
            None => {}
        }
        let text_of = text_in(&self.pointers);
        let is_new = self.addresses.insert_only(name.as_str(), address, text_of);
        if is_new {
            count_above(&mut self.below, name.as_str());
        }
        self.pointers.insert(address.to_bits(), name);
        true
    }

    /// Takes the name of `address` away, where it is `name`. Returns whether anything changed.
    pub(super) fn withdraw(&mut self, name: &DomainName, address: Ipv4Addr) -> bool {
        if self.pointers.get(&address.to_bits()) != Some(name) {
            return false;
        }
        self.forget(address);
        true
    }

    /// Forgets the name of `address`.
    fn forget(&mut self, address: Ipv4Addr) {
        let Some(name) = self.pointers.remove(&address.to_bits()) else {
            return;
        };
        self.addresses.remove(name.as_str(), address);
        if self.addresses(name.as_str()).is_none() {
            uncount_above(&mut self.below, name.as_str());
        }
    }

    /// The addresses of a name, in their order; none where it has none.
    pub(super) fn addresses(&self, name: &str) -> Option<Addresses> {
        let found = self.addresses.of(name, text_in(&self.pointers));
        (!found.is_empty()).then_some(found)
    }

    /// The name of the address that `name` is the reverse name of.
    pub(super) fn pointer(&self, name: &str) -> Option<&DomainName> {
        match reversed(name)? {
            (address, 4) => self.pointers.get(&address.to_bits()),
            _ => None,
        }
    }

    /// Whether there are names below `name`.
    pub(super) fn has_below(&self, name: &str) -> bool {
        self.below.contains_key(name) || self.has_pointer_below(name)
    }

    fn has_pointer_below(&self, name: &str) -> bool {
        if name == "arpa" {
            return !self.pointers.is_empty();
        }
        let Some((first, octets @ 0..4)) = reversed(name) else {
            return false;
        };
        let last = u32::from(first) | u32::MAX.checked_shr(8 * octets).unwrap_or(0);
        let mut within = self.pointers.range(u32::from(first)..=last);
        within.next().is_some()
    }
}

fn text_in<'p>(
    pointers: &'p BTreeMap<u32, DomainName>,
) -> impl Fn(Ipv4Addr) -> Option<&'p str> + use<'p> {
    |address| pointers.get(&address.to_bits()).map(DomainName::as_str)
}

/// The address whose first octets a name below `in-addr.arpa` has, the others being 0, and how many those are.
fn reversed(name: &str) -> Option<(Ipv4Addr, u32)> {
    let octets = name.strip_suffix(REVERSE)?;
    let mut address = [0; 4];
    if octets.is_empty() {
        return Some((address.into(), 0));
    }
    let mut count = 0;
    let mut into = address.iter_mut();
    for octet in octets.strip_suffix('.')?.rsplit('.') {
        // Only the one spelling of a number is its name.
        let is_plain = octet == "0" || !octet.starts_with(['0', '+']);
        *into.next()? = octet.parse().ok().filter(|_| is_plain)?;
        count += 1;
    }
    Some((address.into(), count))
}

fn count_above(below: &mut HashMap<String, usize>, name: &str) {
    for above in suffixes(name).skip(1) {
        if let Some(count) = below.get_mut(above) {
            // What is above that counts it already.
            *count += 1;
            return;
        }
        below.insert(above.to_owned(), 1);
    }
}

fn uncount_above(below: &mut HashMap<String, usize>, name: &str) {
    for above in suffixes(name).skip(1) {
        if let Some(count) = below.get_mut(above)
            && *count > 1
        {
            *count -= 1;
            return;
        }
        below.remove(above);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_published_can_be_withdrawn_without_trace() {
        let name = |text: &str| text.parse::<DomainName>().unwrap();
        let (one, two): (Ipv4Addr, Ipv4Addr) = ([10, 0, 0, 1].into(), [10, 0, 0, 2].into());
        let mut leases = Leases::default();
        assert!(leases.publish(name("a.x.example"), one));
        assert!(!leases.publish(name("a.x.example"), one));
        assert!(leases.publish(name("a.x.example"), two));
        assert!(leases.publish(name("b.example"), one), "one is renamed");
        let held = leases.addresses("a.x.example");
        assert_eq!(held.as_deref(), Some(&[two][..]));
        assert_eq!(
            leases.pointer("1.0.0.10.in-addr.arpa"),
            Some(&name("b.example"))
        );
        for (name, expected) in [
            ("x.example", true),
            ("example", true),
            ("a.x.example", false),
            ("0.0.10.in-addr.arpa", true),
            ("10.in-addr.arpa", true),
            ("in-addr.arpa", true),
            ("arpa", true),
            ("1.0.0.10.in-addr.arpa", false),
            ("1.0.10.in-addr.arpa", false),
            ("00.0.10.in-addr.arpa", false),
            ("+0.0.10.in-addr.arpa", false),
            ("0.0.0.0.10.in-addr.arpa", false),
            ("x.in-addr.arpa", false),
            ("xin-addr.arpa", false),
        ] {
            assert_eq!(leases.has_below(name), expected, "{name}");
        }
        for name in [
            "0.0.10.in-addr.arpa",
            "01.0.0.10.in-addr.arpa",
            "1.1.0.0.10.in-addr.arpa",
        ] {
            assert_eq!(leases.pointer(name), None, "{name}");
        }
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

    proptest! {
        /// Whatever comes and goes, what exists by what is below it is what some name ends with.
        #[test]
        fn agrees_with_a_map_of_names(
            steps in prop::collection::vec((0u32..6, "[ab](\\.[ab]){0,3}", any::<bool>()), 1..60)
        ) {
            let (mut ours, mut map) = (Leases::default(), BTreeMap::new());
            for (number, name, publishes) in steps {
                let (address, name): (_, DomainName) = (Ipv4Addr::from(number), name.parse().unwrap());
                if publishes {
                    let is_same = map.get(&address) == Some(&name);
                    prop_assert_eq!(ours.publish(name.clone(), address), !is_same);
                    map.insert(address, name.clone());
                } else {
                    let is_its = map.get(&address) == Some(&name);
                    prop_assert_eq!(ours.withdraw(&name, address), is_its);
                    map.retain(|own, _| *own != address || !is_its);
                }
                for above in suffixes(name.as_str()) {
                    let own = map.iter().filter(|(_, name)| name.as_str() == above);
                    let own: Addresses = own.map(|(address, _)| *address).collect();
                    let found = ours.addresses(above).unwrap_or_default();
                    prop_assert_eq!(found, own, "{}", above);
                    let end = format!(".{above}");
                    let has_below = map.values().any(|name| name.as_str().ends_with(&end));
                    prop_assert_eq!(ours.below.contains_key(above), has_below, "{}", above);
                }
            }
            for (address, name) in map {
                ours.withdraw(&name, address);
            }
            prop_assert!(ours.below.is_empty() && ours.addresses.is_empty());
        }
    }
}
