//! A secret that a program tells on its standard output. What it says elsewhere is thrown away, since that may hold the secret too.

use std::io;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::io::AsyncReadExt as _;
use tokio::sync::Semaphore;
use tokio::time::timeout;
use zeroize::Zeroizing;

use super::ROOM;
use crate::base::program::ProgramLine;
use crate::world::program::{self, Running, Unguarded};

/// How long a program may take.
const WITHIN: Duration = Duration::from_secs(10);

/// Programs that run at once: thousands of BMCs may each have their own.
static AT_ONCE: Semaphore = Semaphore::const_new(8);

/// Why a program told no secret. Nothing that it said is part of it.
#[derive(Debug, thiserror::Error)]
pub enum ProgramError {
    #[error(transparent)]
    Unguarded(#[from] Unguarded),
    #[error("it cannot be run: {0}")]
    Start(#[source] io::Error),
    #[error("what it tells cannot be read: {0}")]
    Read(#[source] io::Error),
    #[error("{0}; what it says of that is not shown, since it may hold the secret: run it by hand")]
    Status(ExitStatus),
    #[error("it was killed after {}s", .0.as_secs())]
    Time(Duration),
}

/// What the program tells, with a little more than a secret may have.
pub(super) async fn told(line: &ProgramLine) -> Result<Zeroizing<Vec<u8>>, ProgramError> {
    told_within(line, WITHIN).await
}

async fn told_within(
    line: &ProgramLine,
    within: Duration,
) -> Result<Zeroizing<Vec<u8>>, ProgramError> {
    program::guarded(line.program()).await?;
    // It is never closed; and were it, the program would run all the same.
    let _slot = AT_ONCE.acquire().await;
    let mut command = program::command(line.program(), line.arguments());
    command.stdout(Stdio::piped());
    let mut running = Running::start(&mut command).map_err(ProgramError::Start)?;
    let output = running.child.stdout.take();
    let work = async {
        // Room for all of it at once: a vector that grows leaves copies behind.
        let mut secret = Zeroizing::new(Vec::with_capacity(ROOM));
        if let Some(output) = output {
            let mut output = output.take(ROOM as u64);
            let read = output.read_to_end(&mut secret).await;
            read.map_err(ProgramError::Read)?;
        }
        // One that tells more than fits is not waited for: it may never end.
        if secret.len() < ROOM {
            let status = running.ended().await.map_err(ProgramError::Read)?;
            if !status.success() {
                return Err(ProgramError::Status(status));
            }
        }
        Ok(secret)
    };
    timeout(within, work)
        .await
        .unwrap_or(Err(ProgramError::Time(within)))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt as _, chown, symlink};
    use std::path::{Path, PathBuf};

    use super::*;

    /// A program that a shell runs, in a folder that nobody else can change.
    fn script(folder: &Path, name: &str, text: &str) -> PathBuf {
        let path = folder.join(name);
        fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
        mode(&path, 0o755);
        path
    }

    fn mode(path: &Path, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    /// What is told, or why nothing is.
    async fn said(line: &str, within: Duration) -> String {
        match told_within(&line.parse().unwrap(), within).await {
            Ok(secret) => String::from_utf8_lossy(&secret).into_owned(),
            Err(error) => error.to_string(),
        }
    }

    #[tokio::test]
    async fn programs_tell_what_they_print_and_nothing_else_is_told_of_them() {
        let folder = tempfile::tempdir().unwrap();
        let hidden =
            "; what it says of that is not shown, since it may hold the secret: run it by hand";
        for (name, text, arguments, expected) in [
            (
                "plain",
                "echo hunter2; echo why >&2",
                "",
                "hunter2\n".to_owned(),
            ),
            (
                "words",
                "printf '%s.' \"$@\"",
                " show  bmc/a#b *",
                "show.bmc/a#b.*.".to_owned(),
            ),
            ("none", "exit 0", "", String::new()),
            (
                "fails",
                "echo hunter2; echo hunter2 >&2; exit 3",
                "",
                format!("exit status: 3{hidden}"),
            ),
            (
                "dies",
                "kill -9 $$",
                "",
                format!("signal: 9 (SIGKILL){hidden}"),
            ),
            (
                "much",
                "exec yes",
                "",
                "y\n".repeat(ROOM / 2 + 1)[..ROOM].to_owned(),
            ),
            // Neither the daemon's variables nor what it reads is there.
            (
                "bare",
                "cat; env | grep -v -e ^PWD= -e ^_= -e ^SHLVL= -e ^OLDPWD=",
                "",
                format!("PATH={}\n", program::PATH),
            ),
        ] {
            let path = script(folder.path(), name, text);
            let line = format!("{}{arguments}", path.display());
            assert_eq!(
                said(&line, Duration::from_secs(60)).await,
                expected,
                "{name}"
            );
        }
        let nowhere = said("/nowhere/at/all", WITHIN).await;
        assert!(
            nowhere.starts_with("there is no /nowhere/at/all: "),
            "{nowhere}"
        );
        let path = folder.path().join("data");
        fs::write(&path, "#!/bin/sh\n").unwrap();
        let refused = said(path.to_str().unwrap(), WITHIN).await;
        assert!(
            refused.starts_with("it cannot be run: Permission denied"),
            "{refused}"
        );
    }

    /// At the end of its time it is killed with what it began, whoever holds its output open.
    #[tokio::test]
    async fn one_that_hangs_is_killed_with_its_group() {
        let folder = tempfile::tempdir().unwrap();
        let began = folder.path().join("began");
        let text = format!("sleep 600 & echo $! > {}\necho hunter2", began.display());
        let path = script(folder.path(), "hangs", &text);
        let said = said(path.to_str().unwrap(), Duration::from_secs(2)).await;
        assert_eq!(said, "it was killed after 2s");
        let child = fs::read_to_string(began).unwrap();
        let state = format!("/proc/{}/stat", child.trim());
        // Killed; until whoever inherits it has looked it is a zombie.
        while let Ok(stat) = fs::read_to_string(&state)
            && !stat.contains(") Z ")
        {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn what_others_can_change_is_not_run() {
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join("inner");
        fs::create_dir(&inner).unwrap();
        mode(&inner, 0o755);
        let path = script(&inner, "tells", "echo hunter2");
        let link = folder.path().join("link");
        symlink(&path, &link).unwrap();
        let refused = |what: &Path| {
            let what = what.display();
            format!(
                "others than root and the daemon can change {what}, so that it is not run: chmod go-w {what}"
            )
        };
        let check = async |expected: &str| {
            for line in [&path, &link] {
                assert_eq!(
                    said(line.to_str().unwrap(), WITHIN).await,
                    expected,
                    "{line:?}"
                );
            }
        };
        check("hunter2\n").await;
        for (changed, open, shut) in [
            (&path, 0o775, 0o755),
            (&path, 0o757, 0o755),
            (&inner, 0o777, 0o755),
        ] {
            mode(changed, open);
            check(&refused(changed)).await;
            mode(changed, shut);
        }
        mode(&inner, 0o1777);
        check("hunter2\n").await;
        chown(&path, Some(12345), None).unwrap();
        let what = path.display();
        let foreign = format!(
            "{what} is neither root's nor the daemon's, so that it is not run: chown root {what}"
        );
        check(&foreign).await;
    }
}
