//! Settings of a link that the kernel keeps in files under `/proc/sys/net`: the one table that language, schema and kernel access read
//! (Documentation/networking/ip-sysctl.rst).

use std::fmt;

use serde::{Deserialize, Serialize};

/// A setting of one link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LinkSetting {
    Forwarding,
    AcceptRa,
    ArpIgnore,
    ArpAnnounce,
    ArpFilter,
    ArpAccept,
    ProxyArp,
    RpFilter,
}

/// A row of the table.
#[derive(Debug)]
pub struct SettingRow {
    pub setting: LinkSetting,
    /// The word of the language.
    pub name: &'static str,
    /// Where the kernel keeps it: one file of each address family that has it.
    pub files: &'static [SettingFile],
    pub form: SettingForm,
}

/// A file below `/proc/sys/net/FAMILY/conf/LINK`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SettingFile {
    /// `ipv4` or `ipv6`.
    pub family: &'static str,
    pub name: &'static str,
}

/// How a value is written in a site, and what the kernel is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SettingForm {
    /// Zero, or `on`.
    Flag { on: u32 },
    /// Up to `most`.
    Number { most: u32 },
    /// The place of a word among them.
    Words(&'static [&'static str]),
}

/// What a setting of two address families is where they disagree: no number that a site can want.
pub const DISAGREE: u32 = u32::MAX;

/// How strictly the way back to a sender is looked at (RFC 3704).
pub const RP_FILTERS: [&str; 3] = ["off", "strict", "loose"];

/// Every setting, in the order of [`LinkSetting`].
pub const SETTINGS: [SettingRow; 8] = [
    SettingRow {
        setting: LinkSetting::Forwarding,
        name: "forwarding",
        files: &[v4("forwarding"), v6("forwarding")],
        form: SettingForm::Flag { on: 1 },
    },
    SettingRow {
        setting: LinkSetting::AcceptRa,
        name: "accept-ra",
        files: &[v6("accept_ra")],
        // With 1 the kernel would stop to accept them where it forwards.
        form: SettingForm::Flag { on: 2 },
    },
    SettingRow {
        setting: LinkSetting::ArpIgnore,
        name: "arp-ignore",
        files: &[v4("arp_ignore")],
        form: SettingForm::Number { most: 8 },
    },
    SettingRow {
        setting: LinkSetting::ArpAnnounce,
        name: "arp-announce",
        files: &[v4("arp_announce")],
        form: SettingForm::Number { most: 2 },
    },
    SettingRow {
        setting: LinkSetting::ArpFilter,
        name: "arp-filter",
        files: &[v4("arp_filter")],
        form: SettingForm::Flag { on: 1 },
    },
    SettingRow {
        setting: LinkSetting::ArpAccept,
        name: "arp-accept",
        files: &[v4("arp_accept")],
        form: SettingForm::Flag { on: 1 },
    },
    SettingRow {
        setting: LinkSetting::ProxyArp,
        name: "proxy-arp",
        files: &[v4("proxy_arp")],
        form: SettingForm::Flag { on: 1 },
    },
    SettingRow {
        setting: LinkSetting::RpFilter,
        name: "rp-filter",
        files: &[v4("rp_filter")],
        form: SettingForm::Words(&RP_FILTERS),
    },
];

const fn v4(name: &'static str) -> SettingFile {
    SettingFile {
        family: "ipv4",
        name,
    }
}

const fn v6(name: &'static str) -> SettingFile {
    SettingFile {
        family: "ipv6",
        name,
    }
}

impl LinkSetting {
    fn row(self) -> Option<&'static SettingRow> {
        SETTINGS.iter().find(|row| row.setting == self)
    }

    /// The word of the language.
    pub fn as_str(self) -> &'static str {
        self.row().map_or("", |row| row.name)
    }

    pub fn files(self) -> &'static [SettingFile] {
        self.row().map_or(&[], |row| row.files)
    }

    /// A value as a site has it.
    pub fn shown(self, value: u32) -> String {
        let word = |words: &[&'static str]| {
            let index = usize::try_from(value).ok()?;
            words.get(index).map(|word| (*word).to_owned())
        };
        if value == DISAGREE && self.files().len() > 1 {
            return "not the same in IPv4 and IPv6".to_owned();
        }
        let shown = self.row().and_then(|row| match row.form {
            SettingForm::Flag { on: _ } if value == 0 => Some("#false".to_owned()),
            SettingForm::Flag { on } if value == on => Some("#true".to_owned()),
            SettingForm::Flag { on: _ } | SettingForm::Number { most: _ } => None,
            SettingForm::Words(words) => word(words),
        });
        shown.unwrap_or_else(|| value.to_string())
    }
}

impl SettingFile {
    /// The file of one link, below `/proc/sys`.
    pub fn path(self, link: &impl fmt::Display) -> String {
        format!("net/{}/conf/{link}/{}", self.family, self.name)
    }
}

impl fmt::Display for LinkSetting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_shown_as_they_are_written() {
        for (setting, value, expected) in [
            (LinkSetting::Forwarding, 1, "#true"),
            (LinkSetting::Forwarding, 0, "#false"),
            (
                LinkSetting::Forwarding,
                DISAGREE,
                "not the same in IPv4 and IPv6",
            ),
            (LinkSetting::AcceptRa, 2, "#true"),
            (LinkSetting::AcceptRa, 1, "1"),
            (LinkSetting::ArpIgnore, 8, "8"),
            (LinkSetting::RpFilter, 1, "strict"),
            (LinkSetting::RpFilter, 9, "9"),
        ] {
            assert_eq!(setting.shown(value), expected, "{setting} {value}");
        }
    }

    #[test]
    fn each_setting_has_its_row_under_the_name_that_is_serialised() {
        for row in &SETTINGS {
            let json = serde_json::to_string(&row.setting).unwrap();
            assert_eq!(json, format!("\"{}\"", row.name));
            assert!(!row.setting.files().is_empty());
        }
        let path = v6("accept_ra").path(&"bond0.100");
        assert_eq!(path, "net/ipv6/conf/bond0.100/accept_ra");
    }
}
