//! The network of a manager: that of the interface that it is asked at.

use std::net::Ipv4Addr;

use bedplate::base::bmc::{AddressSource, BmcNetwork, BmcNetworkWish};
use serde_json::{Value, json};

use crate::mock::{Does, Mock, Request, State};

const INTERFACES: &str = "/redfish/v1/Managers/1/EthernetInterfaces";
const OWN: Ipv4Addr = Ipv4Addr::LOCALHOST;
const MASK: Ipv4Addr = Ipv4Addr::new(255, 0, 0, 0);

fn entry(address: &str, origin: &str) -> Value {
    json!({"Address": address, "SubnetMask": "255.255.0.0", "Gateway": "127.0.0.9", "AddressOrigin": origin})
}

/// A service with two interfaces, of which the second is asked, and a rule.
fn start(rule: impl FnMut(&Request, &mut State) -> Option<Does> + Send + 'static) -> Mock {
    let mock = Mock::start(rule);
    mock.with(|state| {
        let mut root = state.resources["/redfish/v1"].clone();
        root["Managers"] = json!({"@odata.id": "/redfish/v1/Managers"});
        state.put("/redfish/v1", root);
        state.collect("/redfish/v1/Managers", &["/redfish/v1/Managers/1"]);
        let interfaces = json!({"EthernetInterfaces": {"@odata.id": INTERFACES}});
        state.put("/redfish/v1/Managers/1", interfaces);
        let [first, second] = [1, 2].map(|id| format!("{INTERFACES}/{id}"));
        state.collect(INTERFACES, &[&first, &second]);
        state.put(
            &first,
            json!({"IPv4Addresses": [entry("169.254.0.17", "Static")]}),
        );
        state.put(
            &second,
            json!({"DHCPv4": {"DHCPEnabled": true}, "IPv4Addresses": [entry("127.0.0.1", "DHCP")]}),
        );
    });
    mock
}

/// Takes static addresses up as a BMC does, where its tag is shown.
fn takes_up(request: &Request, state: &mut State) -> Option<Does> {
    let place = format!("{INTERFACES}/2");
    if request.is(&format!("GET {place}")) {
        let body = state.resources[&place].to_string();
        return Some(Does::Answer(200, vec![("ETag", "\"3\"".to_owned())], body));
    }
    if !request.is(&format!("PATCH {place}")) {
        return None;
    }
    if request.field("if-match") != Some("\"3\"") {
        return Some(Does::status(412));
    }
    let fixed = request.body["IPv4StaticAddresses"].clone();
    let interface = state.resources.get_mut(&place).unwrap();
    if fixed.is_array() {
        interface["IPv4Addresses"] = fixed;
    }
    None
}

#[tokio::test]
async fn a_network_is_told_and_read_back() {
    let mock = start(takes_up);
    let mut session = mock.open().await;
    let gateway = Some(Ipv4Addr::new(127, 0, 0, 9));
    let first = BmcNetwork {
        source: AddressSource::Dhcp,
        mask: Ipv4Addr::new(255, 255, 0, 0),
        gateway,
        vlan: None,
    };
    assert_eq!(session.network(OWN).await.unwrap(), first);
    let wish = BmcNetworkWish {
        fixed: Some((OWN, MASK)),
        gateway: None,
        vlan: Some(Some(40)),
    };
    session.set_network(OWN, &wish).await.unwrap();
    let after = BmcNetwork {
        source: AddressSource::Static,
        mask: MASK,
        gateway,
        vlan: Some(40),
    };
    assert_eq!(session.network(OWN).await.unwrap(), after);
    session.close().await.unwrap();
}

/// It is elsewhere before it has answered; whoever asks anew finds out.
#[tokio::test]
async fn whoever_is_gone_before_he_answered_has_heard_it() {
    let mock = start(|request, _| request.line.starts_with("PATCH").then_some(Does::Close));
    let mut session = mock.open().await;
    let wish = BmcNetworkWish {
        fixed: None,
        gateway: None,
        vlan: Some(None),
    };
    session.set_network(OWN, &wish).await.unwrap();
    let nowhere = session.network(Ipv4Addr::new(127, 0, 0, 7)).await;
    assert_eq!(
        nowhere.unwrap_err().to_string(),
        "the BMC offers no interface with the address that it is asked at"
    );
}
