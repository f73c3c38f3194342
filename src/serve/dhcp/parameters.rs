//! Which options a reply carries, in which order, and whose word counts. Part of the engine, and as pure.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::options::{Writer, default_route, encode, has_default_route};
use super::reply::Draft;
use super::wire::code;
use crate::base::option::{CLASSLESS_ROUTES, DNS_SERVERS, ROUTERS, STATIC_ROUTES, SUBNET_MASK};

impl Draft<'_> {
    /// Option 51, and T1 and T2 where asked for (RFC 2131 4.4.5: a half and seven eighths).
    pub(super) fn put_times(&self, writer: &mut Writer) {
        writer.put(code::LEASE_TIME, &self.lease.to_be_bytes());
        if self.asks_for(code::RENEWAL_TIME) {
            writer.put(code::RENEWAL_TIME, &(self.lease / 2).to_be_bytes());
        }
        if self.asks_for(code::REBINDING_TIME) {
            let rebinding = self.lease - self.lease / 8;
            writer.put(code::REBINDING_TIME, &rebinding.to_be_bytes());
        }
    }

    pub(super) fn put_parameters(&self, writer: &mut Writer) {
        let asked = self.message.options.get(code::PARAMETERS);
        if let Some(id) = self.message.options.get(code::MACHINE_ID) {
            writer.put(code::MACHINE_ID, &id);
        }
        self.put_boot(writer);
        // A client without a list is told what it cannot do without.
        let wanted = |code: u8| match &asked {
            Some(asked) => code == SUBNET_MASK || asked.contains(&code),
            None => code <= ROUTERS || code == DNS_SERVERS,
        };
        let mut told = self.told();
        // Ascending codes put 1 before 3, as RFC 2132 3.3 demands.
        if let Some(mask) = told.remove(&SUBNET_MASK) {
            writer.put(SUBNET_MASK, &mask);
        }
        if wanted(CLASSLESS_ROUTES) {
            put_routes(&mut told, writer);
        }
        for (code, value) in told.iter().filter(|(code, _)| wanted(**code)) {
            writer.put(*code, value);
        }
    }

    /// What may be told, by code: of each option what the nearest place says.
    fn told(&self) -> BTreeMap<u8, Cow<'_, [u8]>> {
        let of_pool = self.served.pool_options(self.address);
        let places = self.served.options.iter().chain(of_pool);
        let mut told: BTreeMap<u8, Cow<'_, [u8]>> = places
            .map(|(code, value)| (*code, Cow::Borrowed(value.as_slice())))
            .collect();
        if let Some(reservation) = self.reservation {
            told.retain(|code, _| !reservation.withheld.contains(code));
            let host = Cow::Borrowed(reservation.host.as_str().as_bytes());
            told.insert(code::HOST_NAME, host);
            let own = reservation.options.iter();
            told.extend(own.map(|(code, value)| (*code, Cow::Owned(encode(value)))));
        }
        told
    }

    fn put_boot(&self, writer: &mut Writer) {
        let Some(boot) = self.boot else {
            return;
        };
        if boot.http_client {
            writer.put(code::VENDOR_CLASS, b"HTTPClient");
        }
        if self.asks_for(code::TFTP_SERVER) {
            writer.put(code::TFTP_SERVER, boot.server.to_string().as_bytes());
        }
        if boot.by_url || boot.program.len() > 127 || self.asks_for(code::BOOT_FILE) {
            writer.put(code::BOOT_FILE, boot.program.as_bytes());
        }
    }

    fn asks_for(&self, code: u8) -> bool {
        let asked = self.message.options.get(code::PARAMETERS);
        asked.is_some_and(|asked| asked.contains(&code))
    }
}

/// Puts option 121, with the default route in it: a client that has asked for it must not look at options 3 and 33 beside it, and so
/// they are left out (RFC 3442).
fn put_routes(told: &mut BTreeMap<u8, Cow<'_, [u8]>>, writer: &mut Writer) {
    let Some(mut routes) = told.remove(&CLASSLESS_ROUTES) else {
        return;
    };
    let router = told.get(&ROUTERS).and_then(|own| default_route(own));
    if let Some(router) = router.filter(|_| !has_default_route(&routes)) {
        routes = Cow::Owned([&router, routes.as_ref()].concat());
    }
    if writer.put(CLASSLESS_ROUTES, &routes) {
        told.remove(&ROUTERS);
        told.remove(&STATIC_ROUTES);
    }
}
