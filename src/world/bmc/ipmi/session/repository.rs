//! Reads the records of sensors and parts, whole where the BMC gives them whole, and in pieces where it does not.

use std::collections::BTreeSet;

use super::super::codec::sdr::{HEADER, PartRecord, Record, SensorRecord};
use super::super::codec::{Command, Completion, Reader};
use super::super::error::IpmiError;
use super::Session;

/// More than any machine has.
const MOST: usize = 2048;

/// How often a reservation may be lost before it is given up: BMCs change their records while they start.
const RESERVATIONS: usize = 8;

/// How much is asked for at once where a BMC does not give records whole.
const PIECE: u8 = 32;

/// The least that is worth to be asked for.
const LEAST: u8 = 4;

const FIRST: u16 = 0x0000;
const LAST: u16 = 0xffff;

/// Which sensors and parts a BMC has. Read once in a session.
#[derive(Default)]
pub(super) struct Repository {
    pub(super) sensors: Vec<SensorRecord>,
    pub(super) parts: Vec<PartRecord>,
}

/// How records are asked for at present.
struct Asking {
    reservation: [u8; 2],
    /// How many reservations may still be made.
    left: usize,
    /// How many bytes at a time; none means the whole record.
    size: Option<u8>,
}

impl Session {
    /// What the BMC's records say. A record that cannot be read or makes no sense costs itself alone.
    pub(super) async fn repository(&mut self) -> Result<Repository, IpmiError> {
        let mut asking = Asking {
            reservation: self.reserve(Command::RESERVE_SDR).await?,
            left: RESERVATIONS,
            size: None,
        };
        let (mut repository, mut next) = (Repository::default(), FIRST);
        let mut seen = BTreeSet::new();
        // Records that lead round in a circle are read once.
        while seen.len() < MOST && seen.insert(next) {
            let (following, record) = match self.record(next, &mut asking).await {
                Ok(Some(read)) => read,
                Ok(None) => break,
                // Which record follows is not known then; those before are.
                Err(IpmiError::Refused { .. } | IpmiError::Malformed(_)) if next != FIRST => break,
                Err(error) => return Err(error),
            };
            match record.as_deref().and_then(Record::read) {
                Some(Record::Sensors(sensors)) => repository.sensors.extend(sensors),
                Some(Record::Part(part)) => repository.parts.push(part),
                Some(Record::Other) | None => {}
            }
            if following == LAST {
                break;
            }
            next = following;
        }
        Ok(repository)
    }

    /// A reservation (sections 31.4 and 33.11); nothing where the BMC has none, and then needs none.
    pub(super) async fn reserve(&mut self, command: Command) -> Result<[u8; 2], IpmiError> {
        let answered = self.answer(command, 0, &[]).await?;
        if answered.completion.is_unknown_to_it() {
            return Ok([0, 0]);
        }
        let data = answered.done(command)?;
        Reader(&data)
            .array()
            .ok_or(IpmiError::Malformed("reservation"))
    }

    /// The number of the record that follows, and this one, where it can be read. None where there is no such record.
    async fn record(
        &mut self,
        id: u16,
        asking: &mut Asking,
    ) -> Result<Option<(u16, Option<Vec<u8>>)>, IpmiError> {
        if asking.size.is_none() {
            match self.piece(id, asking, 0, 0xff).await {
                Ok(Some((next, whole))) if is_whole(&whole) => {
                    return Ok(Some((next, Some(whole))));
                }
                Ok(Some(_)) => asking.size = Some(PIECE), // as much as it can give at once
                Ok(None) => return Ok(None),
                Err(error) if is_too_much(&error) => asking.size = Some(PIECE),
                Err(error) => return Err(error),
            }
        }
        let begin = HEADER.to_le_bytes()[0];
        let Some((next, mut record)) = self.piece(id, asking, 0, begin).await? else {
            return Ok(None);
        };
        let [_, _, _, _, length] = Reader(&record)
            .array()
            .ok_or(IpmiError::Malformed("sensor record"))?;
        let end = u16::from(begin) + u16::from(length);
        let mut offset = u16::from(begin);
        while offset < end {
            let size = asking.size.unwrap_or(LEAST);
            // Only a record that is longer than an offset can say is cut here.
            let Ok(at) = u8::try_from(offset) else {
                return Ok(Some((next, None)));
            };
            let count = u8::try_from(end - offset).unwrap_or(u8::MAX).min(size);
            match self.piece(id, asking, at, count).await {
                Ok(Some((_, piece))) if piece.len() == usize::from(count) => {
                    record.extend(piece);
                    offset += u16::from(count);
                }
                Err(error) if is_too_much(&error) && size > LEAST => asking.size = Some(size / 2),
                Ok(_) | Err(IpmiError::Refused { .. }) => return Ok(Some((next, None))),
                Err(error) => return Err(error),
            }
        }
        Ok(Some((next, Some(record))))
    }

    /// A piece of a record, and the number of the next one (section 33.12). None where there is no such record.
    async fn piece(
        &mut self,
        id: u16,
        asking: &mut Asking,
        offset: u8,
        count: u8,
    ) -> Result<Option<(u16, Vec<u8>)>, IpmiError> {
        loop {
            let ([a, b], [low, high]) = (asking.reservation, id.to_le_bytes());
            let wanted = [a, b, low, high, offset, count];
            let answered = self.answer(Command::GET_SDR, 0, &wanted).await?;
            match answered.completion {
                Completion::RESERVATION_LOST if asking.left > 0 => {
                    asking.left -= 1;
                    asking.reservation = self.reserve(Command::RESERVE_SDR).await?;
                }
                Completion::NOT_PRESENT => return Ok(None),
                Completion::INVALID_COMMAND => {
                    return Err(IpmiError::Unsupported(
                        "the BMC keeps no records of sensors",
                    ));
                }
                Completion(_) => {
                    let data = answered.done(Command::GET_SDR)?;
                    let mut reader = Reader(&data);
                    let next = reader.u16().ok_or(IpmiError::Malformed("sensor record"))?;
                    return Ok(Some((next, reader.rest().to_vec())));
                }
            }
        }
    }
}

/// Whether a record is as long as its header says.
fn is_whole(record: &[u8]) -> bool {
    let header = Reader(record).array::<HEADER>();
    header.is_some_and(|[.., length]| record.len() >= HEADER + usize::from(length))
}

/// Whether a BMC cannot give as many bytes at once as it was asked for, in whichever words it says so.
pub(super) fn is_too_much(error: &IpmiError) -> bool {
    matches!(
        error,
        IpmiError::Refused {
            code: Completion(0xc4 | 0xc7 | 0xc8 | 0xc9 | 0xca | 0xff),
            ..
        }
    )
}
