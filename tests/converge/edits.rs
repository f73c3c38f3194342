//! Any edits of a site whose objects change their keys, with things that vanish behind the planner's back and come back: what is protected
//! is what a plain reading of the edits says.

use std::collections::{BTreeMap, BTreeSet};

use bedplate::plan::Action;
use bedplate::state::{Key, Objects, Observation};
use proptest::prelude::*;

use super::cases::cases;
use super::sites::{Lab, meaning};
use super::told;

/// A machine of a site, by numbers into small sets, so that edits meet.
#[derive(Debug, Clone)]
struct Machine {
    name: u8,
    mac: u8,
    address: u8,
    is_protected: bool,
}

#[derive(Debug, Clone)]
struct Edit {
    machines: Vec<Machine>,
    /// Whether the bridge is there, its name, its last octet, and whether it is protected.
    bridge: Option<(u8, u8, bool)>,
    vlan: bool,
    controller: bool,
}

/// What happens between two edits.
#[derive(Debug, Clone, Copy)]
enum Between {
    Nothing,
    /// Things of which a hash by this number is even vanish.
    Lost(u8),
    /// What vanished last is there again.
    Back,
    Restart,
}

impl Edit {
    /// Names, hardware addresses and addresses are each once in a site.
    fn machines(&self) -> Vec<&Machine> {
        let mut seen = BTreeSet::new();
        let mut machines = Vec::new();
        for one in &self.machines {
            let words = [(0, one.name), (1, one.mac), (2, one.address)];
            if words.iter().all(|word| !seen.contains(word)) {
                seen.extend(words);
                machines.push(one);
            }
        }
        machines
    }

    fn text(&self) -> String {
        let says = |is_protected| if is_protected { "protect \"db\"; " } else { "" };
        let mut links = String::new();
        if let Some((name, octet, is_protected)) = self.bridge {
            let says = says(is_protected);
            links = format!(
                "bridge \"br{name}\" vlan=\"pxe\" {{ {says}ports \"eno1\"; address \"10.0.0.{}\" }}",
                2 + octet
            );
        }
        let dhcp = if self.bridge.is_some() {
            "dhcp { controllers \"rack-1\" };"
        } else {
            ""
        };
        let mut text = format!(
            "fabric \"f\" {{ vlan \"pxe\" {{ {}{dhcp} subnet \"10.0.0.0/24\" {{ dynamic-range \"10.0.0.100-10.0.0.109\" }} }} }}\ncontroller \"rack-1\" {{ {}ethernet \"eno1\"; ethernet \"eno2\"; {links} }}\n",
            says(self.vlan),
            says(self.controller)
        );
        for one in self.machines() {
            text += &format!(
                "machine \"m{}\" {{ {}ethernet \"e\" mac=\"52:54:00:00:00:0{}\" vlan=\"pxe\" {{ address \"10.0.0.4{}\" }} }}\n",
                one.name,
                says(one.is_protected),
                one.mac,
                one.address
            );
        }
        text
    }

    /// What is declared, and whether it says `protect`.
    fn objects(&self) -> BTreeMap<String, bool> {
        let mut objects = BTreeMap::from([
            ("vlan/f/pxe".to_owned(), self.vlan),
            ("vlan/f/pxe/subnet/10.0.0.0/24".to_owned(), false),
            ("controller/rack-1".to_owned(), self.controller),
        ]);
        for port in ["eno1", "eno2"] {
            objects.insert(format!("controller/rack-1/link/{port}"), false);
        }
        if let Some((name, _, is_protected)) = self.bridge {
            objects.insert(format!("controller/rack-1/link/br{name}"), is_protected);
        }
        for one in self.machines() {
            objects.insert(format!("machine/m{}", one.name), one.is_protected);
        }
        objects
    }
}

/// Who protects each thing, as one who reads the edits would say.
#[derive(Debug, Default)]
struct Reader(BTreeMap<Key, BTreeSet<String>>);

impl Reader {
    fn read(&mut self, edit: &Edit) {
        let meaning = meaning(&edit.text());
        let objects = edit.objects();
        let known: Objects = meaning.objects.clone();
        let known: BTreeMap<String, bool> = known
            .into_iter()
            .map(|(name, says)| (name, says.is_some()))
            .collect();
        assert_eq!(known, objects);
        self.0.retain(|key, by| {
            by.retain(|name| objects.get(name) != Some(&false));
            !by.is_empty() && !meaning.state.contains_key(key)
        });
        for (key, guards) in &meaning.protected {
            let all = [&guards.nearest].into_iter().chain(&guards.others);
            let by = all.map(|guard| guard.by.clone().unwrap()).collect();
            self.0.insert(key.clone(), by);
        }
    }
}

