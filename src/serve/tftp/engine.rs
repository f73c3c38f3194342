//! One transfer as a state machine: which blocks to send when, never their content. Knows no socket, file or clock;
//! time is counted from the transfer's begin.

use std::time::Duration;

use super::wire::{Asked, BLOCK_SIZE_DEFAULT};

/// Most blocks in flight. Beyond it a window gains nothing on a local network and only fills queues.
const WINDOW_MAX: u16 = 128;

/// Most octets in flight, which bounds what a transfer holds in memory.
pub(super) const WINDOW_OCTETS: u32 = 256 * 1024;

/// How often the same packets are sent again before a client counts as gone.
const RETRIES: u32 = 6;

/// The wait for an answer: before the first measurement, at least, and at most.
const WAIT_FIRST: Duration = Duration::from_millis(500);
const WAIT_MIN: Duration = Duration::from_millis(100);
const WAIT_MAX: Duration = Duration::from_secs(4);

/// What holds for a transfer once its options are settled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Terms {
    pub(super) block_size: u16,
    pub(super) window: u16,
    /// The wait that the client asked for (RFC 2349); else it follows from measured round trips.
    pub(super) timeout: Option<Duration>,
    /// What to answer; empty where the client asked for nothing that we know.
    pub(super) answers: Vec<(&'static str, u64)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Input {
    Acknowledge(u16),
    /// The client gave up.
    Error,
    /// The deadline may have passed.
    Tick,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    Wait,
    SendOptions,
    Send(Blocks),
    /// The client has every block.
    Finish,
    /// The client gave up, as loaders do that only wanted a size (RFC 2347).
    Cancel,
    /// The client fell silent.
    Abandon,
}

/// Consecutive blocks, counted from 1 and without wrapping.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Blocks {
    pub(super) first: u64,
    pub(super) count: u16,
}

/// A file on its way to one client.
#[derive(Debug)]
pub(super) struct Transfer {
    terms: Terms,
    /// Blocks of the file; the last one is short, perhaps empty (RFC 1350 6).
    total: u64,
    awaits_options: bool,
    acknowledged: u64,
    sent: u64,
    sent_at: Duration,
    deadline: Duration,
    retries: u32,
    /// Whether something in flight was sent before, so that its answer measures nothing (Karn).
    repeated: bool,
    /// Whether this window was already resumed for an acknowledgement of its predecessor.
    resumed: bool,
    round_trip: RoundTrip,
}

/// Smoothed round trip and its variation (RFC 6298 2).
#[derive(Debug, Default)]
struct RoundTrip {
    measured: Option<(Duration, Duration)>,
}

impl Terms {
    /// Settles what was asked for a file of `size` octets.
    pub(super) fn settle(asked: Asked, size: u64) -> Self {
        let block_size = asked.block_size.unwrap_or(BLOCK_SIZE_DEFAULT);
        let fitting = WINDOW_OCTETS / u32::from(block_size);
        let fitting = u16::try_from(fitting).unwrap_or(WINDOW_MAX);
        let window = asked
            .window
            .map(|blocks| blocks.min(WINDOW_MAX).min(fitting).max(1));
        let answers = [
            asked
                .block_size
                .map(|octets| ("blksize", u64::from(octets))),
            asked.timeout.map(|seconds| ("timeout", u64::from(seconds))),
            asked.transfer_size.then_some(("tsize", size)),
            window.map(|blocks| ("windowsize", u64::from(blocks))),
        ];
        Self {
            block_size,
            window: window.unwrap_or(1),
            timeout: asked
                .timeout
                .map(|seconds| Duration::from_secs(seconds.into())),
            answers: answers.into_iter().flatten().collect(),
        }
    }
}

impl Transfer {
    /// Begins to send a file of `size` octets at time zero.
    pub(super) fn begin(terms: Terms, size: u64) -> (Self, Action) {
        let mut transfer = Self {
            total: size / u64::from(terms.block_size) + 1,
            awaits_options: !terms.answers.is_empty(),
            terms,
            acknowledged: 0,
            sent: 0,
            sent_at: Duration::ZERO,
            deadline: Duration::ZERO,
            retries: 0,
            repeated: false,
            resumed: false,
            round_trip: RoundTrip::default(),
        };
        let action = transfer.send(Duration::ZERO);
        (transfer, action)
    }

    pub(super) fn handle(&mut self, now: Duration, input: Input) -> Action {
        match input {
            Input::Acknowledge(block) if self.awaits_options => self.options_taken(now, block),
            Input::Acknowledge(block) => self.acknowledge(now, block),
            Input::Error => Action::Cancel,
            Input::Tick => self.tick(now),
        }
    }

