//! Every code, once: its number, its title and the text that `bedplate explain` shows.
//!
//! `E` are faults of a site, `W` are warnings about one, `D` are faults of a running daemon or command, `C` of commands that explain
//! a site. Numbers are never reused.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::report::Severity;
use super::suggest::nearest;

/// Declares the codes; the longer texts lie in `explain/`, one file a code.
macro_rules! codes {
    ($($variant:ident $number:literal $title:literal)+) => {
        /// What kind of fault a diagnostic reports.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(into = "String", try_from = "String")]
        pub enum Code {
            $(#[doc = $title] $variant,)+
        }

        impl Code {
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The stable number, such as `E010`.
            pub fn number(self) -> &'static str {
                match self {
                    $(Self::$variant => $number,)+
                }
            }

            /// The kind of fault in a few words.
            pub fn title(self) -> &'static str {
                match self {
                    $(Self::$variant => $title,)+
                }
            }

            /// What the fault means, with an example and its mend.
            pub fn explanation(self) -> &'static str {
                match self {
                    $(Self::$variant => include_str!(concat!("explain/", $number, ".md")),)+
                }
            }
        }
    };
}

codes! {
    // Sources and syntax.
    Syntax "E001" "the text is not KDL"
    BareAddress "E002" "an address stands without quotes"
    Limit "E003" "a source exceeds a limit"
    NotText "E004" "a source is not UTF-8"
    FileUnreadable "E005" "a file cannot be read"
    OutsideSite "E006" "a path leaves the site folder"
    IncludeCycle "E007" "files include each other in a circle"
    MergeConflict "E008" "a merge left a conflict"

    // Shape of nodes.
    UnknownNode "E010" "unknown node"
    UnknownProperty "E011" "unknown property"
    DuplicateProperty "E012" "a property is given twice"
    Missing "E013" "something required is missing"
    RepeatedNode "E014" "a node is repeated that may stand once"
    WrongType "E015" "a value has the wrong type"
    ExtraArgument "E016" "too many arguments"
    InvalidValue "E017" "a value does not mean what its place needs"
    InvalidName "E018" "a name is not valid"
    Unsupported "E019" "not supported yet"

    // Names and references.
    SiteCount "E020" "a site has exactly one `site` node"
    DuplicateName "E021" "a name is given twice"
    UnknownReference "E022" "a name refers to nothing"
    AmbiguousReference "E023" "a name refers to several things"
    LabelTwice "E024" "two links of a host have one name in DNS"
    ForwarderOwn "E025" "a resolver that asks itself"
    IgnorePattern "E026" "a pattern that no key matches"
    IgnoreAttribute "E027" "an attribute that nothing there has"
    IgnoreTwice "E028" "a rule that is there already"

    // Fabrics, VLANs and subnets.
    HookTime "E029" "a hook's time limit is out of bounds"
    UntaggedTwice "E030" "a fabric has two untagged VLANs"
    VlanIdTwice "E031" "a VLAN id is used twice in a fabric"
    SubnetOverlap "E040" "subnets overlap"
    GatewayPlace "E041" "a gateway is not a host address of its subnet"
    RangePlace "E042" "a range does not lie in its subnet"
    RangeOverlap "E043" "ranges overlap"
    RangeHoldsAddress "E044" "a dynamic range holds an address that is taken"
    IsolationMeets "E045" "a host is in two subnets that overlap"
    DnsRefused "E046" "a subnet's name servers contradict each other"
    RangeUnmanaged "E047" "a dynamic range that nothing reserves"

    // Routes and gateways.
    RouteGateway "E050" "a route's gateway is in no subnet"
    RouteDestination "E051" "a route's destination does not fit its gateway"
    RouteTwice "E052" "a route is declared twice"
    DefaultGateway "E053" "a default gateway cannot be reached"
    HopPlace "E054" "a controller's route leads to a router that it cannot reach"
    RouteForm "E055" "a route says too much or too little"
    RouteSource "E056" "a route sends from an address that is not the controller's"
    RuleForm "E057" "a policy rule says too much or too little"
    RuleTwice "E058" "two policy rules have one priority"

    // Hosts and their links.
    AddressPlace "E060" "an address is in no subnet of its VLAN"
    AddressEdge "E061" "an address no host may hold"
    AddressTwice "E062" "an address is used twice"
    AddressesMany "E069" "a machine has two addresses in a subnet"
    AddressIsGateway "E063" "a machine has the gateway's address"
    MacTwice "E064" "a hardware address is used twice"
    MacUnusable "E065" "a hardware address that names no interface"
    BridgePort "E066" "a link cannot be a port of a bridge"
    BridgePortTwice "E067" "a link is a port twice"
    BridgeMtu "E068" "a bridge's port has a smaller MTU than the bridge"

    // The lock.
    LockMissing "E090" "an address is not in the lock yet"
    LockStale "E091" "the lock holds what the site does not ask for"
    LockEntry "E092" "an entry of the lock is wrong"
    AutoSubnet "E093" "an automatic address has no subnet to come from"
    SubnetFull "E094" "a subnet has no free address left"
    MovedTwice "E095" "a host has the old name of another"

    // What plans must not take away.
    ProtectPlace "E096" "a protection that protects nothing"

    LinkKind "E100" "a machine and its profile disagree on the kind of a link"
    BondPort "E101" "a link cannot be a port of a bond"
    BondParameter "E102" "a bond's parameters contradict each other"
    TaggedOn "E103" "a link cannot carry tagged frames"
    TaggedVlan "E104" "a VLAN cannot be tagged"
    TaggedTwice "E105" "a VLAN is tagged twice on a link"
    LinkMtu "E106" "a link's MTU is larger than that of the link below it"
    LinkCycle "E107" "links stand on each other in a circle"
    LoopbackAddress "E108" "an address that a link on no wire cannot have"
    SecretPlace "E109" "a secret does not stand in a site file"
    BmcMissing "E110" "a power state or boot order without a BMC"
    TableShape "E112" "a table is not well formed"
    TableColumn "E113" "a table's header is wrong"
    BmcSetting "E111" "a setting that a BMC does not take"
    BridgeVlan "E114" "a bridge cannot filter VLANs so"
    VrfPort "E115" "a link cannot be a port of a VRF"
    VrfTable "E116" "a VRF has no routing table of its own"

    // DHCP and images.
    DhcpControllers "E070" "several controllers serve DHCP on a VLAN"
    ControllerAddress "E071" "a controller has no address on the VLAN"
    DhcpNothing "E072" "DHCP has nothing to hand out"
    DhcpBoth "E073" "a VLAN is both served and relayed"
    RelayTarget "E074" "a VLAN that cannot be relayed to"
    OptionElsewhere "E075" "a DHCP option that is not for a site to set"
    ClassIdle "E076" "a client class that never counts"
    IdentityTwice "E077" "two interfaces are recognised by the same"
    DhcpTimes "E078" "a time that is longer than any lease"
    DhcpProxy "E079" "addresses are another server's to give"
    ImageFile "E080" "a file of an image cannot be read"
    BootTwice "E081" "an image has two programs for one architecture"

    // Records.
    RecordAlias "E120" "an alias with something beside it"
    RecordOfHost "E121" "a record for a host's own addresses"
    RecordToAlias "E122" "a record leads to an alias"
    RecordZone "E123" "name servers where no zone can begin"
    RecordCircle "E124" "aliases lead in a circle"

    // Webhooks.
    WebhookPlain "E130" "a webhook over plain HTTP to another host"
    WebhookCredentials "E131" "a webhook's URL holds credentials"

    // BMCs that only switch.
    TemplatePlace "E140" "a template has a place for nothing that is known"
    SecretExposed "E141" "a secret where others can read it"
    PowerUnseen "E142" "a power state that its BMC cannot see to"

    // Users of BMCs.
    OwnAccount "E143" "the account that Bedplate uses is declared as a user"

    // Warnings.
    IncludeNothing "W001" "an include matches no file"
    ReservationWithoutMac "W002" "an address that cannot be reserved"
    ReverseZoneIdle "W003" "a way of naming addresses that changes nothing"
    DhcpNobody "W004" "nobody serves DHCP where it is asked for"
    RecordNowhere "W005" "a record leads nowhere"
    ImageFileUnknown "W006" "the content of an image's file is not known"
    DhcpUnserved "W007" "a DHCP setting where no DHCP is served"
    BondParameterIdle "W010" "a parameter means nothing in the bond's mode"

    // The daemon.
    DaemonAbsent "D001" "no daemon is running"
    ApplyBusy "D002" "another apply is running"
    PlanStale "D003" "the plan is stale"
    PortBusy "D004" "a port is in use"
    StoreFailed "D005" "the store failed"
    LinkMissing "D006" "a link does not exist"
    PeerRefused "D007" "the daemon refused its peer"
    ApiVersion "D008" "the daemon speaks another version"
    BadRequest "D009" "a request that cannot be carried out"
    NoSuchController "D010" "the site has no such controller"
    WorldFailed "D011" "the host or its servers failed"
    ContentMissing "D012" "the daemon lacks a boot file's content"
    Internal "D013" "a fault in Bedplate itself"
    FileUnwritable "D014" "a file cannot be written"
    FileChanged "D015" "a file changed meanwhile"

    // What applies leave, and what keeps others from applying.
    ApplyUnconfirmed "D030" "an apply waits to be confirmed"
    NothingToConfirm "D031" "no apply waits to be confirmed"
    OnHold "D032" "applying is on hold"
    NotOnHold "D033" "applying is not on hold"
    NoSuchState "D034" "no state to go back to"

    // What is taken from the host into the site.
    NothingToAdopt "D040" "the host has nothing of that name"
    NotAdoptable "D041" "a thing of the host that the site cannot say"

    // Leases.
    NoSuchLease "D050" "an address that is not leased"

    // BMCs.
    NoSuchMachine "D060" "no such machine, or none with a BMC"
    BmcUnreachable "D061" "a BMC does not answer"
    BmcRefusesUs "D062" "a BMC does not let the daemon in"
    BmcUntrusted "D063" "a BMC is not known to be who it should be"
    BmcFailed "D064" "a BMC did not do what it was asked for"
    BmcSecret "D065" "a BMC's secret or authority cannot be read"
    BmcClosed "D066" "nothing listens at a BMC's port"
    BmcNoRoute "D067" "no route leads to a BMC"

    // Consoles.
    ConsoleInUse "D070" "a machine's console is somebody else's"
    ConsoleElsewhere "D071" "a machine's BMC has no console for the daemon"
    NoSuchRecording "D072" "no such recording of a console"

    // Commands that explain a site.
    ObjectUnknown "C001" "the site has no such object"
    ObjectAmbiguous "C002" "a name stands for several objects"
    GitFailed "C003" "git cannot be asked"
    RevisionUnknown "C004" "git knows no such revision"
}

