//! What `bedplate why` says of booting: the program that a machine was told, or why it was told none.

use crate::daemon::{BootRow, Why};
use crate::serve::dhcp::Program;

/// What it was told last, where it looked for a program; the verdict says it already of one that heard nothing at all.
pub(super) fn last(why: &Why) -> String {
    let looked = why.exchanges.iter().enumerate().rev();
    let mut looked = looked.filter_map(|(at, one)| Some((at, one, one.boot.as_ref()?)));
    let Some((at, exchange, boot)) = looked.next() else {
        return String::new();
    };
    let is_last = at + 1 == why.exchanges.len();
    if is_last && exchange.because.is_some() {
        return String::new();
    }
    format!("At {} it was {}.\n", exchange.at, told(boot))
}

/// What it was told, or why nothing.
pub(super) fn told(boot: &BootRow) -> String {
    match boot {
        BootRow::Told {
            program,
            image,
            architecture,
            is_assumed,
        } => {
            let taken = if *is_assumed { Program::ASSUMED } else { "" };
            format!("told what to boot: {program} of image {image} for {architecture}{taken}")
        }
        BootRow::NoProgram { because, .. } => format!("told no boot program: {because}"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::rendered;

    const MAC: &str = "02:00:00:00:00:01";

    /// An exchange as a daemon tells of it, which may be of before there was anything about booting.
    fn exchange(outcome: &str, more: Value) -> Value {
        let mut exchange = json!({ "at": 0, "message": "discover", "outcome": outcome });
        let more = more.as_object().unwrap().clone();
        exchange.as_object_mut().unwrap().extend(more);
        exchange
    }

    #[test]
    fn a_program_is_told_of_in_words() {
        const AT: &str = "1970-01-01 00:00:00 UTC";
        const NAMED: &str = "told what to boot: boot/a.efi of image noble for x64-uefi";
        const NONE: &str = "told no boot program: no image is set for it in VLAN plant/pxe";
        const LOOKS: &str = "it looks for a boot program, and is told none: no image";
        let told = json!({ "outcome": "told", "program": "boot/a.efi", "image": "noble", "architecture": "x64-uefi" });
        let none = json!({
            "outcome": "no-program", "reason": "no-image", "because": "no image is set for it in VLAN plant/pxe",
            "image": null, "architectures": []
        });
        let offer =
            |boot: &Value| exchange("offered", json!({ "address": "10.0.0.10", "boot": boot }));
        let plain = || exchange("offered", json!({ "address": "10.0.0.10" }));
        let program = exchange("told-program", json!({ "boot": told }));
        let silence = json!({ "reason": "no-program", "because": LOOKS, "boot": none });
        let silence = exchange("unanswered", silence);
        for (exchanges, said, lines) in [
            (vec![plain()], None, vec!["offered 10.0.0.10".to_owned()]),
            (
                vec![offer(&told), plain()],
                Some(NAMED),
                vec![
                    format!("offered 10.0.0.10, {NAMED}"),
                    "offered 10.0.0.10".to_owned(),
                ],
            ),
            (
                vec![offer(&told), offer(&none)],
                Some(NONE),
                vec![
                    format!("offered 10.0.0.10, {NAMED}"),
                    format!("offered 10.0.0.10, {NONE}"),
                ],
            ),
            (vec![program], Some(NAMED), vec![NAMED.to_owned()]),
            // The verdict says it.
            (
                vec![silence.clone()],
                None,
                vec![format!("unanswered: {LOOKS}")],
            ),
            (
                vec![silence, plain()],
                Some(NONE),
                vec![
                    format!("unanswered: {LOOKS}"),
                    "offered 10.0.0.10".to_owned(),
                ],
            ),
        ] {
            let why = json!({ "mac": MAC, "leases": [], "reserved": [], "exchanges": exchanges });
            let text = rendered(&serde_json::from_value(why).unwrap());
            let mut expected: Vec<_> = said
                .iter()
                .map(|said| format!("At {AT} it was {said}."))
                .collect();
            expected.extend(
                lines
                    .iter()
                    .map(|line| format!("  {AT}  DISCOVER    {line}")),
            );
            let after: Vec<_> = text.lines().skip(1).collect();
            assert_eq!(after, expected, "{text}");
        }
    }

    #[test]
    fn what_a_client_is_taken_for_is_said() {
        let told = json!({
            "outcome": "told", "program": "boot/pxelinux.0", "image": "noble", "architecture": "x86-bios",
            "is_assumed": true
        });
        assert_eq!(
            super::told(&serde_json::from_value(told).unwrap()),
            "told what to boot: boot/pxelinux.0 of image noble for x86-bios; it tells none in option 93, and is taken for this one"
        );
    }
}
