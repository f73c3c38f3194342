//! How a session is opened: which suite, who, and the proof that both ends know the password (IPMI 2.0, sections 13.17 to 13.23).

use std::fmt;

use zeroize::Zeroizing;

use super::super::error::Refusal;
use super::bytes::Reader;
use super::cipher::{CipherSuite, Keys};

/// Names are looked up without regard to a privilege (table 13-11).
const BY_NAME_ALONE: u8 = 0x10;

const NONCE: usize = 16;

/// What a remote console brings to the opening of a session. Nonce and number are random. Each message has a tag, which its answer repeats.
pub(crate) struct Handshake<'a> {
    pub(crate) suite: CipherSuite,
    /// The privilege that is asked for, as its number.
    pub(crate) privilege: u8,
    /// At most 16 bytes.
    pub(crate) user: &'a [u8],
    pub(crate) password: &'a [u8],
    /// K_g, where the BMC has one.
    pub(crate) bmc_key: Option<&'a [u8]>,
    /// The session's number at our end.
    pub(crate) session: u32,
    pub(crate) nonce: [u8; NONCE],
}

/// What the BMC brings to it, once it proved that it knows the user's password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Proven {
    nonce: [u8; NONCE],
    guid: [u8; 16],
}

/// Why a session is not opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The BMC refuses.
    Refused(Status),
    /// It answers with other algorithms than those that were asked for.
    Downgrade([u8; 3]),
    /// It does not know the password that we have.
    Password,
    /// It does not know the key K_g that we have.
    Key,
    Malformed,
}

/// What a BMC thinks of a step (table 13-15).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Status(pub(crate) u8);

impl Status {
    /// The signature does not fit.
    pub(crate) const INTEGRITY: Self = Self(0x0f);

    /// Whether the BMC does not speak the suite.
    pub(crate) fn is_of_suite(self) -> bool {
        matches!(self.0, 0x04..=0x07 | 0x10 | 0x11)
    }

    /// Whether it has no room for another session.
    pub(crate) fn is_full(self) -> bool {
        matches!(self.0, 0x01 | 0x0b)
    }

    /// Whether it forgot the session that is being opened: it did the step already, and its answer was lost, or it started anew. Or
    /// it heard the message before twice, and has another nonce than it told: that our proof is wrong cannot be due to the
    /// password, which it proved first.
    pub(crate) fn is_forgotten(self) -> bool {
        matches!(self.0, 0x02 | 0x08 | 0x0f)
    }

    /// What it refuses of who we are.
    pub(crate) fn refusal(self) -> Option<Refusal> {
        match self.0 {
            0x09 | 0x0a => Some(Refusal::Privilege),
            0x0c | 0x0d => Some(Refusal::User),
            _ => None,
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = match self.0 {
            0x00 => "done",
            0x01 => "it has no room for a session",
            0x02 => "it does not know the session",
            0x03 => "it does not know the payload",
            0x04 => "it does not speak the authentication algorithm",
            0x05 => "it does not speak the integrity algorithm",
            0x06 | 0x07 => "no algorithm fits",
            0x08 => "the session is not active",
            0x09 => "the role is not valid",
            0x0a => "the user may not have this privilege",
            0x0b => "it has no room for a session of this privilege",
            0x0c => "the user's name has the wrong length",
            0x0d => "there is no such user",
            0x0e => "its identity is not right",
            0x0f => "the proof is wrong",
            0x10 => "it does not speak the confidentiality algorithm",
            0x11 => "it does not speak this cipher suite",
            0x12 => "a parameter is not valid",
            _ => "a reason of its own",
        };
        write!(f, "{words} (0x{:02x})", self.0)
    }
}

/// An answer to a step: none where it is an answer to something else.
type Heard<T> = Option<Result<T, Fault>>;

impl Handshake<'_> {
    /// RMCP+ Open Session Request.
    pub(crate) fn open_request(&self, tag: u8) -> Vec<u8> {
        let mut payload = vec![tag, self.privilege, 0, 0];
        payload.extend(self.session.to_le_bytes());
        for (kind, algorithm) in (0..).zip(self.suite.algorithms()) {
            payload.extend([kind, 0, 0, 8, algorithm, 0, 0, 0]);
        }
        payload
    }

