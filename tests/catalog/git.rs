//! `bedplate diff` between revisions of a scratch repository.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::lab::{Ran, bedplate, edit};

const SITE: &str = r#"site "s" domain="s.example.net" { include "racks/*.kdl" }
fabric "f" { vlan "v" {
    dhcp { controllers "c" }
    subnet "10.0.0.0/24" { dynamic-range "10.0.0.100-10.0.0.199" }
} }
controller "c" { ethernet "x" vlan="v" { address "10.0.0.2" } }
image "i" { boot "ipxe" "boot/a" }
profile "p" { image "i"; ethernet "e0" vlan="v" }
machines profile="p" from="rows.csv"
"#;

/// A repository whose first commit, tagged `v1`, has a site in `sites/a`.
struct Repository {
    scratch: TempDir,
}

impl Repository {
    fn new(format: &str) -> Self {
        let repository = Self {
            scratch: tempfile::tempdir().unwrap(),
        };
        repository.git(&["init", "--quiet", "--initial-branch=main", format]);
        let site = repository.site();
        fs::create_dir_all(site.join("racks")).unwrap();
        fs::create_dir_all(site.join("boot")).unwrap();
        fs::write(site.join("site.kdl"), SITE).unwrap();
        fs::write(
            site.join("rows.csv"),
            "name,ethernet.e0.mac\nm1,52:54:00:00:00:01\n",
        )
        .unwrap();
        fs::write(site.join("boot/a"), "one").unwrap();
        fs::write(site.join("racks/one.kdl"), "machine \"n1\" profile=\"p\" { ethernet \"e0\" mac=\"52:54:00:00:01:01\" { address \"10.0.0.11\" } }\n").unwrap();
        repository.commit("first");
        repository.git(&["tag", "v1"]);
        repository
    }

    fn top(&self) -> &Path {
        self.scratch.path()
    }

    fn site(&self) -> PathBuf {
        self.top().join("sites/a")
    }

    fn git(&self, arguments: &[&str]) -> String {
        let output = Command::new("git")
            .args(["-c", "user.name=T", "-c", "user.email=t@example.net"])
            .args(arguments)
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .current_dir(self.top())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "git {arguments:?}: {said}");
        String::from_utf8(output.stdout).unwrap()
    }

    fn commit(&self, message: &str) {
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--message", message]);
    }

    /// The second commit: another address, a machine more, another boot program.
    fn change(&self) {
        edit(&self.site().join("racks/one.kdl"), "10.0.0.11", "10.0.0.12");
        edit(
            &self.site().join("rows.csv"),
            "m1,",
            "m2,52:54:00:00:00:02\nm1,",
        );
        fs::write(self.site().join("boot/a"), "two!").unwrap();
        self.commit("second");
    }
}

/// What `diff` says below its first line, which names the sides.
fn told(ran: &Ran) -> &str {
    assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{ran:?}");
    ran.out.split_once('\n').unwrap().1
}

#[test]
fn revisions_are_read_from_git_alone() {
    for format in ["--object-format=sha1", "--object-format=sha256"] {
        let repository = Repository::new(format);
        repository.change();
        let (top, site) = (repository.top(), repository.site());
        let first = bedplate(&site, &["diff", "HEAD~1", "HEAD"]);
        let expected = told(&first);
        for part in [
            "10.0.0.11 -> 10.0.0.12  racks/one.kdl:1",
            "+ machine/m2",
            "boot   ipxe boot/a, 3 bytes, sha256 7692c3ad -> ipxe boot/a, 4 bytes, sha256",
            "what should exist then",
        ] {
            assert!(expected.contains(part), "{part}: {expected}");
        }
        for (folder, old, new) in [
            (&*site, "HEAD~1", "."),
            (&site, "v1", "main"),
            (&site, "v1:./", "main:../a"),
            (top, "HEAD~1:sites/a", "HEAD:sites/a/"),
            (top, "v1:sites/a/site.kdl", "sites/a"),
            (top, "v1", "sites/a"),
            (top, "v1", "sites/a/site.kdl"),
            (top, "@~1", "sites/a"),
        ] {
            let ran = bedplate(folder, &["diff", old, new]);
            assert_eq!(told(&ran), expected, "{old} {new}");
        }
        // A file of the revision's name is meant before the revision.
        fs::create_dir(top.join("v1")).unwrap();
        let ran = bedplate(top, &["diff", "v1", "sites/a"]);
        assert!(ran.err.contains("OLD, v1, has faults"), "{ran:?}");
        fs::remove_dir(top.join("v1")).unwrap();
        assert_eq!(repository.git(&["status", "--porcelain"]), "");
    }
}

