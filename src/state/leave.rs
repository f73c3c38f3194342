//! Attributes left as they were found: each kind's, by the names that its changes have.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::{
    BootFile, BootImage, Hook, Listener, Record, Reservation, Resource, Scope, Webhook, Zone, bmc,
};
use crate::base::option::{OptionValue, option_attribute};
use crate::base::policy::DhcpPolicy;

impl Resource {
    /// `self`, with every attribute that `is_left` names as it is in `found`.
    #[must_use]
    pub fn leaving(&self, found: &Self, is_left: &dyn Fn(&str) -> bool) -> Self {
        let mut left = self.clone();
        let leave = Leave { is_left };
        match (&mut left, found) {
            (Self::Link(to), Self::Link(from)) => to.leave(from, is_left),
            (Self::Address(to), Self::Address(from)) => to.leave(from, is_left),
            (Self::Route(to), Self::Route(from)) => to.leave(from, is_left),
            (Self::Rule(to), Self::Rule(from)) => to.leave(from, is_left),
            (Self::Listener(to), Self::Listener(from)) => leave.listener(to, from),
            (Self::Forwarders(to), Self::Forwarders(from)) => {
                leave.one("upstreams", &mut to.upstreams, &from.upstreams);
            }
            (Self::Scope(to), Self::Scope(from)) => leave.scope(to, from),
            (Self::Reservation(to), Self::Reservation(from)) => leave.reservation(to, from),
            (Self::Zone(to), Self::Zone(from)) => leave.zone(to, from),
            (Self::Record(to), Self::Record(from)) => leave.record(to, from),
            (Self::BootImage(to), Self::BootImage(from)) => leave.image(to, from),
            (Self::BootFile(to), Self::BootFile(from)) => leave.file(to, from),
            (Self::Hook(to), Self::Hook(from)) => leave.hook(to, from),
            (Self::Webhook(to), Self::Webhook(from)) => leave.webhook(to, from),
            (Self::Bmc(to), Self::Bmc(from)) => bmc::leave_in(Arc::make_mut(to), from, &leave),
            (Self::User(to), Self::User(from)) => {
                leave.one("role", &mut to.role, &from.role);
                leave.one("enabled", &mut to.enabled, &from.enabled);
                leave.one("password", &mut to.password, &from.password);
            }
            (Self::Network(to), Self::Network(from)) => {
                leave.one("source", &mut to.source, &from.source);
                leave.one("mask", &mut to.mask, &from.mask);
                leave.one("gateway", &mut to.gateway, &from.gateway);
                leave.one("vlan", &mut to.vlan, &from.vlan);
            }
            (Self::BootOrder(to), Self::BootOrder(from)) => {
                leave.one("first", &mut to.first, &from.first);
                leave.one("mode", &mut to.mode, &from.mode);
            }
            (Self::Power(to), Self::Power(from)) => {
                leave.one("state", &mut to.state, &from.state);
            }
            // Things of two kinds have no attributes in common.
            (
                Self::Link(_)
                | Self::Address(_)
                | Self::Route(_)
                | Self::Rule(_)
                | Self::Listener(_)
                | Self::Forwarders(_)
                | Self::Scope(_)
                | Self::Reservation(_)
                | Self::Zone(_)
                | Self::Record(_)
                | Self::BootImage(_)
                | Self::BootFile(_)
                | Self::Hook(_)
                | Self::Webhook(_)
                | Self::Bmc(_)
                | Self::User(_)
                | Self::Network(_)
                | Self::BootOrder(_)
                | Self::Power(_),
                _,
            ) => {}
        }
        left
    }
}

/// Which attributes are left alone.
pub(super) struct Leave<'a> {
    is_left: &'a dyn Fn(&str) -> bool,
}

