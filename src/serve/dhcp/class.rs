//! Which classes a client is of. Part of the engine, and as pure.

use super::boot::client_archs;
use super::config::{Encoded, Served};
use super::wire::Message;
use crate::base::class::{ClassMatch, ClientClass};
use crate::base::name::Name;
use crate::state::Reservation;

/// A class with its options as they go on the wire.
#[derive(Debug)]
pub(super) struct Class {
    pub class: ClientClass,
    pub options: Encoded,
}

/// The classes of the scope that the client is of, in the order in which they count.
pub(super) fn classes<'a>(
    message: &Message<'_>,
    served: &'a Served,
    reservation: Option<&Reservation>,
) -> Vec<&'a Class> {
    if served.classes.is_empty() {
        return Vec::new();
    }
    let user_classes = message.options.user_classes();
    let archs = client_archs(message);
    let mac = message.hardware.mac();
    let fits = |asked: &ClassMatch| {
        let is_vendor = |class: &String| message.options.is_of_vendor_class(class.as_bytes());
        let is_user = |class: &String| user_classes.iter().any(|own| **own == *class.as_bytes());
        let has_tag = |tag: &Name| reservation.is_some_and(|own| own.tags.contains(tag));
        asked.vendor_class.as_ref().is_none_or(is_vendor)
            && asked.user_class.as_ref().is_none_or(is_user)
            && asked.architecture.is_none_or(|arch| archs.contains(&arch))
            && asked
                .mac_prefix
                .as_ref()
                .is_none_or(|prefix| mac.is_some_and(|mac| mac.0.starts_with(prefix.bytes())))
            && asked.tag.as_ref().is_none_or(has_tag)
    };
    let classes = served.classes.iter();
    classes
        .filter(|one| one.class.matches.iter().any(fits))
        .collect()
}
