//! A bond's parameters as the kernel's attributes and back. Knows nothing of order.

use std::collections::BTreeMap;

use netlink_packet_route::link::InfoBond;

use super::pick;
use crate::base::bond::{BondMode, BondParameter, BondValue};
use crate::base::mac::MacAddr;
use crate::base::name::LinkName;
use crate::state::Bond;

use BondParameter as P;

/// A value as the kernel has it: a port by its index.
pub(super) enum Value {
    Plain(BondValue),
    Port(u32),
}

/// The mode and the parameters that a bond has.
pub(super) fn read(data: &[InfoBond]) -> (Option<BondMode>, Vec<(BondParameter, Value)>) {
    let mode = pick!(data, InfoBond::Mode(mode) => BondMode::of_number(u8::from(*mode)));
    (mode.flatten(), data.iter().filter_map(value).collect())
}

fn value(info: &InfoBond) -> Option<(BondParameter, Value)> {
    let number =
        |parameter, number: u32| Some((parameter, Value::Plain(BondValue::Number(number))));
    match info {
        InfoBond::AdLacpRate(rate) => number(P::LacpRate, u8::from(*rate).into()),
        InfoBond::XmitHashPolicy(hash) => number(P::TransmitHash, u8::from(*hash).into()),
        InfoBond::MiiMon(interval) => number(P::MiiInterval, *interval),
        InfoBond::UpDelay(delay) => number(P::UpDelay, *delay),
        InfoBond::DownDelay(delay) => number(P::DownDelay, *delay),
        InfoBond::PeerNotifDelay(delay) => number(P::PeerNotifyDelay, *delay),
        InfoBond::Primary(0) => None,
        InfoBond::Primary(index) => Some((P::Primary, Value::Port(*index))),
        InfoBond::PrimaryReselect(when) => number(P::PrimaryReselect, u8::from(*when).into()),
        InfoBond::FailOverMac(whose) => number(P::FailOverMac, u8::from(*whose).into()),
        InfoBond::NumPeerNotif(count) => number(P::GratuitousArp, (*count).into()),
        InfoBond::ArpInterval(interval) => number(P::ArpInterval, *interval),
        InfoBond::ArpIpTarget(all) if all.is_empty() => None,
        InfoBond::ArpIpTarget(all) => {
            let all = Value::Plain(BondValue::Addresses(all.clone()));
            Some((P::ArpTargets, all))
        }
        InfoBond::ArpValidate(what) => number(P::ArpValidate, u32::from(*what)),
        InfoBond::ArpAllTargets(how) => number(P::ArpAllTargets, u32::from(*how)),
        InfoBond::MissedMax(count) => number(P::MissedMax, (*count).into()),
        InfoBond::MinLinks(count) => number(P::MinLinks, *count),
        InfoBond::AdSelect(how) => number(P::AdSelect, u8::from(*how).into()),
        InfoBond::AdActorSystem([0, 0, 0, 0, 0, 0]) => None,
        InfoBond::AdActorSystem(mac) => {
            let mac = Value::Plain(BondValue::Mac(MacAddr(*mac)));
            Some((P::AdSystem, mac))
        }
        InfoBond::AdActorSysPrio(priority) => number(P::AdSystemPriority, (*priority).into()),
        InfoBond::AdUserPortKey(key) => number(P::AdUserPortKey, (*key).into()),
        InfoBond::AdLacpActive(active) => number(P::LacpActive, (*active).into()),
        InfoBond::AllPortsActive(all) => number(P::AllPortsActive, u8::from(*all).into()),
        InfoBond::PacketsPerPort(count) => number(P::PacketsPerPort, *count),
        InfoBond::LpInterval(interval) => number(P::LearnPacketInterval, *interval),
        InfoBond::ResendIgmp(count) => number(P::ResendIgmp, *count),
        InfoBond::TlbDynamicLb(dynamic) => number(P::TlbDynamic, (*dynamic).into()),
        // What no site can say.
        InfoBond::Mode(_)
        | InfoBond::ActivePort(_)
        | InfoBond::UseCarrier(_)
        | InfoBond::AdInfo(_)
        | InfoBond::NsIp6Target(_)
        | InfoBond::CoupledControl(_)
        | InfoBond::BroadcastNeigh(_)
        | InfoBond::LacpStrict(_)
        | InfoBond::Other(_)
        | _ => None,
    }
}

