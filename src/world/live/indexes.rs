//! The kernel's numbers of links, as far as they were learnt by the way: who changes a thousand things asks for no link twice.

use std::collections::BTreeMap;

use crate::base::name::LinkName;

/// Indexes of links, as long as nobody but us is thought to make, remove or rename them: while one group of steps is carried out. The
/// kernel never gives a number again, so that of a link that went all the same names none.
#[derive(Debug, Default)]
pub(super) struct Indexes(BTreeMap<LinkName, u32>);

impl Indexes {
    pub(super) fn get(&self, link: &LinkName) -> Option<u32> {
        self.0.get(link).copied()
    }

    pub(super) fn learn(&mut self, link: &LinkName, index: u32) {
        self.0.insert(link.clone(), index);
    }

    pub(super) fn remove(&mut self, link: &LinkName) {
        self.0.remove(link);
    }

    /// From now on the kernel is asked again.
    pub(super) fn forget(&mut self) {
        self.0.clear();
    }
}
