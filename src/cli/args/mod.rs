//! The command line's grammar: verbs and options, each with its help. Decides nothing.

pub(in crate::cli) mod bmc;
pub(in crate::cli) mod console;
mod what;

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

use bmc::{BmcDeed, LogArguments, PowerArguments};
use console::ConsoleArguments;
pub(in crate::cli) use what::{IpWhat, WhyWhat};

use crate::base::addr::Prefix;
use crate::base::duration::{DurationError, Seconds};
use crate::base::glob::is_pattern;
use crate::base::mac::MacAddr;
use crate::base::mark::LastKnown;
use crate::base::name::HostName;
use crate::daemon::{StateFilter, WITHIN};
use crate::plan::{HazardKind, Selection};

/// A bare-metal site in one file: checked as a whole, planned, applied, verified, rolled back.
#[derive(Debug, Parser)]
#[command(name = "bedplate", version, after_help = EXIT_CODES)]
pub(in crate::cli) struct Arguments {
    #[command(subcommand)]
    pub(in crate::cli) command: Command,
    #[command(flatten)]
    pub(in crate::cli) global: Global,
}

const EXIT_CODES: &str = "Exit codes: 0 done or nothing to do; 1 error; 2 changes (--exit-code); \
3 hazards not allowed; 4 incomplete (something waits, a machine is not as it should be, or a failure was undone).";

/// Options of every command.
#[derive(Debug, Args)]
pub(in crate::cli) struct Global {
    /// The daemon's socket
    #[arg(
        long,
        global = true,
        value_name = "PATH",
        default_value = "/run/bedplate/bedplate.sock"
    )]
    pub(in crate::cli) socket: PathBuf,
    /// Print JSON instead of text
    #[arg(long, global = true)]
    pub(in crate::cli) json: bool,
    /// Say more about what is going on
    #[arg(short, long, global = true)]
    pub(in crate::cli) verbose: bool,
}

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum Command {
    /// Check a site: every fault in one run, each with its place and what to do
    Check {
        #[command(flatten)]
        site: SiteArgument,
        /// Print SARIF, which code hosts take to annotate lines
        #[arg(long, conflicts_with = "json")]
        sarif: bool,
    },
    /// Allocate what `address "auto"` asks for, and keep it in bedplate.lock
    Lock {
        #[command(flatten)]
        site: SiteArgument,
        /// Write nothing; exit with 1 where the lock is out of date
        #[arg(long)]
        check: bool,
    },
    /// Put a site's files in the house layout; what they mean stays, and so does every comment
    Fmt {
        /// A .kdl file, or a folder with site.kdl, with all that it includes; - reads a text and prints it formatted
        #[arg(value_name = "SITE", default_value = ".")]
        site: PathBuf,
        /// Write nothing; list the files that would change, and exit with 1 where there are any
        #[arg(long)]
        check: bool,
    },
    /// Explain a code such as E040
    Explain {
        /// The code; without one, all codes are listed
        code: Option<String>,
    },
    /// Show an object of the site: each value with where it comes from, what refers to it, and what DHCP tells a machine
    Show(ShowArguments),
    /// Say what a change to the site means, object by object; each side is a file, a folder or a git revision
    Diff(DiffArguments),
    /// Draw which object of the site needs which
    Graph(GraphArguments),
    /// Show what an apply would change, and why; or a plan saved with --out
    Plan(PlanArguments),
    /// Bring the host and its servers to what the site says; on failure, back to what they were
    Apply(ApplyArguments),
    /// Take links, addresses and routes that the host has into the site's file; without KEY, list what could be taken over
    Adopt(AdoptArguments),
    /// Keep an apply that waits to be confirmed (`apply --confirm-within`)
    Confirm {
        /// The id of the plan that is meant, such as p-0a1b2c3d; any, where none is given
        plan: Option<String>,
    },
    /// Go back: from an apply that waits to be confirmed, else to the last state that was another than this one, or to that of apply N
    Rollback(RollbackArguments),
    /// List who applied what and when, and what became of it
    History,
    /// Put applying on hold for everybody, until `unlock`; what is in force stays
    Hold {
        /// What for: everybody who is refused reads it
        reason: String,
    },
    /// End a hold
    Unlock {
        /// Do not ask, even where the hold is somebody else's
        #[arg(long)]
        yes: bool,
    },
    /// Run the daemon: it owns the servers, the links and the store of this controller
    Serve(ServeArguments),
    /// Show whether the daemon's world is as the applied site says
    Status,
    /// List who has which address: the leases in force and the addresses in quarantine
    Leases(LeasesArguments),
    /// Account for addresses: how much of each subnet and range is in use, or what a subnet's addresses are, an address, or a MAC has
    Ip(IpArguments),
    /// Switch machines on and off through their BMCs, or tell whether they run
    Power(PowerArguments),
    /// Sit down at a machine's serial console, through its BMC; or see what was recorded of it
    Console(ConsoleArguments),
    /// Show what machines' sensors read, by their BMCs
    Sensors {
        /// Machines of the site in force: names, tag:TAG, rack:RACK, or all
        #[arg(value_name = "NAME|tag:TAG|rack:RACK|all", required = true)]
        who: Vec<bmc::Who>,
    },
    /// Show a machine's event log, as its BMC keeps it
    Sel(LogArguments),
    /// Ask BMCs what their machines are made of and who they are, switch lights, override boot orders, and look for BMCs
    Bmc {
        #[command(subcommand)]
        deed: BmcDeed,
    },
    /// Tell what happens to leases: commit, renew, expiry, release, decline, conflict, replace, waiting, threshold, exhaustion, store; and to BMCs: bmc; restart and lost where some are missing; the last 8192 are kept
    Events {
        /// Go on as they come, until interrupted; who reads too slowly is told how many were lost
        #[arg(long)]
        follow: bool,
        /// Only those after this one, by its `run` and `number` in --json; says how many of them are kept no longer, and whether the daemon was started anew since. N alone is of the present run, unless that has no such event yet
        #[arg(long, value_name = "RUN:N")]
        after: Option<LastKnown>,
    },
    /// Tell which client is bound to which address, where it is and until when: all of them, for ARP inspection and snooping
    Bindings {
        /// Then each change as it comes, until interrupted, with none left out; who reads too slowly is told so, and cut off
        #[arg(long)]
        follow: bool,
    },
    /// Tell why a machine did or did not get an address, or a boot program: its last exchanges with the DHCP server, each with its outcome;
    /// without any, who waits to be named by the site (`unknown-clients "hold"`)
    Why {
        /// The hardware address of an interface, also without separators; a machine of the site in force, for all that it has; a name in
        /// DNS as `leases` has it, also without its domain; or an address, for whoever has it, else for whom it is reserved
        #[arg(value_name = "MAC|NAME|ADDRESS")]
        what: Option<WhyWhat>,
    },
    /// Build a sandbox of network namespaces and show the whole thing in it; touches nothing of the host
    Demo(DemoArguments),
    /// Print completions for a shell
    Completions { shell: Shell },
}

