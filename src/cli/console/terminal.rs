//! The terminal at which a person sits: its keys as they are typed, while this lasts; and threads that wait for it, so that nothing else
//! has to.

use std::io::{self, ErrorKind, IsTerminal as _, Read as _, Stdin, Write as _, stdin, stdout};
use std::os::fd::AsFd;
use std::thread;

use nix::sys::termios::{SetArg, Termios, cfmakeraw, tcgetattr, tcsetattr};
use tokio::sync::{mpsc, oneshot};

/// How many pieces wait at most, either way.
const WAITING: usize = 16;

/// A terminal that hands on every key at once and shows none by itself. As it was before once this is dropped, also by a panic.
pub(super) struct Raw<T: AsFd = Stdin> {
    terminal: T,
    before: Termios,
}

impl Raw {
    /// None where standard input is no terminal.
    pub(super) fn begin() -> io::Result<Option<Self>> {
        match stdin().is_terminal() {
            true => Self::of(stdin()).map(Some),
            false => Ok(None),
        }
    }
}

impl<T: AsFd> Raw<T> {
    fn of(terminal: T) -> io::Result<Self> {
        let before = tcgetattr(&terminal)?;
        let mut raw = before.clone();
        cfmakeraw(&mut raw);
        tcsetattr(&terminal, SetArg::TCSADRAIN, &raw)?;
        Ok(Self { terminal, before })
    }
}

impl<T: AsFd> Drop for Raw<T> {
    fn drop(&mut self) {
        // A terminal that is gone needs nothing.
        let _gone = tcsetattr(&self.terminal, SetArg::TCSANOW, &self.before);
    }
}

/// What is typed, or comes by a pipe; ends with it. Its thread ends with the process at the latest.
pub(super) fn typed() -> mpsc::Receiver<Vec<u8>> {
    let (tell, told) = mpsc::channel(WAITING);
    thread::spawn(move || {
        let mut buffer = [0; 1024];
        loop {
            match stdin().lock().read(&mut buffer) {
                Ok(0) => return,
                Ok(length) => {
                    let read = buffer.get(..length).unwrap_or_default().to_vec();
                    if tell.blocking_send(read).is_err() {
                        return;
                    }
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return,
            }
        }
    });
    told
}

/// Standard output: what is to be shown goes there. The second part tells the end, and why, where it cannot be written.
pub(super) fn shown() -> (mpsc::Sender<Vec<u8>>, oneshot::Receiver<io::Result<()>>) {
    let (show, mut showing) = mpsc::channel::<Vec<u8>>(WAITING);
    let (tell, ended) = oneshot::channel();
    thread::spawn(move || {
        let mut written = Ok(());
        while let Some(text) = showing.blocking_recv() {
            written = stdout().write_all(&text).and_then(|()| stdout().flush());
            if written.is_err() {
                break;
            }
        }
        // Nobody may be waiting any more.
        let _gone = tell.send(written);
    });
    (show, ended)
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use nix::pty::openpty;

    use super::*;

    #[test]
    fn a_panic_leaves_the_terminal_as_it_was() {
        let terminal = openpty(None, None).unwrap();
        let is_as = |before: &Termios| tcgetattr(&terminal.slave).unwrap() == *before;
        let before = tcgetattr(&terminal.slave).unwrap();
        let ended = catch_unwind(AssertUnwindSafe(|| {
            let _raw = Raw::of(&terminal.slave).unwrap();
            assert!(!is_as(&before));
            panic!("of a fault of ours");
        }));
        assert!(ended.is_err() && is_as(&before));
    }
}
