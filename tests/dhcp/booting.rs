//! What is kept of an exchange about booting: the program that the client was told, or why it was told none.

use bedplate::base::mac::MacAddr;
use bedplate::serve::dhcp::{Input, Outcome};
use serde_json::{Value, json};

use crate::support::{Ask, Rig, ask, discover, inform, reboot, renew, select, site};

const SCOPE: &str = "vlan/plant/pxe/scope/10.0.0.0/24";
const NODE: &str = "vlan/plant/pxe/reservation/02:00:00:00:00:99";

fn outcomes(rig: &Rig, last: u8, most: usize) -> Vec<Outcome> {
    let exchanges = rig.engine.exchanges(MacAddr([2, 0, 0, 0, 0, last]), most);
    exchanges.into_iter().map(|one| one.outcome).collect()
}

/// The outcome in one word, and what was told of booting; nothing where nothing is said of that.
fn told(outcome: &Outcome) -> String {
    let boot = outcome.boot().map(|boot| match boot {
        Ok(program) => {
            let (image, arch) = (program.image(), program.arch());
            let assumed = if program.is_assumed() {
                ", assumed"
            } else {
                ""
            };
            format!("; {} of {image} for {arch}{assumed}", program.text())
        }
        Err(why) => format!("; none, {}: {why}", why.word()),
    });
    format!("{}{}", outcome.word(), boot.unwrap_or_default())
}

fn pxe(ask: Ask, archs: &[u8]) -> Ask {
    ask.option(60, b"PXEClient").option(93, archs)
}

fn ipxe(ask: Ask) -> Ask {
    ask.option(60, b"PXEClient").option(77, b"iPXE")
}

fn bootp(last: u8) -> Ask {
    let mut ask = ask(1, last);
    ask.bytes.truncate(240);
    ask
}

/// What is kept of the last message of the client of these, in a site that is changed so.
fn check(what: &str, change: impl Fn(&mut Value), last: u8, cases: &[(Ask, &str)]) {
    let mut changed = site();
    change(&mut changed);
    for (ask, expected) in cases {
        let mut rig = Rig::new(&changed);
        rig.send(ask);
        let outcomes = outcomes(&rig, last, 1);
        let told: Vec<_> = outcomes.iter().map(told).collect();
        assert_eq!(told, [*expected], "{what}");
    }
}

#[test]
fn the_program_is_told_as_it_was_sent() {
    let x64 = |ask| pxe(ask, &[0, 7]);
    let http = discover(1).option(60, b"HTTPClient").option(93, &[0, 16]);
    check(
        "each kind of answer",
        |_| {},
        1,
        &[
            (
                x64(discover(1)),
                "offered; boot/x64.efi of linux for x64-uefi",
            ),
            (
                x64(select(1, 10)),
                "acknowledged; boot/x64.efi of linux for x64-uefi",
            ),
            (
                x64(inform(1, 20)),
                "informed; boot/x64.efi of linux for x64-uefi",
            ),
            (
                http,
                "offered; http://10.0.0.1/boot/x64.efi of linux for x64-uefi-http",
            ),
            (
                ipxe(discover(1)),
                "offered; http://10.0.0.1/boot/script.ipxe of linux for ipxe",
            ),
            // The first that the image has a program for.
            (
                pxe(discover(1), &[0, 6, 0, 11]),
                "offered; boot/arm64.efi of linux for arm64-uefi",
            ),
            (
                discover(1).option(60, b"PXEClient"),
                "offered; boot/pxelinux.0 of linux for x86-bios, assumed",
            ),
            (
                discover(1).option(93, &[0, 0]),
                "offered; boot/pxelinux.0 of linux for x86-bios",
            ),
        ],
    );
    let own = |site: &mut Value| {
        site[NODE]["reservation"]["image"] = json!("other");
        site["image/other"] = json!({ "boot-image": { "programs": { "x64-uefi": "other.efi" } } });
    };
    let lease = x64(bootp(0x99));
    check(
        "its own image",
        own,
        0x99,
        &[
            (
                x64(discover(0x99)),
                "offered; other.efi of other for x64-uefi",
            ),
            (lease, "acknowledged; other.efi of other for x64-uefi"),
        ],
    );
    let class = |site: &mut Value| {
        own(site);
        let mine = json!({ "name": "mine", "matches": [{ "architecture": "x64-uefi" }], "image": "other" });
        site[SCOPE]["scope"]["classes"] = json!([mine]);
    };
    let offered = "offered; other.efi of other for x64-uefi";
    check("its class's", class, 1, &[(x64(discover(1)), offered)]);
}