    /// When to call with [`Input::Tick`].
    pub(super) fn deadline(&self) -> Duration {
        self.deadline
    }

    pub(super) fn terms(&self) -> &Terms {
        &self.terms
    }

    fn options_taken(&mut self, now: Duration, block: u16) -> Action {
        if block != 0 {
            return Action::Wait;
        }
        self.awaits_options = false;
        self.progress(now);
        self.send(now)
    }

    fn acknowledge(&mut self, now: Duration, block: u16) -> Action {
        // Block numbers wrap at 16 bits; what is in flight never spans as much, so the distance is plain.
        let distance = u64::from(block.wrapping_sub(wire_number(self.acknowledged)));
        let in_flight = self.sent - self.acknowledged;
        if distance == 0 {
            return self.resume(now);
        }
        if distance > in_flight {
            return Action::Wait;
        }
        self.acknowledged += distance;
        self.progress(now);
        if self.acknowledged == self.total {
            return Action::Finish;
        }
        // A client that acknowledges less than the window saw a gap after it (RFC 7440 4).
        self.repeated = distance < in_flight;
        self.send(now)
    }

    /// A repeated acknowledgement. With single blocks it never causes a repeated block (RFC 1123 4.2.3.1). In a window
    /// it may say that the first block was lost; one that comes sooner than an answer could is a mere copy.
    fn resume(&mut self, now: Duration) -> Action {
        let Some((smoothed, _)) = self.round_trip.measured else {
            return Action::Wait;
        };
        let early = now.saturating_sub(self.sent_at) < smoothed / 2;
        if self.terms.window == 1 || self.resumed || early {
            return Action::Wait;
        }
        self.resumed = true;
        self.repeated = true;
        self.send(now)
    }

    fn tick(&mut self, now: Duration) -> Action {
        if now < self.deadline {
            return Action::Wait;
        }
        if self.retries == RETRIES {
            return Action::Abandon;
        }
        self.retries += 1;
        self.repeated = true;
        self.send(now)
    }

    fn progress(&mut self, now: Duration) {
        if !self.repeated {
            self.round_trip.measure(now.saturating_sub(self.sent_at));
        }
        self.retries = 0;
        self.repeated = false;
        self.resumed = false;
    }

    fn send(&mut self, now: Duration) -> Action {
        self.sent_at = now;
        self.deadline = now + self.wait();
        if self.awaits_options {
            return Action::SendOptions;
        }
        let left = self.total - self.acknowledged;
        let count =
            u16::try_from(left).map_or(self.terms.window, |left| left.min(self.terms.window));
        self.sent = self.acknowledged + u64::from(count);
        Action::Send(Blocks {
            first: self.acknowledged + 1,
            count,
        })
    }

    fn wait(&self) -> Duration {
        if let Some(asked) = self.terms.timeout {
            return asked;
        }
        let doubled = 1 << self.retries.min(RETRIES);
        (self.round_trip.wait() * doubled).min(WAIT_MAX)
    }
}

impl RoundTrip {
    fn measure(&mut self, sample: Duration) {
        self.measured = Some(match self.measured {
            None => (sample, sample / 2),
            Some((smoothed, variation)) => (
                (smoothed * 7 + sample) / 8,
                (variation * 3 + smoothed.abs_diff(sample)) / 4,
            ),
        });
    }

    fn wait(&self) -> Duration {
        let Some((smoothed, variation)) = self.measured else {
            return WAIT_FIRST;
        };
        (smoothed + variation * 4).clamp(WAIT_MIN, WAIT_MAX)
    }
}

/// A block's number on the wire, which wraps from 65535 to 0.
pub(super) fn wire_number(block: u64) -> u16 {
    (block & u64::from(u16::MAX)) as u16
}

#[cfg(test)]
mod tests {
    use super::Action::{Abandon, Cancel, Finish, SendOptions, Wait};
    use super::Input::{Acknowledge as Ack, Error, Tick};
    use super::*;

    const NOTHING: Asked = Asked {
        block_size: None,
        timeout: None,
        transfer_size: false,
        window: None,
    };

    fn send(first: u64, count: u16) -> Action {
        Action::Send(Blocks { first, count })
    }

    /// Plays inputs at given milliseconds and compares each action.
    fn check(asked: Asked, size: u64, begin: Action, script: &[(u64, Input, Action)]) {
        let (mut transfer, first) = Transfer::begin(Terms::settle(asked, size), size);
        assert_eq!(first, begin);
        for (at, input, expected) in script {
            let now = Duration::from_millis(*at);
            let action = transfer.handle(now, *input);
            assert_eq!(action, *expected, "{input:?} at {at} ms");
        }
    }

