//! The sandbox: a network namespace of our own, in a user namespace where the user is not root. Must be made before any thread.

use std::fs;
use std::io;

use nix::errno::Errno;
use nix::sched::{CloneFlags, unshare};
use nix::unistd::{Gid, Uid, getegid, geteuid};

/// Why there is no sandbox.
#[derive(Debug, thiserror::Error)]
pub(super) enum SandboxError {
    #[error("cannot make a network namespace")]
    Network(#[source] Errno),
    #[error("cannot make a user namespace, which takes the place of root")]
    User(#[source] Errno),
    #[error("cannot become root in the user namespace: writing {path} failed")]
    Map {
        path: &'static str,
        #[source]
        source: io::Error,
    },
}

/// How the sandbox was entered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Entered {
    AsRoot,
    /// Through a user namespace, in which this user plays root.
    AsUser,
}

/// A setting of the kernel that may forbid user namespaces.
struct Setting {
    path: &'static str,
    /// The value that forbids.
    forbids: &'static str,
    remedy: &'static str,
}

const SETTINGS: [Setting; 3] = [
    Setting {
        path: "/proc/sys/user/max_user_namespaces",
        forbids: "0",
        remedy: "sysctl -w user.max_user_namespaces=1024",
    },
    // Debian's kernels have it.
    Setting {
        path: "/proc/sys/kernel/unprivileged_userns_clone",
        forbids: "0",
        remedy: "sysctl -w kernel.unprivileged_userns_clone=1",
    },
    // Ubuntu's kernels have it, since 23.10.
    Setting {
        path: "/proc/sys/kernel/apparmor_restrict_unprivileged_userns",
        forbids: "1",
        remedy: "sysctl -w kernel.apparmor_restrict_unprivileged_userns=0",
    },
];

/// Leaves the host's network for a new, empty one. There is no way back, so nothing later can touch the host's.
///
/// # Errors
/// [`SandboxError`]; [`remedy`] says what to do about it.
pub(super) fn enter() -> Result<Entered, SandboxError> {
    match unshare(CloneFlags::CLONE_NEWNET) {
        Ok(()) => return Ok(Entered::AsRoot),
        Err(Errno::EPERM) => {}
        Err(errno) => return Err(SandboxError::Network(errno)),
    }
    let (user, group) = (geteuid(), getegid());
    unshare(CloneFlags::CLONE_NEWUSER).map_err(SandboxError::User)?;
    become_root(user, group)?;
    unshare(CloneFlags::CLONE_NEWNET).map_err(SandboxError::Network)?;
    Ok(Entered::AsUser)
}

/// Maps the user to root in the new user namespace. A group may be mapped only once groups are given up (user_namespaces(7)).
fn become_root(user: Uid, group: Gid) -> Result<(), SandboxError> {
    let write = |path, text: String| {
        fs::write(path, text).map_err(|source| SandboxError::Map { path, source })
    };
    write("/proc/self/setgroups", "deny".to_owned())?;
    write("/proc/self/uid_map", format!("0 {user} 1"))?;
    write("/proc/self/gid_map", format!("0 {group} 1"))
}

/// What to do where there is no sandbox: names the setting that forbids it.
pub(super) fn remedy() -> String {
    remedy_for(|path| fs::read_to_string(path).ok())
}

fn remedy_for(read: impl Fn(&str) -> Option<String>) -> String {
    let forbids = |setting: &&Setting| {
        read(setting.path).is_some_and(|value| value.trim() == setting.forbids)
    };
    match SETTINGS.iter().find(forbids) {
        Some(Setting {
            path,
            forbids,
            remedy,
        }) => {
            format!("{path} is {forbids}, which forbids it: run `{remedy}` as root, or run the demo as root")
        }
        None => "no kernel setting forbids it, so a container's policy may (seccomp, missing capabilities): \
                 run the demo as root outside the container, or in a privileged one"
            .to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_remedy_names_the_setting_that_forbids() {
        let cases = [
            ("/proc/sys/user/max_user_namespaces", "0\n", true),
            ("/proc/sys/user/max_user_namespaces", "96364\n", false),
            ("/proc/sys/kernel/unprivileged_userns_clone", "0\n", true),
            ("/proc/sys/kernel/unprivileged_userns_clone", "1\n", false),
            (
                "/proc/sys/kernel/apparmor_restrict_unprivileged_userns",
                "1\n",
                true,
            ),
        ];
        for (path, value, is_named) in cases {
            let text = remedy_for(|asked| (asked == path).then(|| value.to_owned()));
            assert_eq!(text.contains(path), is_named, "{path} = {value}: {text}");
        }
    }
}