/// Things of ours that vanish, with all that stands on them.
fn lost(world: &Observation, number: u8) -> Observation {
    let mut left = world.clone();
    let mut count = usize::from(number);
    let is_port = |key: &Key| key.to_string().contains("/link/eno");
    left.state.retain(|key, _| {
        count = count
            .wrapping_mul(31)
            .wrapping_add(key.to_string().len() + usize::from(number));
        is_port(key) || !count.is_multiple_of(2)
    });
    loop {
        let state = left.state.clone();
        let stands = |key: &Key| {
            let falls = matches!(key, Key::Address { .. } | Key::Listener { .. });
            let needs = state[key].requires(key, &bedplate::state::Ground::new(&state));
            !falls || needs.iter().all(|on| state.contains_key(on))
        };
        left.state.retain(|key, _| stands(key));
        for resource in left.state.values_mut() {
            if let bedplate::state::Resource::Link(link) = resource
                && let Some(bridge) = &link.port_of
                && !state
                    .keys()
                    .any(|key| matches!(key, Key::Link { link, .. } if link == bridge))
            {
                link.port_of = None;
            }
        }
        if left.state == state {
            let keys = &left.state;
            left.facts.ownership.retain(|key, _| keys.contains_key(key));
            return left;
        }
    }
}

/// What vanished is there again, where nothing has its place.
fn back(world: &mut Observation, before: &Observation) {
    for (key, resource) in &before.state {
        let stands = resource
            .requires(key, &bedplate::state::Ground::new(&before.state))
            .iter()
            .all(|on| world.state.contains_key(on));
        let is_taken = |ip| {
            let mut held = world.state.keys();
            held.any(|other| matches!(other, Key::Address { address, .. } if address.ip() == ip))
        };
        let is_free = !matches!(key, Key::Address { address, .. } if is_taken(address.ip()));
        if !world.state.contains_key(key) && key.is_host() && stands && is_free {
            world.state.insert(key.clone(), resource.clone());
            if let Some(owner) = before.facts.ownership.get(key) {
                world.facts.ownership.insert(key.clone(), owner.clone());
            }
        }
    }
}

fn machine() -> impl Strategy<Value = Machine> {
    let protects = prop::bool::weighted(0.5);
    (1..4u8, 1..5u8, 0..4u8, protects).prop_map(|(name, mac, address, is_protected)| Machine {
        name,
        mac,
        address,
        is_protected,
    })
}

fn edit() -> impl Strategy<Value = Edit> {
    let bridge = prop::option::weighted(0.8, (0..2u8, 0..2u8, any::<bool>()));
    let machines = prop::collection::vec(machine(), 0..3);
    let rarely = || prop::bool::weighted(0.2);
    (machines, bridge, rarely(), rarely()).prop_map(|(machines, bridge, vlan, controller)| Edit {
        machines,
        bridge,
        vlan,
        controller,
    })
}

fn between() -> impl Strategy<Value = Between> {
    prop_oneof![
        Just(Between::Nothing),
        any::<u8>().prop_map(Between::Lost),
        Just(Between::Back),
        Just(Between::Restart),
    ]
}

proptest! {
    #![proptest_config(cases(128))]

    #[test]
    fn only_its_own_object_or_its_own_key_lifts_a_protection(
        edits in prop::collection::vec((edit(), between()), 2..6),
    ) {
        let mut lab = Lab::new();
        let mut reader = Reader::default();
        let mut gone = lab.world.clone();
        for (edit, between) in &edits {
            let before = lab.world.clone();
            reader.read(edit);
            let plan = lab.apply(&edit.text());
            let remembered = &lab.last.as_ref().unwrap().protected;
            let (found, read): (Vec<_>, Vec<_>) = (remembered.keys().collect(), reader.0.keys().collect());
            prop_assert_eq!(found, read);
            for key in reader.0.keys().filter(|key| before.state.contains_key(*key) && !before.is_foreign(key)) {
                prop_assert!(lab.world.state.contains_key(key), "{} is gone: {:#?}", key, plan);
                let takes = |action| matches!(action, Action::Delete | Action::Release | Action::Carry);
                prop_assert!(!plan.steps.iter().any(|step| step.key == *key && takes(step.action)));
            }
            match between {
                Between::Nothing => {}
                Between::Lost(number) => {
                    gone = lab.world.clone();
                    lab.world = lost(&lab.world, *number);
                }
                Between::Back => back(&mut lab.world, &gone),
                Between::Restart => lab.restart(),
            }
            // Whoever is left or comes back has the place that a kernel gives it.
            let addresses = lab.world.state.values_mut();
            addresses.for_each(|one| *one = one.clone().anywhere());
            lab.world = told(&lab.world);
        }
    }
}
