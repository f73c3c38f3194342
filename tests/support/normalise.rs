//! All that the kernel says of a namespace's network, without what changes by itself: two of these are equal where nothing that
//! somebody could have set differs.

use std::collections::BTreeMap;
use std::fs;

use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use serde_json::{Map, Value, json};

use super::sandbox::Namespace;

/// A field's name, and why it is left out.
type Dropped = (&'static str, &'static str);

/// Of every link.
const LINK_FIELDS: [Dropped; 9] = [
    ("ifindex", INDEX),
    ("link_index", INDEX),
    ("link_netnsid", INDEX),
    ("operstate", CARRIER),
    (
        "qdisc",
        "chosen by the kernel when a link is first up, and kept when it is down again",
    ),
    ("promiscuity", "counts the kernel's own users"),
    ("allmulti", "counts the kernel's own users"),
    ("carrier_changes", TRAFFIC),
    (
        "tso_max_size",
        "what the devices below can do, as a bond had it of the first of them (`netif_inherit_tso_max`)",
    ),
];

/// Of what bridges and bonds say of themselves.
const CONTROLLER_FIELDS: [Dropped; 17] = [
    (
        "ageing_time",
        "twice the forward delay while the spanning tree changes (`__br_set_topology_change`); no site sets it",
    ),
    (
        "bridge_id",
        "made of the priority, which stays, and a MAC, which follows the ports",
    ),
    ("root_id", PROTOCOL),
    ("root_port", PROTOCOL),
    ("root_path_cost", PROTOCOL),
    ("topology_change", PROTOCOL),
    ("topology_change_detected", PROTOCOL),
    ("hello_timer", TIME),
    ("tcn_timer", TIME),
    ("topology_change_timer", TIME),
    ("gc_timer", TIME),
    ("mcast_querier_state", PROTOCOL),
    ("mcast_querier_ipv4_addr", PROTOCOL),
    ("mcast_querier_ipv6_addr", PROTOCOL),
    ("fdb_n_learned", TRAFFIC),
    (
        "active_slave",
        "elected by carrier; which one is preferred is `primary`, which stays",
    ),
    ("ad_info", PROTOCOL),
];

/// Of what bridges and bonds say of their ports.
const PORT_FIELDS: [Dropped; 22] = [
    ("state", PROTOCOL),
    ("id", INDEX),
    ("no", INDEX),
    ("bridge_id", PROTOCOL),
    ("root_id", PROTOCOL),
    ("designated_port", PROTOCOL),
    ("designated_cost", PROTOCOL),
    ("designated_bridge", PROTOCOL),
    ("designated_root", PROTOCOL),
    ("hold_timer", TIME),
    ("message_age_timer", TIME),
    ("forward_delay_timer", TIME),
    ("topology_change_ack", PROTOCOL),
    ("config_pending", PROTOCOL),
    ("mii_status", CARRIER),
    ("link_failure_count", TRAFFIC),
    (
        "perm_hwaddr",
        "the MAC before it joined, random for a virtual link",
    ),
    ("ad_aggregator_id", INDEX),
    ("ad_actor_oper_port_state", PROTOCOL),
    ("ad_actor_oper_port_state_str", PROTOCOL),
    ("ad_partner_oper_port_state", PROTOCOL),
    ("ad_partner_oper_port_state_str", PROTOCOL),
];

const ADDRESS_FIELDS: [Dropped; 3] = [
    ("valid_life_time", TIME),
    // Zero is said once more by the flag `deprecated`, which stays.
    ("preferred_life_time", TIME),
    ("tentative", "until duplicate address detection has ended"),
];

const ROUTE_FIELDS: [Dropped; 3] = [("expires", TIME), ("age", TIME), ("used", TRAFFIC)];

