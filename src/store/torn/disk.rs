//! A disk in memory that keeps what was synced, and of all else any sectors; tables that are torn likewise.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::mem::take;
use std::rc::Rc;

use crate::store::journal::{Changes, Segment};
use crate::store::writer::Tables;

const SECTOR: usize = 512;

/// What becomes of an access to the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// It fails; what it wrote may be there or not.
    Fail,
    /// The power is cut in it; nothing works any more.
    Cut,
}

/// What comes to all parts of the disk.
#[derive(Debug, Default)]
pub(super) struct Fate {
    /// Accesses until each fault.
    pub(super) faults: BTreeMap<usize, Fault>,
    pub(super) is_off: bool,
    /// Whether segments are not allocated.
    pub(super) is_full: bool,
    /// State of a generator, which decides what a torn write leaves.
    pub(super) chance: u64,
    accesses: usize,
}

impl Fate {
    pub(super) fn expect(&mut self, faults: &BTreeMap<usize, Fault>) {
        self.faults.clone_from(faults);
        self.accesses = 0;
    }

    fn access(&mut self) -> io::Result<()> {
        let fault = self.faults.remove(&self.accesses);
        self.accesses += 1;
        self.is_off |= fault == Some(Fault::Cut);
        if self.is_off {
            return Err(io::Error::other("the power is off"));
        }
        match fault {
            Some(Fault::Fail | Fault::Cut) => Err(io::ErrorKind::StorageFull.into()),
            None => Ok(()),
        }
    }

    /// xorshift64.
    fn toss(&mut self) -> bool {
        self.chance |= 1;
        self.chance ^= self.chance << 13;
        self.chance ^= self.chance >> 7;
        self.chance ^= self.chance << 17;
        self.chance & 0x10 != 0
    }
}

pub(super) type Shared = Rc<RefCell<Fate>>;

/// A segment; clones are the same one.
#[derive(Clone)]
pub(super) struct Torn {
    fate: Shared,
    content: Rc<RefCell<Content>>,
}

#[derive(Default)]
struct Content {
    /// As the disk has it.
    durable: Vec<u8>,
    /// As the system shows it.
    cached: Vec<u8>,
    dirty: BTreeSet<usize>,
}

impl Content {
    fn keep(&mut self, sector: usize) {
        let from = sector * SECTOR;
        let to = self.cached.len().min(from + SECTOR);
        if from < to {
            self.durable.resize(self.durable.len().max(to), 0);
            self.durable[from..to].copy_from_slice(&self.cached[from..to]);
        }
    }

    /// Any of what was not synced is on the disk, and the rest never will be.
    fn tear(&mut self, fate: &mut Fate) {
        for sector in take(&mut self.dirty) {
            if fate.toss() {
                self.keep(sector);
            }
        }
    }
}

impl Torn {
    pub(super) fn new(fate: &Shared) -> Self {
        Self {
            fate: Rc::clone(fate),
            content: Rc::default(),
        }
    }

    /// What is left by a power cut.
    pub(super) fn cut(&self) {
        let content = &mut *self.content.borrow_mut();
        content.tear(&mut self.fate.borrow_mut());
        content.cached.clone_from(&content.durable);
    }

    /// Changes the bytes as they are, beside all that is written.
    pub(super) fn damage(&self, damage: impl FnOnce(&mut Vec<u8>)) {
        damage(&mut self.content.borrow_mut().cached);
    }
}

impl Segment for Torn {
    fn read(&self) -> io::Result<Vec<u8>> {
        Ok(self.content.borrow().cached.clone())
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.content.borrow().cached.len() as u64)
    }

    fn resize(&mut self, len: u64) -> io::Result<()> {
        self.fate.borrow_mut().access()?;
        let (len, mut content) = (len.try_into().unwrap(), self.content.borrow_mut());
        content.cached.resize(len, 0);
        content.durable.resize(len, 0);
        Ok(())
    }

    fn room(&self) -> io::Result<u64> {
        Ok(if self.fate.borrow().is_full {
            0
        } else {
            u64::MAX
        })
    }

    fn write(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let access = self.fate.borrow_mut().access();
        let (from, content) = (
            usize::try_from(offset).unwrap(),
            &mut *self.content.borrow_mut(),
        );
        let written = match &access {
            Ok(()) => bytes,
            Err(_) => &bytes[..bytes.len() / SECTOR / 2 * SECTOR],
        };
        let to = from + written.len();
        content.cached.resize(content.cached.len().max(to), 0);
        content.cached[from..to].copy_from_slice(written);
        content.dirty.extend(from / SECTOR..to.div_ceil(SECTOR));
        access
    }

    /// A sync that fails forgets what was to be written, as Linux does.
    fn sync(&mut self) -> io::Result<()> {
        let mut fate = self.fate.borrow_mut();
        let (access, content) = (fate.access(), &mut *self.content.borrow_mut());
        if access.is_err() {
            content.tear(&mut fate);
            return access;
        }
        for sector in take(&mut content.dirty) {
            content.keep(sector);
        }
        Ok(())
    }
}

pub(super) type Pairs = BTreeMap<Vec<u8>, Vec<u8>>;

/// Tables that take what is set apart pair by pair, in any order.
pub(super) struct TornTables {
    fate: Shared,
    durable: Rc<RefCell<Pairs>>,
    published: Changes,
    apart: Changes,
}

impl TornTables {
    pub(super) fn new(fate: &Shared, durable: &Rc<RefCell<Pairs>>) -> Self {
        Self {
            fate: Rc::clone(fate),
            durable: Rc::clone(durable),
            published: Changes::new(),
            apart: Changes::new(),
        }
    }

    /// What readers see.
    pub(super) fn seen(&self) -> Pairs {
        let mut pairs = self.durable.borrow().clone();
        change(&mut pairs, &self.apart);
        change(&mut pairs, &self.published);
        pairs
    }

    /// Some of what is set apart reaches the tables.
    pub(super) fn progress(&self) {
        for (key, value) in &self.apart {
            if self.fate.borrow_mut().toss() {
                let pair = Changes::from([(key.clone(), value.clone())]);
                change(&mut self.durable.borrow_mut(), &pair);
            }
        }
    }
}

impl Tables for TornTables {
    fn publish(&mut self, changes: Changes) {
        self.published.extend(changes);
    }

    fn begin_checkpoint(&mut self) {
        assert!(self.apart.is_empty(), "one checkpoint at a time");
        self.apart = take(&mut self.published);
        self.progress();
    }

    fn finish_checkpoint(&mut self) -> io::Result<()> {
        let access = self.fate.borrow_mut().access();
        if access.is_err() {
            self.progress();
            return access;
        }
        change(&mut self.durable.borrow_mut(), &take(&mut self.apart));
        Ok(())
    }
}

pub(super) fn change(pairs: &mut Pairs, changes: &Changes) {
    for (key, value) in changes {
        match value {
            Some(value) => drop(pairs.insert(key.clone(), value.clone())),
            None => drop(pairs.remove(key)),
        }
    }
}
