//! How the BMCs of the site in force do, as they were heard of last. Pure: moments are given.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::base::bmc::{BmcCondition, BmcNews, PowerState};
use crate::base::moment::Moment;
use crate::base::name::HostName;
use crate::daemon::TOLD;
use crate::diag::code::Code;
use crate::diag::fault::Fault;
use crate::state::BootOrder;

/// Most characters of a reason that are kept: BMCs may tell stories.
const WHY: usize = 300;

/// Why nobody watches a BMC any more.
const GONE: &str = "it is no BMC of the site any more";

/// The same where its machine has one still.
const MOVED: &str = "the site has the BMC of its machine elsewhere now";

/// One BMC that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BmcRow {
    pub machine: HostName,
    /// Where it is, in words.
    pub address: String,
    pub condition: BmcCondition,
    /// When that was noticed first.
    pub since: Moment,
    /// The reason, in words.
    pub why: String,
    /// What to do about it, where that is not plain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
}

/// All of them at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BmcSummary {
    /// Those that answered when they were asked last.
    pub fine: usize,
    /// Those that nobody has asked yet.
    pub unasked: usize,
    /// Those that are not as they should be, and the first of them.
    pub troubled: usize,
    pub rows: Vec<BmcRow>,
}

/// What is known of each BMC of the site.
#[derive(Debug, Default)]
pub(super) struct Board(BTreeMap<HostName, Known>);

#[derive(Debug)]
struct Known {
    address: String,
    /// None before it was asked.
    state: Option<State>,
    /// Whether its machine runs, and when that was heard.
    power: Option<(PowerState, Moment)>,
    /// What it boots from first, where that was asked, and when.
    boot_order: Option<(BootOrder, Moment)>,
}

#[derive(Debug)]
enum State {
    Fine,
    Bad {
        condition: BmcCondition,
        since: Moment,
        why: String,
        help: Option<String>,
    },
}

impl Known {
    /// What is to be told of one that the site has no more, there: nothing where it was fine.
    fn left(self, host: &HostName, why: &str) -> Option<BmcNews> {
        match self.state? {
            State::Fine => None,
            State::Bad {
                condition, since, ..
            } => Some(BmcNews {
                machine: host.clone(),
                address: Some(self.address),
                condition: None,
                was: Some(condition),
                is_watched: false,
                why: format!("{why}; until now, since {since}: {condition}"),
            }),
        }
    }
}

impl Board {
    /// Takes the BMCs of a site: those that it had before stay as they were heard of. Returns what is to be told of those that were not
    /// fine and that it has no more, or elsewhere.
    pub(super) fn put(&mut self, bmcs: impl Iterator<Item = (HostName, String)>) -> Vec<BmcNews> {
        let mut before = std::mem::take(&mut self.0);
        let mut left = Vec::new();
        self.0 = bmcs
            .map(|(host, address)| {
                let known = before.remove(&host);
                let (known, moved) = match known {
                    Some(known) if known.address != address => (None, Some(known)),
                    known => (known, None),
                };
                left.extend(moved.and_then(|moved| moved.left(&host, MOVED)));
                // Another site may have switched it.
                let known = known.map(|known| Known {
                    power: None,
                    boot_order: None,
                    ..known
                });
                let unasked = Known {
                    address,
                    state: None,
                    power: None,
                    boot_order: None,
                };
                (host, known.unwrap_or(unasked))
            })
            .collect();
        let gone = before.into_iter();
        left.extend(gone.filter_map(|(host, known)| known.left(&host, GONE)));
        left
    }

