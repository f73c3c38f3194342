//! The users of a BMC: their places, names, rights and passwords (IPMI 2.0, sections 22.24 and 22.26 to 22.30).

use zeroize::Zeroizing;

use super::bytes::Reader;
use crate::base::bmc::{BmcUser, Shut, UserRole};
use crate::base::name::UserName;
use crate::base::secret::Secret;

/// The channel that a request comes in by (section 6.3, table 6-1).
pub(crate) const THIS_CHANNEL: u8 = 0x0e;

/// The bytes of a name (section 22.28).
pub(crate) const NAME: usize = 16;

/// The bytes of a password, as IPMI 1.5 has it (section 22.30).
const PASSWORD: usize = 16;

/// The bytes of a password, as IPMI 2.0 has it.
pub const LONG_PASSWORD: usize = 20;

/// The second byte of Set User Password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Gate {
    Disable,
    Enable,
}

/// What Get User Access tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Access {
    /// How many places for users there are, from 1 on.
    pub(crate) places: u8,
    status: u8,
    rights: u8,
}

const SET_PASSWORD: u8 = 0x02;

/// Set User Access: the rights are to change.
const CHANGES: u8 = 0x80;

/// Whether a user may be let in for messages of IPMI at all.
const MESSAGING: u8 = 0x10;

/// What is said of a user beside its role: whether it may authenticate a link, and whether it is let in only where it is called back.
const BESIDE: u8 = 0x60;

/// How an account is, where that is told.
const ENABLED: u8 = 0x01;
const DISABLED: u8 = 0x02;

/// The number of the channel, where Get Channel Info tells it.
pub(crate) fn channel(data: &[u8]) -> Option<u8> {
    Some(Reader(data).u8()? & 0x0f)
}

impl Access {
    pub(crate) fn read(data: &[u8]) -> Option<Self> {
        let [most, enabled, _, rights] = Reader(data).array()?;
        Some(Self {
            places: most & 0x3f,
            status: enabled >> 6,
            rights,
        })
    }

    pub(crate) fn user(self) -> BmcUser {
        let role = match self.rights & 0x0f {
            0x01 => UserRole::Other("callback".to_owned()),
            0x02 => UserRole::ReadOnly,
            0x03 => UserRole::Operator,
            0x04 => UserRole::Administrator,
            0x05 => UserRole::Other("oem".to_owned()),
            _ => UserRole::Nothing,
        };
        let has_messages = self.rights & MESSAGING != 0;
        BmcUser {
            role,
            enabled: self.status != DISABLED && has_messages,
            shut: match (self.status, has_messages) {
                (DISABLED, true) => Some(Shut::Disabled),
                (ENABLED, false) => Some(Shut::Messages),
                _ => None,
            },
        }
    }
}

/// The data of Set User Access; none for a role that IPMI does not have. What was found of a user stays, but for its role and whether it is
/// let in.
pub(crate) fn access(
    channel: u8,
    place: u8,
    user: &BmcUser,
    found: Option<Access>,
) -> Option<[u8; 3]> {
    let level = match &user.role {
        UserRole::ReadOnly => 0x02,
        UserRole::Operator => 0x03,
        UserRole::Administrator => 0x04,
        UserRole::Nothing => 0x0f,
        UserRole::Other(word) if word == "callback" => 0x01,
        UserRole::Other(word) if word == "oem" => 0x05,
        UserRole::Other(_) => return None,
    };
    let beside = found.map_or(0, |found| found.rights & BESIDE);
    let messaging = match (user.enabled, user.shut) {
        (true, _) | (false, Some(Shut::Disabled)) => MESSAGING,
        (false, Some(Shut::Messages) | None) => 0,
    };
    let rights = CHANGES | beside | messaging;
    Some([rights | channel & 0x0f, place & 0x3f, level])
}

/// What a place is called; empty where it is nobody's. Some fill up with bytes that are all ones.
pub(crate) fn name(data: &[u8]) -> String {
    let data = data.get(..NAME).unwrap_or(data);
    let name = data.split(|byte| matches!(byte, 0 | 0xff)).next();
    String::from_utf8_lossy(name.unwrap_or_default()).into_owned()
}

/// The data of Set User Name; none for a name that is too long, and without a name the place is nobody's.
pub(crate) fn naming(place: u8, name: Option<&UserName>) -> Option<[u8; 1 + NAME]> {
    let mut data = [0; 1 + NAME];
    let (first, rest) = data.split_first_mut()?;
    *first = place & 0x3f;
    if let Some(name) = name {
        let bytes = name.as_str().as_bytes();
        rest.get_mut(..bytes.len())?.copy_from_slice(bytes);
    }
    Some(data)
}

/// The data of Set User Password that set one; none for one that is too long. What fits is kept as IPMI 1.5 does, so that its sessions
/// know it too.
pub(crate) fn password(place: u8, password: &Secret) -> Option<Zeroizing<Vec<u8>>> {
    let bytes = password.bytes();
    let (size, length) = match bytes.len() {
        length if length <= PASSWORD => (0, PASSWORD),
        length if length <= LONG_PASSWORD => (0x80, LONG_PASSWORD),
        _ => return None,
    };
    let mut data = Zeroizing::new(Vec::with_capacity(2 + length));
    data.extend([size | place & 0x3f, SET_PASSWORD]);
    data.extend_from_slice(bytes);
    data.resize(2 + length, 0);
    Some(data)
}

impl Gate {
    /// What a user has who is to be so.
    pub(crate) fn of(user: &BmcUser) -> Self {
        match (user.enabled, user.shut) {
            (true, _) | (false, Some(Shut::Messages)) => Self::Enable,
            (false, Some(Shut::Disabled) | None) => Self::Disable,
        }
    }
}

