//! Whole host networks drawn by lot, as site texts: bonds, bridges, tagged links on any of them, VRFs, dummies, with addresses and routes.
//!
//! A text follows from a row of numbers alone, and zero is always the simplest choice, so that whoever finds a fault can shrink it.
#![allow(dead_code, reason = "each suite uses a part")]

use std::fmt::Write as _;

/// How many numbers a text is drawn from.
pub(crate) const CHOICES: usize = 48;

/// The host's ports, which exist whatever a text says.
pub(crate) const PORTS: [&str; 5] = ["p0", "p1", "p2", "p3", "p4"];

const MODES: [&str; 5] = [
    "active-backup",
    "balance-rr",
    "802.3ad",
    "balance-xor",
    "broadcast",
];

/// Networks; a text puts each on one link at most. The tagged ones are known by their id.
const NETWORKS: &str = r#"site "lab" domain="lab.example"
fabric "f" {
    vlan "u0" { subnet "10.0.0.0/24"; subnet "fd00:0::/64" }
    vlan "v10" id=10 { subnet "10.10.0.0/24"; subnet "fd00:10::/64" }
    vlan "v20" id=20 { subnet "10.20.0.0/24"; subnet "fd00:20::/64" }
}
fabric "g" {
    vlan "w10" id=10 { subnet "10.110.0.0/24"; subnet "fd00:110::/64" }
    vlan "w20" id=20 { subnet "10.120.0.0/24"; subnet "fd00:120::/64" }
}
fabric "h" { vlan "u1" { subnet "10.1.0.0/24"; subnet "fd00:1::/64" } }
fabric "i" { vlan "u2" { subnet "10.2.0.0/24"; subnet "fd00:2::/64" } }
route "10.90.0.0/16" { via "10.0.0.254" }
route "10.91.0.0/16" { via "10.10.0.254" }
route "fd91::/32" { via "fd00:10::fe" }
route "10.92.0.0/16" { via "10.110.0.254"; metric 100 }
route "fd93::/32" { via "fd00:1::fe" }
"#;

/// What a text says of a controller, as it grows.
struct Host<'a> {
    choices: std::slice::Iter<'a, u8>,
    text: String,
    /// Links that nothing has as a port yet, and that may carry tags or addresses.
    free: Vec<Free>,
}

struct Free {
    name: String,
    mtu: u32,
}

/// The text that `choices` draw; not every one is a sound site.
pub(crate) fn text(choices: &[u8]) -> String {
    let mut host = Host {
        choices: choices.iter(),
        text: format!("{NETWORKS}controller \"rack-1\" {{\n"),
        free: Vec::new(),
    };
    host.ports();
    host.stack();
    host.rest();
    host.text.push_str("}\n");
    host.text
}

