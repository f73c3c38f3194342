//! BMCs that are not ours, each in a network namespace: OpenIPMI's `ipmi_sim`, and pyghmi's with `bmc.py`.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use bedplate::base::secret::Secret;
use bedplate::world::bmc::ipmi::{IpmiError, PORT, Patience, Session, Target, ping};
use tempfile::TempDir;

use crate::sandbox::{Namespace, Running};

pub(crate) const USER: &str = "admin";
pub(crate) const PASSWORD: &str = "secret12";

/// Enough for a busy machine, and little where an answer was lost.
pub(crate) const PATIENCE: Patience = Patience {
    first: Duration::from_millis(100),
    total: Duration::from_secs(10),
};

/// Where the machine behind ipmi_sim listens for its serial line.
const CONSOLE: u16 = 9700;

/// Ends a loop that waits for what a BMC does in its own time, should it never come.
pub(crate) struct Limit(Instant);

impl Limit {
    pub(crate) fn new() -> Self {
        Self(Instant::now())
    }

    pub(crate) fn check(&self) {
        assert!(self.0.elapsed() < PATIENCE.total * 2, "it never came");
    }
}

/// A BMC that runs as long as this value.
pub(crate) struct Bmc {
    pub(crate) place: Namespace,
    pub(crate) address: SocketAddr,
    folder: TempDir,
    command: Box<dyn Fn() -> Command + Send + Sync>,
    program: Option<Running>,
    /// Where the machine's end of the serial console comes out.
    machine: TcpListener,
}

/// How ipmi_sim is set up beside what it always is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Setup<'a> {
    pub(crate) address: &'a str,
    /// K_g, as text.
    pub(crate) key: Option<&'a str>,
    pub(crate) password: &'a str,
    /// Whether it has a serial console, which leads to [`Bmc::machine`].
    pub(crate) has_console: bool,
    /// Commands that make its sensors, log and parts. `FOLDER` is where its files are.
    pub(crate) commands: &'a str,
}

impl Default for Setup<'_> {
    fn default() -> Self {
        Self {
            address: "127.0.0.1",
            key: None,
            password: PASSWORD,
            has_console: false,
            commands: "",
        }
    }
}

impl Bmc {
    /// ipmi_sim, once it answers.
    pub(crate) fn sim(setup: Setup<'_>) -> Self {
        Self::sim_in(Namespace::new(), setup)
    }

    /// The same where something else is already.
    pub(crate) fn sim_in(place: Namespace, setup: Setup<'_>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().to_owned();
        fs::create_dir(path.join("state")).unwrap();
        fs::write(path.join("lan.conf"), lan(setup, &path)).unwrap();
        let commands = setup.commands.replace("FOLDER", path.to_str().unwrap());
        fs::write(path.join("sim.emu"), MACHINE.replace("COMMANDS", &commands)).unwrap();
        let command = move || {
            let mut command = Command::new("ipmi_sim");
            command.arg("-c").arg(path.join("lan.conf"));
            command.arg("-f").arg(path.join("sim.emu"));
            command.arg("-s").arg(path.join("state")).arg("-n");
            command
        };
        Self::start(place, setup.address, folder, Box::new(command))
    }

    /// pyghmi's BMC, with arguments for `bmc.py`.
    pub(crate) fn pyghmi(address: &'static str, arguments: &[&str]) -> Self {
        Self::pyghmi_in(Namespace::new(), address, arguments)
    }

    /// The same where something else is already.
    pub(crate) fn pyghmi_in(place: Namespace, address: &'static str, arguments: &[&str]) -> Self {
        let arguments: Vec<String> = arguments.iter().map(|word| (*word).to_owned()).collect();
        let folder = tempfile::tempdir().unwrap();
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let script = root.join("tests/bmc/bmc.py");
        let python = root.join("target/python/bin/python");
        let command = move || {
            let mut command = Command::new(&python);
            command.arg(&script).args(["--address", address]);
            command.args(["--port", &PORT.to_string()]);
            command.args(["--user", USER, "--password", PASSWORD]);
            command.args(&arguments);
            command
        };
        Self::start(place, address, folder, Box::new(command))
    }

    fn start(
        place: Namespace,
        address: &str,
        folder: TempDir,
        command: Box<dyn Fn() -> Command + Send + Sync>,
    ) -> Self {
        let address = SocketAddr::new(address.parse::<IpAddr>().unwrap(), PORT);
        // ipmi_sim connects as it starts, and not again soon.
        let machine = place.run(|| TcpListener::bind((Ipv4Addr::LOCALHOST, CONSOLE)).unwrap());
        let mut bmc = Self {
            machine,
            place,
            address,
            folder,
            command,
            program: None,
        };
        bmc.restart();
        bmc
    }

