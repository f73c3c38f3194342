//! Which of several systems is meant.

use bedplate::world::bmc::redfish::Session;
use serde_json::json;

use crate::mock::Mock;

#[tokio::test]
async fn a_system_is_chosen_by_id_or_uuid_or_because_it_is_alone() {
    let two = &["/redfish/v1/Systems/1", "/redfish/v1/Systems/blade-2"][..];
    for (systems, wanted, expected) in [
        (&two[..1], None, Ok("1")),
        (&two[..1], Some("1"), Ok("1")),
        (
            &two[..1],
            Some("2"),
            Err("the BMC has no system `2`, only 1"),
        ),
        (&two[..0], None, Err("the BMC offers no systems")),
        (
            two,
            None,
            Err("the BMC has several systems, and none was chosen: 1, blade-2"),
        ),
        (two, Some("blade-2"), Ok("blade-2")),
        (two, Some("Blade Two"), Ok("blade-2")),
        (
            two,
            Some("0000aaaa-0000-0000-0000-000000000002"),
            Ok("blade-2"),
        ),
        (
            two,
            Some("0000AAAA-0000-0000-0000-000000000002"),
            Ok("blade-2"),
        ),
        (
            two,
            Some("3"),
            Err("the BMC has no system `3`, only 1, blade-2"),
        ),
    ] {
        let mock = Mock::honest();
        mock.with(|state| {
            state.collect("/redfish/v1/Systems", systems);
            let uuid = "0000AAAA-0000-0000-0000-000000000002";
            state.put(
                "/redfish/v1/Systems/blade-2",
                json!({"Id": "Blade Two", "UUID": uuid}),
            );
        });
        let mut target = mock.target();
        target.system = wanted.map(str::to_owned);
        let outcome = match Session::open(&target).await {
            Ok(session) => {
                let system = session.system().to_owned();
                session.close().await.unwrap();
                Ok(system)
            }
            Err(error) => Err(error.to_string()),
        };
        let expected = expected.map(str::to_owned).map_err(str::to_owned);
        assert_eq!(outcome, expected, "{wanted:?}");
        assert_eq!(mock.left(), 0);
    }
}

#[tokio::test]
async fn a_system_that_cannot_be_read_does_not_hide_another() {
    let mock = Mock::honest();
    mock.with(|state| {
        let systems = ["/redfish/v1/Systems/none", "/redfish/v1/Systems/1"];
        state.collect("/redfish/v1/Systems", &systems);
    });
    let mut target = mock.target();
    target.system = Some("27946b59-9e44-4fa7-8e91-f3527a1ef094".to_owned());
    let session = Session::open(&target).await.unwrap();
    assert_eq!(session.system(), "1");
}
