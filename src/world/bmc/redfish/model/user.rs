//! What an account says of itself, and what is written to one (DSP2046, "ManagerAccount"). Knows no socket.

use serde::Serialize;
use serde_json::Value;

use super::read::{text, truth};
use crate::base::bmc::{BmcUser, UserRole};

/// What is written to an account; what is none is left as it is. It has no `Debug`: it may hold a password.
#[derive(Default, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct AccountWish<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) user_name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) password: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) role_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) enabled: Option<bool>,
}

/// Whose an account is; nobody's where it is one of a fixed number that is free.
pub(crate) fn owner(account: &Value) -> Option<String> {
    text(account, &["UserName"])
}

pub(crate) fn user(account: &Value) -> BmcUser {
    let role = match text(account, &["RoleId"]).as_deref() {
        Some("Administrator") => UserRole::Administrator,
        Some("Operator") => UserRole::Operator,
        Some("ReadOnly") => UserRole::ReadOnly,
        Some("None" | "NoAccess") | None => UserRole::Nothing,
        Some(role) => UserRole::Other(role.to_owned()),
    };
    BmcUser {
        role,
        enabled: truth(account, &["Enabled"]).unwrap_or(true),
        shut: None,
    }
}

/// The id of a role.
pub(crate) fn role_id(role: &UserRole) -> &str {
    match role {
        UserRole::Administrator => "Administrator",
        UserRole::Operator => "Operator",
        UserRole::ReadOnly => "ReadOnly",
        UserRole::Nothing => "None",
        UserRole::Other(role) => role,
    }
}

/// Who it is in words.
pub(crate) fn said(account: &Value) -> String {
    let BmcUser { role, enabled, .. } = user(account);
    match enabled {
        true => role.to_string(),
        false => format!("{role}, disabled"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn accounts_are_read() {
        for (account, name, role, enabled) in [
            (
                json!({"UserName": "ops", "RoleId": "Operator", "Enabled": true}),
                Some("ops"),
                UserRole::Operator,
                true,
            ),
            (
                json!({"UserName": "root", "RoleId": "Administrator", "Enabled": false}),
                Some("root"),
                UserRole::Administrator,
                false,
            ),
            (
                json!({"UserName": "", "RoleId": "None", "Enabled": false}),
                None,
                UserRole::Nothing,
                false,
            ),
            (
                json!({"UserName": "x", "RoleId": "Custom1"}),
                Some("x"),
                UserRole::Other("Custom1".to_owned()),
                true,
            ),
            (json!({"UserName": null}), None, UserRole::Nothing, true),
            (json!([]), None, UserRole::Nothing, true),
        ] {
            assert_eq!(owner(&account).as_deref(), name, "{account}");
            let read = user(&account);
            let role_is = role_id(&read.role).to_owned();
            let shut = None;
            assert_eq!(
                read,
                BmcUser {
                    role,
                    enabled,
                    shut
                },
                "{account}"
            );
            if let Some(given) = account.get("RoleId") {
                assert_eq!(given, &json!(role_is));
            }
        }
    }

    #[test]
    fn what_is_left_as_it_is_is_not_written() {
        let wish = AccountWish {
            password: Some("p"),
            ..AccountWish::default()
        };
        assert_eq!(
            serde_json::to_value(&wish).unwrap(),
            json!({"Password": "p"})
        );
    }
}