    /// Ends it as a loss of power would, and has it start anew.
    pub(crate) fn restart(&mut self) {
        self.program = None;
        let mut command = (self.command)();
        command.stdin(Stdio::null());
        command.stdout(fs::File::create(self.file("said")).unwrap());
        command.stderr(fs::File::create(self.file("complained")).unwrap());
        self.program = Some(self.place.run(|| Running::start(&mut command)));
        let end = Instant::now() + PATIENCE.total;
        let answered = self.place.block_on(async {
            loop {
                match ping(self.address, PATIENCE).await {
                    // It is about to listen.
                    Err(IpmiError::Closed(_)) if Instant::now() < end => {}
                    answered => return answered,
                }
            }
        });
        let said = ["said", "complained"].map(|name| fs::read_to_string(self.file(name)).unwrap());
        assert_eq!(answered, Ok(true), "{said:?}");
    }

    /// The machine's end of the serial console.
    pub(crate) fn serial(&self) -> TcpStream {
        let (serial, _) = self.machine.accept().unwrap();
        serial.set_nonblocking(true).unwrap();
        serial
    }

    /// A file of the BMC's.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// What one would open a session with.
    pub(crate) fn target(&self) -> Target {
        let mut target = Target::new(
            self.address,
            USER.as_bytes(),
            Secret::new(PASSWORD.as_bytes().to_vec()),
        );
        target.patience = PATIENCE;
        target
    }

    /// Does something in a session that is closed at the end.
    pub(crate) fn session<T: Send>(
        &self,
        work: impl AsyncFnOnce(&mut Session) -> Result<T, IpmiError> + Send,
    ) -> T {
        self.session_as(&self.target(), work).unwrap()
    }

    /// The same as somebody in particular, however it ends.
    pub(crate) fn session_as<T: Send>(
        &self,
        target: &Target,
        work: impl AsyncFnOnce(&mut Session) -> Result<T, IpmiError> + Send,
    ) -> Result<T, IpmiError> {
        let inside = || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async {
                let mut session = Session::open(target).await?;
                let done = work(&mut session).await;
                session.close().await;
                done
            })
        };
        self.place.run(inside)
    }

    /// What ipmitool prints.
    pub(crate) fn ipmitool(&self, words: &str) -> String {
        let mut command = self.place.command("ipmitool");
        command.args(["-I", "lanplus", "-C", "3", "-E", "-U", USER, "-H"]);
        command.arg(self.address.ip().to_string());
        command.args(words.split_whitespace());
        command.env("IPMI_PASSWORD", PASSWORD);
        let output = command.output().unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success(), "ipmitool {words}: {said}");
        said
    }
}

fn lan(setup: Setup<'_>, folder: &Path) -> String {
    let chassis = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bmc/chassis");
    let key = setup
        .key
        .map_or_else(String::new, |key| format!("bmc_key \"{key}\""));
    let console = match setup.has_console {
        true => format!("sol \"tcp:127.0.0.1:{CONSOLE}\" 115200"),
        false => String::new(),
    };
    let (chassis, folder, address) = (chassis.display(), folder.display(), setup.address);
    let password = setup.password;
    format!(
        r#"name "bmc"
set_working_mc 0x20
  startlan 1
    addr {address} {PORT}
    priv_limit admin
    allowed_auths_callback none md2 md5 straight
    allowed_auths_user none md2 md5 straight
    allowed_auths_operator none md2 md5 straight
    allowed_auths_admin none md2 md5 straight
    guid ae4f1df8ec7dd011a76500a0c91e6bf6
    {key}
    lan_config_program "{chassis} {folder}"
  endlan
  chassis_control "{chassis} {folder}"
  {console}
  user 1 true "" "test" user 10 none md2 md5 straight
  user 2 true "{USER}" "{password}" admin 10 none md2 md5 straight
"#
    )
}

const MACHINE: &str = "mc_setbmc 0x20
mc_add 0x20 0 no-device-sdrs 0x23 9 8 0x9f 0x1291 0xf02 persist_sdr
mc_set_guid 0x20 ae4f1df8ec7dd011a76500a0c91e6bf6
sel_enable 0x20 1000 0x0a
COMMANDS
mc_enable 0x20
";
