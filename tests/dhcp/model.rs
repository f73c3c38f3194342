//! The whole engine under random histories: clients, relays, a disk that stalls, fills up and loses power, restarts, swaps of the
//! configuration, a clock that is set. Judged at each step by a simple model of what clients were promised.
//!
//! The histories are the same each time; `tests/long` draws others.

mod judge;
mod layout;
mod machine;

use std::net::Ipv4Addr;

use proptest::prelude::*;

use crate::cases::cases;
use layout::{Layout, SPARE};
use machine::Machine;

/// Clients that ask at random; those that come at the end are others.
const CLIENTS: u8 = 5;

/// Which message it is.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Discover,
    Select,
    /// The client chose another server.
    Elsewhere,
    Reboot,
    Renew,
    Release,
    Decline,
    Inform,
    /// A BOOTP request.
    Bootp,
}

/// Which address a message is about.
#[derive(Debug, Clone, Copy)]
enum Target {
    /// What the client was offered last.
    Offered,
    /// What it was granted last.
    Granted,
    Any(Ipv4Addr),
}

/// How a message comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Route {
    Local,
    /// Through an agent in the servers' own subnet.
    Agent,
    /// Through the agent of the relayed VLAN.
    Annex,
    /// Through an agent of nowhere.
    Stranger,
    /// On a link that is not served.
    OtherLink,
}

/// One message of a client.
#[derive(Debug, Clone)]
struct Said {
    client: u8,
    /// Its client identifier, where it sends one.
    id: Option<u8>,
    kind: Kind,
    target: Target,
    route: Route,
    wish: Option<u32>,
    name: Option<u8>,
}

/// What happens next.
#[derive(Debug, Clone)]
enum Step {
    Say(Said),
    Wait(u64),
    Tick,
    /// Writes take until the disk is well again.
    Stall,
    /// Writes that wait fail, and all that follow.
    Fill,
    Heal,
    /// Power is cut, after what was under way was written or before; the wall clock may have been set meanwhile.
    Crash {
        written: bool,
        clock: i64,
    },
    Swap(Layout),
    /// An operator ends what an address is used for.
    Revoke(Ipv4Addr),
}

fn route() -> impl Strategy<Value = Route> {
    prop_oneof![
        12 => Just(Route::Local),
        2 => Just(Route::Agent),
        6 => Just(Route::Annex),
        1 => Just(Route::Stranger),
        1 => Just(Route::OtherLink),
    ]
}

fn said() -> impl Strategy<Value = Said> {
    let kind = prop_oneof![
        6 => Just(Kind::Discover),
        8 => Just(Kind::Select),
        1 => Just(Kind::Elsewhere),
        3 => Just(Kind::Reboot),
        6 => Just(Kind::Renew),
        2 => Just(Kind::Release),
        1 => Just(Kind::Decline),
        1 => Just(Kind::Inform),
        1 => Just(Kind::Bootp),
    ];
    let target = prop_oneof![
        5 => Just(Target::Offered),
        4 => Just(Target::Granted),
        3 => prop::sample::select(&layout::ADDRESSES[..]).prop_map(Target::Any),
    ];
    let id = prop_oneof![3 => Just(None), 1 => (0u8..2).prop_map(Some)];
    let wish = prop_oneof![4 => Just(None), 1 => (1u32..2000).prop_map(Some)];
    let name = prop_oneof![2 => Just(None), 1 => (0u8..2).prop_map(Some)];
    let parts = (0..CLIENTS, id, kind, target, route(), wish, name);
    parts.prop_map(|(client, id, kind, target, route, wish, name)| Said {
        client,
        id,
        kind,
        target,
        route,
        wish,
        name,
    })
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        40 => said().prop_map(Step::Say),
        6 => (0u64..40).prop_map(Step::Wait),
        3 => (0u64..900).prop_map(Step::Wait),
        2 => Just(Step::Tick),
        2 => Just(Step::Stall),
        1 => Just(Step::Fill),
        4 => Just(Step::Heal),
        2 => (any::<bool>(), prop_oneof![3 => Just(0i64), 1 => -2000i64..2000])
            .prop_map(|(written, clock)| Step::Crash { written, clock }),
        3 => layout::layout().prop_map(Step::Swap),
        1 => prop::sample::select(&layout::ADDRESSES[..]).prop_map(Step::Revoke),
    ]
}

/// The same about one address, which is reserved for one of two machines at most times; each of them goes by several identifiers, and
/// writes take long.
fn step_of_few() -> impl Strategy<Value = Step> {
    let id = prop_oneof![1 => Just(None), 1 => (0u8..2).prop_map(Some)];
    let said = (said(), id).prop_map(|(said, id)| {
        Step::Say(Said {
            client: said.client % 2,
            id,
            target: match said.target {
                Target::Any(_) => Target::Any(layout::RESERVED),
                own @ (Target::Offered | Target::Granted) => own,
            },
            route: match said.route {
                Route::Annex | Route::Agent => Route::Local,
                other @ (Route::Local | Route::Stranger | Route::OtherLink) => other,
            },
            ..said
        })
    });
    prop_oneof![
        20 => said,
        4 => step(),
        3 => Just(Step::Stall),
        3 => Just(Step::Heal),
        1 => layout::layout_for(2).prop_map(Step::Swap),
    ]
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let first = layout::layout_for(2).prop_map(Step::Swap);
    let few = prop::collection::vec(step_of_few(), 1..80);
    prop_oneof![
        2 => prop::collection::vec(step(), 1..120),
        1 => (first, few).prop_map(|(first, few)| [vec![first], few].concat()),
    ]
}

/// Once all is well again and every promise is over, as many are served as there are addresses.
fn comes_to_rest(machine: &mut Machine) -> Result<(), TestCaseError> {
    machine.take(&Step::Heal)?;
    machine.take(&Step::Swap(Layout::default()))?;
    machine.take(&Step::Wait(10_000))?;
    machine.run_out()?;
    for at in 0..SPARE {
        let say = |kind, target| {
            Step::Say(Said {
                client: 100 + at,
                id: None,
                kind,
                target,
                route: Route::Local,
                wish: None,
                name: None,
            })
        };
        machine.take(&say(Kind::Discover, Target::Offered))?;
        machine.take(&say(Kind::Select, Target::Offered))?;
    }
    let taken = machine.endless(&layout::SPARE_ADDRESSES);
    prop_assert_eq!(
        machine.served_from(100) + taken,
        usize::from(SPARE),
        "all are served"
    );
    machine.take(&Step::Wait(10_000))?;
    machine.run_out()
}

fn history(steps: &[Step]) -> Result<(), TestCaseError> {
    let mut machine = Machine::new();
    for (at, step) in steps.iter().enumerate() {
        let taken = machine.take(step);
        taken.map_err(|fault| TestCaseError::fail(format!("step {at}, {step:?}: {fault}")))?;
    }
    comes_to_rest(&mut machine)
}

proptest! {
    #![proptest_config(cases(2000))]

    #[test]
    fn whatever_happens_promises_are_kept(steps in steps()) {
        history(&steps)?;
    }
}
