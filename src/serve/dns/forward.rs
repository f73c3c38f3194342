//! Asks others about names that are not ours, and remembers what they said. Knows no client and no zone.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use hickory_resolver::config::{
    ConnectionConfig, NameServerConfig, ResolveHosts, ResolverConfig, ResolverOpts,
};
use hickory_resolver::lookup::Lookup;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::{Resolver, TokioResolver};

use super::reply::Found;

/// How long one upstream may take, and how often each question is asked again.
const TIMEOUT: Duration = Duration::from_secs(2);
const ATTEMPTS: usize = 2;

/// Questions under way at a time.
pub(super) const FORWARDS_MAX: usize = 512;

/// Answers remembered; upstream data, so bounded by number.
const CACHE_ANSWERS: u64 = 10_000;

/// Resolvers that know the rest of the world.
#[derive(Clone)]
pub(super) struct Forwarder {
    upstreams: Arc<[IpAddr]>,
    resolver: Arc<TokioResolver>,
}

impl Forwarder {
    /// A forwarder to `upstreams`, each at `port`.
    ///
    /// # Errors
    /// [`NetError`] where no resolver can be made of them.
    pub(super) fn new(upstreams: &[IpAddr], port: u16) -> Result<Self, NetError> {
        let servers = upstreams.iter().map(|address| {
            let mut connections = vec![ConnectionConfig::udp(), ConnectionConfig::tcp()];
            for connection in &mut connections {
                connection.port = port;
            }
            NameServerConfig::new(*address, true, connections)
        });
        let config = ResolverConfig::from_parts(None, Vec::new(), servers.collect());
        let mut options = ResolverOpts::default();
        options.timeout = TIMEOUT;
        options.attempts = ATTEMPTS;
        options.cache_size = CACHE_ANSWERS;
        options.use_hosts_file = ResolveHosts::Never;
        options.max_active_requests = FORWARDS_MAX;
        let resolver = Resolver::builder_with_config(config, TokioRuntimeProvider::default())
            .with_options(options)
            .build()?;
        Ok(Self {
            upstreams: upstreams.into(),
            resolver: Arc::new(resolver),
        })
    }

    pub(super) fn upstreams(&self) -> &[IpAddr] {
        &self.upstreams
    }

    pub(super) fn resolver(&self) -> &TokioResolver {
        &self.resolver
    }
}

/// What an upstream's answer means for the client that asked.
pub(super) fn found(answer: Result<Lookup, NetError>) -> Found {
    match answer {
        Ok(lookup) => Found::Records(lookup.answers().to_vec()),
        Err(NetError::Dns(DnsError::NoRecordsFound(absent))) => Found::Absent {
            code: absent.response_code,
            authorities: absent
                .soa
                .map(|soa| soa.into_record_of_rdata())
                .into_iter()
                .collect(),
        },
        Err(_) => Found::Nothing,
    }
}
