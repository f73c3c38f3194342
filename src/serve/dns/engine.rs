//! Answers to questions: bytes in, bytes out, from declared names and leases. Knows no socket, clock or upstream.

use std::mem;
use std::net::Ipv4Addr;
use std::sync::Arc;

use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::rdata::{A, CNAME};
use hickory_proto::rr::{DNSClass, Name, RData, Record, RecordType};

use super::leases::Leases;
use super::reply::{Forwarded, HEADER_OCTETS, Transport, bare, bytes_of, limit, reply_to};
use super::zone::{Apex, RecordSet, View, fold, pointer};
use crate::base::name::DomainName;

/// As many aliases are followed as resolvers do.
const ALIASES: usize = 8;

/// Everything that questions are answered from.
pub(super) struct Names {
    view: Arc<View>,
    leases: Leases,
    /// One number for all zones: each change raises it once (RFC 1982 arithmetic, so it may wrap).
    serial: u32,
}

#[derive(Debug)]
pub(super) enum Outcome {
    Reply(Vec<u8>),
    /// Not one of our names: others must say.
    Forward(Box<Forwarded>),
    /// Malformed, though its sender can be told so.
    Fault(Vec<u8>),
    /// Too short to be answered.
    Malformed,
    /// An answer that we did not ask for; answering it could begin a loop.
    Unasked,
}

impl Names {
    pub(super) fn new(serial: u32) -> Self {
        Self {
            view: Arc::default(),
            leases: Leases::default(),
            serial,
        }
    }

    pub(super) fn view(&self) -> &Arc<View> {
        &self.view
    }

    /// Gives back the view before, so that its memory is freed where nobody waits. `differs` tells whether they say the same: comparing
    /// them takes longer than a question may wait.
    pub(super) fn load(&mut self, view: Arc<View>, differs: bool) -> Arc<View> {
        self.changed(differs);
        mem::replace(&mut self.view, view)
    }

    pub(super) fn publish(&mut self, name: DomainName, address: Ipv4Addr) {
        let changed = self.leases.publish(name, address);
        self.changed(changed);
    }

    pub(super) fn withdraw(&mut self, name: &DomainName, address: Ipv4Addr) {
        let changed = self.leases.withdraw(name, address);
        self.changed(changed);
    }

    fn changed(&mut self, changed: bool) {
        self.serial = self.serial.wrapping_add(changed.into());
    }

    pub(super) fn answer(&self, bytes: &[u8], transport: Transport) -> Outcome {
        let (Some(flags), true) = (bytes.get(2), bytes.len() >= HEADER_OCTETS) else {
            return Outcome::Malformed;
        };
        if flags & 0x80 != 0 {
            return Outcome::Unasked;
        }
        if flags & 0x78 != 0 {
            return Outcome::Reply(bare(bytes, ResponseCode::NotImp));
        }
        let Ok(request) = Message::from_vec(bytes) else {
            return Outcome::Fault(bare(bytes, ResponseCode::FormErr));
        };
        let [question] = request.queries.as_slice() else {
            return Outcome::Fault(bare(bytes, ResponseCode::FormErr));
        };
        let (name, kind) = (question.name().clone(), question.query_type());
        let foreign_class = question.query_class() != DNSClass::IN;
        let limit = limit(&request, transport);
        let mut reply = reply_to(request, !self.view.upstreams().is_empty());
        if reply.metadata.response_code != ResponseCode::NoError {
            return Outcome::Reply(bytes_of(&reply, limit));
        }
        if foreign_class || matches!(kind, RecordType::AXFR | RecordType::IXFR) {
            reply.metadata.response_code = ResponseCode::Refused;
            return Outcome::Reply(bytes_of(&reply, limit));
        }
        let key = fold(&name);
        match self.view.zone_of(&key) {
            Some((apex, is_apex)) => {
                match self.fill(&mut reply, &name, kind, &key, apex, is_apex) {
                    Some(target) if may_ask(&reply) => {
                        let forwarded = Forwarded::beyond(reply, target, kind, limit);
                        Outcome::Forward(Box::new(forwarded))
                    }
                    Some(_) | None => Outcome::Reply(bytes_of(&reply, limit)),
                }
            }
            None if may_ask(&reply) => Outcome::Forward(Box::new(Forwarded::new(reply, limit))),
            None => {
                reply.metadata.response_code = ResponseCode::Refused;
                Outcome::Reply(bytes_of(&reply, limit))
            }
        }
    }

