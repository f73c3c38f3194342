//! By what a target is known again: a digest of all of it, from which nothing that it holds can be read.

use super::super::{Target, ipmi, redfish, switch};
use crate::base::digest::{Digest, Digester};
use crate::world::https::Trusted;

impl Target {
    /// Of everything that a session depends on: who has the same may use the same session.
    pub(super) fn seal(&self) -> Digest {
        let mut seal = Seal::default();
        match self {
            Self::Ipmi(target) => seal.ipmi(target),
            Self::Redfish(target) => {
                seal.redfish(target);
                match &target.endpoint.transport {
                    redfish::Transport::Plain => seal.part(b"plain"),
                    redfish::Transport::Tls(trusted) => seal.trust(trusted),
                }
                let name = target.endpoint.name.as_ref().map(ToString::to_string);
                seal.part(name.unwrap_or_default().as_bytes());
                seal.part(target.system.as_deref().unwrap_or_default().as_bytes());
            }
            Self::Switch(target) => {
                seal.switch(target);
                if let switch::Target::Webhook(target) = target {
                    seal.part(format!("{:?}", target.requests).as_bytes());
                    seal.trust(&target.trusted);
                }
            }
        }
        seal.0.finish()
    }

    /// Of what a BMC lets us in by, or not.
    pub(super) fn account(&self) -> Digest {
        let mut seal = Seal::default();
        match self {
            Self::Ipmi(target) => seal.ipmi(target),
            Self::Redfish(target) => seal.redfish(target),
            Self::Switch(target) => seal.switch(target),
        }
        seal.0.finish()
    }
}

#[derive(Default)]
struct Seal(Digester);

impl Seal {
    /// With its length, so that no two ways to divide the same bytes are the same.
    fn part(&mut self, bytes: &[u8]) {
        self.0.update(&bytes.len().to_le_bytes());
        self.0.update(bytes);
    }

    fn ipmi(&mut self, target: &ipmi::Target) {
        self.part(target.address.to_string().as_bytes());
        self.part(&target.user);
        self.part(target.password.bytes());
        self.part(target.bmc_key.as_ref().map_or(&[], |key| key.bytes()));
        self.part(format!("{:?} {:?}", target.privilege, target.suites).as_bytes());
    }

    fn redfish(&mut self, target: &redfish::Target) {
        let endpoint = &target.endpoint;
        self.part(endpoint.address.to_string().as_bytes());
        self.part(&endpoint.port.to_le_bytes());
        self.part(target.username.as_bytes());
        self.part(target.password.bytes());
    }

    fn switch(&mut self, target: &switch::Target) {
        match target {
            switch::Target::Webhook(target) => {
                let password = target.password.as_ref();
                self.part(target.username.as_deref().unwrap_or_default().as_bytes());
                self.part(password.map_or(&[], |password| password.bytes()));
            }
            switch::Target::WakeOnLan(target) => self.part(format!("{target:?}").as_bytes()),
            switch::Target::Manual => self.part(b"manual"),
            switch::Target::Qemu(target) => self.part(format!("{target:?}").as_bytes()),
        }
    }

