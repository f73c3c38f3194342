//! What the program does with where its words go, and with folders that it shares with others.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test that meets the unexpected should stop there"
)]

use std::fs::{self, File, Permissions};
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

const SITE: &str = r#"site "s" domain="s.example"
fabric "f" { vlan "v" { subnet "10.0.0.0/24" } }
machine "m" { ethernet "e" vlan="v" mac="52:54:00:00:00:01" { address "auto" } }
"#;

fn site(text: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("site.kdl"), text).unwrap();
    folder
}

fn bedplate(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bedplate"));
    command.args(arguments).current_dir(folder);
    command
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn an_answer_that_is_lost_is_a_failure() {
    let folder = site(SITE);
    for arguments in [
        &["lock"][..],
        &["graph"],
        &["show", "m"],
        &["show", "m", "--json"],
        &["explain", "E040"],
        &["completions", "bash"],
        &["check", "--sarif"],
    ] {
        let run = |out: Stdio| bedplate(folder.path(), arguments).stdout(out).output();
        let full = run(File::create("/dev/full").unwrap().into()).unwrap();
        assert_eq!(full.status.code(), Some(1), "{arguments:?} {full:?}");
        assert!(
            said(&full).contains("error[D014]"),
            "{arguments:?} {full:?}"
        );
        // Whoever stops reading has read enough.
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let closed = run(writer.into()).unwrap();
        assert_eq!(closed.status.code(), Some(0), "{arguments:?} {closed:?}");
    }
}

#[test]
fn a_shell_completes_the_states_of_leases() {
    let folder = site(SITE);
    let output = bedplate(folder.path(), &["completions", "bash"]).output();
    let script = String::from_utf8(output.unwrap().stdout).unwrap();
    assert!(script.contains("\"active declined offered idle all\""));
    let wrong = bedplate(folder.path(), &["leases", "--state", "held"]).output();
    let told = said(&wrong.unwrap());
    let words = "active, declined, offered, idle, all";
    assert!(told.contains("'held'") && told.contains(words), "{told}");
}

#[test]
fn wrong_arguments_are_told_to_programs_in_their_form() {
    let folder = site(SITE);
    for arguments in [
        &["--json", "plam"][..],
        &["plan", "--exit-cod", "--json"],
        &["--json"],
        &["--json", "bmc"],
    ] {
        let output = bedplate(folder.path(), arguments).output().unwrap();
        let told: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        assert_eq!(told["fault"]["code"], "D009", "{told}");
        assert_eq!(said(&output), "");
    }
    let output = bedplate(folder.path(), &["plam"]).output().unwrap();
    assert!(said(&output).starts_with("error: unrecognized subcommand"));
}

#[test]
fn a_source_cannot_command_the_terminal() {
    let folder =
        site("site \"s\" domain=\"\u{1b}]0;owned\u{7}\"\nfabric \"\u{9b}2J\" // \u{202e}\n");
    let output = bedplate(folder.path(), &["check"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let commands = |one: &char| one.is_control() && *one != '\n' || *one == '\u{202e}';
    let told = said(&output);
    assert_eq!(told.chars().find(commands), None, "{told:?}");
    assert!(told.contains('\u{241b}'), "{told}");
}

#[test]
fn colours_are_for_terminals_that_have_them() {
    let folder = site("site \"s\"\n");
    let program = env!("CARGO_BIN_EXE_bedplate");
    for (command, variables, is_coloured) in [
        ("check", &[("TERM", "xterm")][..], true),
        ("check", &[("TERM", "xterm"), ("NO_COLOR", "")], true),
        ("check", &[("TERM", "xterm"), ("NO_COLOR", "1")], false),
        ("check", &[("TERM", "dumb")], false),
        ("check --json", &[("TERM", "xterm")], false),
        // Faults go to standard error, whatever the other one is.
        ("check > /dev/null", &[("TERM", "xterm")], true),
        ("check 2> faults; cat faults", &[("TERM", "xterm")], false),
    ] {
        // A terminal of its own; bsdutils is on every Debian.
        let mut terminal = Command::new("script");
        terminal.args(["--quiet", "--command"]);
        terminal.arg(format!("'{program}' {command}"));
        terminal.arg("/dev/null").current_dir(folder.path());
        terminal.env_remove("NO_COLOR").env_remove("TERM");
        terminal
            .envs(variables.iter().copied())
            .stdin(Stdio::null());
        let output = terminal.output().expect("script of bsdutils is installed");
        let shown = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(shown.contains("domain"), "{command} {variables:?} {shown}");
        assert_eq!(
            shown.contains("\u{1b}["),
            is_coloured,
            "{command} {variables:?} {shown:?}"
        );
    }
}

#[test]
fn who_may_write_by_the_group_alone_may_lock_and_format() {
    /// Debian's `nobody` and `nogroup`; any other than root will do.
    const NOBODY: u32 = 65534;
    let folder = site(&SITE.replace("  ", " ").replace("{ subnet", "{  subnet"));
    let (shared, file) = (folder.path(), folder.path().join("site.kdl"));
    // The one that was built may lie where only root gets.
    let program = shared.join("bedplate");
    // Copied by another process: one that a test beside this one starts could hold our copy open for writing, and then nobody may run it.
    let mut copy = Command::new("cp");
    copy.arg(env!("CARGO_BIN_EXE_bedplate")).arg(&program);
    assert!(copy.status().unwrap().success());
    fs::write(shared.join("bedplate.lock"), "").unwrap();
    for (path, mode) in [
        (shared, 0o775),
        (&file, 0o664),
        (&shared.join("bedplate.lock"), 0o664),
        (&program, 0o755),
    ] {
        chown(path, Some(0), Some(NOBODY))
            .expect("only root gives files away: run the tests as root");
        fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    }
    for (command, path) in [("fmt", "site.kdl"), ("lock", "bedplate.lock")] {
        let before = fs::read_to_string(shared.join(path)).unwrap();
        let mut run = Command::new(&program);
        run.arg(command).current_dir(shared).uid(NOBODY).gid(NOBODY);
        let output = run.output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{command} {}", said(&output));
        assert_ne!(fs::read_to_string(shared.join(path)).unwrap(), before);
        let mode = fs::metadata(shared.join(path))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o664, "{command}");
    }
}
