//! Power and the identify light.

use super::super::codec::Command;
use super::super::codec::chassis::{control, identify, restart_cause, status};
use super::super::error::IpmiError;
use super::Session;
use crate::base::bmc::{ChassisStatus, Light, PowerAction};

impl Session {
    /// How it stands with power and light.
    pub async fn chassis_status(&mut self) -> Result<ChassisStatus, IpmiError> {
        let data = self.request(Command::CHASSIS_STATUS, &[]).await?;
        status(&data).ok_or(IpmiError::Malformed("chassis status"))
    }

    /// Why the machine started the last time, as a number; none where the BMC does not tell: it need not know the command.
    pub async fn restart_cause(&mut self) -> Result<Option<u8>, IpmiError> {
        match self.request(Command::RESTART_CAUSE, &[]).await {
            Ok(data) => Ok(restart_cause(&data)),
            Err(IpmiError::Refused { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Does something with the power. A BMC that agrees is not done yet: [`Self::chassis_status`] tells when the machine is there.
    pub async fn power(&mut self, action: PowerAction) -> Result<(), IpmiError> {
        let (command, data) = (Command::CHASSIS_CONTROL, [control(action)]);
        match action {
            PowerAction::On | PowerAction::Off => self.request(command, &data).await?,
            // A second soft off is a second press of the button, which some systems take for an end by force.
            PowerAction::SoftOff | PowerAction::Cycle | PowerAction::Reset => {
                self.request_once(command, &data).await?
            }
        };
        Ok(())
    }

    /// Switches the identify light.
    pub async fn identify(&mut self, light: Light) -> Result<(), IpmiError> {
        let command = Command::CHASSIS_IDENTIFY;
        let answered = self.answer(command, 0, &identify(light)).await?;
        if light == Light::On && answered.completion.is_unknown_to_it() {
            // That it stays on came with IPMI 2.0, and is a BMC's choice (section 28.5).
            return Err(IpmiError::Unsupported(
                "the BMC knows the identify light for a time only",
            ));
        }
        answered.done(command).map(|_| ())
    }
}
