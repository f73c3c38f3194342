//! Client classes: who is of one, and what it is told.

use serde_json::{Value, json};

use crate::support::{Ask, Rig, discover, inform, option, select, site};

const SCOPE: &str = "vlan/plant/pxe/scope/10.0.0.0/24";
const HOST: &str = "vlan/plant/pxe/reservation/02:00:00:00:00:99";

/// The site with classes of its scope.
fn classed(classes: Value) -> Value {
    let mut site = site();
    site[SCOPE]["scope"]["classes"] = classes;
    site
}

fn told(site: &Value, asked: &Ask, code: u8) -> Option<String> {
    let replies = Rig::new(site).send(asked);
    let [reply] = replies.as_slice() else {
        panic!("{} replies", replies.len());
    };
    option(reply, code).map(|value| String::from_utf8(value).unwrap())
}

#[test]
fn a_client_is_of_a_class_by_what_it_shows() {
    let host = || {
        let mut site = site();
        site[HOST]["reservation"]["tags"] = json!(["gpu"]);
        site
    };
    let vendor = json!({ "vendor_class": "PXEClient" });
    let user = json!({ "user_class": "lab" });
    let arch = json!({ "architecture": "x64-uefi" });
    let ipxe = json!({ "architecture": "ipxe" });
    let mac = json!({ "mac_prefix": "02:00:00:00" });
    let tag = json!({ "tag": "gpu" });
    let both = json!({ "vendor_class": "PXEClient", "architecture": "x64-uefi" });
    let pxe = |last: u8| discover(last).option(60, b"PXEClient:Arch:00007");
    for (matches, asked, fits) in [
        (json!([vendor]), pxe(1), true),
        (json!([vendor]), discover(1).option(60, b"PXEClien"), false),
        (json!([vendor]), discover(1), false),
        (json!([user]), discover(1).option(77, b"lab"), true),
        (
            json!([user]),
            discover(1).option(77, b"\x04iPXE\x03lab"),
            true,
        ),
        (json!([user]), discover(1).option(77, b"\x06labour"), false),
        (json!([arch]), discover(1).option(93, &[0, 9]), true),
        (json!([arch]), discover(1).option(93, &[0, 6, 0, 7]), true),
        (json!([arch]), discover(1).option(93, &[0, 6]), false),
        (
            json!([arch]),
            discover(1).option(93, &[0, 7]).option(77, b"iPXE"),
            false,
        ),
        (json!([ipxe]), discover(1).option(175, &[1]), true),
        (json!([mac]), discover(1), true),
        (json!([mac]), discover(1).field(28, &[2, 0, 0, 1]), false),
        // It is no Ethernet address.
        (json!([mac]), discover(1).field(1, &[32]).id(b"\0x"), false),
        (json!([tag]), discover(0x99), true),
        (json!([tag]), discover(1), false),
        (json!([both]), pxe(1).option(93, &[0, 7]), true),
        (json!([both]), pxe(1).option(93, &[0, 6]), false),
        (json!([both]), discover(1).option(93, &[0, 7]), false),
        (json!([user, vendor]), pxe(1), true),
        (json!([user, vendor]), discover(1).option(77, b"lab"), true),
        (json!([user, vendor]), discover(1), false),
    ] {
        let mut site = host();
        site[SCOPE]["scope"]["classes"] =
            json!([{ "name": "c", "matches": matches, "options": { "17": { "text": "/c" } } }]);
        let expected = fits.then_some("/c");
        let asked = asked.wants(&[1, 17]);
        assert_eq!(told(&site, &asked, 17).as_deref(), expected, "{matches}");
    }
}

