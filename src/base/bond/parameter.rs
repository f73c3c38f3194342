//! The ONE table of bonds' parameters: names, modes, forms, defaults, and what the kernel wants before one is changed. The language, what is
//! planned and what is asked of the kernel all read it.

use std::fmt;
use std::net::Ipv4Addr;

use serde::{Deserialize, Serialize};

use super::BondMode;
use crate::base::duration::Milliseconds;
use crate::base::mac::MacAddr;
use crate::base::name::LinkName;

use BondMode::{ActiveBackup, BalanceAlb, BalanceRr, BalanceTlb, BalanceXor, Broadcast, Lacp};

/// A parameter of a bond.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BondParameter {
    LacpRate,
    TransmitHash,
    MiiInterval,
    UpDelay,
    DownDelay,
    PeerNotifyDelay,
    Primary,
    PrimaryReselect,
    FailOverMac,
    GratuitousArp,
    ArpInterval,
    ArpTargets,
    ArpValidate,
    ArpAllTargets,
    MissedMax,
    MinLinks,
    AdSelect,
    AdSystem,
    AdSystemPriority,
    AdUserPortKey,
    LacpActive,
    AllPortsActive,
    PacketsPerPort,
    LearnPacketInterval,
    ResendIgmp,
    TlbDynamic,
}

/// What a parameter is set to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum BondValue {
    /// A count, milliseconds, a flag, or the place of a word among those of its parameter: the kernel's own numbers.
    Number(u32),
    Mac(MacAddr),
    Port(LinkName),
    /// In the order in which they are asked.
    Addresses(Vec<Ipv4Addr>),
}

/// What values a parameter has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BondForm {
    /// In the order of the kernel's numbers.
    Words(&'static [&'static str]),
    Milliseconds,
    Count,
    Flag,
    Mac,
    Port,
    Addresses,
}

/// What the kernel wants of a bond before a parameter is changed (`drivers/net/bonding/bond_options.c`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Needs {
    Nothing,
    /// That it is down (`BOND_OPTFLAG_IFDOWN`).
    Down,
    /// That it has no ports (`BOND_OPTFLAG_NOSLAVES`).
    Empty,
}

struct Row {
    parameter: BondParameter,
    name: &'static str,
    modes: &'static [BondMode],
    form: BondForm,
    /// The kernel's number for what holds where nobody says; none for what is not there then.
    default: Option<u32>,
    needs: Needs,
}

const ALL: &[BondMode] = &BondMode::ALL;
const LACP: &[BondMode] = &[Lacp];
const BACKUP: &[BondMode] = &[ActiveBackup];
const ROUND_ROBIN: &[BondMode] = &[BalanceRr];
const ONE_ACTIVE: &[BondMode] = &[ActiveBackup, BalanceTlb, BalanceAlb];
const BALANCED: &[BondMode] = &[BalanceTlb, BalanceAlb];
const HASHING: &[BondMode] = &[BalanceXor, Lacp, BalanceTlb];
const ARP: &[BondMode] = &[BalanceRr, ActiveBackup, BalanceXor, Broadcast];
const IGMP: &[BondMode] = &[BalanceRr, ActiveBackup, BalanceTlb, BalanceAlb];

pub const LACP_RATES: &[&str] = &["slow", "fast"];
pub const TRANSMIT_HASHES: &[&str] = &[
    "layer2",
    "layer3+4",
    "layer2+3",
    "encap2+3",
    "encap3+4",
    "vlan+srcmac",
];
pub const PRIMARY_RESELECTS: &[&str] = &["always", "better", "failure"];
pub const FAIL_OVER_MACS: &[&str] = &["none", "active", "follow"];
pub const ARP_VALIDATES: &[&str] = &[
    "none",
    "active",
    "backup",
    "all",
    "filter",
    "filter_active",
    "filter_backup",
];
pub const ARP_ALL_TARGETS: &[&str] = &["any", "all"];
pub const AD_SELECTS: &[&str] = &["stable", "bandwidth", "count"];

const fn row(
    parameter: BondParameter,
    name: &'static str,
    modes: &'static [BondMode],
    form: BondForm,
    default: u32,
) -> Row {
    Row {
        parameter,
        name,
        modes,
        form,
        default: Some(default),
        needs: Needs::Nothing,
    }
}

