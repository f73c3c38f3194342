//! Bonds: what of them can differ, and what the kernel must do to change it.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::Changes;
use crate::base::bond::{BondMode, BondParameter, BondValue, FAIL_OVER_MACS, Needs};
use crate::site::model;

/// How often a bond of ours looks at its ports' carrier, in milliseconds, where the site says nothing: without it, and without ARP, the
/// kernel never sees a port fail.
const MII_INTERVAL: u32 = 100;

/// What is counted in intervals of looking at the carrier: without those the kernel refuses to set it (`bond_option_updelay_set` and others).
const DELAYS: [BondParameter; 3] = [
    BondParameter::UpDelay,
    BondParameter::DownDelay,
    BondParameter::PeerNotifyDelay,
];

/// Several links as one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bond {
    pub mode: BondMode,
    /// What differs from the kernel's defaults and means something in the mode.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty", with = "words")]
    pub parameters: BTreeMap<BondParameter, BondValue>,
}

impl Bond {
    /// A bond of which `values` are known; those that mean nothing in its mode and those that are the kernel's defaults are left out.
    pub fn new(
        mode: BondMode,
        values: impl IntoIterator<Item = (BondParameter, BondValue)>,
    ) -> Self {
        let says = |parameter: BondParameter, value: &BondValue| {
            let default = parameter.default().map(BondValue::Number);
            parameter.modes().contains(&mode) && default.as_ref() != Some(value)
        };
        let parameters = values
            .into_iter()
            .filter(|(parameter, value)| says(*parameter, value));
        let mut parameters: BTreeMap<_, _> = parameters.collect();
        if !parameters.contains_key(&BondParameter::MiiInterval) {
            parameters.retain(|parameter, _| !DELAYS.contains(parameter));
        }
        Self { mode, parameters }
    }

    /// What the site wants, with what it leaves open.
    pub(super) fn declared(bond: &model::Bond) -> Self {
        let mut values = bond.parameters.clone();
        if !values.contains_key(&BondParameter::ArpInterval) {
            let interval = BondValue::Number(MII_INTERVAL);
            values.entry(BondParameter::MiiInterval).or_insert(interval);
        }
        Self::new(bond.mode, values)
    }

    /// The parameters that differ.
    pub fn differing<'a>(&'a self, from: &'a Self) -> impl Iterator<Item = BondParameter> + 'a {
        let known: BTreeSet<&BondParameter> = self
            .parameters
            .keys()
            .chain(from.parameters.keys())
            .collect();
        let differs = |one: &BondParameter| self.parameters.get(one) != from.parameters.get(one);
        known.into_iter().copied().filter(differs)
    }

    /// The parameters that the kernel is to be told, to make it of `from`: those that differ, and those that nobody saw while they meant
    /// nothing.
    pub fn told<'a>(&'a self, from: &'a Self) -> impl Iterator<Item = BondParameter> + 'a {
        let looks = |bond: &Self| bond.parameters.contains_key(&BondParameter::MiiInterval);
        let begins = looks(self) && !looks(from);
        let seen = |parameter: &BondParameter| {
            self.parameters.get(parameter) == from.parameters.get(parameter)
        };
        let hidden = DELAYS.into_iter().filter(move |one| begins && seen(one));
        let is_heard = move |one: &BondParameter| looks(self) || !DELAYS.contains(one);
        self.differing(from).filter(is_heard).chain(hidden)
    }

    /// Whether it has the hardware address of its active port, whichever that is.
    pub fn has_mac_of_port(&self) -> bool {
        self.fail_over_mac() == Some("active")
    }

    /// Whether it takes no other hardware address once it is made (`bond_set_mac_address`).
    pub fn holds_mac(&self) -> bool {
        self.fail_over_mac().is_some_and(|whose| whose != "none")
    }

    fn fail_over_mac(&self) -> Option<&'static str> {
        let Some(BondValue::Number(number)) = self.parameters.get(&BondParameter::FailOverMac)
        else {
            return None;
        };
        let number = usize::try_from(*number).ok()?;
        FAIL_OVER_MACS.get(number).copied()
    }

    /// What the kernel wants of the bond before it becomes `self`.
    pub fn needs(&self, from: &Self) -> Needs {
        if self.mode != from.mode {
            // Of a bond that changes its mode, the kernel wants both.
            return Needs::Empty;
        }
        let needs = self.differing(from).map(BondParameter::needs);
        needs.max().unwrap_or(Needs::Nothing)
    }

    pub(super) fn changes(&self, from: &Self, changes: Changes) -> Changes {
        let changes = changes.field("mode", &from.mode, &self.mode);
        self.differing(from).fold(changes, |changes, parameter| {
            let before = parameter.show(from.parameters.get(&parameter));
            let after = parameter.show(self.parameters.get(&parameter));
            changes.field(parameter.as_str(), &before, &after)
        })
    }

    pub(super) fn leave(&mut self, from: &Self, is_left: &dyn Fn(&str) -> bool) {
        if is_left("mode") {
            self.mode = from.mode;
        }
        for parameter in BondParameter::all().filter(|one| is_left(one.as_str())) {
            match from.parameters.get(&parameter) {
                Some(value) => drop(self.parameters.insert(parameter, value.clone())),
                None => drop(self.parameters.remove(&parameter)),
            }
        }
    }

    pub(super) fn summary(&self) -> String {
        let mut words = vec![format!("mode {}", self.mode)];
        let shown = self.parameters.iter();
        words.extend(
            shown.map(|(parameter, value)| format!("{parameter} {}", parameter.show(Some(value)))),
        );
        words.join(", ")
    }
}

/// Parameters as people write them, in JSON too.
mod words {
    use std::collections::BTreeMap;

    use serde::de::Error as _;
    use serde::{Deserialize as _, Deserializer, Serializer};

    use crate::base::bond::{BondParameter, BondValue};

    type Parameters = BTreeMap<BondParameter, BondValue>;

    pub(super) fn serialize<S: Serializer>(
        parameters: &Parameters,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let shown = parameters.iter();
        serializer.collect_map(shown.map(|(one, value)| (one, one.show(Some(value)))))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Parameters, D::Error> {
        let words = BTreeMap::<BondParameter, String>::deserialize(deserializer)?;
        let read = words.into_iter().map(|(one, word)| {
            let value = one.read(&word);
            let value = value.ok_or_else(|| D::Error::custom(format!("`{word}` is no {one}")));
            Ok((one, value?))
        });
        read.collect()
    }
}