/// The machine, then classes in their order, then the pool, then the subnet.
#[test]
fn a_class_counts_before_places_and_after_the_machine() {
    let lab = json!({ "user_class": "lab" });
    let any = json!({ "mac_prefix": "02" });
    let root = |text: &str| json!({ "17": { "text": text } });
    let mut site = classed(json!([
        { "name": "a", "matches": [lab], "options": root("/a") },
        { "name": "b", "matches": [any], "options": { "17": { "text": "/b" }, "40": { "text": "b" } } }
    ]));
    site[SCOPE]["scope"]["pool_options"] = json!({ "10.0.0.10-10.0.0.12": root("/pool") });
    site[SCOPE]["scope"]["options"]["17"] = json!({ "text": "/subnet" });
    site[HOST]["reservation"]["options"] = json!({ "40": { "text": "own" } });
    let other = |ask: Ask| ask.field(28, &[6]);
    for (asked, code, expected) in [
        (discover(1).option(77, b"lab"), 17, "/a"),
        (select(1, 10).option(77, b"lab"), 17, "/a"),
        (inform(1, 10).option(77, b"lab"), 17, "/a"),
        (discover(1).option(77, b"lab"), 40, "b"),
        (discover(1), 17, "/b"),
        (other(discover(1)), 17, "/pool"),
        (other(inform(1, 70)), 17, "/subnet"),
        (discover(0x99), 40, "own"),
        (discover(0x99), 17, "/b"),
    ] {
        let asked = asked.wants(&[1, 17, 40]);
        assert_eq!(told(&site, &asked, code).as_deref(), Some(expected));
    }
}

/// What a vendor's devices look for, in spaces of its own, goes to them alone.
#[test]
fn a_class_has_its_vendors_options() {
    let options = json!({
        "43": { "encapsulated": { "1": { "text": "ab" }, "241": { "addresses": ["10.0.0.9"] } } },
        "125": { "identified": { "9": { "1": { "u16": 258 } } } }
    });
    let class =
        json!({ "name": "ap", "matches": [{ "vendor_class": "Cisco AP" }], "options": options });
    let site = classed(json!([class]));
    let asked = |class: &[u8]| discover(1).option(60, class).wants(&[1, 43, 125]);
    let of = |class: &[u8], code: u8| option(&Rig::new(&site).send(&asked(class))[0], code);
    let encapsulated = vec![1, 2, b'a', b'b', 241, 4, 10, 0, 0, 9];
    assert_eq!(of(b"Cisco AP c1140", 43), Some(encapsulated));
    let identified = vec![0, 0, 0, 9, 4, 1, 2, 1, 2];
    assert_eq!(of(b"Cisco AP c1140", 125), Some(identified));
    assert_eq!([43, 125].map(|code| of(b"Cisco", code)), [None, None]);
}

#[test]
fn a_class_boots_its_own_image() {
    let mut site = classed(json!([
        { "name": "a", "matches": [{ "mac_prefix": "02" }], "options": { "17": { "text": "/" } } },
        { "name": "b", "matches": [{ "vendor_class": "PXEClient" }], "image": "rescue" }
    ]));
    site["image/rescue"] =
        json!({ "boot-image": { "programs": { "x64-uefi": "boot/rescue.efi" } } });
    site["image/own"] = json!({ "boot-image": { "programs": { "x64-uefi": "boot/own.efi" } } });
    let x64 = |last: u8| discover(last).option(93, &[0, 7]);
    let pxe = |last: u8| x64(last).option(60, b"PXEClient").wants(&[67]);
    assert_eq!(told(&site, &pxe(1), 67).as_deref(), Some("boot/rescue.efi"));
    let plain = x64(1).wants(&[67]);
    assert_eq!(told(&site, &plain, 67).as_deref(), Some("boot/x64.efi"));
    site[HOST]["reservation"]["image"] = json!("own");
    assert_eq!(told(&site, &pxe(0x99), 67).as_deref(), Some("boot/own.efi"));
    site[HOST]["reservation"]["image"] = json!(null);
    site[HOST]["reservation"]["boots_from_disk"] = json!(true);
    assert_eq!(told(&site, &pxe(0x99), 67), None);
}
