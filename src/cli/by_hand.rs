//! Answers what a person is asked on the terminal where it is asked: Enter says that it is done.

use std::collections::BTreeSet;
use std::io::{BufRead as _, IsTerminal as _, stdin, stdout};

use tokio::sync::mpsc;

use super::client::Client;
use super::output::Output;
use crate::base::name::HostName;
use crate::daemon::{MachineSelection, PowerEvent};

/// Words that wait to be heard: nobody types faster than the daemon answers.
const LINES: usize = 16;

/// What becomes of those whom a person is asked about.
#[derive(Debug)]
pub(super) enum News {
    Asked(HostName),
    Over(HostName),
}

impl News {
    /// What an event says of them.
    pub(super) fn of(event: &PowerEvent) -> Option<Self> {
        match event {
            PowerEvent::Asked { machine, .. } => Some(Self::Asked(machine.clone())),
            PowerEvent::Done { machine, .. } | PowerEvent::Failed { machine, .. } => {
                Some(Self::Over(machine.clone()))
            }
            PowerEvent::Chosen { .. } | PowerEvent::Skipped(_) | PowerEvent::Waiting { .. } => None,
        }
    }
}

/// Whether there is a terminal on which it can be answered.
pub(super) fn is_answered_here(out: &Output) -> bool {
    !out.json && stdin().is_terminal() && stdout().is_terminal()
}

/// Hears the terminal while a person is asked about machines; never ends.
pub(super) async fn answers(
    mut news: mpsc::UnboundedReceiver<News>,
    client: &Client,
    out: &Output,
) {
    let mut asked = BTreeSet::new();
    // What is typed before anything is asked is for whoever comes next.
    while asked.is_empty() {
        match news.recv().await {
            Some(one) => take(&mut asked, one),
            None => return std::future::pending().await,
        }
    }
    let mut lines = lines();
    loop {
        tokio::select! {
            one = news.recv() => match one {
                Some(one) => take(&mut asked, one),
                None => return std::future::pending().await,
            },
            line = lines.recv() => match line {
                Some(line) => match meant(&asked, line.trim()) {
                    Ok(machine) => done(machine, client, out).await,
                    Err(help) => out.progress(&help),
                },
                // Nobody types there any more.
                None => return std::future::pending().await,
            },
        }
    }
}

fn take(asked: &mut BTreeSet<HostName>, news: News) {
    match news {
        News::Asked(machine) => drop(asked.insert(machine)),
        News::Over(machine) => drop(asked.remove(&machine)),
    }
}

async fn done(machine: HostName, client: &Client, out: &Output) {
    let which = MachineSelection {
        machines: vec![machine],
        ..MachineSelection::default()
    };
    if let Err(fault) = client.post::<Vec<HostName>>("power/done", &which).await {
        out.progress(&fault.to_string());
    }
}

/// The machine that a line says of that it is done.
fn meant(asked: &BTreeSet<HostName>, line: &str) -> Result<HostName, String> {
    let mut names = asked.iter();
    match (names.next(), names.next()) {
        (None, _) => Err("nobody waits for a person now".to_owned()),
        (Some(only), None) if line.is_empty() => Ok(only.clone()),
        (Some(_), _) => {
            let named = asked.iter().find(|name| name.as_str() == line);
            named.cloned().ok_or_else(|| {
                let names: Vec<_> = asked.iter().map(HostName::as_str).collect();
                format!("which of them is done? type its name: {}", names.join(", "))
            })
        }
    }
}

/// The lines of standard input. A thread of its own: one that waits for a key keeps no runtime from ending.
fn lines() -> mpsc::Receiver<String> {
    let (tell, told) = mpsc::channel(LINES);
    std::thread::spawn(move || {
        let mut lines = stdin().lock().lines().map_while(Result::ok);
        lines.all(|line| tell.blocking_send(line).is_ok())
    });
    told
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_means_one_machine_or_none() {
        let set = |names: &[&str]| names.iter().map(|name| name.parse().unwrap()).collect();
        for (asked, line, expected) in [
            (&["a"][..], "", Ok("a")),
            (&["a"], "a", Ok("a")),
            (&["a"], "yes", Err("type its name: a")),
            (&["a", "b"], "", Err("type its name: a, b")),
            (&["a", "b"], "b", Ok("b")),
            (&[], "", Err("nobody waits")),
        ] {
            let meant = meant(&set(asked), line);
            match (&meant, expected) {
                (Ok(machine), Ok(name)) => assert_eq!(machine.as_str(), name),
                (Err(help), Err(part)) => assert!(help.contains(part), "{help}"),
                (Ok(_), Err(_)) | (Err(_), Ok(_)) => panic!("{asked:?} {line:?}: {meant:?}"),
            }
        }
    }
}