/// Words in lists of flags.
const FLAGS: [Dropped; 6] = [
    ("LOWER_UP", CARRIER),
    ("NO-CARRIER", CARRIER),
    ("M-DOWN", CARRIER),
    ("DORMANT", CARRIER),
    ("linkdown", CARRIER),
    ("dead", CARRIER),
];

const INDEX: &str = "a number given in the order of making";
const CARRIER: &str = "follows the carrier, which the other end has and which comes late";
const PROTOCOL: &str = "what a protocol found out, from MACs and neighbours";
const TIME: &str = "runs by itself";
const TRAFFIC: &str = "counts what passed";

/// What of /proc/sys/net/ipv4/conf/LINK and its sibling a site may set; neither has the other's.
const SYSCTLS: [(&str, &[&str]); 2] = [
    (
        "ipv4",
        &[
            "arp_announce",
            "arp_filter",
            "arp_ignore",
            "arp_notify",
            "forwarding",
            "proxy_arp",
            "rp_filter",
        ],
    ),
    (
        "ipv6",
        &["accept_ra", "autoconf", "disable_ipv6", "forwarding"],
    ),
];

/// Links, addresses, routes of all tables, rules, the VLANs of bridges' ports, and links' settings.
///
/// Left out besides the fields above:
/// * MACs that nobody set (`addr_assign_type` of sysfs): random, or taken from a port or from the link below;
/// * IPv6's link-local addresses: made from the MAC;
/// * IPv6 routes that the kernel made: they come and go with carrier and duplicate address detection, and follow from addresses;
/// * rules that the kernel made: the one for VRFs comes with a namespace's first VRF and stays.
pub fn snapshot(namespace: &Namespace) -> Value {
    let set = macs_that_were_set(namespace);
    let links = named(&namespace.ip_json("link show"), |name, link| {
        let mut link = without(link, &LINK_FIELDS);
        if !set.get(name).copied().unwrap_or_default() {
            take(&mut link, "address");
        }
        for (place, fields) in [
            ("/linkinfo/info_data", &CONTROLLER_FIELDS[..]),
            ("/linkinfo/info_slave_data", &PORT_FIELDS[..]),
        ] {
            if let Some(part) = link.pointer_mut(place) {
                *part = without(part.take(), fields);
            }
        }
        link
    });
    let addresses = named(&namespace.ip_json("address show"), |_, mut link| {
        let mut own = list(&take(&mut link, "addr_info"));
        own.retain(|address| !is(address, "scope", "link") || is(address, "family", "inet"));
        own.into_iter()
            .map(|own| without(own, &ADDRESS_FIELDS))
            .collect()
    });
    let mut routes = list(&namespace.ip_json("route show table all"));
    routes.retain(|route| !is(route, "protocol", "kernel") || !is_ipv6(route));
    let routes = routes
        .into_iter()
        .map(|route| without(route, &ROUTE_FIELDS));
    // Their order says nothing: the kernel looks for the longest prefix and the least metric.
    let mut routes: Vec<Value> = routes.collect();
    routes.sort_by_cached_key(ToString::to_string);
    let rules = ["-4", "-6"].map(|family| {
        let mut rules = list(&namespace.ip_json(&format!("{family} rule show")));
        rules.retain(|rule| !is(rule, "protocol", "kernel"));
        rules
    });
    let vlans = namespace.output("bridge", &["-j", "vlan", "show"]);
    let vlans = serde_json::from_slice(&vlans.stdout).unwrap_or(Value::Null);
    let vlans = named(&vlans, |_, mut port| take(&mut port, "vlans"));
    json!({
        "links": links, "addresses": addresses, "routes": routes, "rules": rules, "vlans": vlans,
        "sysctls": sysctls(namespace, &links),
    })
}

/// Demands that two snapshots are equal, and shows the lines that differ.
#[track_caller]
pub fn same(before: &Value, after: &Value, what: &str) {
    let lines = |all: &Value| serde_json::to_string_pretty(all).expect("JSON can be written");
    let (before, after) = (lines(before), lines(after));
    let differences = similar::TextDiff::from_lines(&before, &after);
    let differences = differences.unified_diff().context_radius(6).to_string();
    assert!(differences.is_empty(), "{what}\n{differences}");
}

