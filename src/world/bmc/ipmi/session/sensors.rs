//! What a BMC's sensors read.

use super::super::codec::reading::{Reading, sensor};
use super::super::codec::sdr::{RawThresholds, SensorRecord, THRESHOLD, thresholds};
use super::super::codec::{Command, Factors, Reader};
use super::super::error::IpmiError;
use super::Session;
use crate::base::bmc::Sensor;

/// Whom the BMC's own sensors belong to (IPMI 2.0, section 5.5).
const BMC: u8 = 0x20;

impl Session {
    /// All sensors that can be asked, with what they read at this moment. One that the BMC does not tell of, or that belongs to a
    /// controller behind it, is there without a reading.
    pub async fn sensors(&mut self) -> Result<Vec<Sensor>, IpmiError> {
        let records = self.records().await?.sensors.clone();
        let mut sensors = Vec::new();
        for record in records.iter().filter(|record| record.is_readable) {
            sensors.push(self.sensor(record).await?);
        }
        Ok(sensors)
    }

    async fn sensor(&mut self, record: &SensorRecord) -> Result<Sensor, IpmiError> {
        if record.place.owner != BMC {
            return Ok(sensor(record, None, record.thresholds, |_| None));
        }
        let data = self.asked(Command::SENSOR_READING, record, None).await?;
        let reading = data.as_deref().and_then(Reading::read);
        let limits = self.thresholds(record).await?;
        let Some(formula) = record.formula else {
            return Ok(sensor(record, reading, limits, |_| None));
        };
        if !formula.is_nonlinear {
            return Ok(sensor(record, reading, limits, |byte| formula.value(byte)));
        }
        let bytes = limits.into_iter().chain([reading.map(|read| read.byte)]);
        let mut values = Vec::new();
        for byte in bytes.flatten() {
            let data = self
                .asked(Command::SENSOR_FACTORS, record, Some(byte))
                .await?;
            let factors = data.as_deref().and_then(|data| {
                let mut reader = Reader(data);
                reader.u8()?; // the next byte with other factors
                Factors::read(&mut reader)
            });
            let value = factors.and_then(|factors| formula.with(factors).value(byte));
            values.push((byte, value));
        }
        let value = |byte: u8| values.iter().find(|(of, _)| *of == byte)?.1;
        Ok(sensor(record, reading, limits, value))
    }

    /// The thresholds that hold; those of the record where the BMC does not tell.
    async fn thresholds(&mut self, record: &SensorRecord) -> Result<RawThresholds, IpmiError> {
        if record.event_type != THRESHOLD {
            return Ok(RawThresholds::default());
        }
        let data = self.asked(Command::SENSOR_THRESHOLDS, record, None).await?;
        let told = data.as_deref().and_then(thresholds);
        Ok(told.unwrap_or(record.thresholds))
    }

    /// What a sensor answers; none where the BMC refuses.
    async fn asked(
        &mut self,
        command: Command,
        record: &SensorRecord,
        byte: Option<u8>,
    ) -> Result<Option<Vec<u8>>, IpmiError> {
        let place = record.place;
        let mut data = vec![place.number];
        data.extend(byte);
        let answered = self.answer(command, place.unit, &data).await?;
        Ok(answered.done(command).ok())
    }
}
