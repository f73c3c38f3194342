//! Random histories of commits, faults and power cuts: what was acknowledged is there, what failed never is.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io;
use std::rc::Rc;

use proptest::prelude::*;

use super::disk::{Fault, Pairs, Shared, Torn, TornTables, change};
use crate::store::journal::{Changes, Journal};
use crate::store::writer::Writer;

/// Two slots for records beside that of the start: every third group changes segments.
const CAPACITY: u64 = 3 * 4096;

/// A byte and how many of it, or that a key is deleted.
type Value = Option<(u8, usize)>;

#[derive(Debug, Clone)]
enum Step {
    Commit {
        values: BTreeMap<u8, Value>,
        faults: BTreeMap<usize, Fault>,
    },
    /// The tables get ahead in the background.
    Progress,
    /// The process is killed; the system lives on.
    Kill,
    /// The store is closed, maybe on a disk that fails.
    Close(BTreeMap<usize, Fault>),
    Cut,
}

fn values() -> impl Strategy<Value = BTreeMap<u8, Value>> {
    let value = prop_oneof![
        2 => Just(None),
        6 => (any::<u8>(), 0..40_usize).prop_map(Some),
        1 => (any::<u8>(), 5000..20_000_usize).prop_map(Some),
    ];
    prop::collection::btree_map(0..6_u8, value, 1..3)
}

fn changes(values: &BTreeMap<u8, Value>) -> Changes {
    let change = |(key, value): (&u8, &Value)| {
        let value = value.map(|(byte, length)| vec![byte; length]);
        (vec![*key], value)
    };
    values.iter().map(change).collect()
}

fn faults() -> impl Strategy<Value = BTreeMap<usize, Fault>> {
    let fault = prop_oneof![3 => Just(Fault::Fail), 1 => Just(Fault::Cut)];
    let some = prop::collection::btree_map(0..8_usize, fault, 1..3);
    prop_oneof![3 => Just(BTreeMap::new()), 1 => some]
}

fn step() -> impl Strategy<Value = Step> {
    let commit = (values(), faults());
    prop_oneof![
        12 => commit.prop_map(|(values, faults)| Step::Commit { values, faults }),
        1 => Just(Step::Progress),
        1 => Just(Step::Kill),
        1 => faults().prop_map(Step::Close),
        1 => Just(Step::Cut),
    ]
}

/// A machine with a store on it, and what its users know.
struct Machine {
    fate: Shared,
    segments: [Torn; 2],
    tables: Rc<RefCell<Pairs>>,
    store: Option<Writer<Torn, TornTables>>,
    acknowledged: Pairs,
    /// What else a crash may bring: nobody was answered, or the disk failed twice in a row.
    unsure: Vec<Changes>,
}

impl Machine {
    fn new(chance: u64, is_full: bool) -> Self {
        let fate = Shared::default();
        fate.borrow_mut().is_full = is_full;
        fate.borrow_mut().chance = chance;
        Self {
            segments: [Torn::new(&fate), Torn::new(&fate)],
            fate,
            tables: Rc::default(),
            store: None,
            acknowledged: Pairs::new(),
            unsure: Vec::new(),
        }
    }

    /// Opens the store, and compares it with what its users know.
    fn open(&mut self) -> io::Result<()> {
        self.store = None;
        let (journal, recovered) = Journal::open(self.segments.clone(), CAPACITY)?;
        let tables = TornTables::new(&self.fate, &self.tables);
        let store = Writer::new(journal, recovered, tables);
        let seen = store.parts().1.seen();
        let mut possible = vec![self.acknowledged.clone()];
        for changes in self.unsure.drain(..) {
            let mut pairs = self.acknowledged.clone();
            change(&mut pairs, &changes);
            possible.push(pairs);
        }
        assert!(possible.contains(&seen), "{}", unlike(&seen, &possible));
        self.acknowledged = seen;
        self.store = Some(store);
        Ok(())
    }

    /// Opens the store on a disk that works.
    fn restart(&mut self) {
        self.fate.borrow_mut().expect(&BTreeMap::new());
        self.open().unwrap();
    }

    fn cut(&mut self) {
        if let Some(store) = self.store.take() {
            store.parts().1.progress();
        }
        for segment in &self.segments {
            segment.cut();
        }
        self.fate.borrow_mut().is_off = false;
        self.restart();
    }

    fn commit(&mut self, changes: Changes) {
        let store = self.store.as_mut().unwrap();
        let answer = store.write(changes.clone());
        let is_void = !store.parts().0.is_broken();
        let is_off = self.fate.borrow().is_off;
        match answer {
            Ok(()) => {
                change(&mut self.acknowledged, &changes);
                self.unsure.clear();
            }
            Err(_) if is_off || !is_void => self.unsure.push(changes),
            Err(_) => self.unsure.clear(),
        }
        assert_eq!(store.parts().1.seen(), self.acknowledged);
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Commit { values, faults } => {
                self.fate.borrow_mut().expect(&faults);
                self.commit(changes(&values));
            }
            Step::Progress => self.store.as_ref().unwrap().parts().1.progress(),
            Step::Kill => self.restart(),
            Step::Close(faults) => {
                self.fate.borrow_mut().expect(&faults);
                let closed = self.store.as_mut().unwrap().close();
                if closed.is_ok() {
                    self.unsure.clear();
                    assert_eq!(*self.tables.borrow(), self.acknowledged);
                }
                if !self.fate.borrow().is_off {
                    self.restart();
                }
            }
            Step::Cut => self.cut(),
        }
        if self.fate.borrow().is_off {
            self.cut();
        }
    }
}

/// Keys and lengths, since values are long.
fn unlike(seen: &Pairs, possible: &[Pairs]) -> String {
    let short = |pairs: &Pairs| -> Vec<_> {
        let pair =
            |(key, value): (&Vec<u8>, &Vec<u8>)| (key.clone(), value.first().copied(), value.len());
        pairs.iter().map(pair).collect()
    };
    let possible: Vec<_> = possible.iter().map(short).collect();
    format!("{:?}, not of {possible:?}", short(seen))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn what_was_acknowledged_is_there_and_what_failed_is_not(
        steps in prop::collection::vec(step(), 1..40),
        chance in any::<u64>(),
        is_full in any::<bool>(),
    ) {
        let mut machine = Machine::new(chance, is_full);
        machine.restart();
        for step in steps {
            machine.step(step);
        }
        machine.cut();
    }

    /// The first start, too, may end at any moment.
    #[test]
    fn a_store_that_was_never_opened_whole_is_begun_anew(cut in 0..12_usize, chance in any::<u64>()) {
        let mut machine = Machine::new(chance, false);
        machine.fate.borrow_mut().expect(&BTreeMap::from([(cut, Fault::Cut)]));
        let _ = machine.open();
        machine.cut();
        machine.commit(Changes::from([(vec![1], Some(vec![2]))]));
        machine.cut();
    }
}

/// Whoever hears that a write failed may rely on it, also when the process ends right then.
#[test]
fn a_write_that_failed_is_void_before_anybody_hears_of_it() {
    for access in 0..2 {
        let mut machine = Machine::new(1, false);
        machine.restart();
        machine.commit(Changes::from([(vec![1], Some(vec![1]))]));
        let fault = BTreeMap::from([(access, Fault::Fail)]);
        machine.fate.borrow_mut().expect(&fault);
        machine.commit(Changes::from([(vec![1], None)]));
        assert_eq!(machine.unsure, Vec::<Changes>::new());
        assert_eq!(machine.acknowledged.len(), 1);
        machine.step(Step::Kill);
        machine.step(Step::Cut);
    }
}