    /// Answers from a zone of ours (RFC 1034 4.3.2). Returns the name that is left to ask others for, at the end of aliases.
    fn fill(
        &self,
        reply: &mut Message,
        name: &Name,
        kind: RecordType,
        key: &str,
        apex: &Apex,
        is_apex: bool,
    ) -> Option<Name> {
        reply.metadata.authoritative = true;
        let mut own = Vec::new();
        if is_apex {
            own.push(apex.servers());
            own.push(apex.authority(self.serial));
        }
        let declared = self.view.records(key);
        if declared.is_none_or(<[RecordSet]>::is_empty) {
            own.extend(self.leased(key, apex.ttl()));
        }
        let mut sets = declared.unwrap_or_default().iter().chain(&own);
        // One set suffices for ANY (RFC 8482 4.1).
        let asked = sets.find(|set| set.kind == kind || kind == RecordType::ANY);
        if let Some(set) = asked {
            let record = |data: &RData| Record::from_rdata(name.clone(), set.ttl, data.clone());
            reply.answers = set.data.iter().map(record).collect();
            return None;
        }
        let mut sets = declared.unwrap_or_default().iter();
        if let Some(alias) = sets.find(|set| set.kind == RecordType::CNAME) {
            return self.follow(reply, name, kind, alias);
        }
        reply.authorities = vec![apex.absence(self.serial)];
        let exists = declared.is_some() || !own.is_empty() || self.leases.has_below(key);
        if !exists {
            reply.metadata.response_code = ResponseCode::NXDomain;
        }
        None
    }

    /// Answers with an alias, and with what it leads to as far as that is ours (RFC 1034 4.3.2, step 3a).
    fn follow(
        &self,
        reply: &mut Message,
        name: &Name,
        kind: RecordType,
        alias: &RecordSet,
    ) -> Option<Name> {
        let (mut owner, mut alias) = (name.clone(), alias);
        for _ in 0..ALIASES {
            let Some(RData::CNAME(CNAME(target))) = alias.data.first().cloned() else {
                return None;
            };
            let data = RData::CNAME(CNAME(target.clone()));
            reply
                .answers
                .push(Record::from_rdata(owner, alias.ttl, data));
            if reply.answers.iter().any(|record| record.name == target) {
                return None;
            }
            let key = fold(&target);
            let Some((apex, _)) = self.view.zone_of(&key) else {
                return Some(target);
            };
            let sets = self.view.records(&key).unwrap_or_default();
            let leased = match sets.is_empty() {
                true => self.leased(&key, apex.ttl()),
                false => None,
            };
            if let Some(set) = sets.iter().chain(&leased).find(|set| set.kind == kind) {
                let record =
                    |data: &RData| Record::from_rdata(target.clone(), set.ttl, data.clone());
                reply.answers.extend(set.data.iter().map(record));
                return None;
            }
            let Some(next) = sets.iter().find(|set| set.kind == RecordType::CNAME) else {
                reply.authorities = vec![apex.absence(self.serial)];
                let exists = self.view.records(&key).is_some() || leased.is_some();
                if !exists && !self.leases.has_below(&key) {
                    // The code is of the last name in the chain (RFC 6604 3).
                    reply.metadata.response_code = ResponseCode::NXDomain;
                }
                return None;
            };
            (owner, alias) = (target, next);
        }
        None
    }

    fn leased(&self, key: &str, ttl: u32) -> Option<RecordSet> {
        let addresses = self.leases.addresses(key).map(|addresses| RecordSet {
            kind: RecordType::A,
            ttl,
            data: addresses
                .iter()
                .map(|address| RData::A(A(*address)))
                .collect(),
        });
        addresses.or_else(|| {
            self.leases.pointer(key).map(|name| RecordSet {
                kind: RecordType::PTR,
                ttl,
                data: [pointer(name)].into(),
            })
        })
    }
}

/// Whether the client wants others to be asked, and there are some.
fn may_ask(reply: &Message) -> bool {
    reply.metadata.recursion_desired && reply.metadata.recursion_available
}

#[cfg(test)]
mod tests {
    use hickory_proto::op::{Edns, MessageType, OpCode, Query};
    use proptest::prelude::*;

    use super::super::reply::Found;
    use super::*;
    use crate::state::{Key, State};

