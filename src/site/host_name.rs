//! Which name of DNS each link of a host has. One rule for the checks and for what is served.

use crate::base::name::{DomainName, HostName, LinkName};

/// A link that has addresses.
#[derive(Debug, Clone, Copy)]
pub struct NamedLink<'l> {
    pub link: &'l LinkName,
    /// Whether DHCP is served in its VLAN; of a controller, whether it serves there itself.
    pub is_served: bool,
}

/// The name of each of a host's links. The first has the host's own, `HOST.DOMAIN`, each further one `LINK.HOST.DOMAIN`, with hyphens
/// for dots in the link's name. First is by name, but a link where DHCP is served comes before one where it is not: there others reach the host.
pub fn names<'l>(
    domain: &DomainName,
    host: &HostName,
    links: impl IntoIterator<Item = NamedLink<'l>>,
) -> Vec<(&'l LinkName, DomainName)> {
    let Ok(own) = domain.child(host.as_str()) else {
        return Vec::new();
    };
    let mut links: Vec<NamedLink<'l>> = links.into_iter().collect();
    links.sort_by_key(|one| (!one.is_served, one.link));
    let named = links.iter().enumerate().filter_map(|(index, one)| {
        let name = match index {
            0 => own.clone(),
            _ => own.child(&label(one.link)).ok()?,
        };
        Some((one.link, name))
    });
    named.collect()
}

/// A link's name as a label (RFC 1123 2.1 has no dots in one).
pub fn label(link: &LinkName) -> String {
    link.as_str().replace('.', "-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_is_named_where_it_serves() {
        let links = ["bond0.100", "eno1", "eno2"].map(|link| link.parse::<LinkName>().unwrap());
        for (serving, expected) in [
            ("", ["h.d", "eno1.h.d", "eno2.h.d"]),
            ("eno2", ["h.d", "bond0-100.h.d", "eno1.h.d"]),
        ] {
            let links = links.iter().map(|link| NamedLink {
                link,
                is_served: link.as_str() == serving,
            });
            let (domain, host) = ("d".parse().unwrap(), "h".parse().unwrap());
            let found: Vec<String> = names(&domain, &host, links)
                .iter()
                .map(|(_, name)| name.to_string())
                .collect();
            assert_eq!(found, expected, "{serving}");
        }
    }
}
