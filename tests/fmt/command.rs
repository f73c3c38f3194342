//! The command: which files it touches, what it prints, and how it ends.

use std::fs;
use std::io::Write;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use tempfile::TempDir;

/// What a finished command said.
#[derive(Debug)]
struct Said {
    code: i32,
    out: String,
    err: String,
}

fn run(folder: &Path, arguments: &[&str], input: &[u8]) -> Said {
    let mut child = Command::new(env!("CARGO_BIN_EXE_bedplate"))
        .args(arguments)
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    let output = child.wait_with_output().unwrap();
    Said {
        code: output.status.code().unwrap(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

/// A site of four sources, of which one is in order, and a table. None of it would compile.
fn site() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (path, text) in [
        (
            "site.kdl",
            "site  \"s\"   // unknown\ninclude \"racks/*.kdl\"\nmachines from=\"rack.csv\"\n",
        ),
        (
            "racks/a.kdl",
            "machine \"a\"{ethernet \"e\" vlan=\"nowhere\"}\ninclude \"../more.kdl\"\n",
        ),
        ("racks/b.kdl", "machine \"b\"\n"),
        ("more.kdl", "unknown   1\n"),
        ("rack.csv", "name ,  profile\n"),
        ("stray.kdl", "not   included\n"),
    ] {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    folder
}

fn read(folder: &TempDir, path: &str) -> String {
    fs::read_to_string(folder.path().join(path)).unwrap()
}

#[test]
fn a_site_is_formatted_with_all_that_it_includes() {
    let folder = site();
    let said = run(folder.path(), &["fmt", "--check"], b"");
    assert_eq!((said.code, said.err.as_str()), (1, ""), "{said:?}");
    assert_eq!(said.out, "more.kdl\nracks/a.kdl\nsite.kdl\n");
    assert_eq!(
        read(&folder, "more.kdl"),
        "unknown   1\n",
        "nothing is written"
    );

    let again = run(folder.path(), &["fmt"], b"");
    assert_eq!((again.code, &again.out), (0, &said.out), "{again:?}");
    assert_eq!(
        read(&folder, "racks/a.kdl"),
        "machine \"a\" { ethernet \"e\" vlan=\"nowhere\" }\ninclude \"../more.kdl\"\n"
    );
    assert_eq!(
        read(&folder, "site.kdl"),
        "site \"s\" // unknown\ninclude \"racks/*.kdl\"\nmachines from=\"rack.csv\"\n"
    );
    assert_eq!(read(&folder, "rack.csv"), "name ,  profile\n");
    assert_eq!(read(&folder, "stray.kdl"), "not   included\n");

    for arguments in [&["fmt"][..], &["fmt", "--check"]] {
        let said = run(folder.path(), arguments, b"");
        assert_eq!(
            (said.code, said.out.as_str(), said.err.as_str()),
            (0, "", "")
        );
    }
}

#[test]
fn paths_lead_to_the_files_from_where_the_command_runs() {
    let folder = site();
    let above = folder.path().parent().unwrap();
    let name = folder.path().file_name().unwrap().to_str().unwrap();
    let file = format!("{name}/racks/a.kdl");
    // The file's own folder is then the site's, and its include leads out of it.
    let said = run(above, &["fmt", &file], b"");
    assert_eq!((said.code, said.out), (1, format!("{file}\n")));
    assert!(said.err.contains("E006"), "{}", said.err);
    let said = run(above, &["fmt", &format!("./{name}")], b"");
    assert_eq!(
        (said.code, said.out),
        (0, format!("{name}/more.kdl\n{name}/site.kdl\n"))
    );
}

#[test]
fn no_secret_is_shown_beside_a_fault_of_notation() {
    let text = "m {\n  a 10.0.0.1\n  bmc password=7hunter2\n  k-g \"hunter2\"\n  b 10.0.0.1\n}\n";
    let folder = site();
    fs::write(folder.path().join("site.kdl"), text).unwrap();
    for arguments in [&["fmt"][..], &["fmt", "--check", "--json"]] {
        let said = run(folder.path(), arguments, b"");
        assert_eq!(said.code, 1);
        assert!(
            format!("{said:?}").contains("`••••••••` is neither"),
            "{said:?}"
        );
        assert!(!format!("{said:?}").contains("hunter2"), "{said:?}");
    }
    assert_eq!(read(&folder, "site.kdl"), text);
}

#[test]
fn a_fault_of_notation_stops_its_file_alone() {
    let folder = site();
    fs::write(folder.path().join("more.kdl"), "a   10.0.0.1\n").unwrap();
    fs::write(folder.path().join("racks/b.kdl"), b"b   \xff\n").unwrap();
    let said = run(folder.path(), &["fmt"], b"");
    assert_eq!(
        (said.code, said.out.as_str()),
        (1, "racks/a.kdl\nsite.kdl\n")
    );
    for part in ["E002", "more.kdl:1:5", "E004", "racks/b.kdl"] {
        assert!(said.err.contains(part), "{part}: {}", said.err);
    }
    assert_eq!(read(&folder, "more.kdl"), "a   10.0.0.1\n");
    assert_eq!(
        fs::read(folder.path().join("racks/b.kdl")).unwrap(),
        b"b   \xff\n"
    );
    fs::remove_file(folder.path().join("more.kdl")).unwrap();
    let said = run(folder.path(), &["fmt"], b"");
    assert!(said.code == 1 && said.err.contains("E005"), "{said:?}");
}

#[test]
fn json_is_one_document() {
    let folder = site();
    fs::write(folder.path().join("racks/b.kdl"), "b {").unwrap();
    let said = run(folder.path(), &["--json", "fmt", "--check"], b"");
    let value: Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!(value["format_version"], 1);
    assert_eq!(
        value["changed"],
        json!(["more.kdl", "racks/a.kdl", "site.kdl"])
    );
    assert_eq!(value["unchanged"], 0);
    assert_eq!(value["diagnostics"][0]["code"], "E001");
    assert_eq!((said.code, said.err.as_str()), (1, ""));
    let said = run(folder.path(), &["--json", "fmt", "nowhere"], b"");
    let value: Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!((said.code, &value["fault"]["code"]), (1, &json!("E005")));
}

#[test]
fn editors_pipe_their_text_through() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = |arguments: &[&str], input: &[u8]| {
        let said = run(folder.path(), arguments, input);
        (said.code, said.out, said.err)
    };
    let formatted = (0, "a { b }\n".to_owned(), String::new());
    assert_eq!(pipe(&["fmt", "-"], b"a{b}"), formatted);
    assert_eq!(pipe(&["fmt", "-"], b"a { b }\n"), formatted);
    // What it includes is none of the pipe's business.
    assert_eq!(pipe(&["fmt", "-"], b"include  \"x\"").1, "include \"x\"\n");
    assert_eq!(
        pipe(&["fmt", "-", "--check"], b"a{b}"),
        (1, "<stdin>\n".to_owned(), String::new())
    );
    assert_eq!(pipe(&["fmt", "-", "--check"], b"a { b }\n").0, 0);
    let (code, out, err) = pipe(&["fmt", "-"], b"a {");
    assert!(
        code == 1 && out.is_empty() && err.contains("<stdin>:1:3"),
        "{out} {err}"
    );
    let (code, out, err) = pipe(&["fmt", "-"], b"a \xff");
    assert!(
        code == 1 && out.is_empty() && err.contains("E004"),
        "{out} {err}"
    );
    let value: Value = serde_json::from_str(&pipe(&["--json", "fmt", "-"], b"a{b}").1).unwrap();
    assert_eq!(value["text"], "a { b }\n");
    assert_eq!(value["changed"], json!(["<stdin>"]));
}

#[test]
fn files_keep_their_permissions_and_links_stay_links() {
    let folder = site();
    let at = |path: &str| folder.path().join(path);
    fs::rename(at("more.kdl"), at("racks/real.txt")).unwrap();
    symlink("racks/real.txt", at("more.kdl")).unwrap();
    fs::set_permissions(at("site.kdl"), fs::Permissions::from_mode(0o604)).unwrap();
    let said = run(folder.path(), &["fmt"], b"");
    assert_eq!(said.code, 0, "{said:?}");
    assert!(fs::symlink_metadata(at("more.kdl")).unwrap().is_symlink());
    assert_eq!(read(&folder, "racks/real.txt"), "unknown 1\n");
    let mode = fs::metadata(at("site.kdl")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o604);
    let names = fs::read_dir(folder.path()).unwrap().count();
    assert_eq!(names, 5, "no file is left over");
}
