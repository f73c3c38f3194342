//! Accounts, of BMCs that have any number of them and of those that have a fixed number.

use bedplate::base::bmc::{BmcUser, UserRole};
use bedplate::base::name::UserName;
use bedplate::base::secret::Secret;
use serde_json::{Value, json};

use crate::mock::{Does, Mock, Request, State};

const SERVICE: &str = "/redfish/v1/AccountService";
const ACCOUNTS: &str = "/redfish/v1/AccountService/Accounts";

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

fn place(id: usize) -> String {
    format!("{ACCOUNTS}/{id}")
}

fn account(name: &str, role: &str) -> Value {
    json!({"UserName": name, "RoleId": role, "Enabled": !name.is_empty(), "Password": null})
}

/// Lists the accounts that there are.
fn list(state: &mut State) {
    let all = state.resources.keys();
    let all: Vec<String> = all
        .filter(|path| path.starts_with(&format!("{ACCOUNTS}/")))
        .cloned()
        .collect();
    let all: Vec<&str> = all.iter().map(String::as_str).collect();
    state.collect(ACCOUNTS, &all);
}

/// A service with these accounts, and a rule.
fn start(
    accounts: &[Value],
    rule: impl FnMut(&Request, &mut State) -> Option<Does> + Send + 'static,
) -> Mock {
    let mock = Mock::start(rule);
    mock.with(|state| {
        let mut root = state.resources["/redfish/v1"].clone();
        root["AccountService"] = json!({"@odata.id": SERVICE});
        state.put("/redfish/v1", root);
        state.put(SERVICE, json!({"Accounts": {"@odata.id": ACCOUNTS}}));
        for (at, account) in accounts.iter().enumerate() {
            state.put(&place(at + 1), account.clone());
        }
        list(state);
    });
    mock
}

/// One that makes accounts by POST and takes them away by DELETE.
fn any_number(request: &Request, state: &mut State) -> Option<Does> {
    let (method, path) = request.line.split_once(' ').unwrap();
    match method {
        "POST" if path == ACCOUNTS => {
            let free = (1..).find(|id| !state.resources.contains_key(&place(*id)));
            state.put(&place(free.unwrap()), request.body.clone());
            list(state);
            Some(Does::status(201))
        }
        "DELETE" if path.starts_with(ACCOUNTS) => {
            state.resources.remove(path);
            list(state);
            Some(Does::status(204))
        }
        _ => None,
    }
}

/// One with a fixed number of them, of which it keeps the first for itself; its tags must be shown.
fn fixed(request: &Request, state: &mut State) -> Option<Does> {
    let (method, path) = request.line.split_once(' ').unwrap();
    match method {
        "POST" if path == ACCOUNTS => Some(Does::status(405)),
        "DELETE" if path.starts_with(ACCOUNTS) => Some(Does::status(405)),
        "PATCH" if path == place(1) => Some(Does::status(400)),
        "GET" if path.starts_with(&format!("{ACCOUNTS}/")) => {
            let body = state.resources[path].to_string();
            Some(Does::Answer(200, vec![("ETag", "\"7\"".to_owned())], body))
        }
        "PATCH" if path.starts_with(ACCOUNTS) && request.field("if-match") != Some("\"7\"") => {
            Some(Does::status(412))
        }
        _ => None,
    }
}

async fn check(mock: &Mock, at: &str, before: usize) {
    let mut session = mock.open().await;
    let ops = name("ops");
    let wanted = user(UserRole::Operator, true);
    let first = secret("first");
    session.set_user(&ops, &wanted, Some(&first)).await.unwrap();
    let users = session.users().await.unwrap();
    assert_eq!(users.len(), before + 1);
    assert!(users.contains(&("ops".to_owned(), wanted)));
    assert_eq!(
        mock.with(|state| state.resources[at]["Password"].clone()),
        "first"
    );
    // What is not said stays.
    let other = user(UserRole::ReadOnly, false);
    session.set_user(&ops, &other, None).await.unwrap();
    assert!(
        session
            .users()
            .await
            .unwrap()
            .contains(&("ops".to_owned(), other))
    );
    assert_eq!(
        mock.with(|state| state.resources[at]["Password"].clone()),
        "first"
    );
    for _ in 0..2 {
        session.remove_user(&ops).await.unwrap();
        assert_eq!(session.users().await.unwrap().len(), before);
    }
    session.close().await.unwrap();
}

#[tokio::test]
async fn a_user_is_made_changed_and_taken_away() {
    let mock = start(&[account("admin", "Administrator")], any_number);
    check(&mock, &place(2), 1).await;
    let accounts = [
        account("", "None"),
        account("admin", "Administrator"),
        account("", "None"),
        account("", "None"),
    ];
    let mock = start(&accounts, fixed);
    check(&mock, &place(3), 1).await;
    assert_eq!(
        mock.with(|state| state.resources[&place(3)]["Enabled"].clone()),
        false
    );
}

#[tokio::test]
async fn a_lie_is_not_believed_and_no_secret_is_repeated() {
    let ops = name("ops");
    let wanted = user(UserRole::Operator, true);
    let repeats = |request: &Request, _: &mut State| {
        request.is(&format!("POST {ACCOUNTS}")).then(|| {
            let said = json!({"error": {"code": "Base.1.0.PasswordRejected", "message": "hunter2 is too short"}});
            Does::Answer(400, Vec::new(), said.to_string())
        })
    };
    let ignores = |request: &Request, _: &mut State| {
        request.line.contains(ACCOUNTS).then_some(())?;
        let is_change = !request.line.starts_with("GET");
        is_change.then(|| Does::status(204))
    };
    let broken = |request: &Request, _: &mut State| {
        request
            .is(&format!("GET {}", place(1)))
            .then(|| Does::Bytes(b"{".to_vec()))
    };
    for (mock, expected) in [
        (
            start(&[account("admin", "Administrator")], repeats),
            format!("the BMC refuses POST {ACCOUNTS}: 400 Base.PasswordRejected"),
        ),
        (
            start(&[account("admin", "Administrator")], ignores),
            "the BMC reported success, but the user is missing, not there".to_owned(),
        ),
        (
            start(&[account("ops", "ReadOnly")], ignores),
            "the BMC reported success, but the user is read-only, not operator".to_owned(),
        ),
        (
            start(&[account("admin", "Administrator")], broken),
            format!("the BMC's answer cannot be used: {ACCOUNTS}: it lacks some of its accounts"),
        ),
        (Mock::honest(), "the BMC offers no accounts".to_owned()),
    ] {
        let mut session = mock.open().await;
        let hunter = secret("hunter2");
        let set = session.set_user(&ops, &wanted, Some(&hunter)).await;
        assert_eq!(set.unwrap_err().to_string(), expected);
        session.close().await.unwrap();
        assert_eq!(mock.left(), 0);
    }
}