/// The bond with its ports by their names; a port that has no name here is none.
pub(super) fn named(
    mode: BondMode,
    values: &[(BondParameter, Value)],
    name: impl Fn(u32) -> Option<LinkName>,
) -> Bond {
    let values = values.iter().filter_map(|(parameter, value)| {
        let value = match value {
            Value::Plain(value) => value.clone(),
            Value::Port(index) => BondValue::Port(name(*index)?),
        };
        Some((*parameter, value))
    });
    Bond::new(mode, values)
}

/// The attributes that set `parameters` as `bond` has them. Values out of the kernel's range become none.
pub(super) fn attributes(
    bond: &Bond,
    parameters: impl IntoIterator<Item = BondParameter>,
    indexes: &BTreeMap<LinkName, u32>,
) -> Vec<InfoBond> {
    let set = |parameter| attribute(parameter, bond.parameters.get(&parameter), indexes);
    parameters.into_iter().filter_map(set).collect()
}

fn attribute(
    parameter: BondParameter,
    value: Option<&BondValue>,
    indexes: &BTreeMap<LinkName, u32>,
) -> Option<InfoBond> {
    let number = match value {
        Some(BondValue::Number(number)) => *number,
        Some(BondValue::Port(_) | BondValue::Mac(_) | BondValue::Addresses(_)) => 0,
        None => parameter.default().unwrap_or(0),
    };
    let byte = || u8::try_from(number).ok();
    let short = || u16::try_from(number).ok();
    Some(match parameter {
        P::LacpRate => InfoBond::AdLacpRate(byte()?.into()),
        P::TransmitHash => InfoBond::XmitHashPolicy(byte()?.into()),
        P::MiiInterval => InfoBond::MiiMon(number),
        P::UpDelay => InfoBond::UpDelay(number),
        P::DownDelay => InfoBond::DownDelay(number),
        P::PeerNotifyDelay => InfoBond::PeerNotifDelay(number),
        P::Primary => InfoBond::Primary(match value {
            Some(BondValue::Port(port)) => *indexes.get(port)?,
            // An index that no link has takes the primary away.
            Some(_) | None => 0,
        }),
        P::PrimaryReselect => InfoBond::PrimaryReselect(byte()?.into()),
        P::FailOverMac => InfoBond::FailOverMac(byte()?.into()),
        P::GratuitousArp => InfoBond::NumPeerNotif(byte()?),
        P::ArpInterval => InfoBond::ArpInterval(number),
        P::ArpTargets => InfoBond::ArpIpTarget(match value {
            Some(BondValue::Addresses(all)) => all.clone(),
            Some(_) | None => Vec::new(),
        }),
        P::ArpValidate => InfoBond::ArpValidate(number.into()),
        P::ArpAllTargets => InfoBond::ArpAllTargets(number.into()),
        P::MissedMax => InfoBond::MissedMax(byte()?),
        P::MinLinks => InfoBond::MinLinks(number),
        P::AdSelect => InfoBond::AdSelect(byte()?.into()),
        P::AdSystem => InfoBond::AdActorSystem(match value {
            Some(BondValue::Mac(MacAddr(mac))) => *mac,
            Some(_) | None => [0; 6],
        }),
        P::AdSystemPriority => InfoBond::AdActorSysPrio(short()?),
        P::AdUserPortKey => InfoBond::AdUserPortKey(short()?),
        P::LacpActive => InfoBond::AdLacpActive(number != 0),
        P::AllPortsActive => InfoBond::AllPortsActive(byte()?.into()),
        P::PacketsPerPort => InfoBond::PacketsPerPort(number),
        P::LearnPacketInterval => InfoBond::LpInterval(number),
        P::ResendIgmp => InfoBond::ResendIgmp(number),
        P::TlbDynamic => InfoBond::TlbDynamicLb(number != 0),
    })
}
