//! What an interface is told that follows from the site, each with the place that it follows from.

use super::{Client, OptionStanding, OptionWord};
use crate::base::addr::Prefix;
use crate::base::option::{
    CLASSLESS_ROUTES, DNS_SERVERS, DOMAIN_NAME, DOMAIN_SEARCH, INTERFACE_MTU, NTP_SERVERS, ROUTERS,
};
use crate::base::origin::Origin;
use crate::site::catalog::{ObjectKey, SaidOption, Source};
use crate::site::model::Subnet;
use crate::state::Scope;
use crate::state::dhcp::options;

impl Client<'_> {
    pub(super) fn following(&self, prefix: Prefix, scope: &Scope) -> Vec<OptionWord> {
        let Some(subnet) = self.vlan.subnets.get(&prefix) else {
            return Vec::new();
        };
        let vlan = (self.path, self.vlan);
        let all = options::following(self.site, vlan, (prefix, subnet), scope.server);
        let words = all.into_iter().map(|(code, value)| {
            let said = SaidOption {
                code,
                text: value.to_string(),
                source: self.source(code, prefix, subnet),
            };
            OptionWord::of(&said, None, OptionStanding::Told)
        });
        words.collect()
    }

    fn source(&self, code: u8, prefix: Prefix, subnet: &Subnet) -> Source {
        let key = || ObjectKey::Subnet(self.path.clone(), prefix);
        let of_subnet = |at: Option<Origin>| Source::Subnet {
            subnet: prefix,
            at: at.unwrap_or_else(|| subnet.origin.clone()),
        };
        let of_site = |at: Option<Origin>| Source::Site {
            at: at.unwrap_or_else(|| self.site.origin.clone()),
        };
        let at = |key: ObjectKey, name: &str| self.written(&key, name)?.at().cloned();
        match code {
            ROUTERS => of_subnet(at(key(), "gateway")),
            // Said nowhere, they are the controllers that the VLAN names.
            DNS_SERVERS => match self.written(&key(), "dns") {
                Some(source @ Source::Vlan { .. }) => source.clone(),
                source => of_subnet(source.and_then(Source::at).cloned()),
            },
            NTP_SERVERS => of_site(at(ObjectKey::Site, "upstream")),
            CLASSLESS_ROUTES => {
                let mut routes = self.site.routes.iter();
                let first = routes.find(|one| one.vlan == *self.path && prefix.contains(one.via));
                of_site(first.map(|route| route.origin.clone()))
            }
            INTERFACE_MTU => Source::Vlan {
                vlan: self.path.clone(),
                at: at(ObjectKey::Vlan(self.path.clone()), "mtu")
                    .unwrap_or_else(|| self.vlan.origin.clone()),
            },
            DOMAIN_NAME | DOMAIN_SEARCH => of_site(at(ObjectKey::Site, "domain")),
            // The mask and the broadcast address are the prefix's.
            _ => of_subnet(None),
        }
    }

    /// Where a value of an object is written.
    fn written(&self, key: &ObjectKey, name: &str) -> Option<&Source> {
        let mut values = self.catalog.objects.get(key)?.values.iter();
        values
            .find(|value| value.name == name)
            .map(|value| &value.source)
    }
}