/// The data of Set User Password that let a user in, or do not. They go without a password; some want its bytes all the same.
pub(crate) fn gate(place: u8, gate: Gate) -> [u8; 2 + PASSWORD] {
    let mut data = [0; 2 + PASSWORD];
    let operation = match gate {
        Gate::Disable => 0x00,
        Gate::Enable => 0x01,
    };
    let [first, second, ..] = &mut data;
    (*first, *second) = (place & 0x3f, operation);
    data
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn user(role: UserRole, enabled: bool) -> BmcUser {
        BmcUser {
            role,
            enabled,
            shut: None,
        }
    }

    fn shut(role: UserRole, shut: Shut) -> BmcUser {
        let shut = Some(shut);
        BmcUser {
            shut,
            ..user(role, false)
        }
    }

    #[test]
    fn rights_are_read() {
        for (data, expected) in [
            // ipmi_sim's own, and one that it was told to disable.
            (
                [0x3f, 0x02, 0x01, 0x14],
                user(UserRole::Administrator, true),
            ),
            ([0x3f, 0x02, 0x01, 0x03], user(UserRole::Operator, false)),
            ([0x10, 0x41, 0x01, 0x12], user(UserRole::ReadOnly, true)),
            ([0x10, 0x81, 0x01, 0x02], user(UserRole::ReadOnly, false)),
            (
                [0x10, 0x81, 0x01, 0x12],
                shut(UserRole::ReadOnly, Shut::Disabled),
            ),
            (
                [0x10, 0x41, 0x01, 0x62],
                shut(UserRole::ReadOnly, Shut::Messages),
            ),
            ([0x10, 0x01, 0x01, 0x0f], user(UserRole::Nothing, false)),
            (
                [0x10, 0x01, 0x01, 0x15],
                user(UserRole::Other("oem".to_owned()), true),
            ),
        ] {
            let access = Access::read(&data).unwrap();
            assert_eq!(access.user(), expected, "{data:x?}");
            assert_eq!(access.places, data[0]);
        }
        assert_eq!(Access::read(&[0x3f, 0x02, 0x01]), None);
    }

    #[test]
    fn rights_are_written_as_they_are_read() {
        for role in [
            UserRole::Administrator,
            UserRole::Operator,
            UserRole::ReadOnly,
            UserRole::Nothing,
            UserRole::Other("callback".to_owned()),
            UserRole::Other("oem".to_owned()),
        ] {
            for enabled in [true, false] {
                let wanted = user(role.clone(), enabled);
                let [first, place, level] = access(1, 3, &wanted, None).unwrap();
                assert_eq!((first & 0x8f, place), (0x81, 3));
                let told = [0x3f, 0, 1, first & 0x70 | level];
                assert_eq!(Access::read(&told).unwrap().user(), wanted);
            }
        }
        let other = user(UserRole::Other("Custom".to_owned()), true);
        assert_eq!(access(1, 3, &other, None), None);
    }

    #[test]
    fn what_was_found_beside_the_role_stays_and_comes_back() {
        for (status, rights, claimed) in [
            (0x01, 0x12, 0x94),
            (0x01, 0x32, 0xb4),
            (0x41, 0x52, 0xd4),
            (0x41, 0x72, 0xf4),
            // Those who were not let in are let in by the claim, and kept out as before afterwards.
            (0x41, 0x62, 0xf4),
            (0x81, 0x32, 0xb4),
            (0x81, 0x22, 0xb4),
            (0x01, 0x22, 0xb4),
        ] {
            let read = |rights| Access::read(&[0x10, status, 0x01, rights]).unwrap();
            let (found, given) = (read(rights), user(UserRole::Administrator, true));
            let [first, _, level] = access(0, 7, &given, Some(found)).unwrap();
            assert_eq!(first | level, claimed, "{status:x} {rights:x}");
            let claimed = read(first & 0x70 | level);
            let before = found.user();
            let [first, _, level] = access(0, 7, &before, Some(claimed)).unwrap();
            assert_eq!(first & 0x7f | level, rights, "{status:x} {rights:x}");
            let is_open = before.enabled || status == 0x41;
            let gate = if is_open { Gate::Enable } else { Gate::Disable };
            assert_eq!(Gate::of(&before), gate, "{status:x} {rights:x}");
        }
    }

    #[test]
    fn names_and_passwords_have_their_places() {
        let ops: UserName = "ops".parse().unwrap();
        let data = naming(3, Some(&ops)).unwrap();
        assert_eq!(data, *b"\x03ops\0\0\0\0\0\0\0\0\0\0\0\0\0");
        assert_eq!(name(&data[1..]), "ops");
        assert_eq!(naming(3, None).unwrap()[1..], [0; NAME]);
        let long: UserName = "a".repeat(17).parse().unwrap();
        assert_eq!(naming(3, Some(&long)), None);
        assert_eq!(name(&[0xff; NAME]), "");
        for (length, size, expected) in [(0, 3, 18), (16, 3, 18), (17, 0x83, 22), (20, 0x83, 22)] {
            let data = password(3, &Secret::new(vec![b'p'; length])).unwrap();
            assert_eq!((data[0], data[1], data.len()), (size, 2, expected));
            assert_eq!(data.iter().filter(|byte| **byte == b'p').count(), length);
        }
        assert!(password(3, &Secret::new(vec![b'p'; 21])).is_none());
        assert_eq!(gate(3, Gate::Disable)[..2], [3, 0]);
        assert_eq!(gate(3, Gate::Enable)[..2], [3, 1]);
    }

    proptest! {
        #[test]
        fn random_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            let _ = (channel(&bytes), name(&bytes));
            if let Some(access) = Access::read(&bytes) {
                let _ = access.user();
            }
        }
    }
}
