//! Bounds that hold everywhere, each with the reason for its size.

/// Largest source file in bytes: ten times the largest site known, and far below what would exhaust memory.
pub const SOURCE_BYTES: usize = 64 * 1024 * 1024;

/// Deepest nesting of KDL blocks: the language needs six; the parser recurses once a level.
pub const NESTING: usize = 64;

/// Most faults of syntax that are told of one source: a file with more is no site file, and memory stays bounded.
pub const SYNTAX_FAULTS: usize = 10_000;

/// Largest text on which a formatter asks the kdl crate for a second opinion: it reads about a megabyte a second.
pub const SECOND_OPINION_BYTES: usize = 256 * 1024;

/// Most faults that are told of the nodes of one source, and most before no further source is read: each takes memory, and whoever
/// mends the first of them finds the rest.
pub const FAULTS: usize = 10_000;

/// Most memory that compiling takes for each byte of a site's sources, and of what its profiles give written out for each machine: a
/// VLAN takes seven bytes of text and may be declared wrongly. `tests/memory.rs` measures it; real sites take a tenth.
pub const MEMORY_PER_BYTE: usize = 300;

/// Most columns of a table: several for each interface of the largest machine known.
pub const TABLE_COLUMNS: usize = 512;

/// Most text that machines have from their profiles, and relayed VLANs from their servers', if it were written out for each: as much
/// as a source may hold. Some 300 bytes a machine are usual.
pub const INHERITED_BYTES: usize = SOURCE_BYTES;

/// Most faults that come with a guess at what was meant: a guess looks at every name that there is.
pub const GUESSES: usize = 100;

/// Most fabrics that are isolated: an address that does not say where it is may be in each of them.
pub const ISOLATED_FABRICS: usize = 256;

/// Most client classes in one place, and most ways to be of one: each packet is held against each.
pub const CLIENT_CLASSES: usize = 64;

/// Most source files that a site may include.
pub const SOURCE_FILES: usize = 10_000;

/// Longest message, label or help of a fault; it may repeat a word of the source.
pub const MESSAGE_BYTES: usize = 1_000;

/// Most places that one fault shows; a circle of includes may have thousands.
pub const LABELS: usize = 16;

/// Most diagnostics shown in one run; the rest are counted.
pub const DIAGNOSTICS_SHOWN: usize = 50;

/// Longest pattern of keys: four times the longest key known, since each is matched against every key that changed.
pub const PATTERN_CHARS: usize = 1000;

/// Smallest MTU of a link: IPv4's minimum reassembly size less a little, as the field has it (MAAS: 552).
pub const MTU_MIN: u32 = 552;

/// Smallest MTU of a link with IPv6 (RFC 8200 5); the kernel takes IPv6 off smaller ones.
pub const MTU_MIN_V6: u32 = 1280;

/// Largest MTU of a link.
pub const MTU_MAX: u32 = 65_535;

/// MTU of a VRF, which is what the kernel gives it (`vrf_setup`); no site sizes one.
pub const MTU_VRF: u32 = 65_575;

/// MTU of a link that nobody sized: Ethernet's payload (IEEE 802.3).
pub const MTU_DEFAULT: u32 = 1500;
