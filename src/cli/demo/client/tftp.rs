//! TFTP as network boot firmware speaks it: read one file with larger blocks in windows (RFC 1350, 2347, 2348, 2349, 7440).

use std::io;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};

use super::{FILE_BYTES, waits};

const PORT: u16 = 69;

/// Octets in a block: with TFTP's, UDP's and IP's headers a full Ethernet frame.
const BLOCK: usize = 1468;

/// Blocks that the server may send before it waits.
const WINDOW: u16 = 4;

/// Datagrams of one transfer at most, so that a server that never ends is left.
const DATAGRAMS: usize = 4 * FILE_BYTES / BLOCK;

/// Why a file did not come.
#[derive(Debug, thiserror::Error)]
pub(in crate::cli::demo) enum TftpError {
    #[error("cannot ask for {file} by TFTP")]
    Socket {
        file: String,
        #[source]
        source: io::Error,
    },
    #[error("the TFTP server fell silent after {blocks} blocks of {file}")]
    Silent { file: String, blocks: usize },
    #[error("the TFTP server refused {file}: {message}")]
    Refused { file: String, message: String },
    #[error("the TFTP server does not accept the options that were asked for {file}")]
    Options { file: String },
    #[error("{file} does not end")]
    Endless { file: String },
    #[error("the TFTP server announced {announced} bytes of {file} and sent {sent}")]
    Size {
        file: String,
        announced: usize,
        sent: usize,
    },
}

/// Reads `file` whole.
pub(in crate::cli::demo) fn fetch(server: Ipv4Addr, file: &str) -> Result<Vec<u8>, TftpError> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0));
    let broken = |source| TftpError::Socket {
        file: file.to_owned(),
        source,
    };
    let socket = socket.map_err(broken)?;
    let mut transfer = Transfer {
        file: file.to_owned(),
        socket,
        server: SocketAddr::from((server, PORT)),
        last: request(file),
        content: Vec::new(),
        announced: None,
        blocks: 0,
        in_window: 0,
    };
    transfer.run()
}

struct Transfer {
    file: String,
    socket: UdpSocket,
    /// The server's port of this transfer once it has answered (RFC 1350 4).
    server: SocketAddr,
    /// What is sent again when the server falls silent.
    last: Vec<u8>,
    content: Vec<u8>,
    announced: Option<usize>,
    blocks: usize,
    in_window: u16,
}

/// What a datagram meant.
enum Progress {
    More,
    Ended,
}

impl Transfer {
    fn run(&mut self) -> Result<Vec<u8>, TftpError> {
        self.send()?;
        for _ in 0..DATAGRAMS {
            let datagram = self.receive()?;
            if let Progress::Ended = self.take(&datagram)? {
                let (sent, announced) = (self.content.len(), self.announced);
                return match announced.filter(|announced| *announced != sent) {
                    Some(announced) => Err(TftpError::Size {
                        file: self.file.clone(),
                        announced,
                        sent,
                    }),
                    None => Ok(std::mem::take(&mut self.content)),
                };
            }
        }
        Err(TftpError::Endless {
            file: self.file.clone(),
        })
    }

    fn send(&self) -> Result<(), TftpError> {
        let sent = self.socket.send_to(&self.last, self.server);
        sent.map(|_| ()).map_err(|source| self.broken(source))
    }

    fn broken(&self, source: io::Error) -> TftpError {
        TftpError::Socket {
            file: self.file.clone(),
            source,
        }
    }

    fn receive(&mut self) -> Result<Vec<u8>, TftpError> {
        let mut buffer = vec![0; BLOCK + 4];
        for wait in waits() {
            self.socket
                .set_read_timeout(Some(wait))
                .map_err(|source| self.broken(source))?;
            if let Ok((length, from)) = self.socket.recv_from(&mut buffer) {
                if from.ip() == self.server.ip() {
                    self.server = from;
                    buffer.truncate(length);
                    return Ok(buffer);
                }
            } else {
                self.send()?;
            }
        }
        Err(TftpError::Silent {
            file: self.file.clone(),
            blocks: self.blocks,
        })
    }