#[test]
fn each_reason_for_none_is_told_apart() {
    let x64 = || pxe(discover(1), &[0, 7]);
    let node = || pxe(discover(0x99), &[0, 7]);
    let lacking = "offered; none, architecture-lacking: image linux has no program for";
    let lacks = |archs| format!("{lacking} {archs}");
    check(
        "what the client is",
        |_| {},
        1,
        &[
            (pxe(discover(1), &[0, 6]), &lacks("x86-uefi")),
            (
                pxe(discover(1), &[0, 0x1b, 0, 6]),
                &lacks("x86-uefi, riscv64-uefi"),
            ),
            (
                pxe(discover(1), &[1, 0x21, 0, 0x22]),
                "offered; none, architecture-unknown: option 93 says architecture 0x0121, which is not known here",
            ),
            (
                pxe(discover(1), &[]),
                "offered; none, architecture-untold: it tells no architecture in option 93",
            ),
            (
                discover(1).option(60, b"HTTPClient"),
                "offered; none, architecture-untold: it tells no architecture in option 93",
            ),
        ],
    );
    let disabled = |site: &mut Value| {
        site[SCOPE]["scope"]["disabled_boot"] = json!(["x64-uefi", "ipxe"]);
    };
    let named = "offered; none, disabled: `disable-boot` names x64-uefi in its subnet";
    let both = format!(
        "{}, and `disable-boot` names x64-uefi in its subnet",
        lacks("x86-uefi")
    );
    check(
        "the subnet",
        disabled,
        1,
        &[
            (x64(), named),
            (pxe(discover(1), &[0, 7, 0, 6]), &both),
            (
                pxe(discover(1), &[0, 7, 0, 0]),
                "offered; boot/pxelinux.0 of linux for x86-bios",
            ),
        ],
    );
    let imageless = |site: &mut Value| site[SCOPE]["scope"]["image"] = Value::Null;
    let none = "offered; none, no-image: no image is set for it in VLAN plant/pxe";
    check(
        "no image",
        imageless,
        1,
        &[(x64(), none), (pxe(discover(1), &[9, 9]), none)],
    );
    let disk = |site: &mut Value| site[NODE]["reservation"]["boots_from_disk"] = json!(true);
    let from_disk = "offered; none, from-disk: the site has it boot from its disk";
    check("from its disk", disk, 0x99, &[(node(), from_disk)]);
}

/// What a client is, where it tells that otherwise than by option 93.
#[test]
fn a_client_is_known_by_its_class_too() {
    let onie = discover(1).option(60, b"onie_vendor:x86_64-a_b-r0");
    check(
        "a switch's installer",
        |_| {},
        1,
        &[(
            onie,
            "offered; none, architecture-lacking: image linux has no program for onie",
        )],
    );
    let no_bios = |site: &mut Value| {
        site[SCOPE]["scope"]["disabled_boot"] = json!(["x86-bios"]);
    };
    check(
        "what it is taken for",
        no_bios,
        1,
        &[(
            discover(1).option(60, b"PXEClient"),
            "offered; none, disabled: `disable-boot` names x86-bios in its subnet; it tells none in option 93, and is taken for this one",
        )],
    );
}

#[test]
fn nothing_is_said_where_nobody_looks_for_a_program() {
    let gone = reboot(1, 99).option(60, b"PXEClient").option(93, &[0, 7]);
    check(
        "no firmware, or no answer that has a program",
        |_| {},
        1,
        &[
            (discover(1), "offered"),
            (discover(1).option(60, b"MSFT 5.0"), "offered"),
            (select(1, 10), "acknowledged"),
            (inform(1, 20), "informed"),
            (gone, "refused"),
        ],
    );
}

/// An ACK tells of the program that it has, whenever its write ends; one that never left tells of none.
#[test]
fn what_waits_for_its_write_is_told_with_its_program() {
    let mut rig = Rig::new(&site());
    rig.hold_writes = true;
    let ask = |last: u8, address: u8| pxe(select(last, address), &[0, 7]);
    rig.send(&ask(1, 10));
    rig.send(&ask(2, 11));
    let (first, second) = (rig.held[0], rig.held[1]);
    let mut changed = site();
    changed["image/linux"]["boot-image"]["programs"]["x64-uefi"] = json!("boot/new.efi");
    rig.configure(&changed);
    rig.input(Input::Committed(first));
    rig.input(Input::Failed(second));
    rig.hold_writes = false;
    rig.send(&pxe(renew(1, 10), &[0, 7]));
    let leased: Vec<_> = outcomes(&rig, 1, 9).iter().map(told).collect();
    let before = "acknowledged; boot/x64.efi of linux for x64-uefi";
    let after = "acknowledged; boot/new.efi of linux for x64-uefi";
    assert_eq!(leased, [before, after]);
    let failed: Vec<_> = outcomes(&rig, 2, 9).iter().map(told).collect();
    assert_eq!(failed, ["unanswered"]);
}

/// Beside another server the same is told of the programs alone.
#[test]
fn a_proxy_tells_the_same() {
    let proxied = |site: &mut Value| {
        site[SCOPE]["scope"]["policy"] = json!({ "proxy": true });
        site[SCOPE]["scope"]["pools"] = json!([]);
    };
    let none = "unanswered; none, architecture-lacking: image linux has no program for x86-uefi";
    let told = "told-program; boot/x64.efi of linux for x64-uefi";
    check(
        "a proxy",
        proxied,
        1,
        &[
            (pxe(discover(1), &[0, 7]), told),
            (pxe(discover(1), &[0, 6]), none),
            (discover(1), "unanswered"),
        ],
    );
}

/// Eight thousand exchanges of each kind are kept, most without a program: what is said of one takes no room besides.
#[test]
fn an_outcome_stays_small() {
    assert!(size_of::<Outcome>() <= 40, "{}", size_of::<Outcome>());
}