#[test]
fn nothing_but_a_commit_is_a_revision() {
    let repository = Repository::new("--object-format=sha1");
    let blob = repository.git(&["rev-parse", "HEAD:sites/a/site.kdl"]);
    for text in [
        "nope",
        "HEAD:nope",
        "HEAD:sites/a/none.kdl",
        "HEAD:/etc",
        "HEAD:../..",
        "HEAD:sites/../..",
        "HEAD~9",
        "HEAD..HEAD",
        "v1...HEAD",
        "^HEAD",
        "HEAD^@",
        "HEAD^{tree}",
        blob.trim(),
        "-",
        "--all",
        "--output=stolen",
        "--git-dir=/",
        "-c",
        "HEAD --all",
        "HEAD\n--all",
        "$(touch stolen)",
        "`touch stolen`",
        "HEAD; touch stolen",
        "HEAD|touch stolen",
        "HEAD:$(touch stolen)",
        ":/first",
        ":sites/a",
        "",
        " ",
        "\u{fffd}",
        &"a".repeat(2000),
    ] {
        for sides in [[text, "sites/a"], ["sites/a", text]] {
            let [old, new] = sides;
            let ran = bedplate(repository.top(), &["diff", "--exit-code", "--", old, new]);
            assert_eq!((ran.code, ran.out.as_str()), (1, ""), "{text:?}: {ran:?}");
            assert!(ran.err.contains("error[C004]"), "{text:?}: {ran:?}");
        }
    }
    assert_eq!(repository.git(&["status", "--porcelain"]), "");
}

#[test]
fn links_are_followed_within_the_site_and_no_further() {
    // Where `racks/one.kdl` leads, and the code of the fault that this is.
    let cases = [
        ("../moved.kdl", None),
        ("./../moved.kdl", None),
        ("two.link", None),
        ("../../a/moved.kdl", Some("E006")),
        ("/etc/hostname", Some("E006")),
        ("../../../secret.kdl", Some("E006")),
        ("one.kdl", Some("E005")),
        ("gone.kdl", Some("E005")),
    ];
    for (target, code) in cases {
        let repository = Repository::new("--object-format=sha1");
        let site = repository.site();
        fs::write(repository.top().join("secret.kdl"), "space \"secret\"\n").unwrap();
        fs::rename(site.join("racks/one.kdl"), site.join("moved.kdl")).unwrap();
        symlink(target, site.join("racks/one.kdl")).unwrap();
        if target == "two.link" {
            symlink("../moved.kdl", site.join("racks/two.link")).unwrap();
        }
        repository.commit("link");
        let ran = bedplate(&site, &["diff", "v1", "HEAD"]);
        match code {
            None => assert!(
                ran.out.starts_with("Nothing changes: "),
                "{target}: {ran:?}"
            ),
            Some(code) => {
                assert_eq!(ran.code, 1, "{target}: {ran:?}");
                assert!(
                    ran.err.contains("NEW, HEAD, has faults"),
                    "{target}: {ran:?}"
                );
                assert!(ran.err.contains(code), "{target}: {ran:?}");
                assert!(!ran.err.contains("space/secret"), "{target}: {ran:?}");
            }
        }
    }
}

#[test]
fn another_repository_in_the_site_is_no_file() {
    let repository = Repository::new("--object-format=sha1");
    let head = repository.git(&["rev-parse", "HEAD"]);
    let entry = format!("160000,{},sites/a/racks/module.kdl", head.trim());
    repository.git(&["update-index", "--add", "--cacheinfo", &entry]);
    repository.git(&["commit", "--quiet", "--message", "module"]);
    let ran = bedplate(&repository.site(), &["diff", "v1", "HEAD"]);
    assert_eq!(ran.code, 1);
    assert!(
        ran.err.contains("`racks/module.kdl` is not a file"),
        "{ran:?}"
    );
}

#[test]
fn without_git_two_folders_are_still_compared() {
    let repository = Repository::new("--object-format=sha1");
    let without = |arguments: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_bedplate"))
            .args(arguments)
            .env("PATH", "/nonexistent")
            .current_dir(repository.top())
            .output()
            .unwrap();
        let err = String::from_utf8(output.stderr).unwrap();
        (output.status.code(), err)
    };
    assert_eq!(
        without(&["diff", "sites/a", "sites/a"]),
        (Some(0), String::new())
    );
    let (code, err) = without(&["diff", "HEAD", "sites/a"]);
    assert_eq!(code, Some(1));
    assert!(
        err.contains("error[C003]: `HEAD` is no file or folder here, and git cannot be asked"),
        "{err}"
    );
    assert!(err.contains("git is not installed"), "{err}");
}