    /// RMCP+ Open Session Response: the session's number at the BMC's end.
    pub(crate) fn hear_open(&self, tag: u8, payload: &[u8]) -> Heard<u32> {
        let (status, mut reader) = answer(tag, payload)?;
        if status.0 != 0 {
            return Some(Err(Fault::Refused(status)));
        }
        let mut read = || {
            let (ours, theirs) = (reader.u32()?, reader.u32()?);
            let mut algorithms = [0; 3];
            for algorithm in &mut algorithms {
                *algorithm = reader.array::<8>()?[4] & 0x3f;
            }
            Some((ours, theirs, algorithms))
        };
        match read() {
            None => Some(Err(Fault::Malformed)),
            Some((ours, ..)) if ours != self.session => None,
            Some((_, 0, _)) => Some(Err(Fault::Malformed)),
            Some((_, theirs, algorithms)) if algorithms == self.suite.algorithms() => {
                Some(Ok(theirs))
            }
            Some((.., algorithms)) => Some(Err(Fault::Downgrade(algorithms))),
        }
    }

    /// RAKP Message 1.
    pub(crate) fn rakp1(&self, tag: u8, bmc_session: u32) -> Vec<u8> {
        let mut payload = vec![tag, 0, 0, 0];
        payload.extend(bmc_session.to_le_bytes());
        payload.extend(self.nonce);
        payload.extend([self.role(), 0, 0, self.user_length()]);
        payload.extend(self.user);
        payload
    }

    /// RAKP Message 2: the BMC's proof that it knows the password.
    pub(crate) fn hear_rakp2(&self, tag: u8, bmc_session: u32, payload: &[u8]) -> Heard<Proven> {
        let (status, mut reader) = answer(tag, payload)?;
        if reader.u32().is_some_and(|session| session != self.session) {
            return None;
        }
        if status.0 != 0 {
            return Some(Err(Fault::Refused(status)));
        }
        let Some((nonce, guid)) = reader.array().zip(reader.array()) else {
            return Some(Err(Fault::Malformed));
        };
        let proof = reader.rest();
        let (ours, theirs) = (self.session.to_le_bytes(), bmc_session.to_le_bytes());
        let (role, length) = ([self.role()], [self.user_length()]);
        let parts: [&[u8]; 8] = [
            &ours,
            &theirs,
            &self.nonce,
            &nonce,
            &guid,
            &role,
            &length,
            self.user,
        ];
        if proof.len() != self.suite.proof_length() {
            return Some(Err(Fault::Malformed));
        }
        match self.suite.verifies(self.password, &parts, proof) {
            true => Some(Ok(Proven { nonce, guid })),
            false => Some(Err(Fault::Password)),
        }
    }

    /// RAKP Message 3: our proof.
    pub(crate) fn rakp3(&self, tag: u8, bmc_session: u32, bmc: &Proven) -> Vec<u8> {
        let mut payload = vec![tag, 0, 0, 0];
        payload.extend(bmc_session.to_le_bytes());
        let session = self.session.to_le_bytes();
        let (role, length) = ([self.role()], [self.user_length()]);
        let parts: [&[u8]; 5] = [&bmc.nonce, &session, &role, &length, self.user];
        payload.extend(self.suite.sign(self.password, &parts).iter());
        payload
    }

    /// RAKP Message 3 that says that the BMC's proof is wrong: it may forget the session at once.
    pub(crate) fn rakp3_refusal(tag: u8, bmc_session: u32) -> Vec<u8> {
        let mut payload = vec![tag, Status::INTEGRITY.0, 0, 0];
        payload.extend(bmc_session.to_le_bytes());
        payload
    }

    /// RAKP Message 4: the session is open, and its keys are these.
    pub(crate) fn hear_rakp4(
        &self,
        tag: u8,
        bmc_session: u32,
        bmc: &Proven,
        payload: &[u8],
    ) -> Heard<Keys> {
        let (status, mut reader) = answer(tag, payload)?;
        if reader.u32().is_some_and(|session| session != self.session) {
            return None;
        }
        if status.0 != 0 {
            return Some(Err(Fault::Refused(status)));
        }
        let proof = reader.rest();
        if proof.len() != self.suite.signature_length() {
            return Some(Err(Fault::Malformed));
        }
        let key = self.session_key(bmc);
        let parts: [&[u8]; 3] = [&self.nonce, &bmc_session.to_le_bytes(), &bmc.guid];
        match self.suite.verifies(&key, &parts, proof) {
            true => Some(Ok(Keys::of(self.suite, &key))),
            false => Some(Err(Fault::Key)),
        }
    }

