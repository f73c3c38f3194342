//! What the kernel is told of a controller's link: a child for each row of the table of settings.

use super::super::kdl::Node;
use super::super::read::{Reader, Sink};
use super::super::schema::{Argument, Child, Kind, NodeSchema};
use super::super::slot::Slot;
use super::{argument, open, optional, plain};
use crate::base::setting::{LinkSetting, RP_FILTERS, SETTINGS, SettingForm};
use crate::diag::span::Spanned;

/// A setting, and what the kernel is told.
#[derive(Debug, Clone)]
pub struct SettingNode {
    pub setting: Spanned<LinkSetting>,
    pub value: Slot<u32>,
}

const FLAG: &[Argument] = &[argument("a flag", Kind::Flag, "`#true` or `#false`.")];

/// A child for each setting, in the order of the table.
pub(super) const SETTING_NODES: [Child; SETTINGS.len()] = [
    optional(&FORWARDING),
    optional(&ACCEPT_RA),
    optional(&ARP_IGNORE),
    optional(&ARP_ANNOUNCE),
    optional(&ARP_FILTER),
    optional(&ARP_ACCEPT),
    optional(&PROXY_ARP),
    optional(&RP_FILTER),
];

const FORWARDING: NodeSchema = plain(
    "forwarding",
    "Whether packets that come in here are sent on, of IPv4 and IPv6.",
    FLAG,
);
const ACCEPT_RA: NodeSchema = plain(
    "accept-ra",
    "Whether IPv6 router advertisements are taken, also where packets are sent on.",
    FLAG,
);
const ARP_IGNORE: NodeSchema = plain(
    "arp-ignore",
    "Which ARP questions are left unanswered, as the kernel counts: 0 answers for every address of the host, 1 for those of this \
     link, 2 also looks at who asks, 8 answers nobody.",
    &[argument(
        "a number",
        Kind::Integer { least: 0, most: 8 },
        "The mode.",
    )],
);
const ARP_ANNOUNCE: NodeSchema = plain(
    "arp-announce",
    "Which address ARP questions come from, as the kernel counts: 0 any of the host, 1 rather one of the subnet, 2 always the best one.",
    &[argument(
        "a number",
        Kind::Integer { least: 0, most: 2 },
        "The mode.",
    )],
);
const ARP_FILTER: NodeSchema = plain(
    "arp-filter",
    "Whether ARP is answered only on the link that packets to the one who asks leave through.",
    FLAG,
);
const ARP_ACCEPT: NodeSchema = plain(
    "arp-accept",
    "Whether announcements of unknown neighbours are remembered.",
    FLAG,
);
const PROXY_ARP: NodeSchema = plain(
    "proxy-arp",
    "Whether ARP is answered for hosts that are reached through another link.",
    FLAG,
);
const RP_FILTER: NodeSchema = plain(
    "rp-filter",
    "Whether packets are dropped to whose sender no route leads back (RFC 3704): `strict` wants it to lead through this link, `loose` \
     through any.",
    &[argument(
        "a word",
        Kind::Words(&RP_FILTERS),
        "How strict it is.",
    )],
);

/// The settings in a link's block; none where its table has none.
pub(super) fn read_settings(reader: &Reader<'_>, sink: &mut Sink<'_>) -> Box<[SettingNode]> {
    let rows = SETTINGS.iter().filter_map(|row| {
        let schema = reader.table_of(row.name)?;
        let node = reader.child(row.name)?;
        let value = read(node, schema, row.form, sink);
        let setting = Spanned::new(row.setting, node.name().span);
        Some(SettingNode { setting, value })
    });
    rows.collect()
}

fn read(
    node: Node<'_>,
    schema: &'static NodeSchema,
    form: SettingForm,
    sink: &mut Sink<'_>,
) -> Slot<u32> {
    let own = open(node, schema, sink);
    match form {
        SettingForm::Flag { on } => own
            .flag_argument(sink)
            .map(|flag| if flag { on } else { 0 }),
        SettingForm::Number { most: _ } => own.number_argument(sink),
        SettingForm::Words(words) => own.word_argument(sink).map(|word| {
            let place = words.iter().position(|one| *one == word);
            place.map_or(0, |place| u32::try_from(place).unwrap_or(0))
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_language_has_the_settings_that_the_table_has() {
        for (child, row) in SETTING_NODES.iter().zip(&SETTINGS) {
            assert_eq!(child.schema.name, row.name);
            let [argument] = child.schema.arguments else {
                panic!("{} takes one value", row.name);
            };
            let expected = match row.form {
                SettingForm::Flag { on: _ } => Kind::Flag,
                SettingForm::Number { most } => Kind::Integer { least: 0, most },
                SettingForm::Words(words) => Kind::Words(words),
            };
            assert_eq!(argument.kind, expected, "{}", row.name);
        }
    }
}
