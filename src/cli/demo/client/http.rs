//! HTTP as UEFI boot speaks it: one GET of a URL whose host is an address (UEFI 2.10 24.7).

use std::io::{self, Read, Write};
use std::net::{AddrParseError, SocketAddr, TcpStream};

use super::{FILE_BYTES, PATIENCE};

const PORT: u16 = 80;

/// Why a file did not come.
#[derive(Debug, thiserror::Error)]
pub(in crate::cli::demo) enum HttpError {
    #[error("`{url}` is no URL that this client can fetch")]
    Url { url: String },
    #[error("`{host}` in the URL is no address")]
    Host {
        host: String,
        #[source]
        source: AddrParseError,
    },
    #[error("cannot fetch {url}")]
    Connection {
        url: String,
        #[source]
        source: io::Error,
    },
    #[error("the HTTP server answered `{status}` to GET {url}")]
    Status { url: String, status: String },
    #[error("the HTTP server's answer to GET {url} is cut short")]
    Short { url: String },
}

/// The content and the path of `url`.
pub(in crate::cli::demo) fn fetch(url: &str) -> Result<(Vec<u8>, String), HttpError> {
    let (server, path) = split(url)?;
    let broken = |source| HttpError::Connection {
        url: url.to_owned(),
        source,
    };
    let answer = get(server, path).map_err(broken)?;
    let content = body(&answer, url)?;
    Ok((content.to_vec(), path.trim_start_matches('/').to_owned()))
}

fn split(url: &str) -> Result<(SocketAddr, &str), HttpError> {
    let fault = || HttpError::Url {
        url: url.to_owned(),
    };
    let rest = url.strip_prefix("http://").ok_or_else(fault)?;
    let slash = rest.find('/').ok_or_else(fault)?;
    let (host, path) = rest.split_at_checked(slash).ok_or_else(fault)?;
    let whole = if host.contains(':') {
        host.to_owned()
    } else {
        format!("{host}:{PORT}")
    };
    let server = whole.parse().map_err(|source| HttpError::Host {
        host: host.to_owned(),
        source,
    })?;
    Ok((server, path))
}

fn get(server: SocketAddr, path: &str) -> io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect_timeout(&server, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let host = server.ip();
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: UefiHttpBoot/1.0\r\nConnection: close\r\n\r\n"
    )?;
    let mut answer = Vec::new();
    stream.take(FILE_BYTES as u64).read_to_end(&mut answer)?;
    Ok(answer)
}

/// The body of an answer that came whole: its length is what the header says.
fn body<'a>(answer: &'a [u8], url: &str) -> Result<&'a [u8], HttpError> {
    let short = || HttpError::Short {
        url: url.to_owned(),
    };
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n");
    let (head, rest) = end
        .and_then(|end| answer.split_at_checked(end))
        .ok_or_else(short)?;
    let content = rest.get(4..).ok_or_else(short)?;
    let head = String::from_utf8_lossy(head);
    let mut lines = head.split("\r\n");
    let status = lines.next().unwrap_or_default();
    if status.split(' ').nth(1) != Some("200") {
        return Err(HttpError::Status {
            url: url.to_owned(),
            status: status.to_owned(),
        });
    }
    let length = lines
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .and_then(|(_, value)| value.trim().parse().ok());
    if length == Some(content.len()) {
        Ok(content)
    } else {
        Err(short())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splits_urls_with_and_without_port() {
        let (server, path) = split("http://10.0.0.1/boot/x.efi").unwrap();
        assert_eq!(
            (server.to_string().as_str(), path),
            ("10.0.0.1:80", "/boot/x.efi")
        );
        let (server, _) = split("http://10.0.0.1:8080/x").unwrap();
        assert_eq!(server.port(), 8080);
        for url in ["https://10.0.0.1/x", "http://10.0.0.1", "http://host/x", ""] {
            assert!(split(url).is_err(), "{url}");
        }
    }

    #[test]
    fn takes_only_whole_good_answers() {
        let good = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi";
        assert_eq!(body(good, "u").unwrap(), b"hi");
        let bad: [&[u8]; 4] = [
            b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nhi",
            b"HTTP/1.1 200 OK\r\n\r\nhi",
            b"HTTP/1.1 200 OK\r\n",
        ];
        for answer in bad {
            assert!(body(answer, "u").is_err(), "{}", answer.escape_ascii());
        }
    }
}
