//! An authority and certificates of it, made by openssl in a folder that vanishes.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use bedplate::base::digest::Digest;
use tempfile::TempDir;

/// A folder with an authority.
pub(crate) struct Authority {
    folder: TempDir,
}

/// Dates that hold while tests run, and some that are over.
pub(crate) const NOW: [&str; 2] = ["20200101000000Z", "20991231235959Z"];
pub(crate) const OVER: [&str; 2] = ["20200101000000Z", "20210101000000Z"];

const CONFIGURATION: &str = "
[ca]
default_ca = own
[own]
database = index.txt
serial = serial
new_certs_dir = .
policy = names
default_md = sha256
copy_extensions = copy
[names]
commonName = supplied
";

impl Authority {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let authority = Self { folder };
        fs::write(authority.path("ca.cnf"), CONFIGURATION).unwrap();
        fs::write(authority.path("index.txt"), "").unwrap();
        fs::write(authority.path("serial"), "01\n").unwrap();
        authority.self_signed("ca", "CA:TRUE", "DNS:authority");
        authority
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The authority's own certificate.
    pub(crate) fn pem(&self) -> Vec<u8> {
        fs::read(self.path("ca.crt")).unwrap()
    }

    /// A certificate that signs itself, `NAME.crt`; with its key in `NAME.pem`.
    pub(crate) fn self_signed(&self, name: &str, constraint: &str, alternative: &str) -> PathBuf {
        self.openssl(&format!(
            "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN={name} \
             -addext basicConstraints=critical,{constraint} -addext subjectAltName={alternative} \
             -keyout {name}.key -out {name}.crt"
        ));
        self.joined(name)
    }

    /// A certificate of the authority.
    pub(crate) fn signed(&self, name: &str, alternative: &str, dates: [&str; 2]) -> PathBuf {
        let [from, to] = dates;
        self.openssl(&format!(
            "req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN={name} \
             -addext basicConstraints=critical,CA:FALSE -addext subjectAltName={alternative} \
             -keyout {name}.key -out {name}.csr"
        ));
        self.openssl(&format!(
            "ca -batch -notext -config ca.cnf -cert ca.crt -keyfile ca.key -startdate {from} -enddate {to} \
             -in {name}.csr -out {name}.crt"
        ));
        self.joined(name)
    }

    /// The fingerprint as openssl tells it.
    pub(crate) fn fingerprint(&self, name: &str) -> Digest {
        let said = self.openssl(&format!("x509 -in {name}.crt -noout -fingerprint -sha256"));
        let (_, digits) = said.trim().split_once('=').unwrap();
        digits.replace(':', "").parse().unwrap()
    }

    fn joined(&self, name: &str) -> PathBuf {
        let part = |end: &str| fs::read_to_string(self.path(&format!("{name}.{end}"))).unwrap();
        let whole = self.path(&format!("{name}.pem"));
        fs::write(&whole, part("key") + &part("crt")).unwrap();
        whole
    }

    fn openssl(&self, arguments: &str) -> String {
        let made = Command::new("openssl")
            .current_dir(self.folder.path())
            .args(arguments.split_whitespace())
            .output()
            .unwrap();
        assert!(made.status.success(), "{made:?}");
        String::from_utf8(made.stdout).unwrap()
    }
}