fn is(thing: &Value, field: &str, word: &str) -> bool {
    thing.get(field).is_some_and(|value| value == word)
}

fn is_ipv6(route: &Value) -> bool {
    // `default` is both families'; the preference of routers (RFC 4191) is IPv6's alone, and always said.
    route.get("pref").is_some()
}

/// Things with an `ifname`, by it.
fn named(said: &Value, read: impl Fn(&str, Value) -> Value) -> Value {
    let things = list(said).into_iter().filter_map(|mut thing| {
        let name = thing.as_object_mut()?.remove("ifname")?;
        let name = name.as_str()?.to_owned();
        let read = read(&name, thing);
        Some((name, read))
    });
    Value::Object(things.collect::<Map<_, _>>())
}

fn list(said: &Value) -> Vec<Value> {
    said.as_array().cloned().unwrap_or_default()
}

/// A field, taken out; null where there is none.
fn take(value: &mut Value, name: &str) -> Value {
    let fields = value.as_object_mut();
    fields
        .and_then(|fields| fields.remove(name))
        .unwrap_or_default()
}

/// `value` without `fields`, and without the flags that say nothing, at any depth.
fn without(value: Value, fields: &[Dropped]) -> Value {
    match value {
        Value::Object(all) => {
            let is_kept = |name: &str| fields.iter().all(|(dropped, _)| *dropped != name);
            let kept = all.into_iter().filter(|(name, _)| is_kept(name));
            kept.map(|(name, value)| (name, without(value, fields)))
                .collect()
        }
        Value::Array(all) => {
            let says = |value: &Value| FLAGS.iter().all(|(flag, _)| value != flag);
            let kept = all.into_iter().filter(says);
            kept.map(|value| without(value, fields)).collect()
        }
        plain @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_)) => plain,
    }
}

/// Which links have a MAC of their own or one that somebody set. Netlink does not say; sysfs does, to whoever mounts it inside.
fn macs_that_were_set(namespace: &Namespace) -> BTreeMap<String, bool> {
    namespace.run(|| {
        unshare(CloneFlags::CLONE_NEWNS).expect("mounts of its own");
        let (nothing, private) = (None::<&str>, MsFlags::MS_REC | MsFlags::MS_PRIVATE);
        mount(nothing, "/", nothing, private, nothing).expect("keep mounts from others");
        let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
        mount(Some("sysfs"), "/sys", Some("sysfs"), flags, nothing).expect("mount sysfs");
        let links = fs::read_dir("/sys/class/net").expect("sysfs lists links");
        let links = links.filter_map(|link| {
            let link = link.ok()?;
            // Not a link but a file beside them: `bonding_masters`.
            let origin = fs::read_to_string(link.path().join("addr_assign_type")).ok()?;
            // NET_ADDR_PERM and NET_ADDR_SET of the kernel's include/uapi/linux/netdevice.h.
            let is_set = matches!(origin.trim(), "0" | "3");
            Some((link.file_name().to_string_lossy().into_owned(), is_set))
        });
        links.collect()
    })
}

fn sysctls(namespace: &Namespace, links: &Value) -> Value {
    let names = links.as_object().into_iter().flat_map(Map::keys);
    let read = |name: &String| {
        let all = SYSCTLS.iter().flat_map(|(family, settings)| {
            settings.iter().filter_map(move |setting| {
                let path = format!("/proc/sys/net/{family}/conf/{name}/{setting}");
                let value = fs::read_to_string(path).ok()?;
                Some((format!("{family}/{setting}"), json!(value.trim())))
            })
        });
        (name.clone(), all.collect::<Value>())
    };
    namespace.run(|| names.map(read).collect::<Value>())
}
