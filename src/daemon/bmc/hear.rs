//! What plans and applies hear of BMCs, told to the board as what polls and commands hear.

use tokio::sync::mpsc;

use super::{Bmcs, fault};
use crate::world::Heard;

impl Bmcs {
    /// Takes what is heard, until nobody hears any more.
    pub(in crate::daemon) async fn hear(self, mut heard: mpsc::Receiver<Heard>) {
        while let Some(Heard {
            machine,
            came,
            taken,
        }) = heard.recv().await
        {
            let bmc = self.in_force.bmcs().get(&machine).cloned();
            let came = came.map_err(|unreached| {
                let bmc = bmc?;
                fault::unreached(&machine, &bmc, &unreached)
            });
            match came {
                Ok(power) => self.heard(&machine, Ok(power)).await,
                Err(Some(fault)) => self.heard(&machine, Err(&fault)).await,
                Err(None) => {}
            }
            // Whoever asked may have given up.
            let _gone = taken.send(());
        }
    }
}
