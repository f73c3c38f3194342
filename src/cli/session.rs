//! The SSH session by which whoever runs this command came, so that a plan can say "your session".

use std::fs;

use crate::state::ClientSession;

const VARIABLE: &str = "SSH_CONNECTION";

/// Generations of processes that are asked; a shell in a shell under sudo needs four.
const MOST_PARENTS: usize = 16;

/// The session that sshd told this process of, else one of its parents: sudo drops the variable on the way.
pub(super) fn own() -> Option<ClientSession> {
    if let Some(own) = std::env::var(VARIABLE)
        .ok()
        .and_then(|text| text.parse().ok())
    {
        return Some(own);
    }
    let mut process = std::os::unix::process::parent_id();
    for _ in 0..MOST_PARENTS {
        if let Some(told) = told_to(process) {
            return Some(told);
        }
        process = parent(process)?;
    }
    None
}

fn told_to(process: u32) -> Option<ClientSession> {
    let environment = fs::read(format!("/proc/{process}/environ")).ok()?;
    let mut variables = environment.split(|byte| *byte == 0);
    let value = variables.find_map(|variable| {
        let (name, value) = std::str::from_utf8(variable).ok()?.split_once('=')?;
        (name == VARIABLE).then_some(value)
    });
    value?.parse().ok()
}

fn parent(process: u32) -> Option<u32> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let parent = status.lines().find_map(|line| line.strip_prefix("PPid:"))?;
    parent.trim().parse().ok().filter(|parent| *parent > 1)
}
