//! What a BMC that only switches is asked, with what the site says filled in; and which card of a machine is woken.

use std::collections::BTreeMap;

use super::{Draft, Host, Plug};
use crate::base::addr::Prefix;
use crate::base::bmc::{FieldName, PowerAnswer, PowerRequest, PowerRequests, SECRET_PLACES};
use crate::base::mac::MacAddr;
use crate::base::name::HostName;
use crate::base::template::Template;
use crate::base::url::{HttpUrl, HttpUrlError};
use crate::diag::code::Code;
use crate::diag::report::Diagnostic;
use crate::diag::span::Spanned;
use crate::lang::Slot;
use crate::lang::node::{BmcNode, FieldNode, RequestNode};

/// What the places of a BMC's templates stand for, but for its secrets.
struct Places<'a> {
    machine: &'a str,
    address: Option<String>,
    system: Option<&'a str>,
    username: Option<&'a str>,
}

impl<'a> Places<'a> {
    fn of(machine: &'a HostName, bmc: &'a BmcNode) -> Self {
        Self {
            machine: machine.as_str(),
            address: bmc.address.value().map(ToString::to_string),
            system: bmc.system.value().map(String::as_str),
            username: bmc.username.value().map(String::as_str),
        }
    }

    fn fill(&self, template: &Template) -> Template {
        template.filled(|name| match name {
            "machine" => Some(self.machine),
            "address" => self.address.as_deref(),
            "system" => self.system,
            "username" => self.username,
            _ => None,
        })
    }
}

/// The names of the places that a webhook's templates have.
pub(in crate::site) fn places(bmc: &BmcNode) -> impl Iterator<Item = &str> {
    let requests = bmc.switch.requests.iter();
    let own = requests.flat_map(|one| {
        let fields = one.fields.iter().map(|field| &field.value);
        [&one.url, &one.body].into_iter().chain(fields)
    });
    let common = bmc.switch.fields.iter().map(|field| &field.value);
    let all = common.chain(own);
    all.filter_map(Slot::value).flat_map(Template::places)
}

/// All that a webhook is asked about a machine; none where a part of it could not be read, or lacks what is told elsewhere.
///
/// # Errors
/// Where a request cannot be made so.
pub(in crate::site) fn requests(
    machine: &HostName,
    bmc: &BmcNode,
) -> Result<Option<PowerRequests>, Vec<Diagnostic>> {
    let places = Places::of(machine, bmc);
    let mut all = PowerRequests {
        actions: BTreeMap::new(),
        status: None,
    };
    let (mut faults, mut is_whole) = (Vec::new(), true);
    for node in &bmc.switch.requests {
        match request(node, &bmc.switch.fields, &places) {
            Ok(Some(made)) => match node.action {
                Some(action) => drop(all.actions.insert(action, made)),
                None => all.status = Some((made, answer(node))),
            },
            Ok(None) => is_whole = false,
            Err(fault) => faults.push(fault),
        }
    }
    match faults.is_empty() {
        true => Ok(is_whole.then_some(all)),
        false => Err(faults),
    }
}

fn request(
    node: &RequestNode,
    common: &[FieldNode],
    places: &Places<'_>,
) -> Result<Option<PowerRequest>, Diagnostic> {
    // What a request says itself counts more than what is said for all.
    let is_own = |name: &FieldName| {
        let mut own = node.fields.iter().map(|field| field.name.value.as_str());
        own.any(|own| own.eq_ignore_ascii_case(name.as_str()))
    };
    let of_all = common.iter().filter(|field| !is_own(&field.name.value));
    let mut fields: Vec<(FieldName, Template)> = Vec::new();
    for field in of_all.chain(&node.fields) {
        let Some(value) = field.value.value() else {
            return Ok(None);
        };
        fields.push((field.name.value.clone(), places.fill(value)));
    }
    let (Some(method), Some(written)) = (node.method.value(), node.url.given()) else {
        return Ok(None);
    };
    let body = match &node.body {
        Slot::Absent => None,
        Slot::Faulty => return Ok(None),
        Slot::Given(body) => match places.fill(&body.value).text() {
            Some(text) => Some(text.to_owned()),
            None => return Ok(None),
        },
    };
    let Some(url) = url(written, places)? else {
        return Ok(None);
    };
    let bears_secrets = |(_, value): &(FieldName, Template)| {
        value.places().any(|place| SECRET_PLACES.contains(&place))
    };
    if !url.is_private() && fields.iter().any(bears_secrets) {
        let message = "a secret is sent to another host over plain HTTP";
        return Err(Diagnostic::new(Code::SecretExposed, message)
            .label(written.span, "anybody on the way reads it")
            .help("write https://, or send no secret"));
    }
    Ok(Some(PowerRequest {
        method: method.clone(),
        url,
        fields,
        body,
    }))
}

fn url(written: &Spanned<Template>, places: &Places<'_>) -> Result<Option<HttpUrl>, Diagnostic> {
    let filled = places.fill(&written.value);
    let Some(text) = filled.text() else {
        return Ok(None);
    };
    text.parse().map(Some).map_err(|error| {
        let (code, label, help) = match error {
            HttpUrlError::Form => (
                Code::InvalidValue,
                "not such a URL",
                "write https://, the host, and a path; without a `#` and what follows it",
            ),
            HttpUrlError::Credentials => (
                Code::WebhookCredentials,
                "before the `@`",
                "take them out: header \"Authorization\" \"Basic {{ basic }}\" sends them, and the site says where they are kept",
            ),
        };
        Diagnostic::new(code, error.to_string())
            .label(written.span, label)
            .help(help)
    })
}

fn answer(node: &RequestNode) -> PowerAnswer {
    let words = |words: &[Spanned<String>]| words.iter().map(|one| one.value.clone()).collect();
    PowerAnswer {
        pointer: node.pointer.value().cloned(),
        on: words(&node.on),
        off: words(&node.off),
    }
}

impl Draft<'_> {
    /// The card of a machine that a packet wakes: the one that its BMC names, else the first that can be woken; and the subnet that it is
    /// in. None where there is none, or where that cannot be told since something is faulty.
    pub(in crate::site) fn woken(
        &self,
        host: &Host<'_>,
        bmc: &BmcNode,
    ) -> Option<(MacAddr, Prefix)> {
        let named = bmc.switch.interface.value();
        let links = host.links.iter();
        let mut meant = links.filter(|link| named.is_none_or(|name| *name == link.node.name.value));
        meant.find_map(|link| {
            let mac = host.mac_of(link).value()?;
            let Plug::Vlan(vlan) = link.plug else {
                return None;
            };
            let own = link.addresses.iter().filter_map(|placed| placed.subnet);
            let own = own.filter_map(|subnet| self.subnets.get(subnet));
            let of_vlan = self.subnets.iter().filter(|subnet| subnet.vlan == vlan);
            let subnet = own.chain(of_vlan).find(|subnet| subnet.is_v4())?;
            Some((*mac, subnet.node.prefix.value))
        })
    }
}