    /// Takes what came of asking one: how its machine is, where that was asked, or why it is not known.
    pub(super) fn came(
        &mut self,
        host: &HostName,
        came: Result<Option<PowerState>, &Fault>,
        now: Moment,
    ) -> Option<BmcNews> {
        let known = self.0.get_mut(host)?;
        known.power = match came {
            Ok(Some(power @ (PowerState::On | PowerState::Off))) => Some((power, now)),
            Ok(None) => known.power,
            Ok(Some(
                PowerState::TurningOn
                | PowerState::TurningOff
                | PowerState::Paused
                | PowerState::Unknown,
            ))
            | Err(_) => None,
        };
        if came.is_err() {
            known.boot_order = None;
        }
        let bad = match came {
            Ok(Some(PowerState::On | PowerState::Off) | None) => None,
            Ok(Some(
                power @ (PowerState::TurningOn
                | PowerState::TurningOff
                | PowerState::Paused
                | PowerState::Unknown),
            )) => Some((BmcCondition::Unsettled, format!("the power is {power}"))),
            Err(fault) => Some((condition(fault)?, why(fault))),
        };
        let help = came.err().and_then(help);
        let before = known.state.take();
        let was = match before {
            Some(State::Bad {
                condition, since, ..
            }) => Some((condition, since)),
            Some(State::Fine) | None => None,
        };
        let news = |condition, why| BmcNews {
            machine: host.clone(),
            address: Some(known.address.clone()),
            condition,
            was: was.map(|(was, _)| was),
            is_watched: true,
            why,
        };
        let Some((condition, why)) = bad else {
            let is_over =
                was.map(|(was, since)| news(None, format!("until now, since {since}: {was}")));
            known.state = Some(State::Fine);
            return is_over;
        };
        let since = match was {
            Some((was, since)) if was == condition => since,
            Some(_) | None => now,
        };
        let is_new = was.is_none_or(|(was, _)| was != condition);
        let begins = is_new.then(|| news(Some(condition), why.clone()));
        known.state = Some(State::Bad {
            condition,
            since,
            why,
            help,
        });
        begins
    }

    /// How a machine was heard to be, and when, where that was `after` a moment.
    pub(super) fn power(
        &self,
        host: &HostName,
        after: Option<Moment>,
    ) -> Option<(PowerState, Moment)> {
        let heard = self.0.get(host)?.power;
        heard.filter(|(_, at)| after.is_none_or(|after| *at > after))
    }

    /// Takes what a machine boots from first; none where its BMC could not tell.
    pub(super) fn ordered(&mut self, host: &HostName, order: Option<BootOrder>, now: Moment) {
        if let Some(known) = self.0.get_mut(host) {
            known.boot_order = order.map(|order| (order, now));
        }
    }

    /// What a machine was heard to boot from first, and when, where that was `after` a moment.
    pub(super) fn boot_order(
        &self,
        host: &HostName,
        after: Option<Moment>,
    ) -> Option<(BootOrder, Moment)> {
        let heard = self.0.get(host)?.boot_order;
        heard.filter(|(_, at)| after.is_none_or(|after| *at > after))
    }

    /// Whether one of the site was not asked yet.
    pub(super) fn is_unasked(&self, host: &HostName) -> bool {
        self.0.get(host).is_some_and(|known| known.state.is_none())
    }

    /// None where the site has no BMCs.
    pub(super) fn summary(&self) -> Option<BmcSummary> {
        let mut summary = BmcSummary::default();
        for (machine, known) in &self.0 {
            match &known.state {
                None => summary.unasked += 1,
                Some(State::Fine) => summary.fine += 1,
                Some(State::Bad {
                    condition,
                    since,
                    why,
                    help,
                }) => {
                    summary.troubled += 1;
                    if summary.rows.len() < TOLD {
                        summary.rows.push(BmcRow {
                            machine: machine.clone(),
                            address: known.address.clone(),
                            condition: *condition,
                            since: *since,
                            why: why.clone(),
                            help: help.clone(),
                        });
                    }
                }
            }
        }
        (!self.0.is_empty()).then_some(summary)
    }
}

