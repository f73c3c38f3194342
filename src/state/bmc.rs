//! By what the daemon speaks with machines' BMCs: what the site says of them, and how that is told. Of secrets only where they are kept is
//! known here.

use std::net::IpAddr;
use std::sync::Arc;

use super::leave::Leave;
use super::{Changes, Desired, Key, Resource, State};
use crate::base::bmc::{PowerAction, PowerRequest, PowerRequests};
use crate::site::model::{
    Bmc, BmcAccount, BmcManual, BmcProtocol, BmcTrust, BmcWebhook, DeclaredBmc, Site,
};

/// One thing that is said of a BMC, by its name; none where the site leaves it to the protocol.
type Attribute = (&'static str, Option<String>);

/// The BMCs of all machines: every controller speaks with them, whoever sees to the machines' power.
pub(super) fn desired(site: &Site, into: &mut Desired) {
    for (host, machine) in &site.machines {
        if let Some(DeclaredBmc { bmc, origin }) = &machine.bmc {
            let machine = host.clone();
            let bmc = Resource::Bmc(Arc::clone(bmc));
            into.add(Key::Bmc { machine }, bmc, origin);
        }
    }
}

/// The addresses of the BMCs in a state.
pub fn bmc_addresses(state: &State) -> impl Iterator<Item = IpAddr> {
    state.values().filter_map(|resource| {
        if let Resource::Bmc(bmc) = resource {
            bmc.address().ip()
        } else {
            None
        }
    })
}

/// Two protocols have little in common: then the one comes in place of the other.
pub(super) fn changes(to: &Bmc, from: &Bmc, changes: Changes) -> Changes {
    if kind(to) != kind(from) {
        return changes.field("kind", &summary(from), &summary(to));
    }
    let pairs = attributes(from).into_iter().zip(attributes(to));
    pairs.fold(changes, |changes, ((name, from), (_, to))| {
        changes.shown(name, &from, &to, |value| {
            value.clone().unwrap_or_else(|| unsaid(name).to_owned())
        })
    })
}

pub(super) fn summary(bmc: &Bmc) -> String {
    let said = attributes(bmc).into_iter();
    let said = said.filter_map(|(name, value)| match (name, value?) {
        ("address", value) => Some(format!("at {value}")),
        (name, value) => Some(format!("{name} {value}")),
    });
    let said: Vec<String> = said.collect();
    format!("{} {}", kind(bmc), said.join(", "))
        .trim_end()
        .to_owned()
}

fn kind(bmc: &Bmc) -> &'static str {
    match bmc.protocol {
        BmcProtocol::Redfish { .. } => "redfish",
        BmcProtocol::Ipmi { .. } => "ipmi",
        BmcProtocol::Webhook(_) => "webhook",
        BmcProtocol::WakeOnLan { .. } => "wake-on-lan",
        BmcProtocol::Manual(_) => "manual",
        BmcProtocol::Qemu { .. } => "qemu",
    }
}

/// What counts where the site says nothing.
fn unsaid(name: &str) -> &'static str {
    match name {
        "port" | "cipher-suite" | "privilege" => "the usual",
        "trust" => "whom the system trusts",
        _ => "none",
    }
}

/// All that is said of a BMC: the same names in the same order for each of a kind. What differs anywhere differs here.
fn attributes(bmc: &Bmc) -> Vec<Attribute> {
    let mut said = Vec::new();
    match &bmc.protocol {
        BmcProtocol::Redfish {
            account,
            system,
            trusts,
        } => {
            of_account(account, &mut said);
            said.extend([("system", quoted(system)), ("trust", trust(trusts))]);
        }
        BmcProtocol::Ipmi {
            account,
            cipher_suite,
            privilege,
            key,
        } => {
            of_account(account, &mut said);
            said.extend([
                ("cipher-suite", shown(cipher_suite)),
                ("privilege", privilege.clone()),
                ("k-g", shown(key)),
            ]);
        }
        BmcProtocol::Webhook(webhook) => of_webhook(webhook, &mut said),
        BmcProtocol::WakeOnLan { mac, subnet } => said.extend([
            ("mac", Some(mac.to_string())),
            ("subnet", Some(subnet.to_string())),
        ]),
        BmcProtocol::Manual(manual) => {
            let BmcManual {
                machine: _,
                instruction,
                within,
            } = manual.as_ref();
            said.extend([
                ("instruction", quoted(instruction)),
                ("within", Some(within.to_string())),
            ]);
        }
        BmcProtocol::Qemu { socket } => said.push(("socket", Some(format!("{socket:?}")))),
    }
    said
}

fn of_account(account: &BmcAccount, said: &mut Vec<Attribute>) {
    let BmcAccount {
        address,
        port,
        username,
        password,
    } = account;
    said.extend([
        ("address", Some(address.to_string())),
        ("port", shown(port)),
        ("username", Some(format!("{username:?}"))),
        ("password", Some(password.to_string())),
    ]);
}

