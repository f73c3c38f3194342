//! Users are made, changed and taken away, as ipmitool sees it too.

use std::slice;

use bedplate::base::bmc::{BmcUser, UserRole};
use bedplate::base::name::UserName;
use bedplate::base::secret::Secret;
use bedplate::world::bmc::ipmi::{IpmiError, Privilege, Refusal, Session, Target};

use crate::counterpart::{Bmc, Setup};

fn name(text: &str) -> UserName {
    text.parse().unwrap()
}

fn secret(text: &str) -> Secret {
    Secret::new(text.as_bytes().to_vec())
}

fn user(role: UserRole, enabled: bool) -> BmcUser {
    BmcUser {
        role,
        enabled,
        shut: None,
    }
}

/// As an administrator: others may not change users.
fn target(bmc: &Bmc) -> Target {
    let mut target = bmc.target();
    target.privilege = Privilege::Administrator;
    target
}

fn within<T: Send>(
    bmc: &Bmc,
    work: impl AsyncFnOnce(&mut Session) -> Result<T, IpmiError> + Send,
) -> Result<T, IpmiError> {
    bmc.session_as(&target(bmc), work)
}

/// Whether somebody is let in so.
fn lets_in(bmc: &Bmc, user: &str, password: &str, privilege: Privilege) -> Result<(), IpmiError> {
    let mut target = bmc.target();
    (target.user, target.password) = (user.into(), secret(password));
    target.privilege = privilege;
    bmc.session_as(&target, async |_| Ok(()))
}

/// The lines of `ipmitool user list` that have a name, in one blank each.
fn listed(bmc: &Bmc) -> Vec<String> {
    let said = bmc.ipmitool("user list");
    let lines = said
        .lines()
        .skip(1)
        .filter(|line| !line.contains("Unknown"));
    let words = lines.map(|line| line.split_whitespace().collect::<Vec<_>>());
    let named = words.filter(|words| words.get(1).is_some_and(|word| *word != "true"));
    named.map(|words| words.join(" ")).collect()
}

const ADMIN: &str = "2 admin true false true ADMINISTRATOR";

#[test]
fn a_user_is_made_changed_and_taken_away() {
    let bmc = Bmc::sim(Setup::default());
    let users = || within(&bmc, async |session| session.users().await).unwrap();
    let admin = ("admin".to_owned(), user(UserRole::Administrator, true));
    assert_eq!(users(), slice::from_ref(&admin));
    for (role, password, word, privilege) in [
        (UserRole::Operator, "first", "OPERATOR", Privilege::Operator),
        (UserRole::ReadOnly, "another", "USER", Privilege::User),
        (
            UserRole::Administrator,
            "sixteen-bytes-16",
            "ADMINISTRATOR",
            Privilege::Administrator,
        ),
    ] {
        let wanted = user(role, true);
        let set = async |session: &mut Session| {
            let secret = secret(password);
            session.set_user(&name("ops"), &wanted, Some(&secret)).await
        };
        within(&bmc, set).unwrap();
        assert_eq!(users(), [admin.clone(), ("ops".to_owned(), wanted.clone())]);
        let line = format!("3 ops true false true {word}");
        assert_eq!(listed(&bmc), [ADMIN.to_owned(), line]);
        lets_in(&bmc, "ops", password, privilege).unwrap();
        let other = lets_in(&bmc, "ops", "other", privilege);
        assert_eq!(other, Err(IpmiError::Credentials(Refusal::Password)));
    }
    let shut = user(UserRole::Operator, false);
    let set = async |session: &mut Session| session.set_user(&name("ops"), &shut, None).await;
    within(&bmc, set).unwrap();
    assert_eq!(users()[1].1, shut);
    let refused = lets_in(&bmc, "ops", "sixteen-bytes-16", Privilege::User);
    assert!(
        matches!(refused, Err(IpmiError::Credentials(_))),
        "{refused:?}"
    );
    for _ in 0..2 {
        within(&bmc, async |session| {
            session.remove_user(&name("ops")).await
        })
        .unwrap();
        assert_eq!(users(), slice::from_ref(&admin));
        assert_eq!(listed(&bmc), [ADMIN]);
    }
}

/// What is not ours to say of a user that somebody else made: whether it may authenticate a link.
#[test]
fn what_the_rights_hold_beside_the_role_stays() {
    let bmc = Bmc::sim(Setup::default());
    bmc.ipmitool("user set name 7 link7");
    bmc.ipmitool("user set password 7 first");
    bmc.ipmitool("channel setaccess 1 7 link=on ipmi=on callin=on privilege=2");
    let line = |word: &str| [ADMIN.to_owned(), format!("7 link7 true true true {word}")];
    assert_eq!(listed(&bmc), line("USER"));
    for (role, password, word) in [
        (UserRole::ReadOnly, None, "USER"),
        (UserRole::Operator, Some(secret("another")), "OPERATOR"),
        (UserRole::ReadOnly, None, "USER"),
    ] {
        let wanted = user(role, true);
        let set = async |session: &mut Session| {
            let named = name("link7");
            session.set_user(&named, &wanted, password.as_ref()).await
        };
        within(&bmc, set).unwrap();
        assert_eq!(listed(&bmc), line(word));
    }
}

#[test]
fn what_does_not_go_leaves_nothing_behind() {
    let bmc = Bmc::sim(Setup::default());
    let wanted = user(UserRole::Operator, true);
    let (long, fits) = ("a".repeat(17), "p".repeat(21));
    for (who, password, expected) in [
        (
            "ops",
            None,
            IpmiError::Unsupported("a new user without a password"),
        ),
        (
            "ops",
            Some(fits.as_str()),
            IpmiError::TooLong(21, "a password"),
        ),
        (
            long.as_str(),
            Some("p"),
            IpmiError::TooLong(17, "a user's name"),
        ),
    ] {
        let set = async |session: &mut Session| {
            let secret = password.map(secret);
            session.set_user(&name(who), &wanted, secret.as_ref()).await
        };
        assert_eq!(within(&bmc, set), Err(expected));
        assert_eq!(listed(&bmc), [ADMIN]);
    }
    // An operator may do none of it.
    let set = async |session: &mut Session| {
        let secret = secret("p");
        session.set_user(&name("ops"), &wanted, Some(&secret)).await
    };
    let refused = bmc.session_as(&bmc.target(), set);
    assert_eq!(listed(&bmc), [ADMIN]);
    let error = refused.unwrap_err().to_string();
    assert!(error.contains("privilege does not suffice"), "{error}");
}
