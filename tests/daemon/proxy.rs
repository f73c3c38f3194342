//! A VLAN whose addresses another server gives: firmware is told what to boot on DHCP's port and on its own, which is there nowhere else.

use std::io::ErrorKind;
use std::net::{Ipv4Addr, UdpSocket};
use std::time::Duration;

use crate::lab::{Lab, SITE};

const SERVER: Ipv4Addr = Ipv4Addr::new(10, 70, 0, 2);
const CLIENT: Ipv4Addr = Ipv4Addr::new(10, 70, 3, 7);
const LISTENER: &str = "+ listener pxe 10.70.0.2:4011";

/// The lab's site with its addresses given by another server.
fn proxied() -> String {
    SITE.replace("lease-time \"2m\"", "proxy #true")
        .replace("dynamic-range \"10.70.1.0-10.70.1.99\"", "")
}

/// An INFORM of firmware that has its address.
fn inform() -> Vec<u8> {
    let mut bytes = vec![0; 236];
    bytes[..4].copy_from_slice(&[1, 1, 6, 0]);
    bytes[12..16].copy_from_slice(&CLIENT.octets());
    bytes[28..34].copy_from_slice(&[2, 0, 0, 0, 0x70, 1]);
    bytes.extend([99, 130, 83, 99, 53, 1, 8, 93, 2, 0, 7, 60, 9]);
    bytes.extend(b"PXEClient\xff");
    bytes
}

/// What the first machine hears from the boot server's port.
fn ask(lab: &Lab) -> Result<Vec<u8>, ErrorKind> {
    lab.machines[0].run(|| {
        let socket = UdpSocket::bind((CLIENT, 0)).unwrap();
        // Connected: nothing counts but what comes from there, and a closed port is told.
        socket.connect((SERVER, 4011)).unwrap();
        socket
            .set_read_timeout(Some(Duration::from_secs(10)))
            .unwrap();
        socket.send(&inform()).unwrap();
        let mut bytes = vec![0; 1500];
        let length = socket.recv(&mut bytes).map_err(|fault| fault.kind())?;
        bytes.truncate(length);
        Ok(bytes)
    })
}

#[test]
fn firmware_is_answered_beside_another_server() {
    let lab = Lab::new();
    let _daemon = lab.serve();
    lab.machines[0].ip(&format!("address add {CLIENT}/16 dev eth0"));
    lab.write(&proxied());
    let plan = lab.run(&["plan"]);
    assert!(plan.out.contains(LISTENER), "{plan:?}");
    lab.applied();
    let answer = ask(&lab).unwrap();
    assert_eq!(answer[240..243], [53, 1, 5]);
    assert_eq!(
        (&answer[16..20], &answer[20..24]),
        (&[0; 4][..], &SERVER.octets()[..])
    );
    assert!(answer[108..].starts_with(b"boot/tiny.efi\0"));
    let why = lab.run(&["why", "02:00:00:00:70:01"]);
    for words in [
        "was told what to boot; another server gives it its address.\n",
        "it was told what to boot: boot/tiny.efi of image tiny for x64-uefi.\n",
        "  INFORM      told what to boot: boot/tiny.efi of image tiny for x64-uefi, from 10.70.3.7 (on ",
    ] {
        assert!(why.out.contains(words), "{words}: {why:?}");
    }
    let words = [
        "-i",
        "eth0",
        "-n",
        "-q",
        "-t",
        "2",
        "-T",
        "1",
        "-s",
        "/bin/true",
    ];
    let client = lab.machines[1].output("udhcpc", &words);
    assert!(!client.status.success(), "{client:?}");
    let why = lab.run(&["why", "02:00:00:00:70:02"]);
    let because = "another server gives the addresses of VLAN plant/pxe";
    assert!(why.out.contains(because), "{why:?}");
    // The next one serves the VLAN itself, and needs no port beside DHCP's.
    lab.write(SITE);
    lab.applied();
    assert_eq!(ask(&lab), Err(ErrorKind::ConnectionRefused));
    lab.serves();
}
