//! IPMI's own messages, as a LAN carries them (IPMI 2.0, section 13.8).

use super::bytes::Reader;
use super::command::Command;

/// The BMC's address (section 5.5).
const BMC: u8 = 0x20;

/// The address of the first remote console's software (section 5.5).
const CONSOLE: u8 = 0x81;

/// What a BMC answered to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Answer<'a> {
    pub(crate) completion: u8,
    pub(crate) data: &'a [u8],
}

/// A request of the logical unit `unit`; `sequence` has six bits.
pub(crate) fn request(command: Command, unit: u8, sequence: u8, data: &[u8]) -> Vec<u8> {
    let head = [BMC, command.function << 2 | unit & 0x03];
    // Room for all of it: what grows leaves copies behind, and a password may be in it.
    let mut message = Vec::with_capacity(head.len() + 5 + data.len());
    message.extend(head);
    message.push(checksum(&head));
    message.extend([CONSOLE, sequence << 2, command.code]);
    message.extend(data);
    let body = message.get(head.len() + 1..).unwrap_or_default();
    message.push(checksum(body));
    message
}

impl<'a> Answer<'a> {
    /// The answer to one request; none for an answer to another, and for what is none.
    pub(crate) fn read(message: &'a [u8], command: Command, sequence: u8) -> Option<Self> {
        let (sum, body) = message.get(3..)?.split_last()?;
        let [to, function, head_sum, _, number, code, completion] = Reader(message).array::<7>()?;
        let is_whole = checksum(&[to, function]) == head_sum && checksum(body) == *sum;
        let is_ours = function >> 2 == command.function | 1
            && number >> 2 == sequence & 0x3f
            && code == command.code;
        let data = body.get(4..)?;
        (is_whole && is_ours).then_some(Self { completion, data })
    }
}

/// What makes the sum of all bytes zero (section 13.8).
fn checksum(bytes: &[u8]) -> u8 {
    let sum = bytes.iter().fold(0_u8, |sum, byte| sum.wrapping_add(*byte));
    sum.wrapping_neg()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// As ipmitool sends and ipmi_sim answers it.
    const STATUS: [u8; 7] = [0x20, 0x00, 0xe0, 0x81, 0x08, 0x01, 0x76];
    const ANSWER: [u8; 11] = [
        0x81, 0x04, 0x7b, 0x20, 0x08, 0x01, 0x00, 0x01, 0x00, 0x40, 0x96,
    ];

    #[test]
    fn a_request_is_as_others_write_it() {
        assert_eq!(request(Command::CHASSIS_STATUS, 0, 2, &[]), STATUS);
    }

    #[test]
    fn an_answer_is_taken_for_its_own_request_alone() {
        let read = |bytes: &[u8], sequence| {
            let answer = Answer::read(bytes, Command::CHASSIS_STATUS, sequence);
            answer.map(|answer| (answer.completion, answer.data.to_vec()))
        };
        assert_eq!(read(&ANSWER, 2), Some((0, vec![1, 0, 0x40])));
        assert_eq!(read(&ANSWER, 3), None);
        assert_eq!(read(&STATUS, 2), None);
        for at in 0..ANSWER.len() {
            let mut spoilt = ANSWER;
            spoilt[at] ^= 0x10;
            assert_eq!(read(&spoilt, 2), None, "byte {at}");
            assert_eq!(read(&ANSWER[..at], 2), None, "cut at {at}");
        }
    }

    proptest! {
        #[test]
        fn random_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            let _ = Answer::read(&bytes, Command::CHASSIS_STATUS, 1);
        }
    }
}
