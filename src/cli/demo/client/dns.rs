//! DNS as a machine asks it: its own name by its address, and back (RFC 1035).

use std::io;
use std::net::{Ipv4Addr, UdpSocket};

use hickory_proto::ProtoError;
use hickory_proto::op::{Message, Query, ResponseCode};
use hickory_proto::rr::{Name, RData, RecordType};
use hickory_proto::serialize::binary::DecodeError;

use super::waits;

const PORT: u16 = 53;

/// Why a question has no answer.
#[derive(Debug, thiserror::Error)]
pub(in crate::cli::demo) enum DnsError {
    #[error("cannot ask {server} for {name}")]
    Socket {
        server: Ipv4Addr,
        name: Name,
        #[source]
        source: io::Error,
    },
    #[error("cannot write a DNS query")]
    Encode(#[from] ProtoError),
    #[error("the DNS server's answer about {name} cannot be read")]
    Decode {
        name: Name,
        #[source]
        source: DecodeError,
    },
    #[error("{server} did not answer about {name}")]
    Silent { server: Ipv4Addr, name: Name },
    #[error("there is no {kind} record for {name} ({code})")]
    Nothing {
        name: Name,
        kind: RecordType,
        code: ResponseCode,
    },
}

/// The name of `address`.
pub(in crate::cli::demo) fn name_of(server: Ipv4Addr, address: Ipv4Addr) -> Result<Name, DnsError> {
    let is_name = |data: &RData| {
        if let RData::PTR(pointer) = data {
            Some(pointer.0.clone())
        } else {
            None
        }
    };
    ask(server, &Name::from(address), RecordType::PTR, is_name)
}

/// The address of `name`.
pub(in crate::cli::demo) fn address_of(
    server: Ipv4Addr,
    name: &Name,
) -> Result<Ipv4Addr, DnsError> {
    let is_address = |data: &RData| {
        if let RData::A(address) = data {
            Some(address.0)
        } else {
            None
        }
    };
    ask(server, name, RecordType::A, is_address)
}

/// The first answer to a question that `wanted` takes.
fn ask<T>(
    server: Ipv4Addr,
    name: &Name,
    kind: RecordType,
    wanted: impl Fn(&RData) -> Option<T>,
) -> Result<T, DnsError> {
    let mut query = Message::query();
    query.metadata.recursion_desired = true;
    query.add_query(Query::query(name.clone(), kind));
    let answer = exchange(server, &query, name)?;
    answer
        .answers
        .iter()
        .find_map(|record| wanted(&record.data))
        .ok_or_else(|| DnsError::Nothing {
            name: name.clone(),
            kind,
            code: answer.metadata.response_code,
        })
}

fn exchange(server: Ipv4Addr, query: &Message, name: &Name) -> Result<Message, DnsError> {
    let broken = |source| DnsError::Socket {
        server,
        name: name.clone(),
        source,
    };
    let bytes = query.to_vec()?;
    // A connected socket takes answers from the server only.
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).map_err(broken)?;
    socket.connect((server, PORT)).map_err(broken)?;
    let mut buffer = [0; 4096];
    for wait in waits() {
        socket.set_read_timeout(Some(wait)).map_err(broken)?;
        socket.send(&bytes).map_err(broken)?;
        let Ok(length) = socket.recv(&mut buffer) else {
            continue;
        };
        let answer = Message::from_vec(buffer.get(..length).unwrap_or_default());
        let answer = answer.map_err(|source| DnsError::Decode {
            name: name.clone(),
            source,
        })?;
        if answer.metadata.id == query.metadata.id {
            return Ok(answer);
        }
    }
    Err(DnsError::Silent {
        server,
        name: name.clone(),
    })
}