    /// A small site, as plans and the API write it.
    fn site() -> State {
        let text = r#"{
            "controller/rack-1/forwarders": {"forwarders": {"upstreams": ["192.0.2.53"]}},
            "zone/ams1.example": {"zone": {"servers": ["rack-1.ams1.example"], "ttl": "30s", "negative_ttl": "10s"}},
            "zone/ams1.example/rack-1/A": {"record": {"ttl": "30s", "values": [{"A": "10.10.0.2"}]}},
            "zone/ams1.example/eth1.node-01.rooms/A": {"record": {"ttl": "30s", "values": [{"A": "10.10.0.9"}]}},
            "zone/ams1.example/rack-1/AAAA": {"record": {"ttl": "30s", "values": [{"AAAA": "fd00::2"}]}},
            "zone/ams1.example/six/AAAA": {"record": {"ttl": "30s", "values": [{"AAAA": "fd00::6"}]}},
            "zone/ams1.example/www/CNAME": {"record": {"ttl": "30s", "values": [{"CNAME": "alias.ams1.example"}]}},
            "zone/ams1.example/alias/CNAME": {"record": {"ttl": "30s", "values": [{"CNAME": "rack-1.ams1.example"}]}},
            "zone/ams1.example/to-guest/CNAME": {"record": {"ttl": "30s", "values": [{"CNAME": "guest.ams1.example"}]}},
            "zone/ams1.example/loop/CNAME": {"record": {"ttl": "30s", "values": [{"CNAME": "loop.ams1.example"}]}},
            "zone/ams1.example/lost/CNAME": {"record": {"ttl": "30s", "values": [{"CNAME": "absent.ams1.example"}]}},
            "zone/ams1.example/away/CNAME": {"record": {"ttl": "30s", "values": [{"CNAME": "www.example.org"}]}},
            "zone/ams1.example/@/MX": {"record": {"ttl": "30s", "values": [{"MX": {"preference": 10, "target": "rack-1.ams1.example"}}]}},
            "zone/ams1.example/_ldap._tcp/SRV": {"record": {"ttl": "30s", "values": [{"SRV": {"priority": 1, "weight": 2, "port": 389, "target": "rack-1.ams1.example"}}]}},
            "zone/ams1.example/rack-1/TXT": {"record": {"ttl": "30s", "values": [{"TXT": "rack 7"}]}},
            "zone/ams1.example/rack-1/SSHFP": {"record": {"ttl": "30s", "values": [{"SSHFP": {"algorithm": 4, "digest": 2, "fingerprint": "00ff"}}]}},
            "zone/10.10.in-addr.arpa": {"zone": {"servers": ["rack-1.ams1.example"], "ttl": "30s", "negative_ttl": "10s"}},
            "zone/10.10.in-addr.arpa/2.0/PTR": {"record": {"ttl": "30s", "values": [{"PTR": "rack-1.ams1.example"}]}}
        }"#;
        serde_json::from_str(text).unwrap()
    }

    fn names() -> Names {
        let mut names = Names::new(u32::MAX - 1);
        names.load(Arc::new(View::new(&site())), true);
        names
    }

    fn query(name: &str, kind: RecordType) -> Message {
        let mut message = Message::new(7, MessageType::Query, OpCode::Query);
        message.metadata.recursion_desired = true;
        message.add_query(Query::query(Name::from_ascii(name).unwrap(), kind));
        message
    }

    fn ask(names: &Names, message: &Message) -> Message {
        match names.answer(&message.to_vec().unwrap(), Transport::Datagram) {
            Outcome::Reply(bytes) | Outcome::Fault(bytes) => Message::from_vec(&bytes).unwrap(),
            Outcome::Forward(forwarded) => {
                Message::from_vec(&forwarded.finish(Found::Nothing)).unwrap()
            }
            Outcome::Malformed | Outcome::Unasked => panic!("no reply"),
        }
    }

    /// The code, the flags AA and TC, the answers' data and the authorities' types.
    fn told(reply: &Message) -> String {
        let flags = reply.metadata;
        let mut words = vec![format!("{:?}", flags.response_code)];
        words.extend(flags.authoritative.then(|| "aa".to_owned()));
        words.extend(flags.truncation.then(|| "tc".to_owned()));
        words.extend(reply.answers.iter().map(|record| record.data.to_string()));
        words.extend(
            reply
                .authorities
                .iter()
                .map(|record| format!("/{} {}", record.record_type(), record.ttl)),
        );
        words.join(" ")
    }

    /// Question, then code, flags, answers' data and `/` authorities. A lease names guest; others want
    /// names and an address that are declared, in vain.
    const DIALOGUE: &str = r"