/// What a fault says of a BMC; none where it says nothing of it.
fn condition(fault: &Fault) -> Option<BmcCondition> {
    [
        (Code::BmcUnreachable, BmcCondition::Unreachable),
        (Code::BmcClosed, BmcCondition::Closed),
        (Code::BmcNoRoute, BmcCondition::NoRoute),
        (Code::BmcRefusesUs, BmcCondition::Refused),
        (Code::BmcUntrusted, BmcCondition::Untrusted),
        (Code::BmcFailed, BmcCondition::Failing),
        (Code::BmcSecret, BmcCondition::NoSecret),
    ]
    .into_iter()
    .find_map(|(code, condition)| (code == fault.code).then_some(condition))
}

/// What to do about a fault, where it is not plain what that is: which command shows the certificate that is not trusted.
fn help(fault: &Fault) -> Option<String> {
    let help = fault.help.as_ref();
    help.filter(|_| fault.code == Code::BmcUntrusted).cloned()
}

/// What lies behind a fault, as far as it is kept.
fn why(fault: &Fault) -> String {
    let mut parts: Vec<&str> = fault.causes.iter().map(String::as_str).collect();
    if fault.code == Code::BmcSecret || parts.is_empty() {
        parts.insert(0, &fault.message);
    }
    let why = parts.join(": ");
    let plain = why.chars().filter(|character| !character.is_control());
    plain.take(WHY).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(number: usize) -> HostName {
        format!("node-{number}").parse().unwrap()
    }

    fn board(count: usize) -> Board {
        let mut board = Board::default();
        board.put((0..count).map(|number| (host(number), "10.0.0.1".to_owned())));
        board
    }

    fn fault(code: Code, cause: &str) -> Fault {
        let mut fault = Fault::new(code, "it does not");
        fault.causes.push(cause.to_owned());
        fault
    }

    #[test]
    fn a_bmc_is_told_of_when_it_changes_and_known_since_when() {
        use BmcCondition::{Refused, Unreachable, Unsettled};
        let silent = fault(Code::BmcUnreachable, "no answer");
        let refused = fault(Code::BmcRefusesUs, "no");
        let is_off = fault(Code::NoSuchMachine, "of something else");
        let mut board = board(1);
        let troubled = |condition, why: &str| Some((Some(condition), why.to_owned()));
        let over = |why: &str| Some((None, why.to_owned()));
        let turning = "the power is turning on";
        for (at, came, news, row) in [
            (1, Ok(Some(PowerState::On)), None, None),
            (
                2,
                Err(&silent),
                troubled(Unreachable, "no answer"),
                Some((Unreachable, 2)),
            ),
            (3, Err(&silent), None, Some((Unreachable, 2))),
            (4, Err(&is_off), None, Some((Unreachable, 2))),
            (
                5,
                Err(&refused),
                troubled(Refused, "no"),
                Some((Refused, 5)),
            ),
            (
                6,
                Ok(None),
                over("until now, since 1970-01-01 00:00:05 UTC: does not let us in"),
                None,
            ),
            (
                7,
                Ok(Some(PowerState::TurningOn)),
                troubled(Unsettled, turning),
                Some((Unsettled, 7)),
            ),
            (
                8,
                Ok(Some(PowerState::TurningOff)),
                None,
                Some((Unsettled, 7)),
            ),
            (
                9,
                Ok(Some(PowerState::Off)),
                over("until now, since 1970-01-01 00:00:07 UTC: is between states"),
                None,
            ),
        ] {
            let heard = board.came(&host(0), came, Moment(at));
            let heard = heard.map(|heard| (heard.condition, heard.why));
            assert_eq!(heard, news, "{at}");
            let told = board.summary().unwrap();
            let first = told.rows.first();
            let first = first.map(|row| (row.condition, row.since.0));
            assert_eq!(first, row, "{at}");
            assert_eq!(told.fine + told.troubled, 1);
        }
    }

    #[test]
    fn what_is_kept_is_bounded_and_plain() {
        let count = TOLD + 5;
        let mut board = board(count);
        let long = fault(Code::BmcFailed, &"\u{1b}[31mno\n".repeat(1000));
        for number in 0..count {
            board.came(&host(number), Err(&long), Moment(1));
        }
        let told = board.summary().unwrap();
        assert_eq!((told.troubled, told.rows.len()), (count, TOLD));
        let why = &told.rows[0].why;
        assert_eq!(why.chars().count(), WHY);
        assert!(!why.contains(char::is_control), "{why}");
    }

    #[test]
    fn a_site_keeps_what_is_known_of_the_bmcs_that_it_keeps() {
        let mut board = board(3);
        let silent = fault(Code::BmcUnreachable, "no answer");
        for number in 0..3 {
            board.came(&host(number), Err(&silent), Moment(1));
        }
        let put = |board: &mut Board, bmcs: &[(usize, &str)]| {
            let bmcs = bmcs.iter();
            let left = board.put(bmcs.map(|(number, at)| (host(*number), (*at).into())));
            let told = left.into_iter().map(|news| {
                assert!(!news.is_watched && news.condition.is_none(), "{news:?}");
                assert_eq!(news.was, Some(BmcCondition::Unreachable));
                assert_eq!(news.address.as_deref(), Some("10.0.0.1"));
                (news.machine, news.why)
            });
            told.collect::<Vec<_>>()
        };
        let over = |number, why| {
            let was = "until now, since 1970-01-01 00:00:01 UTC: does not answer";
            (host(number), format!("{why}; {was}"))
        };
        let moved = [(0, "10.0.0.1"), (1, "10.0.0.9"), (7, "10.0.0.7")];
        assert_eq!(put(&mut board, &moved), [over(1, MOVED), over(2, GONE)]);
        assert!(put(&mut board, &moved).is_empty());
        let told = board.summary().unwrap();
        assert_eq!((told.troubled, told.unasked, told.fine), (1, 2, 0));
        assert_eq!(told.rows[0].machine, host(0));
        assert_eq!(
            board.came(&host(2), Ok(None), Moment(2)),
            None,
            "it is gone"
        );
        // Of those that nobody had asked, and of one that is fine, there is nothing to tell.
        board.came(&host(7), Ok(None), Moment(2));
        assert_eq!(put(&mut board, &[]), [over(0, GONE)]);
        assert_eq!(board.summary(), None);
    }

    #[test]
    fn what_was_heard_before_an_apply_says_nothing_of_the_time_after_it() {
        let mut board = board(1);
        let on = Some((PowerState::On, Moment(5)));
        board.came(&host(0), Ok(Some(PowerState::On)), Moment(5));
        board.came(&host(0), Ok(None), Moment(6));
        let order = BootOrder::of(None);
        board.ordered(&host(0), Some(order), Moment(5));
        board.ordered(&host(1), Some(order), Moment(5));
        for (after, heard) in [(None, on), (Some(Moment(4)), on), (Some(Moment(5)), None)] {
            assert_eq!(board.power(&host(0), after), heard);
            let ordered = heard.map(|(_, at)| (order, at));
            assert_eq!(board.boot_order(&host(0), after), ordered);
        }
        // Nor what another site left, nor what is between states.
        board.put([(host(0), "10.0.0.1".to_owned())].into_iter());
        assert_eq!(board.power(&host(0), None), None);
        assert_eq!(board.boot_order(&host(0), None), None);
        // Nor what was heard of a BMC before it was lost, or could not tell any more.
        let silent = fault(Code::BmcUnreachable, "no answer");
        board.ordered(&host(0), Some(order), Moment(6));
        board.came(&host(0), Err(&silent), Moment(6));
        assert_eq!(board.boot_order(&host(0), None), None);
        board.ordered(&host(0), Some(order), Moment(6));
        board.ordered(&host(0), None, Moment(6));
        assert_eq!(board.boot_order(&host(0), None), None);
        board.came(&host(0), Ok(Some(PowerState::On)), Moment(7));
        board.came(&host(0), Ok(Some(PowerState::TurningOff)), Moment(8));
        assert_eq!(board.power(&host(0), None), None);
    }
}