    /// The session integrity key (section 13.31). A BMC without a key of its own uses the user's.
    fn session_key(&self, bmc: &Proven) -> Zeroizing<Vec<u8>> {
        let key = self.bmc_key.unwrap_or(self.password);
        let (role, length) = ([self.role()], [self.user_length()]);
        let parts: [&[u8]; 5] = [&self.nonce, &bmc.nonce, &role, &length, self.user];
        self.suite.sign(key, &parts)
    }

    fn role(&self) -> u8 {
        BY_NAME_ALONE | self.privilege
    }

    fn user_length(&self) -> u8 {
        u8::try_from(self.user.len()).unwrap_or(u8::MAX)
    }
}

/// What the answer to a message with this tag says, and what follows.
fn answer(tag: u8, payload: &[u8]) -> Option<(Status, Reader<'_>)> {
    let mut reader = Reader(payload);
    let [answered, status] = reader.array()?;
    // Some BMCs leave all else away where they refuse, ipmi_sim for one.
    let _reserved = reader.bytes(2);
    (answered == tag).then_some((Status(status), reader))
}

#[cfg(test)]
mod tests {
    use data_encoding::HEXLOWER;
    use proptest::prelude::*;

    use super::*;

    /// Two openings as `ipmitool -vvv` showed them: with ipmi_sim in suite 3, and with pyghmi's BMC in suite 17.
    struct Recorded {
        suite: CipherSuite,
        bmc_session: u32,
        nonce: &'static str,
        bmc_nonce: &'static str,
        guid: &'static str,
        proofs: [&'static str; 3],
        signing_key: &'static str,
    }

    const RECORDED: [Recorded; 2] = [
        Recorded {
            suite: CipherSuite::Sha1,
            bmc_session: 2,
            nonce: "92795fa7000407944d6685e273de71af",
            bmc_nonce: "7d9ce3db43745de67a45e5a607f81a2c",
            guid: "a123456789abcdefa123456789abcdef",
            proofs: [
                "dd6f0af09709823ce1a1e8529b2972eac36bf476",
                "056ebfc30fb024624e52d5731e406f07800ec105",
                "7245963de747b012725c74c8",
            ],
            signing_key: "a8b22410dcbd86c16560ad9e4940f0fa6e57b766",
        },
        Recorded {
            suite: CipherSuite::Sha256,
            bmc_session: 0x17f9_995d,
            nonce: "f5e3abf2c4bbc7f36ebc2c9dee3b9bcc",
            bmc_nonce: "5b456300e810d82278021cacacdbc1a4",
            guid: "250c3294239f4d12b5c55cef734d3687",
            proofs: [
                "10d07c24d0cba7d67deeac6d97615c85fdbfa2ec4692c3cf8d2e2a879ec31e51",
                "49ff5af3eefe8ef1412eade3a1db253e62e302dc96cbbd35fca5447b56e0717c",
                "cbeab081150a95da3817857fa03de025",
            ],
            signing_key: "dd113afd81c43c4b90a3b760fa44931be58ce4bec4af38bcecb7daaadb050ff1",
        },
    ];

    fn hex(text: &str) -> Vec<u8> {
        HEXLOWER.decode(text.as_bytes()).unwrap()
    }

    impl Recorded {
        fn handshake(&self, password: &'static [u8]) -> Handshake<'static> {
            Handshake {
                suite: self.suite,
                privilege: 4,
                user: b"admin",
                password,
                bmc_key: None,
                session: 0xa0a2_a3a4,
                nonce: hex(self.nonce).try_into().unwrap(),
            }
        }

        /// An answer of the BMC to this console.
        fn answer(&self, status: u8, parts: &[&str]) -> Vec<u8> {
            let mut payload = vec![9, status, 0, 0, 0xa4, 0xa3, 0xa2, 0xa0];
            payload.extend(parts.iter().flat_map(|part| hex(part)));
            payload
        }

        fn rakp2(&self) -> Vec<u8> {
            self.answer(0, &[self.bmc_nonce, self.guid, self.proofs[0]])
        }
    }

    #[test]
    fn proofs_and_keys_are_what_others_compute() {
        for recorded in &RECORDED {
            let ours = recorded.handshake(b"secret12");
            let bmc = ours.hear_rakp2(9, recorded.bmc_session, &recorded.rakp2());
            let bmc = bmc.unwrap().unwrap();
            let said = ours.rakp3(9, recorded.bmc_session, &bmc);
            assert_eq!(HEXLOWER.encode(&said[8..]), recorded.proofs[1]);
            let last = recorded.answer(0, &[recorded.proofs[2]]);
            let keys = ours.hear_rakp4(9, recorded.bmc_session, &bmc, &last);
            let Some(Ok(keys)) = keys else {
                panic!("the last proof is right");
            };
            let mut expected = recorded.suite.sign(&hex(recorded.signing_key), &[b"x"]);
            expected.truncate(recorded.suite.signature_length());
            assert_eq!(keys.sign(b"x"), *expected);
        }
    }

