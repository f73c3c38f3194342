//! Arguments of `bedplate console`.

use std::fmt;
use std::str::FromStr;

use clap::Args;

use crate::base::name::HostName;

/// What stands below the options.
const EXAMPLES: &str = "On a terminal keys go to the machine as they are typed, but for the escape key, Ctrl-] unless --escape names another. After it
  .  leaves      b  sends a break      ?  shows this      and the key itself sends it once

Where standard input is no terminal all of it goes to the machine; its end ends nothing. Resizing needs nothing: a serial line has no size.

Recordings hold what the machine showed, never what was typed. The daemon keeps them for 30 days, the newest 16 MiB of a machine and 1 GiB of all, readable by its user alone.

Examples:
  bedplate console node-01                                    sit down at it; Ctrl-] . leaves
  bedplate console node-01 --record --escape ^A               recorded, and left with Ctrl-A .
  bedplate console node-01 --take                             take it from whoever has it
  bedplate console node-01 --ipmi                             by IPMI, of a BMC that the site has by Redfish
  timeout 600 bedplate console node-01 < /dev/null > boot.log watch it boot
  bedplate console node-01 --recordings                       what is kept
  bedplate console node-01 --log 3 | less                     what recording 3 shows, as plain text
  bedplate console node-01 --log --json > node-01.cast        the latest, for asciinema
  bedplate console node-01 --replay                           the latest, as it went";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) struct ConsoleArguments {
    /// A machine of the site in force
    pub(in crate::cli) machine: HostName,
    /// Take the console from whoever has it
    #[arg(long)]
    pub(in crate::cli) take: bool,
    /// By IPMI at its usual port, with the same user and password, where the site has the BMC by Redfish, which carries no console
    #[arg(long)]
    pub(in crate::cli) ipmi: bool,
    /// Record what the machine shows; the daemon keeps it for 30 days
    #[arg(long)]
    pub(in crate::cli) record: bool,
    /// The key that is not sent, but begins a command: ^A to ^Z, ^], ^^, ^_, ^\, or none
    #[arg(long, value_name = "KEY", default_value = "^]")]
    pub(in crate::cli) escape: EscapeKey,
    /// List the recordings that are kept of the machine
    #[arg(long, conflicts_with_all = ["take", "ipmi", "record"])]
    pub(in crate::cli) recordings: bool,
    /// Print what recording N shows, without what commands a terminal; the latest without N
    #[arg(long, value_name = "N", num_args = 0..=1, conflicts_with_all = ["take", "ipmi", "record", "recordings"])]
    pub(in crate::cli) log: Option<Option<u64>>,
    /// Play recording N as it went, pauses of more than two seconds cut short; the latest without N
    #[arg(long, value_name = "N", num_args = 0..=1, conflicts_with_all = ["take", "ipmi", "record", "recordings", "log", "json"])]
    pub(in crate::cli) replay: Option<Option<u64>>,
}

/// The key by which a person speaks to the console rather than to the machine; none where everything goes to the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::cli) struct EscapeKey(pub(in crate::cli) Option<u8>);

impl FromStr for EscapeKey {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "none" {
            return Ok(Self(None));
        }
        match text.as_bytes() {
            // A line's end and a tab are what everybody types.
            [b'^', key] if !matches!(key.to_ascii_uppercase(), b'I' | b'J' | b'M' | b'[') => {
                let key = key.to_ascii_uppercase();
                matches!(key, b'A'..=b'_').then_some(Self(Some(key & 0x1f)))
            }
            _ => None,
        }
        .ok_or_else(|| "a key with Ctrl, such as ^] or ^A, or none".to_owned())
    }
}

impl fmt::Display for EscapeKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(key) => write!(f, "Ctrl-{}", char::from(key | 0x40)),
            None => f.write_str("none"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escape_keys_are_read_as_people_write_them() {
        for (text, expected) in [
            ("^]", Ok("Ctrl-]")),
            ("^a", Ok("Ctrl-A")),
            ("^^", Ok("Ctrl-^")),
            ("^\\", Ok("Ctrl-\\")),
            ("none", Ok("none")),
            ("^M", Err(())),
            ("^[", Err(())),
            ("~", Err(())),
            ("^1", Err(())),
            ("", Err(())),
        ] {
            let read = text.parse::<EscapeKey>().map(|key| key.to_string());
            assert_eq!(read.as_deref().map_err(|_| ()), expected, "{text}");
        }
    }
}