impl Code {
    pub fn severity(self) -> Severity {
        if self.number().starts_with('W') {
            Severity::Warning
        } else {
            Severity::Error
        }
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.number())
    }
}

impl From<Code> for String {
    fn from(code: Code) -> Self {
        code.number().to_owned()
    }
}

/// Why a text is no code's number.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no code `{0}`")]
pub struct CodeError(String);

impl TryFrom<String> for Code {
    type Error = CodeError;

    fn try_from(number: String) -> Result<Self, CodeError> {
        let known = Self::ALL.iter().find(|code| code.number() == number);
        known.copied().ok_or(CodeError(number))
    }
}

/// The code that is meant by `text`: in either case of letters, with or without the zeros that its number begins with.
pub fn find(text: &str) -> Option<Code> {
    let wanted = parts(text)?;
    let mut all = Code::ALL.iter().copied();
    all.find(|code| parts(code.number()) == Some(wanted))
}

/// The letter of a code's kind and its number.
fn parts(text: &str) -> Option<(char, u16)> {
    let mut rest = text.chars();
    let kind = rest.next()?.to_ascii_uppercase();
    let digits = rest.as_str();
    let is_number = digits.len() <= 3 && digits.chars().all(|one| one.is_ascii_digit());
    Some((kind, digits.parse().ok().filter(|_| is_number)?))
}

