//! Arguments that are none of ours: what is said of them, to people and to programs.

use std::ffi::OsStr;
use std::process::ExitCode;

use super::output::Output;
use crate::diag::code::Code;
use crate::diag::fault::Fault;

/// What clap puts before what is wrong.
const WRONG: &str = "error: ";

/// clap's pointer to its own help, which the command line that a program made has no use for.
const POINTER: &str = "For more information";

/// Shows help, or what is wrong with the arguments. clap's own exit code for the latter would say that a plan has changes.
pub(super) fn misused(error: &clap::Error) -> ExitCode {
    if error.use_stderr() && wants_json(std::env::args_os()) {
        let out = Output::of_programs();
        let code = out.fault(&fault(error));
        return out.finish(code);
    }
    // Where nobody reads, nothing is left to say.
    let _ = error.print();
    ExitCode::from(exit_code(error))
}

fn exit_code(error: &clap::Error) -> u8 {
    u8::from(error.use_stderr())
}

/// Whether `--json` is among arguments that could not be read.
fn wants_json(arguments: impl Iterator<Item = impl AsRef<OsStr>>) -> bool {
    let mut options = arguments.take_while(|one| one.as_ref() != "--");
    options.any(|one| one.as_ref() == "--json")
}

/// What is wrong with arguments. Where they only stop short of a command, clap shows a whole help page.
fn fault(error: &clap::Error) -> Fault {
    let said = error.render().to_string();
    let Some(wrong) = said.strip_prefix(WRONG) else {
        return Fault::new(Code::BadRequest, "a command is missing").help("see --help for them");
    };
    let mut parts = wrong.split("\n\n");
    let message = in_a_line(parts.next().unwrap_or_default());
    let helps = parts.map(in_a_line);
    let helps = helps.filter(|help| !help.is_empty() && !help.starts_with(POINTER));
    let helps = helps.collect::<Vec<_>>().join("; ");
    let help = (!helps.is_empty()).then_some(helps);
    let fault = Fault::new(Code::BadRequest, message);
    Fault { help, ..fault }
}

fn in_a_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::cli::args::Arguments;

    fn error(arguments: &[&str]) -> clap::Error {
        let arguments = ["bedplate"].iter().chain(arguments);
        Arguments::try_parse_from(arguments).unwrap_err()
    }

    #[test]
    fn a_slip_of_the_pen_is_an_error_and_no_change() {
        for (arguments, code) in [
            (&["plan", "--exit-cod"][..], 1),
            (&["plam"], 1),
            (&[], 1),
            (&["--help"], 0),
            (&["help"], 0),
            (&["help", "apply"], 0),
            (&["--version"], 0),
        ] {
            assert_eq!(exit_code(&error(arguments)), code, "{arguments:?}");
        }
    }

    #[test]
    fn what_is_wrong_is_said_to_programs_with_its_help() {
        for (arguments, message, help) in [
            (
                &["leases", "--state", "gone"][..],
                "invalid value 'gone' for '--state <STATE>' [possible values:",
                "",
            ),
            (
                &["plan", "--exit-cod"],
                "unexpected argument '--exit-cod' found",
                "tip: a similar argument exists: '--exit-code'; Usage: bedplate plan",
            ),
            (&[], "a command is missing", "see --help"),
            (&["bmc"], "a command is missing", "see --help"),
            (
                &["why", "10.0.0.777"],
                "invalid value '10.0.0.777' for '[MAC|NAME|ADDRESS]': neither a MAC,",
                "",
            ),
        ] {
            let fault = fault(&error(arguments));
            let said = (fault.message, fault.help.unwrap_or_default());
            assert!(
                said.0.starts_with(message) && said.1.starts_with(help),
                "{said:?}"
            );
        }
    }

    #[test]
    fn programs_are_known_by_their_option_and_not_by_a_name() {
        for (arguments, expected) in [
            (&["--json", "plam"][..], true),
            (&["plan", "--exit-cod", "--json"], true),
            (&["plam"], false),
            (&["show", "--", "--json"], false),
        ] {
            assert_eq!(wants_json(arguments.iter()), expected, "{arguments:?}");
        }
    }
}
