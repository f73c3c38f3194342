//! A guest whose power is what its BMC says: declared on, it is switched on over IPMI and boots from us; declared off, it stops.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader};
use std::process::Command;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Duration;

use crate::boots::{DECLARED, SITE, lab, switch};
use crate::counterpart::{Bmc, PASSWORD, Setup, USER};
use crate::lab::Lab;
use crate::machine::{Ending, Firmware, Machine};
use crate::support::sandbox::Namespace;

/// Where the BMC is, behind a cable of its own.
const ADDRESS: &str = "10.71.0.21";

/// What becomes of the guest, as its BMC's chassis has it.
enum Wire {
    On(Machine),
    Off,
}

fn bmc(lab: &Lab) -> Bmc {
    let place = Namespace::new();
    lab.host.veth("mgmt", &place, "eth0");
    lab.host.ip("address add 10.71.0.2/16 dev mgmt");
    place.ip(&format!("address add {ADDRESS}/16 dev eth0"));
    let setup = Setup {
        address: ADDRESS,
        ..Setup::default()
    };
    Bmc::sim_in(place, setup)
}

/// Has a guest follow the BMC's power, each time that the BMC sets it; tells of each guest that is turned on, and of its end.
fn follow(lab: &Arc<Lab>, bmc: &Bmc) -> Receiver<Wire> {
    let wires = bmc.file("wires");
    let made = Command::new("mkfifo").arg(&wires).status();
    assert!(made.unwrap().success());
    // Open for writing too, so that it never ends.
    let wires = File::options().read(true).write(true).open(wires).unwrap();
    let (tell, told) = mpsc::channel();
    let lab = Arc::clone(lab);
    thread::spawn(move || {
        let mut power = None;
        for line in BufReader::new(wires).lines().map_while(Result::ok) {
            let news = match (line.as_str(), power.is_some()) {
                ("1", false) => {
                    let mut machine = Machine::start(&lab, Firmware::Rom, DECLARED);
                    power = machine.plug();
                    Wire::On(machine)
                }
                ("0", true) => {
                    power = None;
                    Wire::Off
                }
                _ => continue,
            };
            if tell.send(news).is_err() {
                return;
            }
        }
    });
    told
}

/// The site with a machine that has a BMC, and is wanted `power`.
fn write(lab: &Lab, power: &str) {
    let password = lab.path("password").display().to_string();
    let bmc = format!(
        r#"bmc "ipmi" address="{ADDRESS}" username="{USER}" password=(file)"{password}" {{ cipher-suite 3 }}; power "{power}""#
    );
    let site = SITE.replace(
        "machine \"node-01\" {",
        &format!("machine \"node-01\" {{ {bmc};"),
    );
    assert!(site.contains(ADDRESS));
    lab.write(&site);
}

#[test]
fn a_guest_follows_what_the_site_says_of_its_power() {
    let lab = Arc::new(lab(SITE, Ending::RunsOn));
    fs::write(lab.path("password"), PASSWORD).unwrap();
    switch(&lab);
    let bmc = bmc(&lab);
    let wires = follow(&lab, &bmc);
    let next = || wires.recv_timeout(Duration::from_secs(30)).unwrap();
    let _daemon = lab.serve();
    // Declared on, with all that it boots from, in one apply.
    write(&lab, "on");
    lab.applied();
    let Wire::On(mut guest) = next() else {
        panic!("it was turned off");
    };
    guest.prints("<ip=10.70.0.11>");
    let said = guest.prints("booted ");
    assert!(said.contains(&format!("mac={DECLARED}")), "{said}");
    // Declared off: it stops, and that is seen at its own end.
    write(&lab, "off");
    let said = lab.run(&["apply", "--yes", "--allow", "power-cycle"]);
    assert_eq!(said.code, 0, "{said:?}");
    assert!(matches!(next(), Wire::Off));
    guest.ends();
    let said = lab.run(&["power", "status", "node-01"]);
    assert!(said.out.contains("node-01  off"), "{said:?}");
}
