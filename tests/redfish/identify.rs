//! The identify light: by the newer property or the older one, of the system or of its chassis; verified.

use serde_json::json;

use crate::mock::{Does, Mock, SYSTEM};

#[tokio::test]
async fn the_light_is_switched_where_there_is_one() {
    let chassis = "/redfish/v1/Chassis/1";
    for (system, of_chassis, place) in [
        (json!({"IndicatorLED": "Off"}), json!({}), SYSTEM),
        (
            json!({"LocationIndicatorActive": false, "IndicatorLED": "Off"}),
            json!({}),
            SYSTEM,
        ),
        (
            json!({}),
            json!({"LocationIndicatorActive": false}),
            chassis,
        ),
    ] {
        let mock = Mock::honest();
        mock.with(|state| {
            let mut system = system.clone();
            system["Links"] = json!({"Chassis": [{"@odata.id": chassis}]});
            state.put(SYSTEM, system);
            state.put(chassis, of_chassis.clone());
        });
        let mut session = mock.open().await;
        for is_on in [true, false] {
            session.identify(is_on).await.unwrap();
            if place == SYSTEM {
                assert_eq!(
                    session.chassis_status().await.unwrap().identify,
                    Some(is_on)
                );
            }
        }
        assert_eq!(mock.count(&format!("PATCH {place}")), 2);
    }
}

#[tokio::test]
async fn no_light_and_a_light_that_stays_dark_are_told() {
    let mock =
        Mock::start(|request, _| request.line.starts_with("PATCH").then(|| Does::status(204)));
    let mut session = mock.open().await;
    let said = session.identify(true).await.unwrap_err().to_string();
    assert_eq!(
        said,
        "the BMC reported success, but the identify light is off, not on"
    );
    mock.with(|state| state.put(SYSTEM, json!({})));
    let said = session.identify(true).await.unwrap_err().to_string();
    assert_eq!(said, "the BMC offers no identify light");
}
