//! How full the dynamic ranges of a subnet are when that is told: the nearest place that says so counts.

use super::{Draft, OptionPlace, Plug};
use crate::base::percent::Percent;
use crate::diag::span::Spanned;

impl Draft<'_> {
    /// The thresholds of a subnet, with the place that says them: the subnet, the DHCP of its VLAN, of the VLAN that this is relayed to,
    /// or of the site; none where all are silent.
    pub(in crate::site) fn thresholds(
        &self,
        subnet: usize,
    ) -> Option<(OptionPlace, &[Spanned<Percent>])> {
        let draft = self.subnets.get(subnet)?;
        let dhcp = |vlan: usize| self.vlans.get(vlan)?.node.dhcp.as_ref();
        let of = |place: OptionPlace, vlan: usize| Some((place, dhcp(vlan)?.thresholds.as_slice()));
        let relay = match self.relays.get(draft.vlan) {
            Some(Plug::Vlan(target)) => Some(*target),
            Some(Plug::Nothing | Plug::Unknown) | None => None,
        };
        let site = self.declarations.sites.first();
        let site = site.and_then(|site| site.dhcp.as_ref());
        let places = [
            Some((
                OptionPlace::Subnet(subnet),
                draft.node.thresholds.as_slice(),
            )),
            of(OptionPlace::Vlan(draft.vlan), draft.vlan),
            relay.and_then(|target| of(OptionPlace::Relay(target), target)),
            site.map(|dhcp| (OptionPlace::Site, dhcp.thresholds.as_slice())),
        ];
        let mut said = places.into_iter().flatten();
        said.find(|(_, thresholds)| !thresholds.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use crate::lang::files::MemoryFiles;
    use crate::site::compile;

    #[test]
    fn the_nearest_place_that_says_thresholds_counts() {
        let text = r#"site "s" domain="s.example" { dhcp { SITE } }
            fabric "f" {
                vlan "pxe" { dhcp { controllers "c"; SERVING }; subnet "10.0.0.0/24" { dynamic-range "10.0.0.9-10.0.0.99"; SUBNET }; subnet "10.1.0.0/24" }
                vlan "far" id=2 { dhcp { relay-to "pxe"; OWN }; subnet "10.2.0.0/24" { gateway "10.2.0.1"; dynamic-range "10.2.0.9-10.2.0.99" } }
                vlan "bare" id=3 { subnet "10.3.0.0/24" }
            }
            controller "c" { ethernet "a" vlan="pxe" { address "10.0.0.2"; address "10.1.0.2" } }"#;
        let places = ["SITE", "SERVING", "OWN", "SUBNET"];
        for (said, expected) in [
            ([false, false, false, false], ["80% 95%"; 4]),
            ([true, false, false, false], ["10%"; 4]),
            ([true, true, false, false], ["20%", "20%", "20%", "10%"]),
            ([true, true, true, true], ["40%", "20%", "30%", "10%"]),
            (
                [false, false, true, true],
                ["40%", "80% 95%", "30%", "80% 95%"],
            ),
        ] {
            let mut written = text.to_owned();
            for ((place, is_said), number) in places.into_iter().zip(said).zip(1..) {
                let says = format!("thresholds \"{number}0%\"");
                written = written.replace(place, if is_said { &says } else { "" });
            }
            let mut files = MemoryFiles::default();
            files.insert("site.kdl", written.as_bytes().to_vec());
            let compiled = compile(&files, "site.kdl");
            let told = format!("{:?}", compiled.diagnostics);
            let site = compiled.site.expect(&told);
            let of = |subnet: &str| {
                let subnet = subnet.parse().unwrap();
                let mut all = site.vlans.values().flat_map(|vlan| &vlan.subnets);
                let (_, found) = all.find(|(prefix, _)| **prefix == subnet).unwrap();
                let words: Vec<_> = found.thresholds.iter().map(ToString::to_string).collect();
                words.join(" ")
            };
            let subnets = ["10.0.0.0/24", "10.1.0.0/24", "10.2.0.0/24", "10.3.0.0/24"];
            assert_eq!(subnets.map(of), expected, "{said:?}");
        }
    }
}
