//! Switches a system as its BMC says it can be switched (DSP2046, "ComputerSystem", action Reset).

use serde_json::{Value, json};

use super::client::Client;
use super::error::Error;
use super::model::action::{Action, action, allowed_by_info, choose, reset_types};
use super::model::link::Link;
use super::model::system::power as power_of;
use super::task::finish;
use crate::base::bmc::{PowerAction, PowerState};

const RESET: &str = "#ComputerSystem.Reset";
const TYPE: &str = "ResetType";

/// Asks for it, and waits until the BMC has done with it; not until the machine is there.
pub(super) async fn power(
    client: &mut Client,
    system: &Link,
    asked: PowerAction,
) -> Result<(), Error> {
    let resource = client.get(system).await?.value;
    let reset = action(&resource, RESET, TYPE).ok_or(Error::Unsupported("power actions"))?;
    let allowed = allowed(client, &reset, TYPE).await?;
    let wanted = reset_types(asked);
    let Some(kind) = choose(wanted, &allowed) else {
        return Err(match asked {
            PowerAction::Cycle => Error::NoCycle { allowed },
            PowerAction::On | PowerAction::Off | PowerAction::SoftOff | PowerAction::Reset => {
                let wanted = wanted.first().copied().unwrap_or_default();
                Error::NotAllowed {
                    what: TYPE,
                    wanted,
                    allowed,
                }
            }
        });
    };
    let answer = match client.post(&reset.target, &json!({ TYPE: kind })).await {
        Ok(answer) => answer,
        Err(error) => return so_already(client, system, asked, error).await,
    };
    finish(client, answer).await
}

/// Many refuse to switch on what runs, which is no failure of what was asked for.
async fn so_already(
    client: &mut Client,
    system: &Link,
    asked: PowerAction,
    error: Error,
) -> Result<(), Error> {
    let wanted = match asked {
        PowerAction::On => PowerState::On,
        PowerAction::Off | PowerAction::SoftOff => PowerState::Off,
        PowerAction::Cycle | PowerAction::Reset => return Err(error),
    };
    if !error
        .status()
        .is_some_and(|status| matches!(status, 400 | 409))
    {
        return Err(error);
    }
    let found: Value = client.get(system).await?.value;
    match power_of(&found) == wanted {
        true => Ok(()),
        false => Err(error),
    }
}

/// What a parameter of an action may be; empty where nobody says.
pub(super) async fn allowed(
    client: &mut Client,
    action: &Action,
    parameter: &str,
) -> Result<Vec<String>, Error> {
    let Some(info) = action.info.as_ref().filter(|_| action.allowed.is_empty()) else {
        return Ok(action.allowed.clone());
    };
    let info = client.find(info).await?;
    Ok(info.map_or_else(Vec::new, |info| allowed_by_info(&info.value, parameter)))
}