const fn without_default(row: Row) -> Row {
    Row {
        default: None,
        ..row
    }
}

const fn needing(needs: Needs, row: Row) -> Row {
    Row { needs, ..row }
}

use BondForm::{Addresses, Count, Flag, Mac, Port, Words};
use BondParameter as P;

const ROWS: [Row; 26] = [
    needing(
        Needs::Down,
        row(P::LacpRate, "lacp-rate", LACP, Words(LACP_RATES), 0),
    ),
    row(
        P::TransmitHash,
        "transmit-hash",
        HASHING,
        Words(TRANSMIT_HASHES),
        0,
    ),
    row(
        P::MiiInterval,
        "mii-interval",
        ALL,
        BondForm::Milliseconds,
        0,
    ),
    row(P::UpDelay, "up-delay", ALL, BondForm::Milliseconds, 0),
    row(P::DownDelay, "down-delay", ALL, BondForm::Milliseconds, 0),
    row(
        P::PeerNotifyDelay,
        "peer-notify-delay",
        ALL,
        BondForm::Milliseconds,
        0,
    ),
    without_default(row(P::Primary, "primary", ONE_ACTIVE, Port, 0)),
    row(
        P::PrimaryReselect,
        "primary-reselect",
        ONE_ACTIVE,
        Words(PRIMARY_RESELECTS),
        0,
    ),
    needing(
        Needs::Empty,
        row(
            P::FailOverMac,
            "fail-over-mac",
            BACKUP,
            Words(FAIL_OVER_MACS),
            0,
        ),
    ),
    row(P::GratuitousArp, "gratuitous-arp", BACKUP, Count, 1),
    row(
        P::ArpInterval,
        "arp-interval",
        ARP,
        BondForm::Milliseconds,
        0,
    ),
    without_default(row(P::ArpTargets, "arp-targets", ARP, Addresses, 0)),
    row(P::ArpValidate, "arp-validate", ARP, Words(ARP_VALIDATES), 0),
    row(
        P::ArpAllTargets,
        "arp-all-targets",
        ARP,
        Words(ARP_ALL_TARGETS),
        0,
    ),
    row(P::MissedMax, "missed-max", ARP, Count, 2),
    row(P::MinLinks, "min-links", LACP, Count, 0),
    needing(
        Needs::Down,
        row(P::AdSelect, "ad-select", LACP, Words(AD_SELECTS), 0),
    ),
    without_default(row(P::AdSystem, "ad-system", LACP, Mac, 0)),
    row(
        P::AdSystemPriority,
        "ad-system-priority",
        LACP,
        Count,
        65_535,
    ),
    needing(
        Needs::Down,
        row(P::AdUserPortKey, "ad-user-port-key", LACP, Count, 0),
    ),
    needing(
        Needs::Down,
        row(P::LacpActive, "lacp-active", LACP, Flag, 1),
    ),
    row(P::AllPortsActive, "all-ports-active", ALL, Flag, 0),
    row(P::PacketsPerPort, "packets-per-port", ROUND_ROBIN, Count, 1),
    row(
        P::LearnPacketInterval,
        "learn-packet-interval",
        BALANCED,
        Count,
        1,
    ),
    row(P::ResendIgmp, "resend-igmp", IGMP, Count, 1),
    needing(
        Needs::Down,
        row(P::TlbDynamic, "tlb-dynamic", BALANCED, Flag, 1),
    ),
];

impl BondParameter {
    /// All of them, in the order of the table.
    pub fn all() -> impl Iterator<Item = Self> {
        ROWS.iter().map(|row| row.parameter)
    }

    /// The parameter that goes by `name` in the language.
    pub fn named(name: &str) -> Option<Self> {
        let found = ROWS.iter().find(|row| row.name == name);
        found.map(|row| row.parameter)
    }

