//! Which options a reply carries, in which order, and whose word counts. Part of the engine, and as pure.

use super::options::{Writer, encode};
use super::reply::Draft;
use super::wire::code;
use crate::base::option::{DNS_SERVERS, ROUTERS, SUBNET_MASK};

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
        let own = self.reservation.map(|reservation| &reservation.options);
        let is_own = |code: &u8| {
            let withheld = self.reservation.map(|reservation| &reservation.withheld);
            own.is_some_and(|own| own.contains_key(code))
                || withheld.is_some_and(|withheld| withheld.contains(code))
        };
        // Ascending codes put 1 before 3, as RFC 2132 3.3 demands; what a reservation says follows, since it has no mask.
        for (code, value) in &self.served.options {
            if wanted(*code) && !is_own(code) {
                writer.put(*code, value);
            }
        }
        for (code, value) in own.into_iter().flatten().filter(|(code, _)| wanted(**code)) {
            writer.put(*code, &encode(value));
        }
        let host = self
            .reservation
            .map(|reservation| reservation.host.as_str());
        if let Some(host) = host.filter(|_| wanted(code::HOST_NAME) && !is_own(&code::HOST_NAME)) {
            writer.put(code::HOST_NAME, host.as_bytes());
        }
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
