//! The site itself, its spaces, routes and images.

use super::host::host_key;
use super::pen::Pen;
use super::{Cataloguer, ObjectKey, Relation};
use crate::base::addr::Prefix;
use crate::base::name::{FilePath, HostName};
use crate::base::record::RecordData;
use crate::diag::span::{Span, Spanned};
use crate::lang::node::{
    BootNode, Declarations, HookNode, IgnoreNode, ImageNode, RecordNode, RouteNode, SiteDhcpNode,
    SiteNode, SpaceNode, TimeServer, WebhookNode,
};
use crate::site::resolve::Domain;

impl<'a> Cataloguer<'a> {
    pub(super) fn root(&mut self) {
        let Declarations {
            sites,
            spaces,
            fabrics: _,
            routes,
            records,
            controllers: _,
            machines: _,
            tables: _,
            profiles: _,
            images,
            ignores,
            hooks,
            webhooks,
            rows: _,
            lock: _,
            lock_path: _,
            gaps: _,
        } = self.draft.declarations;
        for node in sites.iter().take(1) {
            self.site(node, ignores, (hooks, webhooks));
        }
        for SpaceNode { name } in spaces {
            let pen = self.pen("space", name.span);
            self.add(ObjectKey::Space(name.value.clone()), pen.done());
        }
        for node in routes {
            if let Some(to) = node.destination.value() {
                let metric = node.metric.value().copied().unwrap_or(0);
                *self.routes.entry((*to, metric)).or_default() += 1;
            }
        }
        for (node, subnet) in routes.iter().zip(&self.draft.routes) {
            self.route(node, *subnet);
        }
        for node in records {
            self.record(node);
        }
        for node in images {
            self.image(node);
        }
    }

    fn site(
        &mut self,
        node: &SiteNode,
        ignores: &[IgnoreNode],
        (hooks, webhooks): (&[HookNode], &[WebhookNode]),
    ) {
        let SiteNode {
            name,
            domain,
            forwarders,
            time_servers,
            dhcp,
            span,
        } = node;
        let mut pen = self.pen("site", *span);
        pen.slot("name", name);
        pen.slot("domain", domain);
        pen.list("forward", forwarders);
        let servers: Vec<_> = time_servers.iter().map(time_server).collect();
        pen.list("upstream", &servers);
        if let Some(SiteDhcpNode {
            history_time,
            thresholds,
            options,
            classes,
            length: _,
        }) = dhcp
        {
            pen.slot("history-time", history_time);
            pen.list("thresholds", thresholds);
            pen.options(options);
            for class in classes {
                let source = pen.source(class.span);
                pen.class(class, source);
            }
        }
        // What others may change is said at the top level, and has no name of its own.
        for IgnoreNode {
            pattern,
            attributes,
            reason,
            is_partial: _,
            span,
        } in ignores
        {
            let attributes = attributes.iter().map(|one| format!(" {}", one.value));
            let reason = reason.value().map(|reason| format!(" for {reason}"));
            let rest: String = attributes.chain(reason).collect();
            pen.written("ignore", format!("{}{rest}", pattern.value), *span);
        }
        hooks.iter().for_each(|hook| write_hook(hook, &mut pen));
        webhooks
            .iter()
            .for_each(|webhook| write_webhook(webhook, &mut pen));
        self.add(ObjectKey::Site, pen.done());
    }

    fn route(&mut self, node: &RouteNode, subnet: Option<usize>) {
        let RouteNode {
            destination,
            via,
            metric,
            fabric,
            span,
        } = node;
        let (Some(to), Some(router)) = (destination.value(), via.given()) else {
            return;
        };
        let mut pen = self.pen("route", *span);
        pen.slot("destination", destination);
        pen.slot("via", via);
        pen.slot_or("metric", metric, 0);
        pen.slot("fabric", fabric);
        let held = subnet.and_then(|subnet| self.subnet_key(subnet));
        let metric = metric.value().copied().unwrap_or(0);
        let path = subnet.and_then(|subnet| Some(self.draft.vlan_of(subnet)?.path.clone()));
        // As many as subnets have a router for it.
        let is_shared = self
            .routes
            .get(&(*to, metric))
            .is_some_and(|count| *count > 1);
        let beside = path.filter(|_| is_shared).map(|path| (path, router.value));
        if let Some((key, _)) = held {
            pen.refer_at(Relation::Via, key, router.span);
        }
        self.add(ObjectKey::Route(*to, metric, beside), pen.done());
    }

    fn record(&mut self, node: &RecordNode) {
        let RecordNode {
            name,
            ttl,
            values,
            is_partial: _,
            span,
        } = node;
        let mut pen = self.pen("record", *span);
        for Spanned { value, span } in values {
            pen.written(value.kind().word(), record_text(value), *span);
            if let Some(to) = self.led_to(value) {
                pen.refer_at(Relation::LeadsTo, to, *span);
            }
        }
        pen.slot("ttl", ttl);
        self.add(ObjectKey::Record(name.value.clone()), pen.done());
    }