    fn row(self) -> Option<&'static Row> {
        ROWS.iter().find(|row| row.parameter == self)
    }

    pub fn as_str(self) -> &'static str {
        self.row().map_or("", |row| row.name)
    }

    /// The modes in which it means something; in others the kernel refuses or ignores it.
    pub fn modes(self) -> &'static [BondMode] {
        self.row().map_or(&[], |row| row.modes)
    }

    pub fn form(self) -> BondForm {
        self.row().map_or(Count, |row| row.form)
    }

    /// What holds where nobody says, as the kernel has it; none for what is not there then.
    pub fn default(self) -> Option<u32> {
        self.row().and_then(|row| row.default)
    }

    /// What the kernel wants of the bond before this is changed.
    pub fn needs(self) -> Needs {
        self.row().map_or(Needs::Nothing, |row| row.needs)
    }

    /// The value in the words of the language.
    pub fn show(self, value: Option<&BondValue>) -> String {
        let number = match value {
            Some(BondValue::Number(number)) => Some(*number),
            Some(BondValue::Mac(mac)) => return mac.to_string(),
            Some(BondValue::Port(port)) => return port.to_string(),
            Some(BondValue::Addresses(all)) => {
                let all: Vec<_> = all.iter().map(ToString::to_string).collect();
                return all.join(", ");
            }
            None => self.default(),
        };
        let Some(number) = number else {
            return "none".to_owned();
        };
        match self.form() {
            Words(words) => {
                let word = usize::try_from(number).ok().and_then(|at| words.get(at));
                word.map_or_else(|| number.to_string(), |word| (*word).to_owned())
            }
            BondForm::Milliseconds => Milliseconds(number).to_string(),
            Flag => if number == 0 { "off" } else { "on" }.to_owned(),
            Count | Mac | Port | Addresses => number.to_string(),
        }
    }

    /// The value that the language's words for it, or those shown, mean; `None` where they mean none.
    pub fn read(self, text: &str) -> Option<BondValue> {
        let number = match self.form() {
            Words(words) => {
                let at = words.iter().position(|word| *word == text)?;
                u32::try_from(at).ok()?
            }
            BondForm::Milliseconds => text.parse::<Milliseconds>().ok()?.0,
            Count => text.parse().ok()?,
            Flag => match text {
                "true" | "on" => 1,
                "false" | "off" => 0,
                _ => return None,
            },
            Mac => return Some(BondValue::Mac(text.parse().ok()?)),
            Port => return Some(BondValue::Port(text.parse().ok()?)),
            Addresses => {
                let all = text.split(',').map(|one| one.trim().parse().ok());
                return Some(BondValue::Addresses(all.collect::<Option<_>>()?));
            }
        };
        Some(BondValue::Number(number))
    }
}

impl fmt::Display for BondParameter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_parameter_has_its_row() {
        let names: std::collections::BTreeSet<_> = ROWS.iter().map(|row| row.name).collect();
        assert_eq!(names.len(), ROWS.len());
        for row in &ROWS {
            assert_eq!(BondParameter::named(row.name), Some(row.parameter));
            let written = serde_json::to_string(&row.parameter).unwrap();
            assert_eq!(written, format!("\"{}\"", row.name));
            assert!(!row.modes.is_empty());
        }
    }

    #[test]
    fn values_read_and_show() {
        for (name, text, number) in [
            ("lacp-rate", "fast", 1),
            ("transmit-hash", "layer2+3", 2),
            ("mii-interval", "100ms", 100),
            ("lacp-active", "false", 0),
            ("min-links", "2", 2),
        ] {
            let parameter = BondParameter::named(name).unwrap();
            let value = parameter.read(text);
            assert_eq!(value, Some(BondValue::Number(number)), "{name}");
            let shown = parameter.show(value.as_ref());
            assert_eq!(parameter.read(&shown), value, "{name}: {shown}");
        }
        for (name, value, expected) in [
            ("lacp-rate", None, "slow"),
            ("primary", None, "none"),
            ("lacp-active", None, "on"),
            ("up-delay", Some(BondValue::Number(1500)), "1500ms"),
            (
                "arp-targets",
                Some(BondValue::Addresses(vec![
                    Ipv4Addr::new(10, 0, 0, 1),
                    Ipv4Addr::new(10, 0, 0, 2),
                ])),
                "10.0.0.1, 10.0.0.2",
            ),
        ] {
            let parameter = BondParameter::named(name).unwrap();
            assert_eq!(parameter.show(value.as_ref()), expected, "{name}");
        }
    }
}
