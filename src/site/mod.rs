//! The resolved site: names looked up, profiles applied, rules checked; immutable. Reads `lang`'s nodes, never KDL itself.

mod bmc;
mod build;
pub mod catalog;
mod check;
pub mod graph;
pub mod host_name;
pub mod inventory;
pub mod lock;
pub mod model;
mod resolve;
mod taken;

use crate::diag::report::{Diagnostic, Faults};
use crate::diag::span::Sources;
use crate::lang::files::Files;
use crate::lang::source;
use catalog::{Catalog, Detail};
use model::Site;
use resolve::Draft;

/// What compiling a site gives: every fault, and the site where none of them is an error.
#[derive(Debug)]
pub struct Compiled {
    pub site: Option<Site>,
    pub diagnostics: Vec<Diagnostic>,
    pub sources: Sources,
}

/// Compiles the site whose first source is `root`. Nothing is read but through `files`.
pub fn compile(files: &dyn Files, root: &str) -> Compiled {
    compile_with(files, root, |_, _| ()).0
}

/// The same, and of a site without errors the catalog too.
pub fn compile_catalog(
    files: &dyn Files,
    root: &str,
    detail: Detail,
) -> (Compiled, Option<Catalog>) {
    compile_with(files, root, |draft, sources| {
        catalog::catalog(draft, sources, detail)
    })
}

fn compile_with<T: Send>(
    files: &dyn Files,
    root: &str,
    further: impl FnOnce(&Draft<'_>, &Sources) -> T + Send,
) -> (Compiled, Option<T>) {
    let (declarations, sources, diagnostics) = source::load(files, root);
    let mut faults = Faults::from(diagnostics);
    let draft = resolve::resolve(&declarations, files, &sources, &mut faults);
    let is_sound = |faults: &Faults| !faults.iter().any(Diagnostic::is_error);
    // Rules, site and catalog only read the draft, and of a large site each takes a while. Most sites that have a sound draft keep it.
    let (site, more) = std::thread::scope(|scope| {
        let further = is_sound(&faults).then(|| scope.spawn(|| further(&draft, &sources)));
        check::check(&draft, &mut faults);
        let site = is_sound(&faults).then(|| build::build(&draft, &sources));
        let site = site.flatten();
        let more = further.map(|further| {
            let made = further.join();
            made.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        });
        let more = more.filter(|_| site.is_some());
        (site, more)
    });
    let compiled = Compiled {
        site,
        diagnostics: faults.into_vec(),
        sources,
    };
    (compiled, more)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lang::files::MemoryFiles;
    use model::{LinkForm, Machine};

    /// The site of a text that has no fault.
    fn good(text: &str) -> Site {
        let mut files = MemoryFiles::default();
        let text = format!("site \"s\" domain=\"s.example.net\"\n{text}");
        files.insert("site.kdl", text.into_bytes());
        files.insert_digest("boot/a", crate::base::digest::Digest::of(b"a"), 1);
        let compiled = compile(&files, "site.kdl");
        assert!(
            compiled.diagnostics.is_empty(),
            "{:?}",
            compiled.diagnostics
        );
        compiled.site.unwrap()
    }

    fn shown(machine: &Machine) -> String {
        let image = machine.image.as_ref().map_or("-", |image| image.as_str());
        let tags: Vec<_> = machine.tags.iter().map(|tag| tag.as_str()).collect();
        let mut text = format!("{image} [{}]", tags.join(" "));
        for (name, interface) in &machine.interfaces {
            let vlan = interface.vlan.as_ref().map(ToString::to_string);
            text += &format!(" {name}@{}", vlan.unwrap_or_default());
            for placed in &interface.addresses {
                text += &format!(" {}", placed.address);
            }
        }
        text
    }

    #[test]
    fn profiles_merge_into_machines() {
        let common = "fabric \"f\" { vlan \"v\" { subnet \"10.0.0.0/24\"; }; vlan \"w\" id=2; }
            image \"i\" { boot \"ipxe\" \"boot/a\"; }
            image \"j\" { boot \"ipxe\" \"boot/a\"; }
            profile \"p\" {
                image \"i\"
                tag \"a\" \"b\"
                ethernet \"e0\" vlan=\"v\" { address \"10.0.0.5\"; }
                ethernet \"e1\" vlan=\"f/w\"
            }";
        let cases = [
            ("", "i [a b] e0@f/v 10.0.0.5/24 e1@f/w"),
            ("image \"j\"", "j [a b] e0@f/v 10.0.0.5/24 e1@f/w"),
            ("tag \"c\"", "i [c] e0@f/v 10.0.0.5/24 e1@f/w"),
            ("remove \"e1\"", "i [a b] e0@f/v 10.0.0.5/24"),
            (
                "ethernet \"e0\" { address \"10.0.0.6\"; }",
                "i [a b] e0@f/v 10.0.0.6/24 e1@f/w",
            ),
            (
                "ethernet \"e1\" vlan=\"v\"; ethernet \"e2\"",
                "i [a b] e0@f/v 10.0.0.5/24 e1@f/v e2@",
            ),
        ];
        for (block, expected) in cases {
            let site = good(&format!(
                "{common}\nmachine \"m\" profile=\"p\" {{ {block}\n }}"
            ));
            assert_eq!(
                shown(site.machines.values().next().unwrap()),
                expected,
                "{block}"
            );
        }
    }

    #[test]
    fn names_and_defaults_are_resolved() {
        let site = good(
            "fabric \"f\" { vlan \"v\" mtu=9000 {
                subnet \"10.0.0.0/24\" {
                    dns \"c\" \"9.9.9.9\"
                    dynamic-range \"10.0.0.200-10.0.0.209\"
                    dynamic-range \"10.0.0.100-10.0.0.109\"
                }
                subnet \"10.0.1.0/24\" { dns \"c\"; }
                dhcp { controllers \"C\"; }
            }; }
            controller \"c\" {
                ethernet \"e\" mtu=9000
                bridge \"b\" vlan=\"v\" { ports \"e\"; address \"10.0.0.2\"; }
            }",
        );
        let vlan = site.vlans.values().next().unwrap();
        assert_eq!(vlan.dhcp.as_ref().unwrap().lease_time.to_string(), "10m");
        let dns: Vec<Vec<String>> = vlan
            .subnets
            .values()
            .map(|subnet| subnet.dns.iter().map(ToString::to_string).collect())
            .collect();
        assert_eq!(dns, [vec!["10.0.0.2", "9.9.9.9"], vec!["10.0.0.2"]]);
        let subnet = vlan.subnets.values().next().unwrap();
        assert!(subnet.dynamic.is_sorted_by_key(|dynamic| dynamic.range));
        let links = &site.controllers.values().next().unwrap().links;
        let bridge = links.values().find(|link| link.form != LinkForm::Ethernet);
        assert_eq!(bridge.unwrap().mtu, Some(9000), "a link has its VLAN's MTU");
    }
}
