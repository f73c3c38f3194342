//! What `ip` says of a namespace's links, addresses and routes, without what changes by itself.

use serde_json::Value;

use super::sandbox::Namespace;

/// One line a thing, in the order of names. Left out are counters, states of carriers and ports, the order of
/// addresses, and what the kernel makes itself.
pub fn host(namespace: &Namespace) -> String {
    let links = list(&namespace.ip_json("link show"), |link| {
        let flags = link["flags"].as_array().into_iter().flatten();
        let is_up = flags.into_iter().any(|flag| flag == "UP");
        let (name, mtu, bridge) = (&link["ifname"], &link["mtu"], &link["master"]);
        vec![format!("link {name} up {is_up} mtu {mtu} bridge {bridge}")]
    });
    let addresses = list(&namespace.ip_json("address show"), |link| {
        let addresses = link["addr_info"].as_array().into_iter().flatten();
        let own = addresses.filter(|address| address["scope"] != "link");
        own.map(|address| {
            let (ip, length) = (&address["local"], &address["prefixlen"]);
            format!("address {ip}/{length} on {}", link["ifname"])
        })
        .collect()
    });
    let routes = list(&namespace.ip_json("route show"), |route| {
        let via = (&route["gateway"], &route["metric"], &route["dev"]);
        (route["protocol"] != "kernel")
            .then(|| format!("route {} {via:?}", route["dst"]))
            .into_iter()
            .collect()
    });
    [links, addresses, routes].concat().join("\n")
}

fn list(said: &Value, lines: impl Fn(&Value) -> Vec<String>) -> Vec<String> {
    let mut all: Vec<String> = said
        .as_array()
        .into_iter()
        .flatten()
        .flat_map(lines)
        .collect();
    all.sort();
    all
}
