//! Finds secrets, as they are and as they may be written, in what is said and in files.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use data_encoding::BASE64;

/// What is longer is looked through by grep, which is faster.
const SHORT: usize = 1 << 14;

/// Secrets that nobody may tell.
pub(crate) struct Leaks {
    forms: Vec<String>,
    /// Holds the forms, a line each.
    file: PathBuf,
}

impl Leaks {
    /// `folder` is not looked through.
    pub(crate) fn new(secrets: &[&str], folder: &Path) -> Self {
        let forms: Vec<String> = secrets.iter().flat_map(|secret| forms(secret)).collect();
        let file = folder.join("forms");
        fs::write(&file, forms.join("\n")).unwrap();
        Self { forms, file }
    }

    /// The first secret in a text, if there is one.
    fn found(&self, said: &[u8]) -> Option<String> {
        if said.len() > SHORT {
            let long = tempfile::NamedTempFile::new().unwrap();
            fs::write(long.path(), said).unwrap();
            return self.found_in(long.path());
        }
        let is_in = |form: &&String| said.windows(form.len()).any(|part| part == form.as_bytes());
        self.forms.iter().find(is_in).cloned()
    }

    /// The first secret in a file, if there is one.
    fn found_in(&self, path: &Path) -> Option<String> {
        let mut grep = Command::new("grep");
        let said = grep.arg("-aoFf").args([&self.file, path]).output().unwrap();
        let first = String::from_utf8_lossy(&said.stdout);
        match said.status.code() {
            Some(0) => first.lines().next().map(str::to_owned),
            Some(1) => None,
            _ => panic!("{}: {said:?}", path.display()),
        }
    }

    /// Sees that no secret is in `said`.
    pub(crate) fn clean(&self, what: &str, said: &[u8]) {
        let found = self.found(said);
        assert_eq!(found, None, "{what} tells a secret");
    }

    /// Sees that no secret is in any file below a folder, and that there are files.
    pub(crate) fn clean_below(&self, folder: &Path) {
        let mut count = 0;
        let mut folders = vec![folder.to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap().flatten() {
                let path = entry.path();
                if path.is_dir() {
                    folders.push(path);
                    continue;
                }
                count += 1;
                self.clean_file(&path);
            }
        }
        assert!(count > 0, "{} holds nothing", folder.display());
    }

    pub(crate) fn clean_file(&self, path: &Path) {
        let found = self.found_in(path);
        assert_eq!(found, None, "{} holds a secret", path.display());
    }
}

fn forms(secret: &str) -> [String; 6] {
    let basic = BASE64.encode(format!("admin:{secret}").as_bytes());
    let base64 = BASE64.encode(secret.as_bytes());
    let hex = secret.bytes().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    });
    let bytes = format!("{:?}", secret.as_bytes());
    let bytes = bytes.trim_matches(['[', ']']).to_owned();
    // Without the end, which depends on what follows.
    let base64 = base64.trim_end_matches('=');
    let base64 = base64[..base64.len() - 1].to_owned();
    [
        secret.to_owned(),
        basic,
        base64,
        hex.to_uppercase(),
        hex,
        bytes,
    ]
}

#[test]
fn what_is_told_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let leaks = Leaks::new(&["hunter2", "another"], folder.path());
    for (said, expected) in [
        ("admin:hunter2\n", Some("hunter2")),
        ("Basic YWRtaW46aHVudGVyMg==", Some("YWRtaW46aHVudGVyMg==")),
        (
            "[104, 117, 110, 116, 101, 114, 50]",
            Some("104, 117, 110, 116, 101, 114, 50"),
        ),
        ("68756E74657232", Some("68756E74657232")),
        ("an other hunter", None),
    ] {
        let long = format!("{}\0{said}\n", "x\n".repeat(SHORT));
        for text in [said, &long] {
            let found = leaks.found(text.as_bytes());
            assert_eq!(found.as_deref(), expected, "{said}");
        }
    }
}