#[derive(Debug, Args)]
pub(in crate::cli) struct SiteArgument {
    /// A .kdl file, or a folder with site.kdl
    #[arg(value_name = "SITE", default_value = ".")]
    pub(in crate::cli) site: PathBuf,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct ShowArguments {
    /// A key as plans print it (machine/node-01, vlan/plant/pxe), or a name, an address or a MAC that is enough to tell
    pub(in crate::cli) what: String,
    #[command(flatten)]
    pub(in crate::cli) site: SiteArgument,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct DiffArguments {
    /// A .kdl file, a folder with site.kdl, or a git revision: REV, or REV:PATH with the path from the repository's root
    pub(in crate::cli) old: String,
    /// The same, for the site as it is to be
    #[arg(default_value = ".")]
    pub(in crate::cli) new: String,
    /// Print Markdown, for a pull request
    #[arg(long, conflicts_with = "json")]
    pub(in crate::cli) markdown: bool,
    /// List every object, and every value of those that come or go
    #[arg(long)]
    pub(in crate::cli) full: bool,
    /// Exit with 2 where something differs
    #[arg(long)]
    pub(in crate::cli) exit_code: bool,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct GraphArguments {
    #[command(flatten)]
    pub(in crate::cli) site: SiteArgument,
    /// One object, named as for `show`, with what it needs and what needs it
    #[arg(long, value_name = "WHAT")]
    pub(in crate::cli) of: Option<String>,
    /// How far from that object
    #[arg(long, value_name = "N", requires = "of")]
    pub(in crate::cli) depth: Option<usize>,
    /// Every machine and each of its links by itself, however many there are
    #[arg(long)]
    pub(in crate::cli) full: bool,
    /// DOT is for Graphviz, SVG for a browser
    #[arg(long, value_enum, default_value_t = Format::Dot)]
    pub(in crate::cli) format: Format,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(in crate::cli) enum Format {
    Dot,
    Svg,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct PlanArguments {
    #[command(flatten)]
    pub(in crate::cli) site: SiteArgument,
    /// Plan without a daemon, against an observation saved as JSON, or against another site as if it were applied
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) against: Option<PathBuf>,
    /// The controller to plan for, with --against; default: the host's name, or the only controller
    #[arg(long, value_name = "NAME", requires = "against")]
    pub(in crate::cli) controller: Option<HostName>,
    #[command(flatten)]
    pub(in crate::cli) choice: Choice,
    /// Save the plan, for `bedplate apply FILE`
    #[arg(long, value_name = "FILE", conflicts_with = "against")]
    pub(in crate::cli) out: Option<PathBuf>,
    /// Exit with 2 where there are changes
    #[arg(long)]
    pub(in crate::cli) exit_code: bool,
    /// List every step, and what others made
    #[arg(long)]
    pub(in crate::cli) full: bool,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct ApplyArguments {
    /// A .kdl file, a folder with site.kdl, or a plan saved with `plan --out`
    #[arg(value_name = "SITE or PLAN", default_value = ".")]
    pub(in crate::cli) target: PathBuf,
    #[command(flatten)]
    pub(in crate::cli) choice: Choice,
    #[command(flatten)]
    pub(in crate::cli) terms: Terms,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct AdoptArguments {
    /// A .kdl file or a folder with site.kdl; then keys as plans print them, or patterns over keys (`*`, `**`)
    #[arg(value_name = "[SITE] KEY")]
    what: Vec<String>,
    /// Write nothing; only show the change
    #[arg(long, visible_alias = "diff")]
    pub(in crate::cli) dry_run: bool,
    /// Do not ask
    #[arg(long)]
    pub(in crate::cli) yes: bool,
}

impl AdoptArguments {
    /// The site and the keys: each key begins with the word of a controller, or is a pattern.
    pub(in crate::cli) fn split(&self) -> (&Path, &[String]) {
        let is_key = |text: &str| is_pattern(text) || text.starts_with("controller/");
        match self.what.split_first() {
            Some((site, keys)) if !is_key(site) => (Path::new(site), keys),
            Some(_) | None => (Path::new("."), &self.what),
        }
    }
}

/// Which changes to make.
#[derive(Debug, Args)]
pub(in crate::cli) struct Choice {
    /// Make only the changes to this thing and what it needs; a key, or a pattern over keys (`*`, `**`). May be repeated
    #[arg(long, value_name = "KEY")]
    pub(in crate::cli) only: Vec<String>,
    /// Leave out the changes to this thing and what needs it; a key or a pattern. May be repeated
    #[arg(long, value_name = "KEY")]
    pub(in crate::cli) except: Vec<String>,
}

impl Choice {
    pub(in crate::cli) fn selection(&self) -> Selection {
        Selection {
            only: self.only.clone(),
            except: self.except.clone(),
        }
    }
}

/// How a plan is shown, agreed to and run.
#[derive(Debug, Args)]
pub(in crate::cli) struct Terms {
    /// Hazards to go ahead with
    #[arg(long, value_name = "HAZARD,…", value_delimiter = ',')]
    pub(in crate::cli) allow: Vec<HazardKind>,
    /// Go back by itself unless `bedplate confirm` comes within this time: 10s to 1d, such as 2m
    #[arg(long, value_name = "TIME", value_parser = within)]
    pub(in crate::cli) confirm_within: Option<Seconds>,
    /// Do not ask
    #[arg(long)]
    pub(in crate::cli) yes: bool,
    /// List every step, and what others made
    #[arg(long)]
    pub(in crate::cli) full: bool,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct RollbackArguments {
    /// The number of an apply in `bedplate history`, whose state to go back to
    #[arg(value_name = "N", value_parser = number)]
    pub(in crate::cli) number: Option<u64>,
    #[command(flatten)]
    pub(in crate::cli) terms: Terms,
}

fn number(text: &str) -> Result<u64, String> {
    let number = text.parse();
    number.map_err(|_| "not a number as `bedplate history` lists them".to_owned())
}

fn within(text: &str) -> Result<Seconds, String> {
    let time: Seconds = text
        .parse()
        .map_err(|error: DurationError| error.to_string())?;
    if WITHIN.contains(&time) {
        return Ok(time);
    }
    let (least, most) = (WITHIN.start(), WITHIN.end());
    Err(format!("it may be {least} to {most}"))
}

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(in crate::cli) struct LeasesArguments {
    #[command(subcommand)]
    pub(in crate::cli) deed: Option<LeasesDeed>,
    /// Only clients of this VLAN: NAME or FABRIC/NAME
    #[arg(long, value_name = "VLAN", value_parser = plain)]
    pub(in crate::cli) vlan: Option<String>,
    /// Only addresses of this prefix
    #[arg(long, value_name = "PREFIX")]
    pub(in crate::cli) subnet: Option<Prefix>,
    /// Only the client with this hardware address
    #[arg(long, value_name = "MAC", value_parser = MacAddr::loosely)]
    pub(in crate::cli) mac: Option<MacAddr>,
    /// Only clients of this name in DNS, with or without its domain; a pattern (`*`)
    #[arg(long, value_name = "NAME", value_parser = plain)]
    pub(in crate::cli) name: Option<String>,
    /// Only those in this state, others than usual among them: active, declined (in quarantine), offered, idle (over, remembered for its
    /// client while nobody else takes the address), all
    #[arg(long, value_name = "STATE", value_parser = state(), hide_possible_values = true)]
    pub(in crate::cli) state: Option<StateFilter>,
}

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum LeasesDeed {
    /// End a lease or a quarantine at once: the address is free, its name gone. A client that still uses it is not told, and may get it again
    Release {
        /// An address that `bedplate leases` lists
        address: Ipv4Addr,
    },
}

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(in crate::cli) struct IpArguments {
    #[command(subcommand)]
    pub(in crate::cli) deed: Option<IpDeed>,
    /// A subnet, whose addresses are listed; an address or a MAC, of which all is told; without it, all subnets are listed
    #[arg(value_name = "SUBNET|ADDRESS|MAC")]
    pub(in crate::cli) what: Option<IpWhat>,
}

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum IpDeed {
    /// Tell the next free address of a subnet: what `lock` would give, less what somebody has all the same; exit with 1 where it is full
    Next {
        /// A subnet of the site, as 10.0.0.0/24
        subnet: Prefix,
    },
    /// Free addresses that are kept for nobody's good: of leases that are over and kept for their clients, of quarantines where nobody
    /// answers any more, of leases where the site has no such place any more; a client that still uses one of the last goes on until it renews.
    /// Shows them and asks
    Reclaim {
        /// Only addresses of this subnet
        subnet: Option<Prefix>,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
}

/// Reads a state by its word; a shell completes the words.
fn state() -> impl TypedValueParser<Value = StateFilter> {
    let words = StateFilter::WORDS.map(|(word, _)| word);
    PossibleValuesParser::new(words).try_map(|word| word.parse::<StateFilter>())
}

/// A name or a pattern of names.
fn plain(text: &str) -> Result<String, String> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./*?".contains(c);
    if !text.is_empty() && text.chars().all(is_plain) {
        return Ok(text.to_owned());
    }
    Err("letters, digits and - _ . / make a name, with * and ? a pattern".to_owned())
}

/// A time of a second at least, or none for `off`.
#[derive(Debug, Clone, Copy)]
pub(in crate::cli) struct Interval(pub(in crate::cli) Option<Duration>);

impl FromStr for Interval {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "off" {
            return Ok(Self(None));
        }
        match text.parse() {
            Ok(Seconds(0)) => Err("the least is 1s; `off` for never".to_owned()),
            Ok(Seconds(seconds)) => Ok(Self(Some(Duration::from_secs(seconds.into())))),
            Err(error) => Err(error.to_string()),
        }
    }
}

#[derive(Debug, Args)]
pub(in crate::cli) struct ServeArguments {
    /// The controller of the site that this host is; default: the host's name
    #[arg(long, value_name = "NAME")]
    pub(in crate::cli) controller: Option<HostName>,
    /// Folder for leases, ownership, the applied site and boot files
    #[arg(long, value_name = "DIR", default_value = "/var/lib/bedplate")]
    pub(in crate::cli) state: PathBuf,
    /// Put back at once what others change of what is applied; without it, that is only told
    #[arg(long)]
    pub(in crate::cli) enforce: bool,
    /// Ask each BMC so often whether it answers and lets us in, for `status`: `5m`, or `off`
    #[arg(long, value_name = "D", default_value = "5m")]
    pub(in crate::cli) poll_bmcs: Interval,
    /// End when the process that started the daemon ends, however it ends
    #[arg(long, hide = true)]
    pub(in crate::cli) with_parent: bool,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct DemoArguments {
    /// Write what crosses the machines' wires to a pcap file
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) capture: Option<PathBuf>,
}
