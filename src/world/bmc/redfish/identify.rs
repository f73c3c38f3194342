//! Switches the light by which a person finds a machine.

use serde_json::Value;

use super::change::{Change, change};
use super::client::Client;
use super::error::Error;
use super::model::link::Link;
use super::model::read::links;
use super::model::system::{light, light_wish};

/// The light of the system, or of the chassis that it is in.
pub(super) async fn identify(client: &mut Client, system: &Link, is_on: bool) -> Result<(), Error> {
    let resource = client.get(system).await?.value;
    let mut places = vec![system.clone()];
    places.extend(links(&resource, &["Links", "Chassis"]).into_iter().take(1));
    for place in places {
        let resource = client.get(&place).await?.value;
        let Some(body) = light_wish(&resource, is_on) else {
            continue;
        };
        let word = |is_on: bool| if is_on { "on" } else { "off" };
        let wish = Change {
            what: "the identify light",
            wanted: word(is_on).to_owned(),
            body,
            is_so: &|resource: &Value| light(resource) == Some(is_on),
            said: &|resource| light(resource).map_or("unknown", word).to_owned(),
        };
        return change(client, &place, &place, &wish).await;
    }
    Err(Error::Unsupported("identify light"))
}
