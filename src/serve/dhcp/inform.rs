//! INFORM: parameters for a client that has its address from elsewhere (RFC 2131 4.3.5). Part of the engine, and as pure.

use super::ask::Ask;
use super::engine::{Action, Engine};
use super::outcome::{Outcome, Silence};
use super::reply::Answer;

impl Engine {
    pub(super) fn inform(&mut self, ask: &Ask<'_>, out: &mut Vec<Action>) -> Outcome {
        let message = ask.message;
        let nowhere = message.ciaddr.is_unspecified() && ask.packet.from.ip().is_unspecified();
        if nowhere && message.giaddr.is_unspecified() {
            return Outcome::Unanswered(Silence::Nowhere);
        }
        let reply = ask.reply(Answer::Informed, ask.served, message.ciaddr);
        let boot = reply.boot.clone();
        out.push(Action::Send(reply));
        Outcome::Informed { boot }
    }
}