    fn take(&mut self, datagram: &[u8]) -> Result<Progress, TftpError> {
        match datagram {
            [0, 3, high, low, data @ ..] => self.block(u16::from_be_bytes([*high, *low]), data),
            [0, 6, options @ ..] => {
                self.announced = announced(options).ok_or_else(|| TftpError::Options {
                    file: self.file.clone(),
                })?;
                self.acknowledge()?;
                Ok(Progress::More)
            }
            [0, 5, _, _, message @ ..] => Err(TftpError::Refused {
                file: self.file.clone(),
                message: String::from_utf8_lossy(message)
                    .trim_end_matches('\0')
                    .to_owned(),
            }),
            _ => Ok(Progress::More),
        }
    }

    fn block(&mut self, number: u16, data: &[u8]) -> Result<Progress, TftpError> {
        // Blocks are counted modulo 65536; a block out of order makes the server begin again after the last good one.
        if usize::from(number) != (self.blocks + 1) % 0x1_0000 {
            self.acknowledge()?;
            return Ok(Progress::More);
        }
        self.content.extend_from_slice(data);
        self.blocks += 1;
        self.in_window += 1;
        let has_ended = data.len() < BLOCK;
        if has_ended || self.in_window == WINDOW {
            self.acknowledge()?;
        }
        Ok(if has_ended {
            Progress::Ended
        } else {
            Progress::More
        })
    }

    fn acknowledge(&mut self) -> Result<(), TftpError> {
        let [.., high, low] = self.blocks.to_be_bytes();
        self.last = vec![0, 4, high, low];
        self.in_window = 0;
        self.send()
    }
}

fn request(file: &str) -> Vec<u8> {
    let (block, window) = (BLOCK.to_string(), WINDOW.to_string());
    let words = [
        file,
        "octet",
        "tsize",
        "0",
        "blksize",
        &block,
        "windowsize",
        &window,
    ];
    let mut bytes = vec![0, 1];
    for word in words {
        bytes.extend_from_slice(word.as_bytes());
        bytes.push(0);
    }
    bytes
}

/// The size that an OACK announces, where the server took our block and window size; none at all where it did not.
fn announced(options: &[u8]) -> Option<Option<usize>> {
    let words: Vec<&str> = options
        .split(|byte| *byte == 0)
        .map(|word| str::from_utf8(word).unwrap_or_default())
        .collect();
    let value = |name: &str| {
        let pairs = words.chunks_exact(2);
        pairs
            .filter_map(|pair| {
                if let [key, value] = pair {
                    Some((key, value))
                } else {
                    None
                }
            })
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .and_then(|(_, value)| value.parse::<usize>().ok())
    };
    let is_ours = value("blksize") == Some(BLOCK) && value("windowsize") == Some(WINDOW.into());
    is_ours.then(|| value("tsize"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_servers_accept() {
        let cases: [(&[u8], Option<Option<usize>>); 4] = [
            (
                b"blksize\x001468\0tsize\x0070\0windowsize\x004\0",
                Some(Some(70)),
            ),
            (b"BLKSIZE\x001468\0windowsize\x004\0", Some(None)),
            (b"blksize\x00512\0windowsize\x004\0", None),
            (b"tsize\x0070\0", None),
        ];
        for (bytes, expected) in cases {
            assert_eq!(announced(bytes), expected, "{}", bytes.escape_ascii());
        }
    }

    #[test]
    fn fetches_in_windows_from_a_server() {
        let server = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let mut transfer = Transfer {
            file: "x".to_owned(),
            socket: UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap(),
            server: server.local_addr().unwrap(),
            last: request("x"),
            content: Vec::new(),
            announced: None,
            blocks: 0,
            in_window: 0,
        };
        let client = transfer.socket.local_addr().unwrap();
        let send = |bytes: Vec<u8>| server.send_to(&bytes, client).unwrap();
        send(b"\0\x06blksize\x001468\0windowsize\x004\0tsize\x001470\0".to_vec());
        send([vec![0, 3, 0, 1], vec![7; BLOCK]].concat());
        send(vec![0, 3, 0, 3, 9]);
        send(vec![0, 3, 0, 2, 8, 8]);
        let content = transfer.run().unwrap();
        assert_eq!(content, [vec![7; BLOCK], vec![8, 8]].concat());
        let sent: Vec<Vec<u8>> = (0..4)
            .map(|_| {
                let mut buffer = [0; 64];
                let length = server.recv(&mut buffer).unwrap();
                buffer[..length].to_vec()
            })
            .collect();
        let acknowledged = |block| vec![0, 4, 0, block];
        let expected = [
            request("x"),
            acknowledged(0),
            acknowledged(1),
            acknowledged(2),
        ];
        assert_eq!(sent, expected);
    }
}
