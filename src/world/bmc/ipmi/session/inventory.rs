//! What a machine is made of.

use super::super::codec::fru::{Areas, Fru, HEADER, length};
use super::super::codec::{Command, Reader, uuid};
use super::super::error::IpmiError;
use super::Session;
use super::repository::is_too_much;
use crate::base::bmc::{Inventory, Part, PartKind};

/// The machine's own part.
const MACHINE: u8 = 0;

/// Parts that are asked for; each costs some dozens of questions.
const MOST: usize = 64;

/// How many bytes are asked for at once, at most and at least.
const CHUNK: (u8, u8) = (32, 4);

/// A part's memory.
struct Memory {
    device: u8,
    size: u16,
    /// Whether places and counts are in words of two bytes.
    by_words: bool,
    chunk: u8,
}

impl Session {
    /// The machine's identity and the parts that say what they are. What the BMC does not tell is missing.
    pub async fn inventory(&mut self) -> Result<Inventory, IpmiError> {
        let parts = self.records_if_any().await?.parts.clone();
        let machine = self.part(MACHINE).await?.unwrap_or_default();
        let guid = self.answer(Command::SYSTEM_GUID, 0, &[]).await?;
        let guid = guid.done(Command::SYSTEM_GUID).ok();
        let (product, board) = (machine.product, machine.board);
        let mut inventory = Inventory {
            manufacturer: product.manufacturer.or(board.manufacturer),
            model: product.name.or(board.name.clone()),
            serial: product
                .serial
                .or(machine.chassis_serial)
                .or(board.serial.clone()),
            asset_tag: machine.asset_tag,
            uuid: guid.as_deref().and_then(uuid),
            ..Inventory::default()
        };
        if board.name.is_some() || board.serial.is_some() {
            let board = part(PartKind::Board, "board", board.name, board.serial);
            inventory.parts.push(board);
        }
        for record in parts
            .iter()
            .filter(|part| part.device != MACHINE)
            .take(MOST)
        {
            if let Some(fru) = self.part(record.device).await? {
                let model = fru.product.name.or(fru.board.name);
                let serial = fru.product.serial.or(fru.board.serial);
                let part = part(record.kind, &record.name, model, serial);
                inventory.parts.push(part);
            }
        }
        Ok(inventory)
    }

    /// What a part says of itself; none where there is no such part, or nothing in its memory.
    async fn part(&mut self, device: u8) -> Result<Option<Fru>, IpmiError> {
        let answered = self.answer(Command::FRU_INFO, 0, &[device]).await?;
        let Ok(data) = answered.done(Command::FRU_INFO) else {
            return Ok(None);
        };
        let mut reader = Reader(&data);
        let Some((size, access)) = reader.u16().zip(reader.u8()) else {
            return Ok(None);
        };
        let mut memory = Memory {
            device,
            size,
            by_words: access & 0x01 != 0,
            chunk: CHUNK.0,
        };
        let header = self.bytes(&mut memory, 0, HEADER as u16).await?;
        let Some(areas) = header.as_deref().and_then(Areas::read) else {
            return Ok(None);
        };
        let mut fru = Fru::default();
        if let Some(area) = self.area(&mut memory, areas.chassis).await? {
            fru.take_chassis(&area);
        }
        if let Some(area) = self.area(&mut memory, areas.board).await? {
            fru.take_board(&area);
        }
        if let Some(area) = self.area(&mut memory, areas.product).await? {
            fru.take_product(&area);
        }
        Ok(Some(fru))
    }

    /// A whole area; none where there is none, or it cannot be read.
    async fn area(
        &mut self,
        memory: &mut Memory,
        begin: Option<u16>,
    ) -> Result<Option<Vec<u8>>, IpmiError> {
        let Some(begin) = begin else {
            return Ok(None);
        };
        let head = self.bytes(memory, begin, 2).await?;
        match head.as_deref().and_then(length) {
            Some(length) => self.bytes(memory, begin, length).await,
            None => Ok(None),
        }
    }

    /// Bytes of a part's memory; none where it has not as many, or the BMC does not give them.
    async fn bytes(
        &mut self,
        memory: &mut Memory,
        begin: u16,
        count: u16,
    ) -> Result<Option<Vec<u8>>, IpmiError> {
        let end = begin.saturating_add(count);
        if end > memory.size {
            return Ok(None);
        }
        let (mut bytes, mut at) = (Vec::new(), begin);
        while at < end {
            let asked = u8::try_from(end - at).unwrap_or(u8::MAX).min(memory.chunk);
            match self.chunk(memory, at, asked).await {
                Ok(chunk) if chunk.is_empty() => return Ok(None),
                Ok(chunk) => {
                    at = at.saturating_add(u16::try_from(chunk.len()).unwrap_or(u16::MAX));
                    bytes.extend(chunk);
                }
                Err(error) if is_too_much(&error) && memory.chunk > CHUNK.1 => memory.chunk /= 2,
                Err(IpmiError::Refused { .. } | IpmiError::Malformed(_)) => return Ok(None),
                Err(error) => return Err(error),
            }
        }
        bytes.truncate(usize::from(count));
        Ok(Some(bytes))
    }

    /// Read FRU Data (section 34.2): as many bytes as were asked for, or fewer.
    async fn chunk(&mut self, memory: &Memory, at: u16, count: u8) -> Result<Vec<u8>, IpmiError> {
        let (place, asked) = match memory.by_words {
            // Places here are even, and counts are made so.
            true => (at / 2, count.div_ceil(2)),
            false => (at, count),
        };
        let [low, high] = place.to_le_bytes();
        let data = [memory.device, low, high, asked];
        let data = self.request(Command::READ_FRU, &data).await?;
        let mut reader = Reader(&data);
        let told = reader.u8().map(usize::from);
        let told = told.map(|told| if memory.by_words { told * 2 } else { told });
        let chunk = reader.rest();
        match told {
            Some(told) if told == chunk.len() && told <= usize::from(count) + 1 => {
                Ok(chunk.to_vec())
            }
            Some(_) | None => Err(IpmiError::Malformed("a part's memory")),
        }
    }
}

fn part(kind: PartKind, place: &str, model: Option<String>, serial: Option<String>) -> Part {
    Part {
        kind,
        place: place.to_owned(),
        model,
        serial,
        size: None,
    }
}
