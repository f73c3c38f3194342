//! The drives that a BMC lends its machine from afar: which it has, and images that are put into one.

use super::{BmcState, Bmcs, fault};
use crate::base::bmc::Media;
use crate::base::name::HostName;
use crate::base::url::HttpUrl;
use crate::diag::code::Code;
use crate::diag::fault::Fault;
use crate::site::model::Bmc;

/// What a drive says that a compact disc goes into.
const DISCS: [&str; 2] = ["CD", "DVD"];

impl Bmcs {
    /// What is in the drives.
    pub(super) async fn media(&self, (machine, bmc): (&HostName, &Bmc)) -> Result<BmcState, Fault> {
        let failed = |error| fault::bmc(machine, bmc, &error);
        self.with((machine, bmc), async |session| {
            let told = session.media().await.map_err(failed)?;
            Ok(BmcState::Media(told.value))
        })
        .await
    }

    /// Puts an image into a drive, or takes out what is in it; what is in that drive then.
    pub(super) async fn set_media(
        &self,
        (machine, bmc): (&HostName, &Bmc),
        image: Option<&HttpUrl>,
        drive: Option<&str>,
    ) -> Result<BmcState, Fault> {
        let failed = |error| fault::bmc(machine, bmc, &error);
        self.with((machine, bmc), async |session| {
            let drives = session.media().await.map_err(failed)?.value;
            let id = chosen(machine, &drives, drive)?;
            tracing::info!(%machine, drive = id, "{}", if image.is_some() { "insert media" } else { "eject media" });
            let image = image.map(HttpUrl::as_str);
            let set = session.set_media(&id, image).await;
            set.map_err(|error| fault::command(machine, bmc, &error, "bmc media status"))?;
            let mut drives = session.media().await.map_err(failed)?.value;
            drives.retain(|one| one.id == id);
            Ok(BmcState::Media(drives))
        })
        .await
    }
}

/// The drive that is named; without a name the only one that a disc goes into, or the only one at all.
fn chosen(machine: &HostName, drives: &[Media], named: Option<&str>) -> Result<String, Fault> {
    if let Some(named) = named {
        // Where there is none of that name, the BMC's driver says which there are.
        return Ok(named.to_owned());
    }
    let takes_discs = |one: &&Media| {
        DISCS
            .iter()
            .any(|disc| one.kinds.iter().any(|kind| kind == disc))
    };
    let discs: Vec<&Media> = drives.iter().filter(takes_discs).collect();
    match (discs.as_slice(), drives) {
        ([one], _) => Ok(one.id.clone()),
        ([], [one]) => Ok(one.id.clone()),
        ([], []) => Err(Fault::new(
            Code::BmcFailed,
            format!("the BMC of {machine} has no virtual drives"),
        )
        .help("boot the machine over the network: `bedplate bmc boot pxe`")),
        _ => {
            let ids: Vec<&str> = drives.iter().map(|one| one.id.as_str()).collect();
            let message = format!(
                "the BMC of {machine} has several virtual drives: {}",
                ids.join(", ")
            );
            Err(Fault::new(Code::BmcFailed, message).help("name one by `--drive`"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_drive_for_discs_is_meant_where_none_is_named() {
        let drive = |(id, kinds): &(&str, &[&str])| Media {
            id: (*id).to_owned(),
            name: (*id).to_owned(),
            kinds: kinds.iter().map(|kind| (*kind).to_owned()).collect(),
            image: None,
            is_inserted: false,
        };
        let cd: (&str, &[&str]) = ("Cd", &["CD", "DVD"]);
        let dvd: (&str, &[&str]) = ("2", &["DVD"]);
        let stick: (&str, &[&str]) = ("1", &["USBStick"]);
        for (drives, named, expected) in [
            (&[cd, stick][..], None, Ok("Cd")),
            (&[stick, dvd], None, Ok("2")),
            (&[stick], None, Ok("1")),
            (&[cd, stick], Some("1"), Ok("1")),
            (&[cd, stick], Some("9"), Ok("9")),
            (&[cd, dvd], None, Err("has several virtual drives: Cd, 2")),
            (
                &[stick, stick],
                None,
                Err("has several virtual drives: 1, 1"),
            ),
            (&[], None, Err("has no virtual drives")),
        ] {
            let drives: Vec<Media> = drives.iter().map(drive).collect();
            let machine = "node-01".parse().unwrap();
            let chosen = chosen(&machine, &drives, named).map_err(|fault| fault.message);
            match (&chosen, expected) {
                (Ok(id), Ok(expected)) => assert_eq!(id, expected),
                (Err(message), Err(part)) => assert!(message.ends_with(part), "{message}"),
                _ => panic!("{drives:?}: {chosen:?} and not {expected:?}"),
            }
        }
    }
}
