//! The boot override.

use super::super::codec::Command;
use super::super::codec::boot::{
    Parameter, SET_COMPLETE, SET_IN_PROGRESS, UNNOTICED, WHOLE, clearing, flags, read,
};
use super::super::error::IpmiError;
use super::Session;
use crate::base::bmc::BootOverride;

impl Session {
    /// Has the machine boot from elsewhere, or as its firmware is set to. IPMI cannot say that the mode is all the same: without one, EFI is asked for.
    pub async fn set_boot(&mut self, wanted: Option<BootOverride>) -> Result<(), IpmiError> {
        let flags = flags(wanted).ok_or(IpmiError::Unknown("boot by HTTP"))?;
        self.optional(Parameter::SetInProgress, &[SET_IN_PROGRESS])
            .await?;
        let set = self.set(clearing(wanted), &flags).await;
        // Also where something went wrong: otherwise nobody else could change anything.
        let ended = self
            .optional(Parameter::SetInProgress, &[SET_COMPLETE])
            .await;
        set.and(ended)
    }

    /// What overrides where the machine boots from, if anything does. The mode is always told: IPMI has no third.
    pub async fn boot(&mut self) -> Result<Option<BootOverride>, IpmiError> {
        let [set, block] = WHOLE;
        let data = [Parameter::BootFlags.number(), set, block];
        let answer = self.request(Command::GET_BOOT_OPTIONS, &data).await?;
        read(&answer).ok_or(IpmiError::Malformed("boot options"))
    }

    async fn set(&mut self, clearing: u8, flags: &[u8]) -> Result<(), IpmiError> {
        self.optional(Parameter::ValidBitClearing, &[clearing])
            .await?;
        self.optional(Parameter::InfoAcknowledge, &UNNOTICED)
            .await?;
        self.request(
            Command::SET_BOOT_OPTIONS,
            &written(Parameter::BootFlags, flags),
        )
        .await?;
        Ok(())
    }

    /// Sets a parameter that a BMC need not have: what it says of it is all the same (section 28.12), as long as it answers.
    async fn optional(&mut self, parameter: Parameter, data: &[u8]) -> Result<(), IpmiError> {
        let data = written(parameter, data);
        self.answer(Command::SET_BOOT_OPTIONS, 0, &data).await?;
        Ok(())
    }
}

fn written(parameter: Parameter, data: &[u8]) -> Vec<u8> {
    [&[parameter.number()], data].concat()
}