rack-1.ams1.example. A => NoError aa 10.10.0.2
RACK-1.Ams1.example. AAAA => NoError aa fd00::2
rack-1.ams1.example. ANY => NoError aa 10.10.0.2
rack-1.ams1.example. MX => NoError aa /SOA 10
absent.ams1.example. A => NXDomain aa /SOA 10
below.rack-1.ams1.example. A => NXDomain aa /SOA 10
node-01.rooms.ams1.example. A => NoError aa /SOA 10
rooms.ams1.example. A => NoError aa /SOA 10
ams1.example. SOA => NoError aa rack-1.ams1.example. hostmaster.ams1.example. 3 3600 600 604800 10
ams1.example. NS => NoError aa rack-1.ams1.example.
ams1.example. A => NoError aa /SOA 10
ams1.example. AXFR => Refused
2.0.10.10.in-addr.arpa. PTR => NoError aa rack-1.ams1.example.
0.10.10.in-addr.arpa. PTR => NoError aa /SOA 10
guest.ams1.example. A => NoError aa 10.10.3.4
guest.ams1.example. AAAA => NoError aa /SOA 10
4.3.10.10.in-addr.arpa. PTR => NoError aa guest.ams1.example.
3.10.10.in-addr.arpa. PTR => NoError aa /SOA 10
six.ams1.example. A => NoError aa /SOA 10
ams1.example. MX => NoError aa 10 rack-1.ams1.example.
_ldap._tcp.ams1.example. SRV => NoError aa 1 2 389 rack-1.ams1.example.
rack-1.ams1.example. TXT => NoError aa rack 7
rack-1.ams1.example. SSHFP => NoError aa 4 2 00ff
www.ams1.example. CNAME => NoError aa alias.ams1.example.
www.ams1.example. A => NoError aa alias.ams1.example. rack-1.ams1.example. 10.10.0.2
www.ams1.example. MX => NoError aa alias.ams1.example. rack-1.ams1.example. /SOA 10
to-guest.ams1.example. A => NoError aa guest.ams1.example. 10.10.3.4
lost.ams1.example. A => NXDomain aa absent.ams1.example. /SOA 10
away.ams1.example. A => ServFail aa www.example.org.
loop.ams1.example. A => NoError aa loop.ams1.example.
rack\.1.ams1.example. A => NXDomain aa /SOA 10
x\.ams1.example. A => ServFail
elsewhere.example. A => ServFail
. NS => ServFail
";

    #[test]
    fn answers_follow_the_rfcs() {
        let mut names = names();
        let leases = [
            ("guest", [10, 10, 3, 4]),
            ("rack-1", [10, 10, 3, 5]),
            ("six", [10, 10, 3, 6]),
            ("intruder", [10, 10, 0, 2]),
        ];
        for (host, address) in leases {
            let name = format!("{host}.ams1.example").parse().unwrap();
            names.publish(name, address.into());
        }
        for line in DIALOGUE.lines().filter(|line| !line.is_empty()) {
            let (question, expected) = line.split_once(" => ").unwrap();
            let (name, kind) = question.split_once(' ').unwrap();
            let reply = ask(&names, &query(name, kind.parse().unwrap()));
            assert_eq!(told(&reply), expected, "{question}");
        }
    }

    #[test]
    fn the_serial_counts_each_change_once_and_wraps() {
        let serial = |names: &Names| {
            let reply = ask(names, &query("ams1.example.", RecordType::SOA));
            let Some(RData::SOA(soa)) = reply.answers.first().map(|record| record.data.clone())
            else {
                panic!("no SOA");
            };
            soa.serial
        };
        let mut names = names();
        assert_eq!(serial(&names), u32::MAX);
        let guest: DomainName = "guest.ams1.example".parse().unwrap();
        names.load(Arc::new(View::new(&site())), false);
        assert_eq!(serial(&names), u32::MAX, "nothing changed");
        names.publish(guest.clone(), [10, 10, 3, 4].into());
        names.publish(guest.clone(), [10, 10, 3, 4].into());
        assert_eq!(serial(&names), 0);
        names.withdraw(&guest, [10, 10, 3, 4].into());
        names.withdraw(&guest, [10, 10, 3, 4].into());
        assert_eq!(serial(&names), 1);
    }

    #[test]
    fn questions_keep_their_case_and_edns_its_rules() {
        let names = names();
        let mut request = query("rAcK-1.aMs1.eXaMpLe.", RecordType::A);
        let plain = ask(&names, &request);
        assert!(plain.edns.is_none() && plain.metadata.recursion_available);
        assert!(plain.queries[0].name().eq_case(request.queries[0].name()));
        request.edns = Some(Edns::new());
        assert_eq!(ask(&names, &request).edns.unwrap().max_payload(), 1232);
        request.edns.as_mut().unwrap().set_version(1);
        // 16 means BADVERS here and BADSIG beside TSIG; the codec knows one name for both.
        let code = u16::from(ask(&names, &request).metadata.response_code);
        assert_eq!(code, u16::from(ResponseCode::BADVERS));
    }

    #[test]
    fn without_recursion_others_are_refused() {
        let names = names();
        let mut request = query("elsewhere.example.", RecordType::A);
        request.metadata.recursion_desired = false;
        assert_eq!(told(&ask(&names, &request)), "Refused");
        request.metadata.recursion_desired = true;
        let mut alone = site();
        alone.retain(|key, _| !matches!(key, Key::Forwarders { .. }));
        let mut names = Names::new(0);
        names.load(Arc::new(View::new(&alone)), true);
        let reply = ask(&names, &request);
        assert!(!reply.metadata.recursion_available);
        assert_eq!(told(&reply), "Refused");
    }

    #[test]
    fn long_answers_are_marked_unless_they_fit() {
        let mut names = names();
        let guest: DomainName = "guest.ams1.example".parse().unwrap();
        for last in 0..60 {
            names.publish(guest.clone(), [10, 10, 3, last].into());
        }
        let mut request = query("guest.ams1.example.", RecordType::A);
        assert_eq!(told(&ask(&names, &request)), "NoError aa tc");
        for (payload, answers) in [(0, 0), (1000, 0), (1232, 60), (u16::MAX, 60)] {
            let mut edns = Edns::new();
            edns.set_max_payload(payload);
            request.edns = Some(edns);
            assert_eq!(ask(&names, &request).answers.len(), answers, "{payload}");
        }
        request.edns = None;
        let bytes = request.to_vec().unwrap();
        let Outcome::Reply(reply) = names.answer(&bytes, Transport::Stream) else {
            panic!("no reply");
        };
        assert_eq!(Message::from_vec(&reply).unwrap().answers.len(), 60);
    }

    #[test]
    fn odd_messages_are_told_so_or_dropped() {
        let names = names();
        let whole = query("rack-1.ams1.example.", RecordType::A)
            .to_vec()
            .unwrap();
        let with = |at: usize, value: u8| {
            let mut bytes = whole.clone();
            bytes[at] = value;
            bytes
        };
        let chaos = with(whole.len() - 1, 3);
        let cases = [
            (with(2, 0x81), "Unasked"),
            (with(2, 0x29), "Reply NotImp"),
            (with(5, 0), "Fault FormErr"),
            (with(5, 2), "Fault FormErr"),
            (with(12, 0xff), "Fault FormErr"),
            (chaos, "Reply Refused"),
            (whole[..11].to_vec(), "Malformed"),
        ];
        for (bytes, expected) in cases {
            let code = |reply: Vec<u8>| Message::from_vec(&reply).unwrap().metadata.response_code;
            let outcome = match names.answer(&bytes, Transport::Datagram) {
                Outcome::Reply(reply) => format!("Reply {:?}", code(reply)),
                Outcome::Fault(reply) => format!("Fault {:?}", code(reply)),
                Outcome::Forward(_) => "Forward".to_owned(),
                other @ (Outcome::Malformed | Outcome::Unasked) => format!("{other:?}"),
            };
            assert_eq!(outcome, expected);
        }
        for length in 12..whole.len() {
            let outcome = names.answer(&whole[..length], Transport::Datagram);
            assert!(matches!(outcome, Outcome::Fault(_)), "cut at {length}");
        }
    }

    proptest! {
        #[test]
        fn random_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let names = names();
            names.answer(&bytes, Transport::Datagram);
            let mut asked = bytes;
            for (to, from) in asked.iter_mut().skip(2).zip([1, 0, 0, 1, 0, 0, 0, 0, 0, 1]) {
                *to = from;
            }
            names.answer(&asked, Transport::Stream);
        }
    }
}
