//! Which boot program a client was told, or why none: what is kept of an exchange, in a few octets. Must not know how that was decided.

use std::borrow::Cow;
use std::net::Ipv4Addr;
use std::sync::Arc;

use super::config::Image;
use super::outcome::of;
use crate::base::arch::{ClientArch, ClientArchs};
use crate::base::name::Name;
use crate::base::vlan::VlanPath;

/// What a client that looks for a boot program was told.
pub type Booting = Result<Program, NoProgram>;

/// A boot program as a client was told it, whatever its image says by now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program {
    pub(super) image: Arc<Image>,
    /// Our address towards the client.
    pub(super) server: Ipv4Addr,
    pub(super) arch: ClientArch,
    /// Whether the client told no architecture, and is taken for this one.
    pub(super) is_assumed: bool,
}

/// Why a client that looks for a boot program is told none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoProgram {
    #[error("the site has it boot from its disk")]
    FromDisk,
    #[error("no image is set for it in {}", of(.0.as_ref()))]
    NoImage(Option<Arc<VlanPath>>),
    #[error("it tells no architecture in option 93")]
    ArchUntold,
    #[error("option 93 says architecture {0:#06x}, which is not known here")]
    ArchUnknown(u16),
    #[error("{}{}", unfit(.image, *.lacking, *.disabled), taken_for(*.is_assumed))]
    Unfit {
        image: Arc<Image>,
        /// Those of the client that the image has no program for.
        lacking: ClientArchs,
        /// Those that are not told what to boot in its subnet.
        disabled: ClientArchs,
        /// Whether it told none, and is taken for this one.
        is_assumed: bool,
    },
}

impl Program {
    /// What is added where the architecture is no word of the client's.
    pub const ASSUMED: &str = "; it tells none in option 93, and is taken for this one";

    /// A path for TFTP, or a URL.
    pub fn text(&self) -> Cow<'_, str> {
        let path = self.image.programs.get(&self.arch);
        let path = path.map_or("", |path| path.as_str());
        if self.arch.boots_by_url() {
            Cow::Owned(format!("http://{}/{path}", self.server))
        } else {
            Cow::Borrowed(path)
        }
    }

    pub fn image(&self) -> &Name {
        &self.image.name
    }

    /// The architecture that it is for.
    pub fn arch(&self) -> ClientArch {
        self.arch
    }

    /// Whether the client told no architecture, and is taken for this one.
    pub fn is_assumed(&self) -> bool {
        self.is_assumed
    }
}

impl NoProgram {
    /// The reason in one word, for programs.
    pub fn word(&self) -> &'static str {
        match self {
            Self::FromDisk => "from-disk",
            Self::NoImage(_) => "no-image",
            Self::ArchUntold => "architecture-untold",
            Self::ArchUnknown(_) => "architecture-unknown",
            Self::Unfit { lacking, .. } if lacking.is_empty() => "disabled",
            Self::Unfit { .. } => "architecture-lacking",
        }
    }

    /// The image that has nothing for the client.
    pub fn image(&self) -> Option<&Name> {
        match self {
            Self::Unfit { image, .. } => Some(&image.name),
            Self::FromDisk | Self::NoImage(_) | Self::ArchUntold | Self::ArchUnknown(_) => None,
        }
    }

    /// What the client says that it is, where that mattered.
    pub fn archs(&self) -> impl Iterator<Item = ClientArch> {
        let (lacking, disabled) = match self {
            Self::Unfit {
                lacking, disabled, ..
            } => (*lacking, *disabled),
            Self::FromDisk | Self::NoImage(_) | Self::ArchUntold | Self::ArchUnknown(_) => {
                Default::default()
            }
        };
        lacking.iter().chain(disabled.iter())
    }
}

fn unfit(image: &Image, lacking: ClientArchs, disabled: ClientArchs) -> String {
    let lacks = format!("image {} has no program for {lacking}", image.name);
    let may_not = format!("`disable-boot` names {disabled} in its subnet");
    match (lacking.is_empty(), disabled.is_empty()) {
        (_, true) => lacks,
        (true, false) => may_not,
        (false, false) => format!("{lacks}, and {may_not}"),
    }
}

fn taken_for(is_assumed: bool) -> &'static str {
    match is_assumed {
        true => Program::ASSUMED,
        false => "",
    }
}
