//! `bedplate show`: one object of the site with each value's source, or one thing that should exist.

use std::collections::{BTreeMap, BTreeSet};
use std::process::ExitCode;

use serde::Serialize;

use super::args::ShowArguments;
use super::compile;
use super::output::Output;
use super::table::{Table, shown};
use super::thing::{Thing, Things};
use super::told;
use crate::diag::code::Code;
use crate::diag::fault::Fault;
use crate::site::catalog::{
    Catalog, Detail, Found, Object, ObjectKey, Place, Relation, Source, find,
};
use crate::site::model::Site;
use crate::state::{Key, Told, Unapplied};

/// Version of the JSON form.
const FORMAT_VERSION: u32 = 1;

/// Names that an ambiguous one lists.
const CANDIDATES: usize = 12;

/// Lines of what refers to an object, or comes of it.
const LINES: usize = 20;

pub(super) fn show(arguments: &ShowArguments, out: &Output) -> Result<ExitCode, Fault> {
    let (local, catalog) = compile::cataloged(&arguments.site.site, Detail::Full)?;
    let (Some(site), Some(catalog)) = (&local.compiled.site, &catalog) else {
        compile::show(&local.compiled, out);
        return Ok(ExitCode::from(1));
    };
    let what = arguments.what.as_str();
    let things = Things::of(site);
    match find(what, site, catalog) {
        Found::Object(key) => object(&key, (site, catalog), &things, out)?,
        Found::Several(keys) => return Err(ambiguous(what, &keys)),
        Found::Place(place) => self::place(&place, out)?,
        Found::Nothing { nearest } => {
            match what.parse::<Key>().ok().and_then(|key| things.get(&key)) {
                Some(thing) => self::thing(&thing, out)?,
                None => {
                    return Err(unknown(
                        what,
                        nearest.or_else(|| things.nearest(what)),
                        site,
                    ));
                }
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

pub(super) fn ambiguous(what: &str, keys: &[ObjectKey]) -> Fault {
    let shown = keys.iter().take(CANDIDATES).map(ToString::to_string);
    let mut help = format!("write one of {}", shown.collect::<Vec<_>>().join(", "));
    if let Some(more) = keys.len().checked_sub(CANDIDATES).filter(|more| *more > 0) {
        help.push_str(&format!(", or of {more} more"));
    }
    let message = format!("`{what}` may be any of {} objects", keys.len());
    Fault::new(Code::ObjectAmbiguous, message).help(help)
}

pub(super) fn unknown(what: &str, near: Option<String>, site: &Site) -> Fault {
    let message = format!("the site {} has no object `{what}`", site.name);
    Fault::new(Code::ObjectUnknown, message).help(match near {
        Some(near) => format!("did you mean `{near}`?"),
        None => "keys are those of plans, such as machine/NAME or vlan/FABRIC/NAME; a name alone, an address or a MAC will do".to_owned(),
    })
}

#[derive(Serialize)]
struct Card<'a> {
    format_version: u32,
    key: &'a ObjectKey,
    #[serde(flatten)]
    object: &'a Object,
    parts: Vec<&'a ObjectKey>,
    dhcp_options: Vec<Told>,
    referred_by: Vec<Referrer<'a>>,
    should_exist: Vec<&'a Thing>,
    unapplied: BTreeSet<&'a Unapplied>,
}

#[derive(Serialize)]
struct Referrer<'a> {
    key: &'a ObjectKey,
    relation: Relation,
    source: &'a Source,
}

fn object(
    key: &ObjectKey,
    (site, catalog): (&Site, &Catalog),
    things: &Things,
    out: &Output,
) -> Result<(), Fault> {
    let Some(object) = catalog.objects.get(key) else {
        return Err(Fault::new(
            Code::Internal,
            format!("{key} is not in the catalog"),
        ));
    };
    let made = things.made_of(key, object);
    let referred_by = catalog.referrers(key).map(|(key, reference)| Referrer {
        key,
        relation: reference.relation,
        source: &reference.source,
    });
    let card = Card {
        format_version: FORMAT_VERSION,
        key,
        object,
        parts: catalog.children(key).collect(),
        dhcp_options: told::told_to(key, site, catalog),
        referred_by: referred_by.collect(),
        should_exist: made.iter().collect(),
        unapplied: things.unapplied(key),
    };
    if out.json {
        return out.value(&card);
    }
    out.text(&page(&card, catalog));
    Ok(())
}

fn page(card: &Card<'_>, catalog: &Catalog) -> String {
    let kind = card.object.kind;
    let declared = card.object.declared.words();
    let mut text = format!("{}  ({kind}, {declared})\n", card.key);
    let mut values = Table::default();
    for value in &card.object.values {
        values.row([
            value.name.to_string(),
            value.text.clone(),
            value.source.words(),
        ]);
    }
    text.push_str(&values.text());
    let mut parts = Table::default();
    for part in &card.parts {
        let object = catalog.objects.get(part);
        let kind = object.map_or("", |object| object.kind);
        let place = object.map_or_else(String::new, |object| object.declared.words());
        parts.row([part.to_string(), kind.to_owned(), place]);
    }
    section(&mut text, "parts", &parts, 0);
    for told in &card.dhcp_options {
        section(&mut text, &told::title(told), &told::table(told), 0);
    }
    let mut refers = Table::default();
    for reference in &card.object.refers {
        refers.row([
            reference.relation.as_str().to_owned(),
            reference.to.to_string(),
            reference.source.words(),
        ]);
    }
    section(&mut text, "refers to", &refers, 0);
    let mut referrers = Table::default();
    for referrer in card.referred_by.iter().take(LINES) {
        referrers.row([
            referrer.key.to_string(),
            referrer.relation.as_str().to_owned(),
            referrer.source.words(),
        ]);
    }
    section(
        &mut text,
        "referred to by",
        &referrers,
        card.referred_by.len(),
    );
    let mut made = Table::default();
    for thing in card.should_exist.iter().take(LINES) {
        made.row([thing.key.to_string(), thing.summary(), thing.place()]);
    }
    section(
        &mut text,
        "what should exist for it",
        &made,
        card.should_exist.len(),
    );
    let mut left = Table::default();
    for note in &card.unapplied {
        left.row([note.what.clone(), note.why.clone(), note.origin.to_string()]);
    }
    section(&mut text, "not applied by this release", &left, 0);
    text
}

/// A headed list, of which `all` lines may be more than stand in it.
fn section(text: &mut String, title: &str, table: &Table, all: usize) {
    if table.is_empty() {
        return;
    }
    text.push_str(&format!("\n{title}\n{}", table.text()));
    if let Some(more) = all.checked_sub(LINES).filter(|more| *more > 0) {
        text.push_str(&format!("  … and {more} more (--json lists all)\n"));
    }
}

fn place(place: &Place, out: &Output) -> Result<(), Fault> {
    if out.json {
        return out.value(&serde_json::json!({ "format_version": FORMAT_VERSION, "place": place }));
    }
    let mut text = match (&place.subnet, &place.range) {
        (Some(subnet), Some(found)) => {
            let purpose = found
                .purpose
                .iter()
                .map(|purpose| format!(" for {purpose}"));
            format!(
                "{} is in the {} range {}{} of {subnet}  {}\n",
                place.address,
                found.role.as_str(),
                found.range,
                shown(purpose.collect::<String>()),
                found.at
            )
        }
        (Some(subnet), None) => format!(
            "{} is in {subnet}, in none of its ranges; no host has it\n",
            place.address
        ),
        (None, _) => format!("{} is in no subnet of the site\n", place.address),
    };
    let mut named = Table::default();
    for one in &place.named {
        named.row([one.key.to_string(), one.name.clone(), one.source.words()]);
    }
    section(&mut text, "named by", &named, 0);
    out.text(&text);
    Ok(())
}

fn thing(thing: &Thing, out: &Output) -> Result<(), Fault> {
    if out.json {
        let card: BTreeMap<_, _> = [
            ("format_version", serde_json::json!(FORMAT_VERSION)),
            ("should_exist", serde_json::json!(thing)),
        ]
        .into();
        return out.value(&card);
    }
    let mut fields = Table::default();
    for (name, text) in thing.fields() {
        fields.row([name, text]);
    }
    let kind = thing.resource.kind();
    out.text(&format!(
        "{}  ({kind}, {})\n{}",
        thing.key,
        thing.place(),
        fields.text()
    ));
    Ok(())
}