    /// The packet that ipmitool sent in the first session: Set Session Privilege Level.
    #[test]
    fn a_packet_of_another_client_is_understood() {
        let ours = RECORDED[0].handshake(b"secret12");
        let bmc = ours
            .hear_rakp2(9, 2, &RECORDED[0].rakp2())
            .unwrap()
            .unwrap();
        let keys = Keys::of(CipherSuite::Sha1, &ours.session_key(&bmc));
        let packet = hex(concat!(
            "06c002000000030000002000",
            "475f9bd507ff74bc70cbf58d354018abb3027750f63eaa8fefe35bec7db12fbb",
            "ffff0207",
            "62e40a5e48e9afa7ae23dc28",
        ));
        let signed = keys.verified(&packet).unwrap();
        let message = keys.decrypt(&signed[12..44]).unwrap();
        assert_eq!(message, hex("2018c881043b043c"));
    }

    #[test]
    fn a_refusal_and_a_lie_are_told_apart() {
        let recorded = &RECORDED[0];
        let ours = recorded.handshake(b"secret12");
        let spoilt = recorded.proofs[0].replace('d', "e");
        let cut = &recorded.proofs[0][2..];
        for (status, parts, expected) in [
            (0x0d, vec![], Some(Fault::Refused(Status(0x0d)))),
            (
                0,
                vec![recorded.bmc_nonce, recorded.guid, &spoilt],
                Some(Fault::Password),
            ),
            (
                0,
                vec![recorded.bmc_nonce, recorded.guid, cut],
                Some(Fault::Malformed),
            ),
            (0, vec![recorded.bmc_nonce], Some(Fault::Malformed)),
        ] {
            let payload = recorded.answer(status, &parts);
            let heard = ours.hear_rakp2(9, 2, &payload).and_then(Result::err);
            assert_eq!(heard, expected, "{parts:?}");
        }
        let mut other = recorded.rakp2();
        other[0] = 8;
        assert_eq!(ours.hear_rakp2(9, 2, &other), None, "an answer to another");
        let other = recorded.handshake(b"secret13");
        let heard = other.hear_rakp2(9, 2, &recorded.rakp2()).unwrap();
        assert_eq!(heard, Err(Fault::Password));
    }

    #[test]
    fn another_suite_than_asked_for_is_no_session() {
        let ours = RECORDED[1].handshake(b"secret12");
        let algorithms = |[a, b, c]: [u8; 3]| {
            format!("00000008{a:02x}00000001000008{b:02x}00000002000008{c:02x}000000")
        };
        for (session, answered, expected) in [
            ("02000000", [3, 4, 1], Ok(2)),
            ("02000000", [1, 1, 1], Err(Fault::Downgrade([1, 1, 1]))),
            ("02000000", [3, 4, 0], Err(Fault::Downgrade([3, 4, 0]))),
            ("00000000", [3, 4, 1], Err(Fault::Malformed)),
        ] {
            let payload = RECORDED[1].answer(0, &[session, &algorithms(answered)]);
            assert_eq!(ours.hear_open(9, &payload), Some(expected));
        }
        for refusal in [&RECORDED[1].answer(0x11, &[])[..], &[9, 0x11]] {
            let expected = Some(Err(Fault::Refused(Status(0x11))));
            assert_eq!(ours.hear_open(9, refusal), expected);
        }
    }

    proptest! {
        #[test]
        fn random_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..90)) {
            let ours = RECORDED[0].handshake(b"secret12");
            let bmc = Proven { nonce: [0; 16], guid: [0; 16] };
            for bytes in [bytes.clone(), [&[9, 0, 0, 0, 0xa4, 0xa3, 0xa2, 0xa0], &bytes[..]].concat()] {
                let _ = ours.hear_open(9, &bytes);
                prop_assert!(!matches!(ours.hear_rakp2(9, 2, &bytes), Some(Ok(_))));
                prop_assert!(!matches!(ours.hear_rakp4(9, 2, &bmc, &bytes), Some(Ok(_))));
            }
        }
    }
}
