//! Ways to the serial console: by the system or by its manager.

use bedplate::base::bmc::SerialProtocol;
use serde_json::{Value, json};

use crate::mock::{Mock, SYSTEM};

const MANAGER: &str = "/redfish/v1/Managers/1";

async fn ways(system: &Value, manager: &Value) -> Vec<(SerialProtocol, Option<u16>, bool)> {
    let mock = Mock::honest();
    mock.with(|state| {
        let own = state.resources.get_mut(SYSTEM).unwrap();
        own["SerialConsole"] = system.clone();
        own["Links"] = json!({"ManagedBy": [{"@odata.id": MANAGER}]});
        let protocols = format!("{MANAGER}/NetworkProtocol");
        state.put(
            MANAGER,
            json!({"SerialConsole": manager, "NetworkProtocol": {"@odata.id": protocols}}),
        );
        state.put(
            &protocols,
            json!({"SSH": {"ProtocolEnabled": true, "Port": 22}}),
        );
    });
    let told = mock.open().await.console().await.unwrap();
    assert_eq!(told.warnings, [""; 0]);
    let ways = told.value.iter();
    ways.map(|way| (way.protocol, way.port, way.is_enabled))
        .collect()
}

#[tokio::test]
async fn the_system_is_asked_before_its_manager() {
    let own = json!({"SSH": {"ServiceEnabled": true, "Port": 2200}});
    let manager = json!({"ServiceEnabled": true, "ConnectTypesSupported": ["SSH", "IPMI"]});
    let ssh = SerialProtocol::Ssh;
    for (system, manager, expected) in [
        (&own, &manager, &[(ssh, Some(2200), true)][..]),
        (
            &Value::Null,
            &manager,
            &[(ssh, Some(22), true), (SerialProtocol::Ipmi, None, true)],
        ),
        (&Value::Null, &Value::Null, &[]),
    ] {
        assert_eq!(ways(system, manager).await, expected);
    }
}
