//! The words of all places in the order in which they count, and what becomes of each.

use std::net::{IpAddr, Ipv4Addr};

use super::fit::{Fit, fit};
use super::{Client, Held, OptionPart, OptionStanding, OptionWord};
use crate::base::addr::Prefix;
use crate::base::option::{
    CLASSLESS_ROUTES, HOST_NAME, IDENTIFIED_OPTIONS, PXELINUX, ROUTERS, STATIC_ROUTES,
    TFTP_SERVERS, VENDOR_OPTIONS, option_attribute,
};
use crate::site::catalog::{SaidOption, Source};
use crate::state::Scope;

const UNKNOWN: &str = "not recognised as the machine, which takes a mac or another identity";
const ELSEWHERE: &str = "the machine has another default-gateway";
const UNROUTED: &str = "it is told no classless-static-routes";
const PROXIED: &str = "another server gives the addresses here";

/// Before the router that it leads to.
const DEFAULT_ROUTE: &str = "0.0.0.0/0 via ";

impl Client<'_> {
    pub(super) fn words(
        &self,
        (subnet, scope): (Prefix, &Scope),
        address: Option<Ipv4Addr>,
        held: &Held,
    ) -> Vec<OptionWord> {
        let mut further = self.of_classes(scope, held);
        further.extend(self.of_ranges(subnet, scope, address));
        let places = self.catalog.options.of_subnet(self.path, subnet);
        further.extend(places.map(|said| OptionWord::of(said, None, OptionStanding::Told)));
        if !scope.policy.proxy {
            further.extend(self.following(subnet, scope));
        }
        let withheld = held.reservation.as_ref().map(|own| &own.withheld);
        for word in &mut further {
            if withheld.is_some_and(|codes| codes.contains(&word.code)) {
                word.standing = OptionStanding::Withheld { because: ELSEWHERE };
            }
        }
        let mut words = self.of_machine(held);
        words.append(&mut further);
        if scope.policy.proxy {
            words.iter_mut().for_each(OptionWord::beside);
        }
        let mut words = settled(words);
        routed(&mut words);
        words
    }

    /// What the machine says, and what follows of itself; the server knows it by its reservation alone.
    fn of_machine(&self, held: &Held) -> Vec<OptionWord> {
        let standing = match held.reservation {
            Some(_) => OptionStanding::Told,
            None => OptionStanding::Withheld { because: UNKNOWN },
        };
        let at = self.machine.origin.clone();
        let name = SaidOption {
            code: HOST_NAME,
            text: self.host.to_string(),
            source: Source::Here { at },
        };
        let said = self.catalog.options.of_machine(self.host).chain([&name]);
        said.map(|said| OptionWord::of(said, None, standing.clone()))
            .collect()
    }

    fn of_classes(&self, scope: &Scope, held: &Held) -> Vec<OptionWord> {
        let mut words = Vec::new();
        for class in &scope.classes {
            let tags = held.reservation.as_ref().map(|own| &own.tags);
            let standing = match fit(class, &held.macs, tags) {
                Fit::Never => continue,
                Fit::Always => OptionStanding::Told,
                Fit::When(condition) => OptionStanding::When { condition },
            };
            let said = self.catalog.options.of_class(self.path, &class.name);
            let part = || Some(OptionPart::ClientClass(class.name.clone()));
            words.extend(said.map(|said| OptionWord::of(said, part(), standing.clone())));
        }
        words
    }

    fn of_ranges(
        &self,
        subnet: Prefix,
        scope: &Scope,
        address: Option<Ipv4Addr>,
    ) -> Vec<OptionWord> {
        let mut words = Vec::new();
        for range in scope.pool_options.keys() {
            let standing = match address {
                Some(address) if !range.contains(IpAddr::V4(address)) => continue,
                Some(_) => OptionStanding::Told,
                None => OptionStanding::When {
                    condition: format!("its address is of {range}"),
                },
            };
            let said = self.catalog.options.of_range(self.path, subnet, *range);
            let part = || Some(OptionPart::DynamicRange(*range));
            words.extend(said.map(|said| OptionWord::of(said, part(), standing.clone())));
        }
        words
    }
}

impl OptionWord {
    pub(super) fn of(
        said: &SaidOption,
        part: Option<OptionPart>,
        standing: OptionStanding,
    ) -> Self {
        Self {
            code: said.code,
            name: option_attribute(said.code).into_owned(),
            text: said.text.clone(),
            part,
            standing,
            source: said.source.clone(),
        }
    }

    /// Whether there are clients that are told it.
    fn is_live(&self) -> bool {
        match self.standing {
            OptionStanding::Told | OptionStanding::When { .. } => true,
            OptionStanding::Overridden | OptionStanding::Withheld { .. } => false,
        }
    }

    /// Of routes that are written as such, and not byte by byte.
    fn lacks_default_route(&self) -> bool {
        self.text.contains(" via ") && !self.text.contains(DEFAULT_ROUTE)
    }

    /// Lets it be told only where this holds as well.
    fn narrow(&mut self, further: &str) {
        let condition = match &self.standing {
            OptionStanding::When { condition } => format!("{condition}, and {further}"),
            OptionStanding::Told | OptionStanding::Overridden | OptionStanding::Withheld { .. } => {
                further.to_owned()
            }
        };
        self.standing = OptionStanding::When { condition };
    }

    /// Beside another server, only what boot programs look for is told.
    fn beside(&mut self) {
        let is_for_boot = [VENDOR_OPTIONS, IDENTIFIED_OPTIONS, TFTP_SERVERS].contains(&self.code)
            || PXELINUX.contains(&self.code);
        if !is_for_boot {
            self.standing = OptionStanding::Withheld { because: PROXIED };
        }
    }
}

/// By code, each with what becomes of it: what comes after one that is told in any case is told in none.
fn settled(mut words: Vec<OptionWord>) -> Vec<OptionWord> {
    words.sort_by_key(|word| word.code);
    let mut told = None;
    for word in &mut words {
        match &word.standing {
            OptionStanding::Withheld { .. } => {}
            _ if told == Some(word.code) => word.standing = OptionStanding::Overridden,
            OptionStanding::Told => told = Some(word.code),
            OptionStanding::When { .. } | OptionStanding::Overridden => {}
        }
    }
    words
}

/// Whoever is told classless routes finds its router among them, and is told of it in no other way (RFC 3442).
fn routed(words: &mut [OptionWord]) {
    let of = |words: &[OptionWord], code: u8| {
        let mut live = words.iter().filter(|word| word.is_live());
        live.find(|word| word.code == code).cloned()
    };
    if of(words, CLASSLESS_ROUTES).is_none() {
        return;
    }
    // One that depends on the client is not known here.
    let router = of(words, ROUTERS).filter(|word| word.standing == OptionStanding::Told);
    let router: Option<Ipv4Addr> =
        router.and_then(|word| word.text.split(", ").next()?.parse().ok());
    for word in words.iter_mut().filter(|word| word.is_live()) {
        match (word.code, &router) {
            (ROUTERS | STATIC_ROUTES, _) => word.narrow(UNROUTED),
            (CLASSLESS_ROUTES, Some(router)) if word.lacks_default_route() => {
                word.text = format!("{DEFAULT_ROUTE}{router}, {}", word.text);
            }
            _ => {}
        }
    }
}