impl Leave<'_> {
    /// Takes `from` for `to`, where the attribute is one of them.
    pub(super) fn one<T: Clone>(&self, name: &str, to: &mut T, from: &T) {
        if (self.is_left)(name) {
            to.clone_from(from);
        }
    }

    fn listener(&self, to: &mut Listener, from: &Listener) {
        self.one("link", &mut to.link, &from.link);
        self.one("address", &mut to.address, &from.address);
    }

    fn scope(&self, to: &mut Scope, from: &Scope) {
        self.one("server", &mut to.server, &from.server);
        self.one("pools", &mut to.pools, &from.pools);
        self.one("lease-time", &mut to.lease_time, &from.lease_time);
        self.one("domain", &mut to.domain, &from.domain);
        self.one("image", &mut to.image, &from.image);
        self.one("disable-boot", &mut to.disabled_boot, &from.disabled_boot);
        self.one("thresholds", &mut to.thresholds, &from.thresholds);
        self.one("history-time", &mut to.history_time, &from.history_time);
        self.one("relay-to", &mut to.relay, &from.relay);
        self.policy(&mut to.policy, &from.policy);
        self.one("client-classes", &mut to.classes, &from.classes);
        self.one("pool-options", &mut to.pool_options, &from.pool_options);
        self.options(&mut to.options, &from.options);
    }

    fn policy(&self, to: &mut DhcpPolicy, from: &DhcpPolicy) {
        let (least, other) = (&mut to.least_lease_time, &from.least_lease_time);
        self.one("least-lease-time", least, other);
        let (boot, other) = (&mut to.boot_lease_time, &from.boot_lease_time);
        self.one("boot-lease-time", boot, other);
        let (quarantine, other) = (&mut to.quarantine_time, &from.quarantine_time);
        self.one("quarantine-time", quarantine, other);
        let (unknown, other) = (&mut to.unknown_clients, &from.unknown_clients);
        self.one("unknown-clients", unknown, other);
        self.one("offer-time", &mut to.offer_time, &from.offer_time);
        self.one("authoritative", &mut to.authoritative, &from.authoritative);
        self.one("identity", &mut to.identity, &from.identity);
        self.one("probe", &mut to.probe, &from.probe);
        let (leases, other) = (&mut to.leases_per_circuit, &from.leases_per_circuit);
        self.one("leases-per-circuit", leases, other);
        let (rate, other) = (&mut to.rate_per_client, &from.rate_per_client);
        self.one("rate-per-client", rate, other);
        let (rate, other) = (&mut to.rate_per_circuit, &from.rate_per_circuit);
        self.one("rate-per-circuit", rate, other);
    }

    fn reservation(&self, to: &mut Reservation, from: &Reservation) {
        self.one("host", &mut to.host, &from.host);
        self.one("addresses", &mut to.addresses, &from.addresses);
        self.one("tags", &mut to.tags, &from.tags);
        self.one("identities", &mut to.identities, &from.identities);
        self.one("image", &mut to.image, &from.image);
        let (boots, booted) = (&mut to.boots_from_disk, &from.boots_from_disk);
        self.one("boots-from-disk", boots, booted);
        self.one("withheld", &mut to.withheld, &from.withheld);
        self.options(&mut to.options, &from.options);
    }

    fn options(&self, to: &mut BTreeMap<u8, OptionValue>, from: &BTreeMap<u8, OptionValue>) {
        let codes: BTreeSet<u8> = to.keys().chain(from.keys()).copied().collect();
        for code in codes {
            let name = option_attribute(code);
            if !(self.is_left)(&name) {
                continue;
            }
            match from.get(&code) {
                Some(value) => drop(to.insert(code, value.clone())),
                None => drop(to.remove(&code)),
            }
        }
    }

    fn zone(&self, to: &mut Zone, from: &Zone) {
        self.one("servers", &mut to.servers, &from.servers);
        self.one("ttl", &mut to.ttl, &from.ttl);
        self.one("negative-ttl", &mut to.negative_ttl, &from.negative_ttl);
    }

    fn record(&self, to: &mut Record, from: &Record) {
        self.one("values", &mut to.values, &from.values);
        self.one("ttl", &mut to.ttl, &from.ttl);
    }

    fn image(&self, to: &mut BootImage, from: &BootImage) {
        self.one("programs", &mut to.programs, &from.programs);
    }

    fn file(&self, to: &mut BootFile, from: &BootFile) {
        self.one("sha256", &mut to.digest, &from.digest);
        self.one("bytes", &mut to.size, &from.size);
    }

    fn hook(&self, to: &mut Hook, from: &Hook) {
        self.one("on", &mut to.events, &from.events);
        self.one("run", &mut to.program, &from.program);
        self.one("run", &mut to.arguments, &from.arguments);
        self.one("within", &mut to.within, &from.within);
    }

    fn webhook(&self, to: &mut Webhook, from: &Webhook) {
        self.one("on", &mut to.events, &from.events);
        self.one("url", &mut to.url, &from.url);
        self.one("secret", &mut to.secret, &from.secret);
        self.one("within", &mut to.within, &from.within);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::glob;
    use crate::base::kind::KINDS;
    use crate::state::Key;

    /// Two of each kind, or more pairs where none has them all, that differ in every attribute.
    const PAIRS: [[&str; 3]; 31] = [
        [
            "controller/c/link/e",
            r#"{"link":{"kind":"physical","up":true,"mtu":1500,"mac":"52:54:00:00:00:01","settings":{"forwarding":0,"accept-ra":0,"arp-ignore":0,"arp-announce":0,"arp-filter":0,"arp-accept":0,"proxy-arp":0,"rp-filter":0}}}"#,
            r#"{"link":{"kind":"physical","up":false,"mtu":9000,"mac":"52:54:00:00:00:02","port_of":"b","settings":{"forwarding":1,"accept-ra":2,"arp-ignore":1,"arp-announce":1,"arp-filter":1,"arp-accept":1,"proxy-arp":1,"rp-filter":1},"vlans":{"1":{"pvid":true,"untagged":true}}}}"#,
        ],
        [
            "controller/c/link/e",
            r#"{"link":{"kind":{"tagged":{"on":"a","id":1,"protocol":"802.1Q"}},"up":true,"mtu":1500}}"#,
            r#"{"link":{"kind":{"tagged":{"on":"b","id":2,"protocol":"802.1ad"}},"up":true,"mtu":1500}}"#,
        ],
        [
            "controller/c/link/e",
            r#"{"link":{"kind":{"bridge":{"stp":true,"forward_delay":1500,"vlan_filtering":true,"default_pvid":2}},"up":true,"mtu":1500}}"#,
            r#"{"link":{"kind":{"bridge":{"stp":false,"forward_delay":250,"vlan_filtering":false,"default_pvid":1}},"up":true,"mtu":1500}}"#,
        ],
        [
            "controller/c/link/e",
            r#"{"link":{"kind":{"vrf":{"table":10}},"up":true,"mtu":1500}}"#,
            r#"{"link":{"kind":{"vrf":{"table":11}},"up":true,"mtu":1500}}"#,
        ],
        [
            "controller/c/link/e",
            r#"{"link":{"kind":{"bond":{"mode":"802.3ad","parameters":{"lacp-rate":"fast","transmit-hash":"layer3+4","mii-interval":"100ms","up-delay":"100ms","down-delay":"100ms","peer-notify-delay":"100ms","min-links":"1","ad-select":"bandwidth","ad-system":"52:54:00:00:00:01","ad-system-priority":"1","ad-user-port-key":"1","lacp-active":"off","all-ports-active":"on"}}},"up":true,"mtu":1500}}"#,
            r#"{"link":{"kind":{"bond":{"mode":"active-backup"}},"up":true,"mtu":1500}}"#,
        ],
        [
            "controller/c/link/e",
            r#"{"link":{"kind":{"bond":{"mode":"active-backup","parameters":{"primary":"a","primary-reselect":"better","fail-over-mac":"active","gratuitous-arp":"2","arp-interval":"100ms","arp-targets":"10.0.0.1","arp-validate":"active","arp-all-targets":"all","missed-max":"3","resend-igmp":"2"}}},"up":true,"mtu":1500}}"#,
            r#"{"link":{"kind":{"bond":{"mode":"active-backup"}},"up":true,"mtu":1500}}"#,
        ],
        [
            "controller/c/link/e",
            r#"{"link":{"kind":{"bond":{"mode":"balance-tlb","parameters":{"learn-packet-interval":"2","tlb-dynamic":"off"}}},"up":true,"mtu":1500}}"#,
            r#"{"link":{"kind":{"bond":{"mode":"balance-rr","parameters":{"packets-per-port":"2"}}},"up":true,"mtu":1500}}"#,
        ],
        [
            "controller/c/address/10.0.0.2/24@e",
            r#"{"address":{"secondary":true}}"#,
            r#"{"address":{"prefix_route":false,"preferred":false,"duplicate_detection":false,"duplicate":true,"secondary":false}}"#,
        ],
        [
            "controller/c/route/10.9.0.0/16@main/0",
            r#"{"route":{"hops":[{"via":"10.0.0.1"}]}}"#,
            r#"{"route":{"kind":"blackhole","source":"10.0.0.2"}}"#,
        ],
        [
            "controller/c/rule/ipv4/1000",
            r#"{"rule":{"from":"10.0.0.0/8","to":"10.0.0.0/8","incoming":"a","outgoing":"b","mark":1,"action":{"table":10}}}"#,
            r#"{"rule":{"action":{"drop":"prohibit"}}}"#,
        ],
        [
            "controller/c/listener/dns/10.0.0.2",
            r#"{"listener":{"link":"e","address":"10.0.0.2/24"}}"#,
            r#"{"listener":{"link":"f","address":"10.0.0.2/16"}}"#,
        ],
        [
            "controller/c/forwarders",
            r#"{"forwarders":{"upstreams":[]}}"#,
            r#"{"forwarders":{"upstreams":["9.9.9.9"]}}"#,
        ],
        [
            "file/boot/a",
            r#"{"boot-file":{"digest":"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa","size":1}}"#,
            r#"{"boot-file":{"digest":"bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb","size":2}}"#,
        ],
        [
            "image/i",
            r#"{"boot-image":{"programs":{}}}"#,
            r#"{"boot-image":{"programs":{"ipxe":"boot/a"}}}"#,
        ],
        [
            "hook/a",
            r#"{"hook":{"events":["commit"],"program":"/bin/true","arguments":[],"within":"1s"}}"#,
            r#"{"hook":{"events":["commit","expiry"],"program":"/bin/false","arguments":["a b"],"within":"2s"}}"#,
        ],
        [
            "webhook/a",
            r#"{"webhook":{"events":["commit"],"url":"https://a/","secret":{"env":"A"},"within":"1s"}}"#,
            r#"{"webhook":{"events":["expiry"],"url":"https://b/","secret":{"file":"/b"},"within":"2s"}}"#,
        ],
        [
            "vlan/f/v/scope/10.0.0.0/24",
            r#"{"scope":{"server":"10.0.0.2","pools":[],"lease_time":"1m","domain":"a.b","options":{"3":{"addresses":["10.0.0.1"]}},"image":null}}"#,
            r#"{"scope":{"server":"10.0.0.3","pools":["10.0.0.9-10.0.0.10"],"lease_time":"2m","domain":"a.c","options":{"200":{"u8":1}},"image":"i","disabled_boot":["ipxe"],"thresholds":["50%"],"history_time":"2d","relay":"f/w","policy":{"authoritative":false,"identity":"mac","least-lease-time":"2m","boot-lease-time":"2m","offer-time":"9s","quarantine-time":"9m","unknown-clients":"deny","probe":"all","leases-per-circuit":2,"rate-per-client":3,"rate-per-circuit":4},"classes":[{"name":"c","matches":[{"tag":"a"}]}],"pool_options":{"10.0.0.9-10.0.0.10":{"42":{"addresses":["10.0.0.1"]}}}}}"#,
        ],
        [
            "vlan/f/v/reservation/52:54:00:00:00:01",
            r#"{"reservation":{"host":"a","addresses":[],"image":null,"options":{"3":{"addresses":["10.0.0.1"]}}}}"#,
            r#"{"reservation":{"host":"b","addresses":["10.0.0.9"],"identities":[{"mac":"52:54:00:00:00:02"}],"tags":["a"],"image":"i","boots_from_disk":true,"withheld":[3]}}"#,
        ],
        [
            "zone/a.b",
            r#"{"zone":{"servers":["c.a.b"],"ttl":"1s","negative_ttl":"1s"}}"#,
            r#"{"zone":{"servers":["d.a.b"],"ttl":"2s","negative_ttl":"2s"}}"#,
        ],
        [
            "zone/a.b/m/A",
            r#"{"record":{"ttl":"1s","values":[{"A":"10.0.0.1"}]}}"#,
            r#"{"record":{"ttl":"2s","values":[{"A":"10.0.0.2"}]}}"#,
        ],
        [
            "machine/m/bmc",
            r#"{"bmc":{"redfish":{"address":"10.0.0.1","username":"a","password":{"env":"A"},"trusts":"system"}}}"#,
            r#"{"bmc":{"redfish":{"address":"10.0.0.2","port":4430,"username":"b","password":{"file":"/b"},"system":"1","trusts":{"authority":"/ca.pem"}}}}"#,
        ],
        [
            "machine/m/bmc",
            r#"{"bmc":{"ipmi":{"address":"10.0.0.1","username":"a","password":{"env":"A"}}}}"#,
            r#"{"bmc":{"ipmi":{"address":"fd00::1","port":6230,"username":"b","password":{"file":"/b"},"cipher_suite":3,"privilege":"user","key":{"env":"K"}}}}"#,
        ],
        [
            "machine/m/bmc",
            r#"{"bmc":{"webhook":{"actions":{"on":{"method":"POST","url":"https://a/1"},"reset":{"method":"POST","url":"https://a/2"}},"trusts":"system"}}}"#,
            r#"{"bmc":{"webhook":{"actions":{"on":{"method":"POST","url":"https://a/1","body":"1"},"soft-off":{"method":"POST","url":"https://a/3","fields":[["Authorization",[{"text":"Basic "},{"place":"basic"}]]]},"off":{"method":"PUT","url":"https://a/1"},"cycle":{"method":"PUT","url":"https://a/4"}},"status":[{"method":"GET","url":"https://a/"},{"pointer":"/0","on":["1"],"off":["0"]}],"username":"a","password":{"env":"A"},"trusts":{"pinned":"5f0a61c47c3dd8be0b7a5f7fd9d44ca7c6b27a2a0f8f7a8ef6a3c6d1b0e2f4a6"}}}}"#,
        ],
        [
            "machine/m/bmc",
            r#"{"bmc":{"wake-on-lan":{"mac":"52:54:00:00:00:01","subnet":"10.0.0.0/24"}}}"#,
            r#"{"bmc":{"wake-on-lan":{"mac":"52:54:00:00:00:02","subnet":"10.0.0.0/25"}}}"#,
        ],
        [
            "machine/m/bmc",
            r#"{"bmc":{"manual":{"machine":"m","within":"30m"}}}"#,
            r#"{"bmc":{"manual":{"machine":"m","instruction":"rack 7","within":"10m"}}}"#,
        ],
        [
            "machine/m/bmc",
            r#"{"bmc":{"qemu":{"socket":"/run/a"}}}"#,
            r#"{"bmc":{"qemu":{"socket":"/run/b"}}}"#,
        ],
        [
            "machine/m/bmc",
            r#"{"bmc":{"qemu":{"socket":"/run/a"}}}"#,
            r#"{"bmc":{"manual":{"machine":"m","within":"30m"}}}"#,
        ],
        [
            "machine/m/bmc/user/ops",
            r#"{"user":{"role":"operator","enabled":true,"password":{"kept":{"env":"P"}}}}"#,
            r#"{"user":{"role":"read-only","enabled":false,"password":"other"}}"#,
        ],
        [
            "machine/m/bmc/network",
            r#"{"network":{"source":"static","mask":"255.255.255.0","gateway":"10.0.0.1","vlan":{"tagged":40}}}"#,
            r#"{"network":{"source":"dhcp","mask":"255.255.0.0","gateway":"10.0.0.2","vlan":"untagged"}}"#,
        ],
        [
            "machine/m/boot-order",
            r#"{"boot-order":{"first":"network","mode":"efi"}}"#,
            r#"{"boot-order":{"first":"disk","mode":"bios"}}"#,
        ],
        [
            "machine/m/power",
            r#"{"power":{"state":"on"}}"#,
            r#"{"power":{"state":"turning-off"}}"#,
        ],
    ];

    fn pairs() -> impl Iterator<Item = (&'static str, [Resource; 2])> {
        let read = |text: &str| serde_json::from_str(text).unwrap();
        PAIRS
            .into_iter()
            .map(move |[key, one, other]| (key, [read(one), read(other)]))
    }

    #[test]
    fn the_table_of_kinds_is_what_there_is() {
        let mut seen: BTreeMap<&str, BTreeSet<String>> = Default::default();
        for (key, [one, other]) in pairs() {
            assert_eq!(key.parse::<Key>().unwrap().to_string(), key);
            let is_named = |form: &&str| glob::matches(form, key);
            let rows: Vec<_> = KINDS
                .iter()
                .filter(|row| row.forms.iter().any(is_named))
                .collect();
            let [row] = rows.as_slice() else {
                panic!("{key} has the kinds {rows:?}")
            };
            assert_eq!(row.word, one.kind());
            let changes: Vec<String> = one
                .changes_from(&other)
                .into_iter()
                .map(|change| change.field)
                .collect();
            assert!(
                changes.iter().all(|name| row.has(name)),
                "{key}: {changes:?}"
            );
            seen.entry(row.word).or_default().extend(changes);
        }
        for row in &KINDS {
            let found = seen.get(row.word).unwrap();
            let known = row.attributes.iter();
            let unseen: Vec<_> = known.filter(|name| !found.contains(**name)).collect();
            assert_eq!(unseen, [] as [&&str; 0], "{}", row.word);
        }
    }

    #[test]
    fn each_attribute_is_left_alone_and_no_other() {
        for (key, [wanted, found]) in pairs() {
            let all = wanted.changes_from(&found);
            assert_eq!(
                wanted.leaving(&found, &|_| true).changes_from(&found),
                [],
                "{key}"
            );
            assert_eq!(wanted.leaving(&found, &|_| false), wanted, "{key}");
            for change in &all {
                let left = wanted.leaving(&found, &|name| name == change.field);
                let rest: Vec<_> = all.iter().filter(|one| *one != change).cloned().collect();
                assert_eq!(left.changes_from(&found), rest, "{key} {}", change.field);
            }
        }
    }
}