#[test]
fn hooks_and_bare_repositories_are_no_hindrance() {
    let repository = Repository::new("--object-format=sha1");
    repository.change();
    let expected = bedplate(&repository.site(), &["diff", "v1", "HEAD"]);
    let run = |folder: &Path, arguments: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_bedplate"))
            .args(arguments)
            .envs([("GIT_DIR", ".git"), ("GIT_INDEX_FILE", "/nonexistent")])
            .current_dir(folder)
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let below = text.split_once('\n').map(|(_, below)| below.to_owned());
        below.unwrap_or_else(|| panic!("{}", String::from_utf8_lossy(&output.stderr)))
    };
    assert_eq!(
        run(&repository.site(), &["diff", "v1", "HEAD"]),
        told(&expected)
    );
    repository.git(&["clone", "--quiet", "--bare", ".", "bare.git"]);
    let bare = repository.top().join("bare.git");
    let sides = ["diff", "v1:sites/a", "main:sites/a"];
    assert_eq!(run(&bare, &sides), told(&expected));
}

#[test]
fn boot_files_that_a_revision_lacks_are_not_compared() {
    let repository = Repository::new("--object-format=sha1");
    let (top, site) = (repository.top(), repository.site());
    fs::write(top.join(".gitignore"), "boot\n").unwrap();
    repository.git(&["rm", "--cached", "-r", "--quiet", "sites/a/boot"]);
    repository.commit("ignored");
    let note = "boot files that the revision does not hold are not compared: 1\n";
    for (old, new) in [
        ("HEAD", "."),
        (".", "HEAD"),
        ("v1", "HEAD"),
        ("HEAD", "v1"),
        ("HEAD", "HEAD"),
    ] {
        let ran = bedplate(&site, &["diff", "--exit-code", old, new]);
        assert_eq!(
            (ran.code, ran.err.as_str()),
            (0, ""),
            "{old} {new}: {ran:?}"
        );
        assert!(
            ran.out.starts_with("Nothing changes") && ran.out.ends_with(note),
            "{ran:?}"
        );
    }
    // Another image is a change, and its file, which the revision does not name, is known.
    fs::write(site.join("boot/b"), "two").unwrap();
    fs::write(
        site.join("more.kdl"),
        "image \"j\" { boot \"ipxe\" \"boot/b\" }\n",
    )
    .unwrap();
    edit(
        &site.join("site.kdl"),
        "include",
        "include \"more.kdl\"; include",
    );
    for form in ["--full", "--markdown"] {
        let ran = bedplate(&site, &["diff", form, "HEAD", "."]);
        assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{ran:?}");
        assert!(
            ran.out.contains("image/j") && ran.out.ends_with(note),
            "{ran:?}"
        );
        assert!(
            ran.out.contains("boot/b, 3 bytes") && !ran.out.contains("boot/a"),
            "{ran:?}"
        );
    }
    let ran = bedplate(&site, &["diff", "--json", "HEAD", "."]);
    let document: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(document["unknown_files"], serde_json::json!(["boot/a"]));
    // Sources must be there.
    fs::write(top.join(".gitignore"), "rows.csv\n").unwrap();
    repository.git(&["rm", "--cached", "--quiet", "sites/a/rows.csv"]);
    repository.commit("torn");
    let ran = bedplate(&site, &["diff", "HEAD", "."]);
    assert!(ran.code == 1 && ran.err.contains("E005"), "{ran:?}");
}

#[test]
fn a_pointer_of_git_lfs_says_what_the_file_is() {
    let repository = Repository::new("--object-format=sha1");
    let site = repository.site();
    let digest = bedplate::base::digest::Digest::of(b"one");
    let pointer =
        format!("version https://git-lfs.github.com/spec/v1\noid sha256:{digest}\nsize 3\n");
    fs::write(site.join("boot/a"), pointer).unwrap();
    repository.commit("pointer");
    let ran = bedplate(&site, &["diff", "v1", "HEAD"]);
    assert!(ran.out.starts_with("Nothing changes"), "{ran:?}");
    fs::write(site.join("boot/a"), "two!").unwrap();
    let ran = bedplate(&site, &["diff", "HEAD", "."]);
    assert!(
        ran.out
            .contains("boot/a, 3 bytes, sha256 7692c3ad -> ipxe boot/a, 4 bytes"),
        "{ran:?}"
    );
}