/// Codes that may be meant by what is none: those with its number, else the nearest by its spelling.
pub fn near(text: &str) -> Vec<&'static str> {
    let all = || Code::ALL.iter().map(|code| code.number());
    let digits = text.trim_start_matches(|one: char| !one.is_ascii_digit());
    let same = all().filter(|number| parts(number).map(|(_, own)| own) == digits.parse().ok());
    let same: Vec<_> = same.collect();
    if same.is_empty() {
        let text = text.to_ascii_uppercase();
        return nearest(&text, all()).into_iter().collect();
    }
    same
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_unique_and_every_text_explains() {
        let mut numbers: Vec<_> = Code::ALL.iter().map(|code| code.number()).collect();
        numbers.sort_unstable();
        numbers.dedup();
        assert_eq!(numbers.len(), Code::ALL.len());
        for code in Code::ALL {
            let text = code.explanation();
            assert!(
                text.starts_with(&format!("# {code}: {}\n", code.title())),
                "{code}: a text opens with its number and title"
            );
            assert!(
                text.contains("```"),
                "{code}: a text shows an example and its mend"
            );
        }
    }

    #[test]
    fn codes_are_found_however_they_are_written() {
        for (text, expected) in [
            ("E001", Some("E001")),
            ("e001", Some("E001")),
            ("e1", Some("E001")),
            ("E01", Some("E001")),
            ("d60", Some("D060")),
            ("E999", None),
            ("E0001", None),
            ("E+1", None),
            ("E", None),
            ("1", None),
            ("", None),
            ("é1", None),
        ] {
            assert_eq!(find(text).map(Code::number), expected, "{text}");
        }
    }

    #[test]
    fn what_is_no_code_is_near_to_some() {
        for (text, expected) in [
            ("090", &["E090"][..]),
            ("X090", &["E090"]),
            ("e0900", &["E090"]),
            ("E999", &[]),
            ("nonsense", &[]),
            ("", &[]),
        ] {
            assert_eq!(near(text), expected, "{text}");
        }
    }
}
