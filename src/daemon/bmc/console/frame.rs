//! What passes between the daemon and whoever sits at a console: a byte that says what it is, two of length, and so many of content.

use std::io::{self, ErrorKind};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

use crate::base::name::HostName;
use crate::diag::fault::Fault;

/// What a connection is switched to that carries frames.
pub const PROTOCOL: &str = "bedplate-console";

/// Text of one frame.
const LONGEST: usize = 4096;

const TEXT: u8 = 1;
const BREAK: u8 = 2;
const OPENED: u8 = 3;
const NOTICE: u8 = 4;
const ENDED: u8 = 5;

/// One thing that either side says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConsoleFrame {
    /// What is typed, or what the machine shows.
    Text(Vec<u8>),
    /// To the machine: what systems take for an urgent matter.
    Break,
    /// First of all from the daemon.
    Opened(ConsoleOpened),
    /// Something that who sits there should know.
    Notice(String),
    /// Last of all from the daemon, where it was not asked to end.
    Ended(Fault),
}

/// A console that was opened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConsoleOpened {
    pub machine: HostName,
    /// Where its BMC is.
    pub bmc: String,
    /// The number of its recording, where it is recorded.
    #[serde(default)]
    pub recording: Option<u64>,
}

impl ConsoleFrame {
    /// The next one; none at the end.
    ///
    /// # Errors
    /// Where the connection breaks off within one, or what comes is none.
    pub async fn read(from: &mut (impl AsyncRead + Unpin)) -> io::Result<Option<Self>> {
        let mut kind = [0];
        if from.read(&mut kind).await? == 0 {
            return Ok(None);
        }
        let [kind] = kind;
        let length = usize::from(from.read_u16().await?);
        let mut content = vec![0; length];
        from.read_exact(&mut content).await?;
        Ok(Some(match kind {
            TEXT => Self::Text(content),
            BREAK => Self::Break,
            OPENED => Self::Opened(read(&content)?),
            NOTICE => Self::Notice(read(&content)?),
            ENDED => Self::Ended(read(&content)?),
            _ => return Err(ErrorKind::InvalidData.into()),
        }))
    }

    /// Says it; longer text in several.
    ///
    /// # Errors
    /// Where the other side is gone.
    pub async fn write(&self, to: &mut (impl AsyncWrite + Unpin)) -> io::Result<()> {
        match self {
            Self::Text(text) => {
                for piece in text.chunks(LONGEST) {
                    write(to, TEXT, piece).await?;
                }
            }
            Self::Break => write(to, BREAK, &[]).await?,
            Self::Opened(opened) => write(to, OPENED, &serde_json::to_vec(opened)?).await?,
            Self::Notice(notice) => write(to, NOTICE, &serde_json::to_vec(notice)?).await?,
            Self::Ended(fault) => write(to, ENDED, &serde_json::to_vec(fault)?).await?,
        }
        to.flush().await
    }
}

fn read<T: DeserializeOwned>(content: &[u8]) -> io::Result<T> {
    serde_json::from_slice(content).map_err(Into::into)
}

async fn write(to: &mut (impl AsyncWrite + Unpin), kind: u8, content: &[u8]) -> io::Result<()> {
    let length = u16::try_from(content.len()).map_err(|_| ErrorKind::InvalidInput)?;
    let mut frame = vec![kind];
    frame.extend(length.to_be_bytes());
    frame.extend(content);
    to.write_all(&frame).await
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::diag::code::Code;

    fn block_on<T>(future: impl Future<Output = T>) -> T {
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        runtime.unwrap().block_on(future)
    }

    async fn all(mut bytes: &[u8]) -> io::Result<Vec<ConsoleFrame>> {
        let mut frames = Vec::new();
        while let Some(frame) = ConsoleFrame::read(&mut bytes).await? {
            frames.push(frame);
        }
        Ok(frames)
    }

    #[test]
    fn frames_come_as_they_were_sent() {
        let opened = ConsoleOpened {
            machine: "node-01".parse().unwrap(),
            bmc: "192.0.2.1".to_owned(),
            recording: Some(7),
        };
        let frames = [
            ConsoleFrame::Opened(opened),
            ConsoleFrame::Text(b"\x1b[2Jlogin: ".to_vec()),
            ConsoleFrame::Break,
            ConsoleFrame::Notice("recorded no longer".to_owned()),
            ConsoleFrame::Ended(Fault::new(Code::ConsoleInUse, "taken")),
        ];
        block_on(async {
            let mut bytes = Vec::new();
            for frame in &frames {
                frame.write(&mut bytes).await.unwrap();
            }
            assert_eq!(all(&bytes).await.unwrap(), frames);
            let cut = bytes.len() - 1;
            assert!(all(&bytes[..cut]).await.is_err());
            assert!(all(&[9, 0, 0]).await.is_err(), "there is no such frame");
            let mut long = Vec::new();
            let text = ConsoleFrame::Text(vec![b'x'; 2 * LONGEST + 1]);
            text.write(&mut long).await.unwrap();
            assert_eq!(all(&long).await.unwrap().len(), 3);
        });
    }

    proptest! {
        #[test]
        fn random_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = block_on(all(&bytes));
        }
    }
}