    /// The host whose name or address a record has.
    fn led_to(&self, value: &RecordData) -> Option<ObjectKey> {
        if let Some(ip) = value.ip() {
            return self.holders.get(&(Domain::Shared, ip)).cloned();
        }
        let target = value.target()?.as_str();
        let domain = self.draft.domain_name()?.as_str();
        let own = target.strip_suffix(domain);
        let label = own.and_then(|own| own.strip_suffix('.')).unwrap_or(target);
        let label: HostName = label.parse().ok()?;
        let host = self.draft.hosts.get(*self.draft.names.get(&label)?)?;
        Some(host_key(host))
    }

    fn image(&mut self, node: &ImageNode) {
        let ImageNode {
            name,
            programs,
            files,
            kernel,
            initrd,
            cmdline,
            user_data,
            cpu,
            protect,
        } = node;
        let mut pen = self.pen("image", name.span);
        pen.slot("arch", cpu);
        for BootNode { arch, path } in programs {
            if let (Some(arch), Some(path)) = (arch.given(), path.given()) {
                let file = self.file(&path.value);
                pen.written("boot", format!("{} {file}", arch.value), arch.span);
            }
        }
        for (word, slot) in [
            ("kernel", kernel),
            ("initrd", initrd),
            ("user-data", user_data),
        ] {
            if let Some(path) = slot.given() {
                pen.written(word, self.file(&path.value), path.span);
            }
        }
        pen.slot("cmdline", cmdline);
        for path in files {
            pen.written("file", self.file(&path.value), path.span);
        }
        pen.protect(protect.as_ref());
        self.add(ObjectKey::Image(name.value.clone()), pen.done());
    }

    /// A file with what tells its content apart.
    fn file(&self, path: &FilePath) -> String {
        match self.draft.files.get(path) {
            Some(file) => format!(
                "{path}, {} bytes, sha256 {}",
                file.size,
                file.digest.short()
            ),
            None => path.to_string(),
        }
    }

    /// A pen for an object that inherits nothing.
    pub(super) fn pen(&self, kind: &'static str, declared: Span) -> Pen<'a> {
        let rows = &self.draft.declarations.rows;
        Pen::new(self.sources, rows, None, self.detail, (kind, declared))
    }

    pub(super) fn add(&mut self, key: ObjectKey, object: super::Object) {
        self.objects
            .entry(key.kind())
            .or_default()
            .push((key, object));
    }

    /// The key and the prefix of a subnet of the draft.
    pub(super) fn subnet_key(&self, subnet: usize) -> Option<(ObjectKey, Prefix)> {
        let prefix = self.draft.prefix(subnet)?;
        let path = self.draft.vlan_of(subnet)?.path.clone();
        Some((ObjectKey::Subnet(path, prefix), prefix))
    }
}

fn record_text(value: &RecordData) -> String {
    match value {
        RecordData::A(address) => address.to_string(),
        RecordData::Aaaa(address) => address.to_string(),
        RecordData::Cname(target) | RecordData::Ns(target) | RecordData::Ptr(target) => {
            target.to_string()
        }
        RecordData::Mx { preference, target } => format!("{target} preference {preference}"),
        RecordData::Srv {
            priority,
            weight,
            port,
            target,
        } => format!("{target} port {port} priority {priority} weight {weight}"),
        RecordData::Sshfp {
            algorithm,
            digest,
            fingerprint,
        } => format!("{fingerprint} algorithm {algorithm} digest {digest}"),
        RecordData::Txt(text) => text.clone(),
    }
}

fn time_server(server: &Spanned<TimeServer>) -> Spanned<String> {
    let text = match &server.value {
        TimeServer::Address(address) => address.to_string(),
        TimeServer::Name(name) => name.to_string(),
    };
    Spanned::new(text, server.span)
}

fn write_hook(node: &HookNode, pen: &mut Pen<'_>) {
    let HookNode {
        name,
        events,
        program,
        arguments,
        within,
        is_partial: _,
        span,
    } = node;
    let Some(program) = program.value() else {
        return;
    };
    let arguments = arguments.iter().map(|one| format!(" {:?}", one.value));
    let events = events.iter().map(|event| format!(" {}", event.value));
    let within = within.value().map(|time| format!(" within {time}"));
    let (arguments, events): (String, String) = (arguments.collect(), events.collect());
    let within = within.unwrap_or_default();
    let text = format!("{} {program}{arguments} on{events}{within}", name.value);
    pen.written("hook", text, *span);
}

fn write_webhook(node: &WebhookNode, pen: &mut Pen<'_>) {
    let WebhookNode {
        name,
        url,
        events,
        secret,
        within,
        is_partial: _,
        span,
    } = node;
    let (Some(url), Some(secret)) = (url.value(), secret.value()) else {
        return;
    };
    let events: String = events.iter().map(|one| format!(" {}", one.value)).collect();
    let within = within.value().map(|time| format!(" within {time}"));
    let within = within.unwrap_or_default();
    let text = format!("{} {url} on{events} secret {secret}{within}", name.value);
    pen.written("webhook", text, *span);
}
