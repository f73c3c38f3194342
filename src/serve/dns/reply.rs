//! Replies as bytes: their skeleton, their bounds, and those that wait for others. Knows no names of ours.

use hickory_proto::op::{Edns, Message, MessageType, Metadata, OpCode, Query, ResponseCode};
use hickory_proto::rr::{Name, Record, RecordType};

/// How a question came, which bounds its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Transport {
    Datagram,
    Stream,
}

/// A question that waits for others to answer it.
#[derive(Debug)]
pub(super) struct Forwarded {
    reply: Message,
    /// What to ask, where it is not the client's own question: the name that an alias of ours stands for.
    beyond: Option<Query>,
    limit: u16,
}

/// What others said.
#[derive(Debug)]
pub(super) enum Found {
    Records(Vec<Record>),
    Absent {
        code: ResponseCode,
        authorities: Vec<Record>,
    },
    Nothing,
}

/// Largest datagram that we send or ask for: it fits every path without fragments (DNS Flag Day 2020).
const DATAGRAM_OCTETS: u16 = 1232;

/// Largest datagram for a client that says nothing (RFC 1035 4.2.1).
const PLAIN_OCTETS: u16 = 512;

/// Octets of a message's header.
pub(super) const HEADER_OCTETS: usize = 12;

impl Forwarded {
    pub(super) fn new(reply: Message, limit: u16) -> Self {
        Self {
            reply,
            beyond: None,
            limit,
        }
    }

    /// A reply that is answered as far as our zones go, up to an alias for `name`.
    pub(super) fn beyond(reply: Message, name: Name, kind: RecordType, limit: u16) -> Self {
        Self {
            reply,
            beyond: Some(Query::query(name, kind)),
            limit,
        }
    }

    /// The question to ask; none where the reply was made without one.
    pub(super) fn question(&self) -> Option<&Query> {
        self.beyond.as_ref().or_else(|| self.reply.queries.first())
    }

    /// The reply for the client, now that others have spoken.
    pub(super) fn finish(mut self, found: Found) -> Vec<u8> {
        match found {
            Found::Records(records) => self.reply.answers.extend(records),
            Found::Absent { code, authorities } => {
                self.reply.metadata.response_code = code;
                self.reply.authorities = authorities;
            }
            Found::Nothing => self.reply.metadata.response_code = ResponseCode::ServFail,
        }
        bytes_of(&self.reply, self.limit)
    }
}

/// A reply without answers yet: the question as it was spelt, and EDNS where it was used.
pub(super) fn reply_to(request: Message, recursion: bool) -> Message {
    let mut reply = Message::new(request.metadata.id, MessageType::Response, OpCode::Query);
    reply.metadata = Metadata::response_from_request(&request.metadata);
    reply.metadata.response_code = ResponseCode::NoError;
    reply.metadata.recursion_available = recursion;
    reply.queries = request.queries;
    if let Some(asked) = request.edns {
        let mut edns = Edns::new();
        edns.set_max_payload(DATAGRAM_OCTETS);
        edns.set_dnssec_ok(asked.flags().dnssec_ok);
        if asked.version() > 0 {
            reply.metadata.response_code = ResponseCode::BADVERS;
        }
        reply.edns = Some(edns);
    }
    reply
}

/// The longest reply that the client takes.
pub(super) fn limit(request: &Message, transport: Transport) -> u16 {
    match transport {
        Transport::Stream => u16::MAX,
        Transport::Datagram => request.edns.as_ref().map_or(PLAIN_OCTETS, |edns| {
            edns.max_payload().clamp(PLAIN_OCTETS, DATAGRAM_OCTETS)
        }),
    }
}

/// A reply as bytes; one too long for its client is emptied and marked, so that the client comes by TCP (RFC 2181 9).
pub(super) fn bytes_of(reply: &Message, limit: u16) -> Vec<u8> {
    let fits = |bytes: &Vec<u8>| bytes.len() <= usize::from(limit);
    reply
        .to_vec()
        .ok()
        .filter(fits)
        .or_else(|| reply.truncate().to_vec().ok())
        .unwrap_or_default()
}

/// A reply of nothing but a header, to a request that was not understood.
pub(super) fn bare(request: &[u8], code: ResponseCode) -> Vec<u8> {
    let mut reply = vec![0; HEADER_OCTETS];
    for (to, from) in reply.iter_mut().zip(request.iter().take(2)) {
        *to = *from;
    }
    let flags = request.get(2).copied().unwrap_or(0) & 0x79;
    for (to, from) in reply.iter_mut().skip(2).zip([flags | 0x80, code.low()]) {
        *to = from;
    }
    reply
}
