//! Which options a reply carries, in which order, and whose word counts. Part of the engine, and as pure.

use std::borrow::Cow;

use super::options::{Writer, default_route, has_default_route};
use super::reply::{Answer, Draft};
use super::told::Told;
use super::wire::code;
use crate::base::option::{
    CLASSLESS_ROUTES, DNS_SERVERS, IDENTIFIED_OPTIONS, PXELINUX, ROUTERS, STATIC_ROUTES,
    SUBNET_MASK, TFTP_SERVERS, VENDOR_OPTIONS, encode,
};

/// The longest name in the field `file`, which keeps a zero at its end; a longer one goes into option 67 only.
pub(super) const FILE_MOST: usize = 127;

impl Draft<'_> {
    /// T1 and T2 where asked for (RFC 2131 4.4.5: a half and seven eighths).
    pub(super) fn put_times(&self, writer: &mut Writer<'_>) {
        if self.asks_for(code::RENEWAL_TIME) {
            writer.put(code::RENEWAL_TIME, &(self.lease / 2).to_be_bytes());
        }
        if self.asks_for(code::REBINDING_TIME) {
            let rebinding = self.lease - self.lease / 8;
            writer.put(code::REBINDING_TIME, &rebinding.to_be_bytes());
        }
    }

    pub(super) fn put_parameters(&self, writer: &mut Writer<'_>) {
        let asked = self.message.options.get(code::PARAMETERS);
        let asked = asked.as_deref();
        self.put_machine(writer);
        let mut told = self.told();
        self.put_boot(&mut told, writer);
        // Ascending codes put 1 before 3, as RFC 2132 3.3 demands.
        put_one(SUBNET_MASK, &mut told, writer);
        if is_wanted(asked, CLASSLESS_ROUTES) {
            put_routes(&mut told, writer);
        }
        for (code, value) in told.iter().filter(|(code, _)| is_wanted(asked, *code)) {
            writer.put(code, value);
        }
    }

    /// The same where not all of it fits: what the client can least do without, and then what it asks for in its order (RFC 2132 9.8).
    pub(super) fn put_by_need(&self, writer: &mut Writer<'_>) {
        let asked = self.message.options.get(code::PARAMETERS);
        let asked = asked.as_deref();
        self.put_machine(writer);
        let mut told = self.told();
        put_one(SUBNET_MASK, &mut told, writer);
        if is_wanted(asked, CLASSLESS_ROUTES) {
            put_routes(&mut told, writer);
        }
        if is_wanted(asked, ROUTERS) {
            put_one(ROUTERS, &mut told, writer);
        }
        self.put_boot(&mut told, writer);
        match self.answer {
            Answer::Offer | Answer::Ack => self.put_times(writer),
            Answer::Nak | Answer::Informed | Answer::Proxy | Answer::BootServer => {}
        }
        for code in asked.unwrap_or_default() {
            put_one(*code, &mut told, writer);
        }
        // There is nothing left of these where the client has a list.
        for (code, value) in told.iter().filter(|(code, _)| is_wanted(asked, *code)) {
            writer.put(code, value);
        }
    }

    /// What firmware looks for, and nothing else: the other server says the rest.
    pub(super) fn put_program(&self, writer: &mut Writer<'_>) {
        self.put_machine(writer);
        let mut told = self.told();
        self.put_boot(&mut told, writer);
        if let Some(servers) = told.get(TFTP_SERVERS)
            && self.asks_for(TFTP_SERVERS)
        {
            writer.put(TFTP_SERVERS, servers);
        }
    }

    /// Option 97 as it came (RFC 4578 2.3).
    fn put_machine(&self, writer: &mut Writer<'_>) {
        if let Some(id) = self.message.options.get(code::MACHINE_ID) {
            writer.put(code::MACHINE_ID, &id);
        }
    }

    /// What may be told, by code: of each option what the nearest place says. What `show` says of a machine agrees with it (`state/dhcp/told`).
    fn told(&self) -> Told<'_> {
        let of_pool = self.served.pool_options(self.address);
        let of_classes = self.classes.iter().rev().flat_map(|one| &one.options);
        let places = self.served.options.iter().chain(of_pool);
        let places = places.chain(of_classes);
        let mut told = Told::default();
        for (code, value) in places {
            told.put(*code, Cow::Borrowed(value));
        }
        if let Some(reservation) = self.reservation {
            told.retain(|code| !reservation.withheld.contains(&code));
            let host = Cow::Borrowed(reservation.host.as_str().as_bytes());
            told.put(code::HOST_NAME, host);
            for (code, value) in &reservation.options {
                told.put(*code, Cow::Owned(encode(value)));
            }
        }
        told
    }

    /// What the client must be told to boot, whether it asks or not; the site's word counts where it has one.
    fn put_boot<'b>(&'b self, told: &mut Told<'b>, writer: &mut Writer<'_>) {
        let Some(boot) = self.boot() else {
            return;
        };
        if let Some(class) = boot.vendor_class() {
            writer.put(code::VENDOR_CLASS, class);
        }
        if self.asks_for(code::TFTP_SERVER) {
            writer.put(code::TFTP_SERVER, boot.told.server.to_string().as_bytes());
        }
        if boot.is_by_url() || boot.program.len() > FILE_MOST || self.asks_for(code::BOOT_FILE) {
            writer.put(code::BOOT_FILE, boot.program.as_bytes());
        }
        if let Some(options) = boot.vendor_options() {
            let options = Cow::Borrowed(options);
            writer.put(
                VENDOR_OPTIONS,
                &told.remove(VENDOR_OPTIONS).unwrap_or(options),
            );
        }
        if let Some(options) = boot.identified_options() {
            let options = Cow::Owned(options);
            let own = told.remove(IDENTIFIED_OPTIONS);
            writer.put(IDENTIFIED_OPTIONS, &own.unwrap_or(options));
        }
        if boot.takes_vendor_options() {
            for code in PXELINUX {
                put_one(code, told, writer);
            }
        }
        if told.get(TFTP_SERVERS).is_none() {
            let server = boot.told.server.octets().to_vec();
            told.put(TFTP_SERVERS, Cow::Owned(server));
        }
    }

    fn asks_for(&self, code: u8) -> bool {
        let asked = self.message.options.get(code::PARAMETERS);
        asked.is_some_and(|asked| asked.contains(&code))
    }
}

/// Whether a client that asks for these is told an option; one without a list is told what it cannot do without.
fn is_wanted(asked: Option<&[u8]>, code: u8) -> bool {
    match asked {
        Some(asked) => code == SUBNET_MASK || asked.contains(&code),
        None => code <= ROUTERS || code == DNS_SERVERS,
    }
}

/// Puts what is told of one option, once.
fn put_one(code: u8, told: &mut Told<'_>, writer: &mut Writer<'_>) {
    if let Some(value) = told.remove(code) {
        writer.put(code, &value);
    }
}

/// Puts option 121, with the default route in it: a client that has asked for it must not look at options 3 and 33 beside it, and so
/// they are left out (RFC 3442).
fn put_routes(told: &mut Told<'_>, writer: &mut Writer<'_>) {
    let Some(mut routes) = told.remove(CLASSLESS_ROUTES) else {
        return;
    };
    let router = told.get(ROUTERS).and_then(|own| default_route(own));
    if let Some(router) = router.filter(|_| !has_default_route(&routes)) {
        routes = Cow::Owned([&router, routes.as_ref()].concat());
    }
    if writer.put(CLASSLESS_ROUTES, &routes) {
        told.remove(ROUTERS);
        told.remove(STATIC_ROUTES);
    }
}
