//! The site that the demo runs: `examples/quickstart`, carried in the program, and an edit of it.

/// The name of the site file in its folder.
pub(super) const SITE_FILE: &str = "site.kdl";

/// The site before the edit.
pub(super) const BEFORE: &str = include_str!("../../../examples/quickstart/site.kdl");

/// What the edit adds.
const ADDED: &str = r#"
machine "node-03" profile="node" {
    ethernet "eth0" mac="52:54:00:00:00:03" { address "10.10.0.13" }
}
"#;

/// Size of a boot program in the demo: the example's hold a sentence each, and a real one is about this long.
const PROGRAM_BYTES: usize = 300 * 1024;

/// The site after the edit.
pub(super) fn after() -> String {
    format!("{BEFORE}{ADDED}")
}

/// The boot files, each with its path in the site folder.
pub(super) fn boot_files() -> Vec<(&'static str, Vec<u8>)> {
    let files: [(&str, &[u8]); 5] = [
        (
            "boot/bootx64.efi",
            include_bytes!("../../../examples/quickstart/boot/bootx64.efi"),
        ),
        (
            "boot/bootaa64.efi",
            include_bytes!("../../../examples/quickstart/boot/bootaa64.efi"),
        ),
        (
            "boot/undionly.kpxe",
            include_bytes!("../../../examples/quickstart/boot/undionly.kpxe"),
        ),
        (
            "boot/boot.ipxe",
            include_bytes!("../../../examples/quickstart/boot/boot.ipxe"),
        ),
        (
            "boot/grub.cfg",
            include_bytes!("../../../examples/quickstart/boot/grub.cfg"),
        ),
    ];
    files
        .map(|(path, text)| (path, at_length(path, text)))
        .to_vec()
}

/// A stand-in as long as what it stands for, so that it takes several blocks and windows to fetch. Scripts stay as they are.
fn at_length(path: &str, text: &[u8]) -> Vec<u8> {
    if path.ends_with(".efi") || path.ends_with(".kpxe") {
        text.iter().copied().cycle().take(PROGRAM_BYTES).collect()
    } else {
        text.to_vec()
    }
}
