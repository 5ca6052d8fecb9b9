//! What a request needs beyond what its command says.

use crate::commands::{Access, CommandInfo};
use hivemind_domain::settings;
use serde_json::Value;

/// The right that this request needs: the command's own, or more where the request asks for more.
#[must_use]
pub fn needed(command: &CommandInfo, request: &Value) -> Access {
    let more = match command.name {
        // What opens or closes the page's doors.
        "set_setting"
            if request["key"].as_str().and_then(settings::key).is_some_and(|key| key.opens_a_door()) =>
        {
            Access::Home
        }
        "invite" if request["full"] != Value::Bool(false) => Access::Own,
        _ => command.access,
    };
    more.max(command.access)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::find;
    use serde_json::json;

    fn of(name: &str, request: &Value) -> Access {
        needed(find(name).unwrap(), request)
    }

    #[test]
    fn doors_and_full_rights_need_more_than_their_command() {
        for key in ["monitor_on_lan", "monitor-on-lan", "monitor_lan_port", "monitor_port", "monitor-port"] {
            assert_eq!(of("set_setting", &json!({ "key": key, "value": "true" })), Access::Home, "{key}");
        }
        assert_eq!(of("set_setting", &json!({ "key": "theme", "value": "dark" })), Access::Operate);
        assert_eq!(of("set_setting", &json!({ "key": 7 })), Access::Operate, "and it will not be understood");
        assert_eq!(of("check_setting", &json!({ "key": "monitor_on_lan", "value": "x" })), Access::Read);
        assert_eq!(of("invite", &json!({ "lan": true, "full": false })), Access::Home);
        for full in [json!(true), json!(null), json!("no"), json!(0)] {
            assert_eq!(of("invite", &json!({ "lan": true, "full": full })), Access::Own, "{full}");
        }
        assert_eq!(of("invite", &Value::Null), Access::Own);
        assert_eq!(of("quit", &Value::Null), Access::Own);
        assert_eq!(of("snapshot", &Value::Null), Access::Read);
    }
}
