//! What panics and errors of drivers say, also of those who are sent back what they sent: no secret.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use bedplate::base::bmc::{PowerAction, PowerRequest, PowerRequests};
use bedplate::base::secret::Secret;
use bedplate::base::template::Template;
use bedplate::world::bmc::{Target, ipmi, redfish, switch};
use bedplate::world::https::Trusted;

use crate::counterpart::PASSWORD as IPMI;
use crate::emulator::PASSWORD as REDFISH;
use crate::leaks::Leaks;
use crate::secrets::{ALL, KEY, WEBHOOK, WRONG};

/// Answers one request with all that it was sent, in each place of an answer that somebody might repeat.
fn echoing(answer: &'static str) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut asked = vec![0; 4096];
        let length = stream.read(&mut asked).unwrap();
        let asked = String::from_utf8_lossy(&asked[..length]).replace("\r\n", " ");
        assert!(asked.contains(WEBHOOK), "{asked}");
        let answer = answer.replace("ECHO", &asked);
        stream.write_all(answer.as_bytes()).unwrap();
    });
    port
}

/// A switch that is sent its password, and answers so.
fn switched(answer: &'static str) -> Target {
    let field = |name: &str, value| (name.parse().unwrap(), Template::read(value).unwrap());
    let request = PowerRequest {
        method: "POST".to_owned(),
        url: format!("http://127.0.0.1:{}/on", echoing(answer))
            .parse()
            .unwrap(),
        fields: vec![
            field("Authorization", "Basic {{ basic }}"),
            field("X-Key", "{{ password }}"),
        ],
        body: None,
    };
    let target = switch::webhook::Target {
        requests: PowerRequests {
            actions: [(PowerAction::On, request)].into(),
            status: None,
        },
        username: Some("admin".to_owned()),
        password: Some(Secret::new(WEBHOOK.into())),
        trusted: Trusted::Authority(WRONG.as_bytes().into()),
        within: switch::webhook::WITHIN,
    };
    Target::Switch(switch::Target::Webhook(Arc::new(target)))
}

/// What a panic says is what errors say of themselves, at their most talkative.
#[tokio::test(flavor = "multi_thread")]
async fn no_panic_tells_a_secret() {
    let nobody = ([127, 0, 0, 1], 1);
    let mut ipmi = ipmi::Target::new(nobody.into(), b"admin", Secret::new(IPMI.into()));
    ipmi.bmc_key = Some(Secret::new(KEY.into()));
    ipmi.patience.total = Duration::from_millis(200);
    let redfish = redfish::Target {
        endpoint: redfish::Endpoint {
            address: nobody.0.into(),
            port: nobody.1,
            name: None,
            transport: redfish::Transport::Tls(Trusted::Authority(WRONG.as_bytes().into())),
        },
        username: "admin".to_owned(),
        password: Secret::new(REDFISH.into()),
        system: None,
        limits: redfish::Limits::USUAL,
    };
    let mut targets = vec![Target::Ipmi(ipmi), Target::Redfish(redfish)];
    targets.extend(
        [
            "HTTP/1.1 401 ECHO\r\nwww-authenticate: ECHO\r\ncontent-length: 0\r\n\r\n",
            "HTTP/1.1 302 Found\r\nlocation: /ECHO\r\ncontent-length: 0\r\n\r\n",
            "HTTP/1.1 500 ECHO\r\n\r\nECHO",
            "HTTP/1.1 ECHO\r\n\r\n",
            "ECHO",
            "HTTP/1.1 200 OK\r\ncontent-length: ECHO\r\n\r\nECHO",
            "HTTP/1.1 200 OK\r\ncontent-length: 9999\r\n\r\nECHO",
        ]
        .map(switched),
    );
    let folder = tempfile::tempdir().unwrap();
    let leaks = Leaks::new(&ALL, folder.path());
    for target in targets {
        let opened = tokio::spawn(async move {
            let error = match target.open().await {
                Ok(mut session) => session.power(PowerAction::On).await.err(),
                Err(error) => Some(error),
            };
            panic!("{error:?}");
        });
        let panic = opened.await.unwrap_err().into_panic();
        let said = panic.downcast_ref::<String>().unwrap();
        assert!(said.starts_with("Some("), "{said}");
        leaks.clean("a panic", said.as_bytes());
    }
}