    fn trust(&mut self, trusted: &Trusted) {
        match trusted {
            Trusted::System(_) => self.part(b"system"),
            Trusted::Pinned(pinned) => {
                self.part(b"pinned");
                self.part(pinned.to_string().as_bytes());
            }
            Trusted::Authority(pem) => {
                self.part(b"authority");
                self.part(pem);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::bmc::{PowerAction, PowerRequest, PowerRequests};
    use crate::base::name::DomainName;
    use crate::base::secret::Secret;
    use std::collections::BTreeSet;
    use std::sync::Arc;

    fn secret(text: &str) -> Secret {
        Secret::new(text.as_bytes().to_vec())
    }

    #[test]
    fn every_part_of_a_target_of_ipmi_counts() {
        let changes: [fn(&mut ipmi::Target); 7] = [
            |_| {},
            |target| target.address.set_port(624),
            |target| target.user = b"admin1".to_vec(),
            |target| target.password = secret("1other"),
            |target| target.bmc_key = Some(secret("key")),
            |target| target.privilege = ipmi::Privilege::User,
            |target| target.suites.truncate(1),
        ];
        let seals = changes.map(|change| {
            let address = ([10, 0, 0, 1], ipmi::PORT).into();
            let mut target = ipmi::Target::new(address, b"admin", secret("other"));
            change(&mut target);
            let target = Target::Ipmi(target);
            assert_eq!(target.seal(), target.account());
            target.seal()
        });
        assert_eq!(BTreeSet::from(seals).len(), changes.len());
    }

    #[test]
    fn every_part_of_a_target_of_redfish_counts() {
        let pinned = |byte: &[u8]| redfish::Transport::Tls(Trusted::Pinned(Digest::of(byte)));
        // Whether it is an account that was not seen yet, too.
        type Change = fn(&mut redfish::Target);
        let changes: [(bool, Change); 9] = [
            (true, |_| {}),
            (true, |target| target.endpoint.port = 444),
            (true, |target| target.username = "root".to_owned()),
            (true, |target| target.password = secret("new")),
            (false, |target| {
                target.endpoint.name = "bmc.example".parse::<DomainName>().ok();
            }),
            (false, |target| target.system = Some("1".to_owned())),
            (false, |target| {
                target.endpoint.transport = redfish::Transport::Plain
            }),
            (false, |target| {
                target.endpoint.transport =
                    redfish::Transport::Tls(Trusted::Pinned(Digest::of(b"2")));
            }),
            (false, |target| {
                target.endpoint.transport =
                    redfish::Transport::Tls(Trusted::Authority(b"1".as_slice().into()));
            }),
        ];
        let (mut seals, mut accounts) = (BTreeSet::new(), BTreeSet::new());
        for (is_account, change) in changes {
            let address = [10, 0, 0, 1].into();
            let mut endpoint = redfish::Endpoint::tls(address, Trusted::Pinned(Digest::of(b"")));
            endpoint.transport = pinned(b"1");
            let mut target = redfish::Target {
                endpoint,
                username: "admin".to_owned(),
                password: secret("old"),
                system: None,
                limits: redfish::Limits::USUAL,
            };
            change(&mut target);
            let target = Target::Redfish(target);
            assert!(seals.insert(target.seal()));
            assert_eq!(accounts.insert(target.account()), is_account);
        }
    }

    #[test]
    fn every_part_of_a_switch_counts() {
        let webhook = |password: &str, pin: &[u8], body: Option<&str>| {
            let request = PowerRequest {
                method: "POST".to_owned(),
                url: "https://a/".parse().unwrap(),
                fields: Vec::new(),
                body: body.map(str::to_owned),
            };
            let requests = PowerRequests {
                actions: [(PowerAction::On, request)].into(),
                status: None,
            };
            switch::Target::Webhook(Arc::new(switch::webhook::Target {
                requests,
                username: None,
                password: Some(secret(password)),
                trusted: Trusted::Pinned(Digest::of(pin)),
                within: switch::webhook::WITHIN,
            }))
        };
        let wake = |mac: &str| {
            switch::Target::WakeOnLan(switch::wake::Target {
                mac: mac.parse().unwrap(),
                subnet: "10.0.0.0/24".parse().unwrap(),
            })
        };
        let qemu = |socket: &str| {
            switch::Target::Qemu(switch::qemu::Target {
                socket: socket.into(),
                within: switch::qemu::WITHIN,
            })
        };
        let (mut seals, mut accounts) = (BTreeSet::new(), BTreeSet::new());
        for (is_account, target) in [
            (true, webhook("old", b"1", None)),
            (true, webhook("new", b"1", None)),
            (false, webhook("new", b"2", None)),
            (false, webhook("new", b"1", Some(""))),
            (true, wake("02:00:00:00:00:01")),
            (true, wake("02:00:00:00:00:02")),
            (true, qemu("/run/a")),
            (true, qemu("/run/b")),
        ] {
            let target = Target::Switch(target);
            assert!(seals.insert(target.seal()));
            assert_eq!(accounts.insert(target.account()), is_account);
        }
    }
}
