//! Tests in a guest with Debian's kernel, which has kinds of links that this machine's kernel may lack.
//!
//! A test binary runs itself there: once, however many of its tests want to. The guest runs the same tests, and each of them
//! here ends as it did there.
//!
//! ```ignore
//! #[test]
//! fn a_bond_is_made() {
//!     guest::inside(|| { /* as root in a kernel of its own; `Namespace::new()` still keeps tests apart */ });
//! }
//! ```
//!
//! `tests/guest/boot COMMAND` is the same by hand.

use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::{env, thread};

/// Set where a test runs in the guest.
const INSIDE: &str = "BEDPLATE_TEST_INSIDE";

/// What the guest's tests are told of the environment here.
const PASSED: [&str; 3] = ["BEDPLATE_TEST_SEED", "PROPTEST_CASES", "PROPTEST_RNG_SEED"];

/// How often random walks are walked, there a quarter as often as here: the guest's processor is emulated.
const COUNT: (&str, u64) = ("BEDPLATE_TEST_COUNT", 12);

/// libtest's options whose next word is their value; among the others' words are the names of tests.
const VALUED: [&str; 5] = [
    "--test-threads",
    "--color",
    "--format",
    "--logfile",
    "--shuffle-seed",
];

/// What came back from a guest.
pub struct Ended {
    pub success: bool,
    /// What its command printed.
    pub output: String,
    /// Why it ended otherwise than by itself, and what its kernel said.
    pub complaint: String,
}

/// Runs `work` in the guest: there at once; here by running this test's namesake there, whose failure becomes this test's.
#[track_caller]
pub fn inside(work: impl FnOnce()) {
    static ALL: OnceLock<Ended> = OnceLock::new();
    if is_inside() {
        return work();
    }
    let ended = ALL.get_or_init(|| boot(&filters(env::args().skip(1))));
    let current = thread::current();
    let name = current.name().expect("libtest names its threads");
    if let Err(said) = verdict(name, &ended.output) {
        let said = said.unwrap_or_else(|| format!("{}{}", ended.output, ended.complaint));
        panic!("in the guest:\n{said}");
    }
}

/// Runs this test binary in a guest, without the tests whose names hold one of `skipped`: at least the caller's.
#[track_caller]
pub fn suite(skipped: &[&str]) {
    let words = skipped.iter().flat_map(|name| ["--skip", name]);
    let ended = boot(&words.map(str::to_owned).collect::<Vec<_>>());
    let Ended {
        output, complaint, ..
    } = &ended;
    assert!(ended.success, "in the guest:\n{output}{complaint}");
}

/// Runs `work` here only, since it is about guests.
pub fn outside(work: impl FnOnce()) {
    if !is_inside() {
        work();
    }
}

/// Whether this is the guest.
pub fn is_inside() -> bool {
    env::var_os(INSIDE).is_some()
}

/// Runs this program in a guest with `arguments`, beside `bedplate`.
///
/// # Panics
/// Where QEMU or the guest's kernel is missing: tests never skip in silence.
pub fn boot(arguments: &[String]) -> Ended {
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let ended = booted("true", &[], &arguments)
        .stdin(Stdio::null())
        .output();
    let ended =
        ended.unwrap_or_else(|error| panic!("cannot run setpriv ({error}): see tests/setup"));
    Ended {
        success: ended.status.success(),
        output: String::from_utf8_lossy(&ended.stdout).into_owned(),
        complaint: String::from_utf8_lossy(&ended.stderr).into_owned(),
    }
}

/// What runs this program in a guest with `arguments` and further variables, beside `bedplate`; before it a command of the shell.
pub fn booted(before: &str, variables: &[(&str, &str)], arguments: &[&str]) -> Command {
    let program = env::current_exe().expect("a program knows where it is");
    let program = program.to_str().expect("a build's paths are UTF-8");
    let variables = variables.iter();
    let variables = variables.map(|(name, value)| format!("{name}={value}"));
    let words = environment().chain(variables).chain([program.to_owned()]);
    let words = words.chain(arguments.iter().map(|word| (*word).to_owned()));
    let words: Vec<String> = words.map(|word| quoted(&word)).collect();
    let project = env!("CARGO_MANIFEST_DIR");
    let (scratch, folder) = (quoted(env!("CARGO_TARGET_TMPDIR")), quoted(project));
    let command = format!(
        "{before} && mkdir -p {scratch} && cd {folder} && exec env {}",
        words.join(" ")
    );
    // Whoever ends this process ends the guest.
    let mut boot = Command::new("setpriv");
    boot.args(["--pdeathsig", "TERM", "--"]);
    boot.arg(format!("{project}/tests/guest/boot"));
    boot.args([&command, program, env!("CARGO_BIN_EXE_bedplate")]);
    boot
}

/// What a test there finds in its environment.
fn environment() -> impl Iterator<Item = String> {
    let passed = PASSED
        .iter()
        .filter_map(|name| Some(format!("{name}={}", env::var(name).ok()?)));
    let (name, usual) = COUNT;
    let count = env::var(name).ok().and_then(|count| count.parse().ok());
    let count = count.unwrap_or(usual).div_ceil(4);
    [format!("{INSIDE}=1"), format!("{name}={count}")]
        .into_iter()
        .chain(passed)
}

/// A word of a shell's command.
fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// Those of libtest's arguments that choose tests; how it prints is ours to say.
pub fn filters(arguments: impl Iterator<Item = String>) -> Vec<String> {
    let (mut arguments, mut chosen) = (arguments, Vec::new());
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--skip" => chosen.extend([argument].into_iter().chain(arguments.next())),
            "--exact" => chosen.push(argument),
            valued if VALUED.contains(&valued) => drop(arguments.next()),
            other if other.starts_with('-') && !other.starts_with("--skip=") => {}
            _ => chosen.push(argument),
        }
    }
    chosen
}

/// How the test `name` ended, as libtest printed it: an error with what it said, or without where it never ended.
pub fn verdict(name: &str, output: &str) -> Result<(), Option<String>> {
    let mut results = output.lines().filter_map(|line| {
        let (test, result) = line.strip_prefix("test ")?.rsplit_once(" ... ")?;
        (test == name).then_some(result)
    });
    match results.next() {
        Some("ok") => Ok(()),
        Some("FAILED") => {
            let opened = format!("---- {name} stdout ----\n");
            let said = output.split_once(&opened).map(|(_, said)| said);
            let ends = ["\n---- ", "\nfailures:\n"];
            let end = |said: &str| ends.iter().filter_map(|end| said.find(end)).min();
            Err(said.map(|said| said[..end(said).unwrap_or(said.len())].to_owned()))
        }
        _ => Err(None),
    }
}
