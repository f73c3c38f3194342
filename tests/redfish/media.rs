//! Virtual media: listed without secrets, filled by URL, emptied, verified.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::Arc;
use std::thread;

use bedplate::world::bmc::redfish::Session;
use bedplate::world::https::Trusted;
use serde_json::{Value, json};

use crate::certificates::{Authority, NOW};
use crate::emulator::Emulator;
use crate::mock::{Does, Mock, SYSTEM};

const MANAGER: &str = "/redfish/v1/Managers/1";
const DRIVE: &str = "/redfish/v1/Managers/1/VirtualMedia/Cd";

/// Serves one image to one client.
fn image() -> (String, thread::JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/boot.iso", listener.local_addr().unwrap());
    let serving = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut asked = [0; 4096];
        assert!(stream.read(&mut asked).unwrap() > 0);
        let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\nconnection: close\r\n\r\nimage";
        stream.write_all(answer).unwrap();
    });
    (url, serving)
}

#[tokio::test]
async fn the_emulator_s_drive_is_filled_and_emptied() {
    let authority = Authority::new();
    let certificate = authority.signed("bmc", "IP:127.0.0.1", NOW);
    let trusted = Trusted::Authority(Arc::from(authority.pem()));
    let mut emulator = Emulator::start("127.0.0.1", &certificate, "sessions");
    let mut session = Session::open(&emulator.target(trusted)).await.unwrap();
    let (url, serving) = image();
    for (is_filled, kinds) in [(true, ["CD", "DVD"]), (false, ["CD", "DVD"])] {
        match is_filled {
            true => session.insert_media("Cd", &url).await.unwrap(),
            false => session.eject_media("Cd").await.unwrap(),
        }
        let drives = session.media().await.unwrap().value;
        let drive = drives.iter().find(|drive| drive.id == "Cd").unwrap();
        assert_eq!(
            (drive.is_inserted, &drive.kinds[..]),
            (is_filled, &kinds.map(str::to_owned)[..])
        );
    }
    serving.join().unwrap();
    let error = session.eject_media("Tape").await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "the BMC has no virtual drive `Tape`, only Cd, Floppy"
    );
    session.close().await.unwrap();
    assert_eq!(emulator.told()["open"], 0);
}

/// A manager with one drive, that does what its actions say.
fn with_drive(drive: &Value, is_honest: bool) -> Mock {
    let mock = Mock::start(move |request, state| {
        let url = match request.line.as_str() {
            "POST /insert" => request.body["Image"].clone(),
            "POST /eject" => Value::Null,
            _ => return None,
        };
        if is_honest {
            let is_inserted = !url.is_null();
            let drive = state.resources.get_mut(DRIVE).unwrap();
            (drive["Image"], drive["Inserted"]) = (url, json!(is_inserted));
        }
        Some(Does::status(204))
    });
    mock.with(|state| {
        state.resources.get_mut(SYSTEM).unwrap()["Links"] =
            json!({"ManagedBy": [{"@odata.id": MANAGER}]});
        let media = format!("{MANAGER}/VirtualMedia");
        state.put(MANAGER, json!({"VirtualMedia": {"@odata.id": media}}));
        state.collect(&media, &[DRIVE]);
        state.put(DRIVE, drive.clone());
    });
    mock
}

const URL: &str = "https://user:hunter2@images.example.net/boot.iso";

#[tokio::test]
async fn drives_are_filled_by_action_or_by_writing() {
    let actions = json!({
        "#VirtualMedia.InsertMedia": {"target": "/insert", "TransferProtocolType@Redfish.AllowableValues": ["NFS", "HTTPS"]},
        "#VirtualMedia.EjectMedia": {"target": "/eject"},
    });
    for (drive, sent) in [
        (
            json!({"Id": "Cd", "Actions": actions}),
            ["POST /insert", "POST /eject"],
        ),
        (
            json!({"Id": "Cd", "Image": null, "Inserted": false}),
            [&format!("PATCH {DRIVE}"), &format!("PATCH {DRIVE}")],
        ),
    ] {
        let mock = with_drive(&drive, true);
        let mut session = mock.open().await;
        session.insert_media("Cd", URL).await.unwrap();
        let told = &session.media().await.unwrap().value[0];
        assert_eq!(
            told.image.as_deref(),
            Some("https://images.example.net/boot.iso")
        );
        session.eject_media("Cd").await.unwrap();
        session.eject_media("Cd").await.unwrap();
        let drive = &session.media().await.unwrap().value[0];
        assert_eq!((drive.is_inserted, &drive.image), (false, &None));
        let changes = mock
            .lines()
            .into_iter()
            .filter(|line| !line.starts_with("GET") && !line.contains("Session"));
        assert_eq!(changes.collect::<Vec<_>>(), sent);
    }
}

#[tokio::test]
async fn a_drive_that_stays_empty_is_told_without_the_url() {
    let actions = json!({"#VirtualMedia.InsertMedia": {"target": "/insert"}});
    let mock = with_drive(&json!({"Id": "Cd", "Actions": actions}), false);
    let error = mock.open().await.insert_media("Cd", URL).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "the BMC reported success, but the virtual drive is empty, not filled"
    );
    let mock = Mock::start(|request, _| {
        let said = json!({"error": {"code": "Base.1.0.CannotFetch", "message": format!("cannot fetch {URL}")}});
        request
            .is("POST /insert")
            .then(|| Does::Answer(400, Vec::new(), said.to_string()))
    });
    mock.with(|state| {
        state.resources.get_mut(SYSTEM).unwrap()["VirtualMedia"] = json!({"@odata.id": "/media"});
        state.collect("/media", &[DRIVE]);
        state.put(DRIVE, json!({"Id": "Cd", "Actions": actions}));
    });
    let error = mock.open().await.insert_media("Cd", URL).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "the BMC refuses POST /insert: 400 Base.CannotFetch"
    );
    assert!(!format!("{error:?}").contains("hunter2"));
}
