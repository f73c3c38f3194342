//! The form of node tables: what each node takes. They drive reading, "did you mean", and what `schema/` says.
//!
//! The tables themselves stand beside the types that they are read into, in `node/`.

use super::node::ROOT;
use crate::base::arch::ClientArch;

/// What a node takes.
#[derive(Debug)]
pub(super) struct NodeSchema {
    pub(super) name: &'static str,
    pub(super) doc: &'static str,
    pub(super) arguments: &'static [Argument],
    pub(super) properties: &'static [Property],
    pub(super) children: &'static [Child],
}

#[derive(Debug)]
pub(super) struct Argument {
    /// With its article, as messages use it.
    pub(super) name: &'static str,
    pub(super) doc: &'static str,
    pub(super) kind: Kind,
    pub(super) count: Count,
}

#[derive(Debug)]
pub(super) struct Property {
    pub(super) name: &'static str,
    pub(super) doc: &'static str,
    pub(super) kind: Kind,
    pub(super) required: bool,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Child {
    pub(super) schema: &'static NodeSchema,
    pub(super) count: Count,
}

/// How often something may stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Count {
    Optional,
    One,
    /// At least one.
    Many,
    Any,
}

/// What a value means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    Name,
    HostName,
    LinkName,
    DomainName,
    Reference,
    VlanReference,
    Path,
    /// A pattern over the keys of things.
    KeyPattern,
    Ip,
    Ipv4,
    Ipv6,
    /// An address, with or without the length of its prefix.
    Address,
    DnsServer,
    TimeServer,
    Prefix,
    Range,
    Mac,
    Duration,
    Percent,
    Arch,
    Integer {
        least: u32,
        most: u32,
    },
    Milliseconds,
    /// `#true` or `#false`.
    Flag,
    /// One word of a closed set.
    Words(&'static [&'static str]),
    /// Where a secret is kept, never the secret.
    Secret,
    /// The name of a DNS record below the site's domain.
    RecordLabel,
    /// The name of a DHCP option, or its code.
    OptionName,
    /// What a DHCP option says, in the form that the option has.
    OptionValue,
    /// The name of a VRF, `main`, or a number.
    RoutingTable,
    /// A text, or bytes as `(hex)"…"`.
    Label,
    /// Bytes, in hexadecimal.
    Octets,
    Uuid,
    Url,
}

const ARCHITECTURES: [&str; ClientArch::ALL.len()] = {
    let mut names = [""; ClientArch::ALL.len()];
    let (mut open, mut archs) = (names.as_mut_slice(), ClientArch::ALL.as_slice());
    while let (Some((name, further)), Some((arch, rest))) =
        (open.split_first_mut(), archs.split_first())
    {
        *name = arch.as_str();
        (open, archs) = (further, rest);
    }
    names
};

impl NodeSchema {
    /// The argument at `index`; the last one where it may be repeated.
    pub(super) fn argument(&self, index: usize) -> Option<&'static Argument> {
        self.arguments.get(index).or_else(|| {
            self.arguments
                .last()
                .filter(|last| last.count.allows_many())
        })
    }

    pub(super) fn property(&self, name: &str) -> Option<&'static Property> {
        self.properties
            .iter()
            .find(|property| property.name == name)
    }

    pub(super) fn child(&self, name: &str) -> Option<&'static Child> {
        self.children.iter().find(|child| child.schema.name == name)
    }

    pub(super) fn takes_many(&self) -> bool {
        self.arguments
            .last()
            .is_some_and(|argument| argument.count.allows_many())
    }

    /// The node with an example of each argument and required property.
    pub(super) fn example(&self) -> String {
        let mut text = self.name.to_owned();
        // An option has a value or a block, and here none is shown.
        let is_shown = |one: &&Argument| one.count.needs_one() || one.kind == Kind::OptionValue;
        for argument in self.arguments.iter().filter(is_shown) {
            text.push(' ');
            text.push_str(&argument.kind.example());
        }
        for property in self.properties.iter().filter(|one| one.required) {
            text.push_str(&format!(" {}={}", property.name, property.kind.example()));
        }
        text
    }
}

/// The nodes that hold a node named `word`, in words.
pub(super) fn home_of(word: &str) -> Option<String> {
    places(|schema| {
        schema
            .children
            .iter()
            .any(|child| child.schema.name == word)
    })
}

/// The nodes that have a property named `word`, in words.
pub(super) fn bearer_of(word: &str) -> Option<String> {
    places(|schema| schema.property(word).is_some())
}

/// Whether a node named `word` may stand several times somewhere.
pub(super) fn is_repeatable(word: &str) -> bool {
    every()
        .flat_map(|schema| schema.children)
        .any(|child| child.schema.name == word && child.count.allows_many())
}

/// Whether some node is named `word`.
pub(super) fn is_node(word: &str) -> bool {
    !word.is_empty() && every().any(|schema| schema.name == word)
}

