//! Whether an interface is of a client class, as far as the site alone can tell.

use std::collections::BTreeSet;

use crate::base::class::{ClassMatch, ClientClass};
use crate::base::mac::{MacAddr, MacPrefix};
use crate::base::name::Name;

pub(super) enum Fit {
    Always,
    Never,
    /// Its client must show this besides.
    When(String),
}

/// Of whoever has one of these hardware addresses, none of which may be known, and these tags; nobody is asked for tags that the server
/// does not recognise.
pub(super) fn fit(
    class: &ClientClass,
    macs: &BTreeSet<MacAddr>,
    tags: Option<&BTreeSet<Name>>,
) -> Fit {
    let open = class.matches.iter();
    let open: Vec<ClassMatch> = open.filter_map(|asked| left(asked, macs, tags)).collect();
    if open.is_empty() {
        return Fit::Never;
    }
    if open.iter().any(ClassMatch::is_empty) {
        return Fit::Always;
    }
    let texts: Vec<String> = open.iter().map(ToString::to_string).collect();
    Fit::When(texts.join(" or "))
}

/// What is left to ask for; nothing where the interface does not fit.
fn left(
    asked: &ClassMatch,
    macs: &BTreeSet<MacAddr>,
    tags: Option<&BTreeSet<Name>>,
) -> Option<ClassMatch> {
    let ClassMatch {
        vendor_class,
        user_class,
        architecture,
        mac_prefix,
        tag,
    } = asked;
    if let Some(tag) = tag
        && !tags.is_some_and(|tags| tags.contains(tag))
    {
        return None;
    }
    let begins = |prefix: &MacPrefix| {
        let macs = macs.iter();
        let fitting = macs.filter(|mac| mac.0.starts_with(prefix.bytes()));
        fitting.count()
    };
    let fitting = mac_prefix.as_ref().map(begins);
    if fitting == Some(0) && !macs.is_empty() {
        return None;
    }
    let is_open = macs.is_empty() || fitting.is_some_and(|fitting| fitting < macs.len());
    Some(ClassMatch {
        vendor_class: vendor_class.clone(),
        user_class: user_class.clone(),
        architecture: *architecture,
        mac_prefix: mac_prefix.clone().filter(|_| is_open),
        tag: None,
    })
}
