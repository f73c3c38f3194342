//! The accounts of a BMC: lists them, makes and changes them, takes them away, and verifies that. Some have any number of accounts, some
//! a fixed number of which those without a name are free.

use serde_json::Value;

use super::change::{Change, settled, write};
use super::client::Client;
use super::collection::each;
use super::error::{Error, Malformed};
use super::login::secret_body;
use super::model::link::Link;
use super::model::read::link;
use super::model::user::{AccountWish, owner, role_id, said, user};
use super::task::finish;
use super::told::Warnings;
use super::wire::malformed;
use crate::base::bmc::BmcUser;
use crate::base::name::UserName;
use crate::base::secret::Secret;

/// Accounts of one BMC.
const MOST: usize = 256;

/// All accounts, and where they are.
struct Accounts {
    place: Link,
    all: Vec<(Link, Value)>,
}

impl Accounts {
    fn of(&self, name: &UserName) -> Option<&Link> {
        let mut all = self.all.iter();
        let found = all.find(|(_, account)| owner(account).as_deref() == Some(name.as_str()));
        found.map(|(place, _)| place)
    }

    /// Those that are nobody's.
    fn free(&self) -> impl Iterator<Item = &Link> {
        let free = self
            .all
            .iter()
            .filter(|(_, account)| owner(account).is_none());
        free.map(|(place, _)| place)
    }
}

pub(super) async fn users(client: &mut Client) -> Result<Vec<(String, BmcUser)>, Error> {
    let accounts = accounts(client).await?;
    let named = accounts.all.iter();
    let named = named.filter_map(|(_, account)| Some((owner(account)?, user(account))));
    Ok(named.collect())
}

/// Has a user be so; one that is not there is made. No error repeats what the BMC says: it was just told a password.
pub(super) async fn set_user(
    client: &mut Client,
    name: &UserName,
    wanted: &BmcUser,
    secret: Option<&Secret>,
) -> Result<(), Error> {
    let password = secret.map(|secret| std::str::from_utf8(secret.bytes()));
    let password = password.transpose();
    let password = password.map_err(|_| Error::Unsupported("password that is not text"))?;
    let wish = AccountWish {
        user_name: None,
        password,
        role_id: Some(role_id(&wanted.role)),
        enabled: Some(wanted.enabled),
    };
    let set = put(client, name, wish, wanted).await;
    set.map_err(Error::without_words)
}

async fn put(
    client: &mut Client,
    name: &UserName,
    wish: AccountWish<'_>,
    wanted: &BmcUser,
) -> Result<(), Error> {
    let known = accounts(client).await?;
    let place = match known.of(name) {
        Some(place) => {
            write(client, place, body(&wish)?).await?;
            place.clone()
        }
        None if wish.password.is_none() => {
            return Err(Error::Unsupported("new user without a password"));
        }
        None => {
            let wish = AccountWish {
                user_name: Some(name.as_str()),
                ..wish
            };
            make(client, &known, name, &wish).await?
        }
    };
    let change = Change {
        what: "the user",
        wanted: said(&serde_json::json!({
            "RoleId": role_id(&wanted.role),
            "Enabled": wanted.enabled,
        })),
        body: Value::Null,
        is_so: &|account| {
            owner(account).as_deref() == Some(name.as_str()) && user(account).is_as(wanted)
        },
        said: &said,
    };
    settled(client, &place, &place, &change).await
}

/// Makes an account: where there are free ones, in one of them.
async fn make(
    client: &mut Client,
    known: &Accounts,
    name: &UserName,
    wish: &AccountWish<'_>,
) -> Result<Link, Error> {
    let mut refused = None;
    for place in known.free() {
        match write(client, place, body(wish)?).await {
            Ok(()) => return Ok(place.clone()),
            // Some keep the first one for themselves.
            Err(error @ Error::Refused(_)) => refused = Some(error),
            Err(error) => return Err(error),
        }
    }
    if let Some(error) = refused {
        return Err(error);
    }
    let answer = client.post_bytes(&known.place, body(wish)?).await?;
    finish(client, answer).await?;
    let known = accounts(client).await?;
    known.of(name).cloned().ok_or_else(|| Error::NotDone {
        what: "the user",
        wanted: "there".to_owned(),
        found: "missing".to_owned(),
    })
}

/// Takes a user away; one that is not there is as it should be.
pub(super) async fn remove_user(client: &mut Client, name: &UserName) -> Result<(), Error> {
    let Some(place) = accounts(client).await?.of(name).cloned() else {
        return Ok(());
    };
    match client.delete(&place).await {
        Ok(answer) => finish(client, answer).await?,
        Err(error) if error.is_absent() => free(client, &place).await?,
        Err(error) => return Err(error),
    }
    match accounts(client).await?.of(name) {
        None => Ok(()),
        Some(_) => Err(Error::NotDone {
            what: "the user",
            wanted: "gone".to_owned(),
            found: "still there".to_owned(),
        }),
    }
}

/// Makes an account of a fixed number nobody's: first it is let in no more, then it loses its name, which some take in two steps alone.
async fn free(client: &mut Client, place: &Link) -> Result<(), Error> {
    let shut = AccountWish {
        enabled: Some(false),
        ..AccountWish::default()
    };
    write(client, place, body(&shut)?).await?;
    let unnamed = AccountWish {
        user_name: Some(""),
        ..AccountWish::default()
    };
    write(client, place, body(&unnamed)?).await
}

fn body(wish: &AccountWish<'_>) -> Result<hyper::body::Bytes, Error> {
    let texts = [wish.user_name, wish.password, wish.role_id];
    let length = texts.iter().flatten().map(|text| text.len()).sum();
    secret_body(wish, length).ok_or(Error::Unsupported("account of such a name"))
}

/// Whoever is not among them is not there: so each must be read.
async fn accounts(client: &mut Client) -> Result<Accounts, Error> {
    let service = link(&client.root, &["AccountService"]);
    let service = service.ok_or(Error::Unsupported("accounts"))?;
    let service = client.get(&service).await?.value;
    let place = link(&service, &["Accounts"]);
    let place = place.ok_or(Error::Unsupported("accounts"))?;
    let (mut warnings, mut all) = (Warnings::default(), Vec::new());
    let mut take = |link: &Link, value: &Value| all.push((link.clone(), value.clone()));
    each(client, &place, MOST, &mut warnings, &mut take).await?;
    let told = warnings.told(all, false, Ok(()))?;
    if !told.warnings.is_empty() {
        return Err(malformed(&place, Malformed::Lacks("some of its accounts")));
    }
    let all = told.value;
    Ok(Accounts { place, all })
}
