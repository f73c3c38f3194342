//! What a client says that it is: its vendor class and its user classes.

use smallvec::SmallVec;

use super::{Options, code};

impl Options<'_> {
    /// The user classes of a client: a list (RFC 3004), or one name without a length, as iPXE and others send it.
    pub(in super::super) fn user_classes(&self) -> Vec<Box<[u8]>> {
        let value = self.get(code::USER_CLASS).unwrap_or_default();
        let classes = listed(&value).unwrap_or_else(|| SmallVec::from_slice(&[value.as_ref()]));
        classes.into_iter().map(Box::from).collect()
    }

    /// Whether one of them is this.
    pub(in super::super) fn is_of_user_class(&self, class: &[u8]) -> bool {
        let value = self.get(code::USER_CLASS).unwrap_or_default();
        listed(&value).map_or(*value == *class, |classes| classes.contains(&class))
    }

    /// Whether the vendor class (option 60) begins so: behind the class itself, firmware says more of itself.
    pub(in super::super) fn is_of_vendor_class(&self, begin: &[u8]) -> bool {
        let class = self.get(code::VENDOR_CLASS);
        class.is_some_and(|class| class.starts_with(begin))
    }
}

/// The items of a list; nothing where the bytes are none.
fn listed(mut rest: &[u8]) -> Option<SmallVec<[&[u8]; 4]>> {
    let mut classes = SmallVec::new();
    while let [length, after @ ..] = rest {
        let (class, next) = after.split_at_checked(usize::from(*length))?;
        if class.is_empty() {
            return None;
        }
        classes.push(class);
        rest = next;
    }
    Some(classes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::serve::dhcp::wire::OPTIONS_AT;

    #[test]
    fn user_classes_are_a_list_or_a_name() {
        for (value, expected) in [
            (&b"iPXE"[..], &[&b"iPXE"[..]][..]),
            (b"\x04iPXE", &[b"iPXE"]),
            (b"\x03abc\x04iPXE", &[b"abc", b"iPXE"]),
            (b"\x03abc\x05iPXE", &[b"\x03abc\x05iPXE"]),
            (b"\0", &[b"\0"]),
            (b"\x01", &[b"\x01"]),
            (b"", &[]),
        ] {
            let bytes = [&[77, u8::try_from(value.len()).unwrap()], value].concat();
            let options = Options::read(&[0; OPTIONS_AT], &bytes).unwrap();
            let classes = options.user_classes();
            let classes: Vec<&[u8]> = classes.iter().map(AsRef::as_ref).collect();
            assert_eq!(classes, expected, "{value:?}");
            assert!(classes.iter().all(|own| options.is_of_user_class(own)));
            let is_ipxe = expected.contains(&&b"iPXE"[..]);
            assert_eq!(options.is_of_user_class(b"iPXE"), is_ipxe, "{value:?}");
        }
    }
}