/// Every table, as often as it has a place.
fn every() -> impl Iterator<Item = &'static NodeSchema> {
    let mut open = vec![&ROOT];
    std::iter::from_fn(move || {
        let schema = open.pop()?;
        open.extend(schema.children.iter().map(|child| child.schema));
        Some(schema)
    })
}

/// The nodes of which something holds, in words.
fn places(holds: impl Fn(&NodeSchema) -> bool) -> Option<String> {
    let mut found = Vec::new();
    for schema in every().filter(|schema| holds(schema)) {
        found.push(if schema.name.is_empty() {
            "the top level".to_owned()
        } else {
            format!("`{}`", schema.name)
        });
    }
    found.sort();
    found.dedup();
    (!found.is_empty()).then(|| found.join(" or "))
}

impl Kind {
    pub(super) fn describe(self) -> &'static str {
        match self {
            Self::Text => "a text",
            Self::Name => "a name",
            Self::HostName => "a host name",
            Self::LinkName => "a link name",
            Self::DomainName => "a domain name",
            Self::Reference => "a name",
            Self::VlanReference => "the name of a VLAN",
            Self::Path => "a file path",
            Self::KeyPattern => "a pattern of keys",
            Self::Ip | Self::Address => "an IP address",
            Self::Ipv4 => "an IPv4 address",
            Self::Ipv6 => "an IPv6 address",
            Self::DnsServer => "an IP address or a controller's name",
            Self::TimeServer => "an IP address or a domain name",
            Self::Prefix => "a prefix",
            Self::Range => "a range of addresses",
            Self::Mac => "a hardware address",
            Self::Duration => "a duration",
            Self::Percent => "a share",
            Self::Arch => "a client architecture",
            Self::Integer { .. } => "a whole number",
            Self::Milliseconds => "a duration in milliseconds",
            Self::Flag => "#true or #false",
            Self::Words(_) => "a word of a closed set",
            Self::Secret => "a reference to a secret",
            Self::RecordLabel => "a record's name",
            Self::OptionName => "a DHCP option",
            Self::OptionValue => "what the option says",
            Self::RoutingTable => "a routing table",
            Self::Label => "a text, or bytes as (hex)\"…\"",
            Self::Octets => "bytes in hexadecimal",
            Self::Uuid => "a UUID",
            Self::Url => "a URL",
        }
    }

    /// An example as KDL writes it.
    pub(super) fn example(self) -> String {
        let example = match self {
            Self::Text => "text",
            Self::Name | Self::Reference => "name",
            Self::HostName => "node-01",
            Self::LinkName => "eth0",
            Self::DomainName => "site.example.net",
            Self::VlanReference => "pxe",
            Self::Path => "boot/bootx64.efi",
            Self::KeyPattern => "controller/rack-1/link/*",
            Self::Ip | Self::Ipv4 | Self::Address | Self::DnsServer => "10.10.0.1",
            Self::Ipv6 => "fd00::1",
            Self::TimeServer => "ntp.example.net",
            Self::Prefix => "10.10.0.0/16",
            Self::Range => "10.10.1.0-10.10.1.255",
            Self::Mac => "52:54:00:00:00:01",
            Self::Duration => "10m",
            Self::Percent => "80%",
            Self::Arch => "x64-uefi",
            Self::Milliseconds => "100ms",
            Self::RecordLabel => "www",
            Self::OptionName => "ntp-servers",
            Self::OptionValue => "10.10.0.3",
            Self::RoutingTable => "tenants",
            Self::Label => "name",
            Self::Octets => "00:01:0a:0b",
            Self::Uuid => "4c4c4544-0042-3510-8052-b4c04f564d31",
            Self::Url => "https://inventory.example.net/leases",
            Self::Words(words) => words.first().copied().unwrap_or(""),
            Self::Integer { least, most } => return 100.clamp(least, most).to_string(),
            Self::Flag => return "#true".to_owned(),
            Self::Secret => return "(env)\"NAME\"".to_owned(),
        };
        format!("\"{example}\"")
    }

    pub(super) fn is_name(self) -> bool {
        matches!(
            self,
            Self::Name
                | Self::HostName
                | Self::LinkName
                | Self::DomainName
                | Self::Reference
                | Self::VlanReference
                | Self::RecordLabel
                | Self::Path
        )
    }

    /// Whether it is one address, or a name in its place.
    pub(super) fn is_address(self) -> bool {
        matches!(
            self,
            Self::Ip | Self::Ipv4 | Self::Ipv6 | Self::Address | Self::DnsServer
        )
    }

    /// The words of a closed set.
    pub(super) fn words(self) -> Option<&'static [&'static str]> {
        if matches!(self, Self::Arch) {
            return Some(&ARCHITECTURES);
        }
        if let Self::Words(words) = self {
            Some(words)
        } else {
            None
        }
    }

    /// The least and the greatest of the numbers that fit.
    pub(super) fn integer_bounds(self) -> Option<(u32, u32)> {
        if let Self::Integer { least, most } = self {
            Some((least, most))
        } else {
            None
        }
    }
}