    #[test]
    fn single_blocks_follow_their_acknowledgements() {
        let script = [
            (1, Ack(0), Wait),
            (1, Ack(9), Wait),
            (2, Ack(1), send(2, 1)),
            (3, Ack(1), Wait),
            (4, Ack(2), send(3, 1)),
            (5, Ack(3), Finish),
        ];
        check(NOTHING, 1024, send(1, 1), &script);
        check(NOTHING, 0, send(1, 1), &[(1, Ack(1), Finish)]);
        check(NOTHING, 511, send(1, 1), &[(1, Ack(1), Finish)]);
    }

    #[test]
    fn options_are_settled_first() {
        let asked = Asked {
            transfer_size: true,
            ..NOTHING
        };
        let taken = [(1, Ack(1), Wait), (2, Ack(0), send(1, 1))];
        check(asked, 600, SendOptions, &taken);
        check(asked, 600, SendOptions, &[(1, Error, Cancel)]);
        let lost = [
            (499, Tick, Wait),
            (500, Tick, SendOptions),
            (600, Ack(0), send(1, 1)),
        ];
        check(asked, 600, SendOptions, &lost);
    }

    #[test]
    fn windows_advance_and_resume_after_a_gap() {
        let asked = Asked {
            window: Some(4),
            ..NOTHING
        };
        let size = 512 * 10;
        let script = [
            (10, Ack(0), send(1, 4)),
            (20, Ack(4), send(5, 4)),
            (30, Ack(6), send(7, 4)),
            // Too soon to answer the window, so a copy; later it says that block 7 was lost, once.
            (31, Ack(6), Wait),
            (40, Ack(6), send(7, 4)),
            (50, Ack(6), Wait),
            (60, Ack(10), send(11, 1)),
            (70, Ack(11), Finish),
        ];
        check(asked, size, SendOptions, &script);
    }

    #[test]
    fn silence_ends_a_transfer() {
        let waits = [500, 1500, 3500, 7500, 11_500, 15_500];
        let mut script: Vec<_> = waits.map(|at| (at, Tick, send(1, 1))).to_vec();
        script.push((19_500, Tick, Abandon));
        check(NOTHING, 1, send(1, 1), &script);
        let asked = Asked {
            timeout: Some(3),
            ..NOTHING
        };
        let script = [(2999, Tick, Wait), (3000, Tick, SendOptions)];
        check(asked, 1, SendOptions, &script);
    }

    #[test]
    fn a_measured_round_trip_shortens_the_wait() {
        let script = [
            (20, Ack(1), send(2, 1)),
            (119, Tick, Wait),
            (120, Tick, send(2, 1)),
            // Doubled, and the late answer to either copy measures nothing.
            (319, Tick, Wait),
            (319, Ack(2), send(3, 1)),
            (419, Tick, send(3, 1)),
        ];
        check(NOTHING, 4096, send(1, 1), &script);
    }

    #[test]
    fn block_numbers_wrap() {
        let asked = Asked {
            window: Some(64),
            block_size: Some(8),
            ..NOTHING
        };
        let size = 8 * 200_000;
        let (mut transfer, _) = Transfer::begin(Terms::settle(asked, size), size);
        let mut action = transfer.handle(Duration::ZERO, Ack(0));
        let mut last = 0;
        while let Action::Send(blocks) = action {
            assert_eq!(blocks.first, last + 1);
            last += u64::from(blocks.count);
            action = transfer.handle(Duration::ZERO, Ack(wire_number(last)));
        }
        assert_eq!((action, last), (Finish, 200_001));
    }

    #[test]
    fn what_is_settled_never_exceeds_what_was_asked_or_held() {
        let cases = [
            (None, None, 512, 1, 0),
            (Some(1468), Some(16), 1468, 16, 2),
            (Some(8), Some(65_535), 8, WINDOW_MAX, 2),
            (Some(65_464), Some(64), 65_464, 4, 2),
        ];
        for (block_size, window, expected_size, expected_window, answers) in cases {
            let asked = Asked {
                block_size,
                window,
                ..NOTHING
            };
            let terms = Terms::settle(asked, 1);
            let settled = (terms.block_size, terms.window, terms.answers.len());
            assert_eq!(settled, (expected_size, expected_window, answers));
            assert!(u32::from(terms.window) * u32::from(terms.block_size) <= WINDOW_OCTETS);
        }
    }
}
