//! The site itself, its spaces, routes and images.

use super::pen::Pen;
use super::{Cataloguer, ObjectKey, Relation};
use crate::base::addr::Prefix;
use crate::base::name::FilePath;
use crate::diag::span::{Span, Spanned};
use crate::lang::node::{BootNode, ImageNode, RouteNode, SiteNode, SpaceNode, TimeServer};

impl<'a> Cataloguer<'a> {
    pub(super) fn root(&mut self) {
        let declarations = self.draft.declarations;
        for node in declarations.sites.iter().take(1) {
            self.site(node);
        }
        for SpaceNode { name } in &declarations.spaces {
            let pen = self.pen("space", name.span);
            self.add(ObjectKey::Space(name.value.clone()), pen.done());
        }
        for node in &declarations.routes {
            self.route(node);
        }
        for node in &declarations.images {
            self.image(node);
        }
    }

    fn site(&mut self, node: &SiteNode) {
        let SiteNode {
            name,
            domain,
            forwarders,
            time_servers,
            span,
        } = node;
        let mut pen = self.pen("site", *span);
        pen.slot("name", name);
        pen.slot("domain", domain);
        pen.list("forward", forwarders);
        let servers: Vec<_> = time_servers.iter().map(time_server).collect();
        pen.list("upstream", &servers);
        self.add(ObjectKey::Site, pen.done());
    }

    fn route(&mut self, node: &RouteNode) {
        let RouteNode {
            destination,
            via,
            metric,
            span,
        } = node;
        let Some(to) = destination.value() else {
            return;
        };
        let mut pen = self.pen("route", *span);
        pen.slot("destination", destination);
        pen.slot("via", via);
        pen.slot_or("metric", metric, 0);
        if let Some(via) = via.given() {
            self.refer_to_subnet(&mut pen, Relation::Via, via.value, via.span);
        }
        let metric = metric.value().copied().unwrap_or(0);
        self.add(ObjectKey::Route(*to, metric), pen.done());
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
        Pen::new(self.sources, rows, None, kind, declared)
    }

    pub(super) fn add(&mut self, key: ObjectKey, object: super::Object) {
        self.catalog.objects.insert(key, object);
    }

    /// Notes the subnet that holds an address.
    pub(super) fn refer_to_subnet(
        &self,
        pen: &mut Pen<'_>,
        relation: Relation,
        address: std::net::IpAddr,
        span: Span,
    ) {
        if let Some(key) = self.subnet_holding(address) {
            pen.refer_at(relation, key, span);
        }
    }

    fn subnet_holding(&self, address: std::net::IpAddr) -> Option<ObjectKey> {
        let subnet = self.draft.index.holding(address).next()?;
        self.subnet_key(subnet).map(|(key, _)| key)
    }

    /// The key and the prefix of a subnet of the draft.
    pub(super) fn subnet_key(&self, subnet: usize) -> Option<(ObjectKey, Prefix)> {
        let prefix = self.draft.prefix(subnet)?;
        let path = self.draft.vlan_of(subnet)?.path.clone();
        Some((ObjectKey::Subnet(path, prefix), prefix))
    }
}

fn time_server(server: &Spanned<TimeServer>) -> Spanned<String> {
    let text = match &server.value {
        TimeServer::Address(address) => address.to_string(),
        TimeServer::Name(name) => name.to_string(),
    };
    Spanned::new(text, server.span)
}
