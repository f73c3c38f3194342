//! The ONE table of the kinds of things: the word for each, the forms of its keys, and the attributes that may differ. The language checks
//! patterns against it; a test beside the things themselves holds it to what they are.

use super::glob;
use super::option::option_named;

/// One kind of thing.
#[derive(Debug)]
pub struct KindRow {
    /// The word for it in plans.
    pub word: &'static str,
    /// Patterns that its keys match, and no others do.
    pub forms: &'static [&'static str],
    /// As plans name them.
    pub attributes: &'static [&'static str],
    /// Whether DHCP options are attributes of it besides.
    pub has_options: bool,
}

const fn row(
    word: &'static str,
    forms: &'static [&'static str],
    attributes: &'static [&'static str],
) -> KindRow {
    KindRow {
        word,
        forms,
        attributes,
        has_options: false,
    }
}

const fn with_options(row: KindRow) -> KindRow {
    KindRow {
        has_options: true,
        ..row
    }
}

/// Of all kinds of links: what they share, then what each has of its own.
const LINK_ATTRIBUTES: &[&str] = &[
    "state",
    "mtu",
    "mac",
    "port-of",
    "vlans",
    "on",
    "id",
    "protocol",
    "table",
    "stp",
    "forward-delay",
    "vlan-filtering",
    "default-pvid",
    "mode",
    "lacp-rate",
    "transmit-hash",
    "mii-interval",
    "up-delay",
    "down-delay",
    "peer-notify-delay",
    "primary",
    "primary-reselect",
    "fail-over-mac",
    "gratuitous-arp",
    "arp-interval",
    "arp-targets",
    "arp-validate",
    "arp-all-targets",
    "missed-max",
    "min-links",
    "ad-select",
    "ad-system",
    "ad-system-priority",
    "ad-user-port-key",
    "lacp-active",
    "all-ports-active",
    "packets-per-port",
    "learn-packet-interval",
    "resend-igmp",
    "tlb-dynamic",
    "forwarding",
    "accept-ra",
    "arp-ignore",
    "arp-announce",
    "arp-filter",
    "arp-accept",
    "proxy-arp",
    "rp-filter",
];

pub const KINDS: [KindRow; 19] = [
    row("link", &["controller/*/link/*"], LINK_ATTRIBUTES),
    row(
        "address",
        &["controller/*/address/*/*@*"],
        &[
            "prefix-route",
            "preferred",
            "duplicate-detection",
            "duplicate",
            "order",
        ],
    ),
    row(
        "route",
        &["controller/*/route/*/*@*/*"],
        &["type", "via", "source"],
    ),
    row(
        "rule",
        &["controller/*/rule/*/*"],
        &["from", "to", "incoming", "outgoing", "mark", "action"],
    ),
    row(
        "listener",
        &[
            "controller/*/listener/dhcp/*",
            "controller/*/listener/dns/*",
            "controller/*/listener/tftp/*",
            "controller/*/listener/http/*",
            "controller/*/listener/pxe/*",
        ],
        &["link", "address"],
    ),
    row("forwarders", &["controller/*/forwarders"], &["upstreams"]),
    row("file", &["file/**"], &["sha256", "bytes"]),
    row("image", &["image/*"], &["programs"]),
    row("hook", &["hook/*"], &["on", "run", "within"]),
    row(
        "webhook",
        &["webhook/*"],
        &["on", "url", "secret", "within"],
    ),
    with_options(row(
        "scope",
        &["vlan/*/*/scope/*/*"],
        &[
            "server",
            "pools",
            "lease-time",
            "domain",
            "image",
            "disable-boot",
            "thresholds",
            "history-time",
            "relay-to",
            "authoritative",
            "identity",
            "probe",
            "least-lease-time",
            "boot-lease-time",
            "offer-time",
            "quarantine-time",
            "unknown-clients",
            "leases-per-circuit",
            "rate-per-client",
            "rate-per-circuit",
            "client-classes",
            "pool-options",
        ],
    )),
    with_options(row(
        "reservation",
        &["vlan/*/*/reservation/*"],
        &[
            "host",
            "addresses",
            "identities",
            "tags",
            "image",
            "boots-from-disk",
            "withheld",
        ],
    )),
    row("zone", &["zone/*"], &["servers", "ttl", "negative-ttl"]),
    row("record", &["zone/*/*/*"], &["values", "ttl"]),
    row(
        "bmc",
        &["machine/*/bmc"],
        &[
            "kind",
            "address",
            "port",
            "username",
            "password",
            "system",
            "trust",
            "cipher-suite",
            "privilege",
            "k-g",
            "on",
            "soft-off",
            "off",
            "cycle",
            "reset",
            "status",
            "mac",
            "subnet",
            "instruction",
            "within",
            "socket",
        ],
    ),
    row(
        "user",
        &["machine/*/bmc/user/*"],
        &["role", "enabled", "password"],
    ),
    row(
        "network",
        &["machine/*/bmc/network"],
        &["source", "mask", "gateway", "vlan"],
    ),
    row("boot-order", &["machine/*/boot-order"], &["first", "mode"]),
    row("power", &["machine/*/power"], &["state"]),
];

/// The kinds of which some key may match `pattern`.
pub fn kinds_of(pattern: &str) -> impl Iterator<Item = &'static KindRow> {
    let meets = move |row: &&KindRow| row.forms.iter().any(|form| glob::meet(pattern, form));
    KINDS.iter().filter(meets)
}

impl KindRow {
    pub fn has(&self, attribute: &str) -> bool {
        let is_numbered = || {
            let number = attribute.strip_prefix("option ");
            number.is_some_and(|number| number.parse::<u8>().is_ok())
        };
        self.attributes.contains(&attribute)
            || (self.has_options && (option_named(attribute).is_some() || is_numbered()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_name_kinds() {
        for (pattern, expected) in [
            ("controller/rack-1/link/eno1", "link"),
            ("controller/*/link/*", "link"),
            (
                "controller/**",
                "link address route rule listener forwarders",
            ),
            ("controller/*/address/*", ""),
            ("controller/*/address/10.0.0.0/*", "address"),
            ("controller/*/listener/ssh/*", ""),
            ("image/noble", "image"),
            ("file/boot/a/b", "file"),
            ("zone/*/node-01/A", "record"),
            ("machine/node-01/*", "bmc boot-order power"),
            ("zones/*", ""),
        ] {
            let words: Vec<_> = kinds_of(pattern).map(|row| row.word).collect();
            assert_eq!(words.join(" "), expected, "{pattern}");
        }
    }

    #[test]
    fn every_option_goes_by_the_name_that_rules_know() {
        let rows: Vec<_> = KINDS.iter().filter(|row| row.has_options).collect();
        assert!(!rows.is_empty());
        for code in 0..=u8::MAX {
            let name = crate::base::option::option_attribute(code);
            assert!(rows.iter().all(|row| row.has(&name)), "{name}");
        }
    }
}