impl Host<'_> {
    fn draw(&mut self, below: u8) -> u8 {
        self.choices.next().copied().unwrap_or_default() % below
    }

    fn line(&mut self, line: std::fmt::Arguments<'_>) {
        let _ = writeln!(self.text, "    {line}");
    }

    fn mtu(&mut self) -> u32 {
        [1500, 9000, 1400][usize::from(self.draw(3))]
    }

    /// Ports, and the bonds and the bridge that they are in.
    fn ports(&mut self) {
        let (mtus, mut members) = (
            [self.mtu(), self.mtu(), self.mtu()],
            [const { Vec::new() }; 3],
        );
        for port in PORTS {
            match self.draw(6) {
                0 => {}
                1 => self.line(format_args!("ethernet \"{port}\"")),
                2 => {
                    let mtu = self.mtu();
                    self.line(format_args!("ethernet \"{port}\" mtu={mtu}"));
                    self.free.push(Free {
                        name: port.to_owned(),
                        mtu,
                    });
                }
                group => {
                    let group = usize::from(group - 3);
                    let mtu = mtus[group];
                    // A bond gives its ports its own.
                    let said = if group < 2 && self.draw(3) == 1 {
                        String::new()
                    } else {
                        format!(" mtu={mtu}")
                    };
                    self.line(format_args!("ethernet \"{port}\"{said}"));
                    members[group].push(port.to_owned());
                }
            }
        }
        let [bond0, bond1, bridged] = members;
        let [mtu0, mtu1, mtu2] = mtus;
        self.bond("bond0", &bond0, mtu0);
        self.bond("bond1", &bond1, mtu1);
        self.bridge("br0", bridged, mtu2);
    }

    fn bond(&mut self, name: &str, ports: &[String], mtu: u32) {
        let Some(first) = ports.first() else {
            return;
        };
        let mode = MODES[usize::from(self.draw(5))];
        let mut more = match (self.draw(4), mode) {
            (1, "active-backup") => format!("; primary \"{first}\""),
            (1, "802.3ad") => "; lacp-rate \"fast\"".to_owned(),
            (1, "balance-xor") => "; transmit-hash \"layer3+4\"".to_owned(),
            (2, "active-backup") => {
                "; arp-interval \"200ms\"; arp-targets \"10.0.0.99\"".to_owned()
            }
            (2, _) => "; mii-interval \"50ms\"; up-delay \"100ms\"".to_owned(),
            _ => String::new(),
        };
        if self.draw(4) == 1 && ["active-backup", "balance-rr"].contains(&mode) {
            more.push_str("; resend-igmp 3");
        }
        let ports = words(ports);
        self.line(format_args!(
            "bond \"{name}\" mode=\"{mode}\" mtu={mtu} {{ ports {ports}{more} }}"
        ));
        self.free.push(Free {
            name: name.to_owned(),
            mtu,
        });
    }

    fn bridge(&mut self, name: &str, mut ports: Vec<String>, mtu: u32) {
        if self.draw(2) == 1
            && let Some(at) = self.free.iter().position(|free| free.mtu >= mtu)
        {
            ports.push(self.free.remove(at).name);
        }
        if ports.is_empty() {
            return;
        }
        // The host's own tagged links stand on it.
        let own = format!("; port \"{name}\" {{ tagged \"f/v10\" \"f/v20\" }}");
        let more = match self.draw(4) {
            1 => format!("; vlan-filtering #true{own}"),
            2 => format!(
                "; vlan-filtering #true; default-pvid 0{own}; port \"{}\" {{ tagged \"f/v10\" \"f/v20\" }}",
                ports[0]
            ),
            3 => "; stp #true; forward-delay \"4s\"".to_owned(),
            _ => String::new(),
        };
        let ports = words(&ports);
        self.line(format_args!(
            "bridge \"{name}\" mtu={mtu} {{ ports {ports}{more} }}"
        ));
        self.free.push(Free {
            name: name.to_owned(),
            mtu,
        });
    }

    /// Tagged links, one on another too, a VRF, and a second bridge, of what is free.
    fn stack(&mut self) {
        let mut networks = vec!["f/v10", "f/v20"];
        let mut inner = vec!["g/w10", "g/w20"];
        let mut ready = Vec::new();
        for name in ["t0", "t1", "t2"] {
            let Some(last) = u8::try_from(self.free.len()).ok().filter(|free| *free > 0) else {
                break;
            };
            let on = usize::from(self.draw(last));
            let (on, below) = (self.free[on].name.clone(), self.free[on].mtu);
            let pool = if on.starts_with('t') {
                &mut inner
            } else {
                &mut networks
            };
            let pick = self.choices.next().copied().unwrap_or_default();
            if pick % 3 == 0 || pool.is_empty() {
                continue;
            }
            let vlan = pool.remove(usize::from(pick / 3) % pool.len());
            let protocol = ["802.1Q", "802.1ad"][usize::from(self.draw(2))];
            let mtu = self.mtu().min(below);
            let link = format!(
                "tagged \"{name}\" on=\"{on}\" vlan=\"{vlan}\" protocol=\"{protocol}\" mtu={mtu}"
            );
            if self.draw(3) == 1 && !on.starts_with('t') {
                // Tags within tags; this one has no addresses then.
                self.line(format_args!("{link}"));
                self.free.push(Free {
                    name: name.to_owned(),
                    mtu,
                });
                continue;
            }
            let addresses = self.addresses(vlan);
            self.line(format_args!("{link} {{ {addresses}}}"));
            // Routes lead through the others, in the main table.
            if vlan.ends_with("20") {
                ready.push(name.to_owned());
            }
        }
        let mut members: Vec<String> = ready.into_iter().filter(|_| self.draw(4) == 1).collect();
        if self.draw(3) == 1 {
            self.line(format_args!(
                "dummy \"d0\" mtu=1400 {{ address \"192.0.2.1/32\"; address \"fd00:99::1/128\" }}"
            ));
            if self.draw(2) == 1 {
                members.push("d0".to_owned());
            }
        }
        if self.draw(3) == 1 || !members.is_empty() {
            let table = [100, 200][usize::from(self.draw(2))];
            let ports = if members.is_empty() {
                String::new()
            } else {
                format!("ports {}", words(&members))
            };
            self.line(format_args!("vrf \"red\" table={table} {{ {ports} }}"));
        }
    }

    fn addresses(&mut self, vlan: &str) -> String {
        let number = vlan.trim_start_matches(|letter: char| !letter.is_ascii_digit());
        let net = match vlan.chars().next() {
            Some('g') => format!("1{number}"),
            _ => number.to_owned(),
        };
        let (v4, v6) = (
            format!("address \"10.{net}.0.2\"; "),
            format!("address \"fd00:{net}::2\"; "),
        );
        match self.draw(5) {
            0 => v4,
            1 => v6,
            2 => v4 + &v6,
            3 => format!("address \"10.{net}.0.3\"; {v4}address \"fd00:{net}::3\"; {v6}"),
            _ => String::new(),
        }
    }

    /// Addresses without tags, on ports that nothing has yet, and on the loopback.
    fn rest(&mut self) {
        let used = |host: &Self, name: &str| host.text.contains(&format!("\"{name}\""));
        let free: Vec<&str> = PORTS.into_iter().filter(|port| !used(self, port)).collect();
        for (port, vlan) in free.into_iter().zip(["f/u0", "h/u1", "i/u2"]) {
            if self.draw(3) == 0 {
                continue;
            }
            let addresses = self.addresses(vlan);
            let mtu = match self.draw(3) {
                1 => " mtu=9000",
                2 => " mtu=1400",
                _ => "",
            };
            self.line(format_args!(
                "ethernet \"{port}\" vlan=\"{vlan}\"{mtu} {{ {addresses}}}"
            ));
        }
        if self.draw(4) == 1 {
            self.line(format_args!(
                "loopback {{ address \"192.0.2.9/32\"; address \"fd00:99::9/128\" }}"
            ));
        }
    }
}

fn words(names: &[String]) -> String {
    let names: Vec<String> = names.iter().map(|name| format!("\"{name}\"")).collect();
    names.join(" ")
}
