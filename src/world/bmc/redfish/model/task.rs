//! How far an accepted task is (DSP2046, "Task"). Knows no socket and no clock.

use serde_json::Value;

use super::message::{Message, best};
use super::read::{items, text};

/// Where a task stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Progress {
    Running,
    Done,
    Failed(Message),
}

/// What an answer says of a task; none where it is no task.
pub(crate) fn progress(body: &Value) -> Option<Progress> {
    let state = text(body, &["TaskState"])?;
    let is_bad = text(body, &["TaskStatus"]).as_deref() == Some("Critical");
    let failed = || {
        let mut message = best(items(body, &["Messages"])).unwrap_or_default();
        message.words = message
            .words
            .or_else(|| Some(format!("the task is {state}")));
        Progress::Failed(message)
    };
    Some(match state.as_str() {
        "Completed" if is_bad => failed(),
        "Completed" => Progress::Done,
        "Exception" | "Killed" | "Cancelled" | "Cancelling" | "Interrupted" | "Stopping"
        | "Suspended" => failed(),
        // New, Starting, Running, Pending, Service, and what later versions add.
        _ => Progress::Running,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn tasks_run_end_and_fail() {
        for (body, expected) in [
            (json!({"TaskState": "Running"}), Some("running")),
            (json!({"TaskState": "New"}), Some("running")),
            (
                json!({"TaskState": "Completed", "TaskStatus": "OK"}),
                Some("done"),
            ),
            (json!({"TaskState": "Completed"}), Some("done")),
            (
                json!({"TaskState": "Completed", "TaskStatus": "Critical"}),
                Some("the task is Completed"),
            ),
            (
                json!({"TaskState": "Exception", "Messages": [{"Message": "fan"}]}),
                Some("fan"),
            ),
            (json!({"Id": "1"}), None),
        ] {
            let read = progress(&body).map(|progress| match progress {
                Progress::Running => "running".to_owned(),
                Progress::Done => "done".to_owned(),
                Progress::Failed(message) => message.words.unwrap(),
            });
            assert_eq!(read.as_deref(), expected, "{body}");
        }
    }
}