fn of_webhook(webhook: &BmcWebhook, said: &mut Vec<Attribute>) {
    let BmcWebhook {
        requests: PowerRequests { actions, status },
        username,
        password,
        trusts,
    } = webhook;
    said.extend([
        ("username", quoted(username)),
        ("password", shown(password)),
        ("trust", trust(trusts)),
    ]);
    let asked = PowerAction::ALL.map(|action| (action.word(), actions.get(&action).map(request)));
    said.extend(asked);
    let status = status.as_ref().map(|(asked, answer)| {
        let words = |words: &[String]| format!("{words:?}");
        let pointer = answer.pointer.as_ref();
        let pointer = pointer.map(|pointer| format!(" pointer {pointer:?}"));
        format!(
            "{}{} on {} off {}",
            request(asked),
            pointer.unwrap_or_default(),
            words(&answer.on),
            words(&answer.off)
        )
    });
    said.push(("status", status));
}

/// Secrets are places in it still.
fn request(request: &PowerRequest) -> String {
    let PowerRequest {
        method,
        url,
        fields,
        body,
    } = request;
    let mut text = format!("{method} {url}");
    for (name, value) in fields {
        text += &format!(" header {:?}", format!("{name}: {value}"));
    }
    if let Some(body) = body {
        text += &format!(" body {body:?}");
    }
    text
}

fn trust(trusts: &BmcTrust) -> Option<String> {
    match trusts {
        BmcTrust::System => None,
        BmcTrust::Authority(path) => Some(format!("certificate-authority {path:?}")),
        BmcTrust::Pinned(fingerprint) => Some(format!("fingerprint {fingerprint}")),
    }
}

fn shown(value: &Option<impl ToString>) -> Option<String> {
    value.as_ref().map(ToString::to_string)
}

/// As the language writes a text: nothing in it reaches a terminal as it is.
fn quoted(value: &Option<String>) -> Option<String> {
    value.as_ref().map(|text| format!("{text:?}"))
}

/// Takes what is left alone from `found`; of another protocol, all or nothing.
pub(super) fn leave_in(bmc: &mut Bmc, found: &Bmc, leave: &Leave<'_>) {
    if kind(bmc) != kind(found) {
        return leave.one("kind", bmc, found);
    }
    leave_each(bmc, found, leave);
}

fn leave_each(bmc: &mut Bmc, found: &Bmc, leave: &Leave<'_>) {
    match (&mut bmc.protocol, &found.protocol) {
        (
            BmcProtocol::Redfish {
                account,
                system,
                trusts,
            },
            BmcProtocol::Redfish {
                account: found,
                system: other,
                trusts: others,
            },
        ) => {
            leave_account(account, found, leave);
            leave.one("system", system, other);
            leave.one("trust", trusts, others);
        }
        (
            BmcProtocol::Ipmi {
                account,
                cipher_suite,
                privilege,
                key,
            },
            BmcProtocol::Ipmi {
                account: found,
                cipher_suite: suite,
                privilege: level,
                key: other,
            },
        ) => {
            leave_account(account, found, leave);
            leave.one("cipher-suite", cipher_suite, suite);
            leave.one("privilege", privilege, level);
            leave.one("k-g", key, other);
        }
        (BmcProtocol::Webhook(webhook), BmcProtocol::Webhook(found)) => {
            leave_webhook(webhook, found, leave);
        }
        (
            BmcProtocol::WakeOnLan { mac, subnet },
            BmcProtocol::WakeOnLan {
                mac: other,
                subnet: found,
            },
        ) => {
            leave.one("mac", mac, other);
            leave.one("subnet", subnet, found);
        }
        (BmcProtocol::Manual(manual), BmcProtocol::Manual(found)) => {
            leave.one("instruction", &mut manual.instruction, &found.instruction);
            leave.one("within", &mut manual.within, &found.within);
        }
        (BmcProtocol::Qemu { socket }, BmcProtocol::Qemu { socket: found }) => {
            leave.one("socket", socket, found);
        }
        // Of two kinds, which were told apart before.
        (
            BmcProtocol::Redfish { .. }
            | BmcProtocol::Ipmi { .. }
            | BmcProtocol::Webhook(_)
            | BmcProtocol::WakeOnLan { .. }
            | BmcProtocol::Manual(_)
            | BmcProtocol::Qemu { .. },
            _,
        ) => {}
    }
}

fn leave_account(to: &mut BmcAccount, from: &BmcAccount, leave: &Leave<'_>) {
    leave.one("address", &mut to.address, &from.address);
    leave.one("port", &mut to.port, &from.port);
    leave.one("username", &mut to.username, &from.username);
    leave.one("password", &mut to.password, &from.password);
}

fn leave_webhook(to: &mut BmcWebhook, from: &BmcWebhook, leave: &Leave<'_>) {
    leave.one("username", &mut to.username, &from.username);
    leave.one("password", &mut to.password, &from.password);
    leave.one("trust", &mut to.trusts, &from.trusts);
    let (asked, others) = (&mut to.requests.actions, &from.requests.actions);
    for action in PowerAction::ALL {
        let mut own = asked.remove(&action);
        leave.one(action.word(), &mut own, &others.get(&action).cloned());
        asked.extend(own.map(|own| (action, own)));
    }
    leave.one("status", &mut to.requests.status, &from.requests.status);
}
