//! The quorum by command line, as programs read it.

use crate::desk::Desk;

#[test]
fn a_command_that_files_an_act_fails_and_says_its_number_in_json() {
    let desk = Desk::with_users();
    desk.done("so", &["user", "create", "--username", "so2", "--role", "so", "--password", "so2-pin"]);
    let quorum = desk.done("so", &["quorum", "set", "2", "--expires", "12"]);
    assert_eq!((&quorum["needed"], &quorum["expiry-hours"]), (&2.into(), &12.into()));

    let delete = ["user", "delete", "--username", "app1", "--json"];
    let output = desk.run("so", &delete);
    let answer: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((output.status.code(), &answer["error_code"]), (Some(1), &1.into()));
    assert_eq!(answer["pending"], serde_json::json!({"act": 1, "approvals": 1, "needed": 2}));

    let pending = desk.done("so2", &["quorum", "pending"]);
    let [act] = &pending["acts"].as_array().unwrap()[..] else { panic!("{pending}") };
    assert_eq!((&act["act"], &act["name"], &act["filed-by"]), (&1.into(), &"delete-user".into(), &"so".into()));
    assert_eq!(act["approved-by"], serde_json::json!(["so"]));
    assert_eq!(act["expires-at"].as_u64().unwrap() - act["filed-at"].as_u64().unwrap(), 12 * 3600);

    let done = desk.done("so2", &["quorum", "approve", "1"]);
    assert_eq!(done, serde_json::json!({"act": 1, "done": true, "does": "delete user \"app1\""}));
    assert_eq!(desk.done("so2", &["quorum", "pending"])["acts"], serde_json::json!([]));
}

#[test]
fn only_security_officers_read_and_decide() {
    let desk = Desk::with_users();
    for verb in [&["quorum", "pending"][..], &["quorum", "set", "1"], &["quorum", "approve", "1"]] {
        desk.refused("kim", verb, &["CKR_USER_NOT_LOGGED_IN"]);
    }
    assert_eq!(desk.done("", &["quorum", "show"])["needed"], 1);
    assert!(Desk::empty().ask("", &["quorum", "show"]).data.as_str().unwrap().contains("claviger init"));
}

#[test]
fn a_stricter_policy_that_two_decide_tells_the_second_what_it_did() {
    let desk = Desk::empty();
    desk.done("", &["init", "--label", "desk", "--so-pin", crate::desk::SO_PIN, "--policy", "standard"]);
    desk.done("so", &["user", "create", "--username", "so2", "--role", "so", "--password", "so2-pin"]);
    desk.done("so", &["user", "create", "--username", "app1", "--role", "nu", "--password", "app1-pin"]);
    desk.done("so", &["quorum", "set", "2"]);
    let own =
        ["key", "generate-symmetric", "aes", "--label", "own", "--attributes", "sensitive=true", "extractable=true"];
    desk.done("app1", &own);
    desk.refused("so", &["token", "tighten", "--policy", "enforce"], &["pending act 1", "1 of 2", "quorum approve 1"]);
    assert_eq!(desk.done("", &["token", "info"])["policy"], "standard");
    let done = desk.done("so2", &["quorum", "approve", "1"]);
    let expected = serde_json::json!({"older": 1, "untrusted": 0, "bound": 1, "exposed": 0});
    assert_eq!((&done["done"], &done["objects"]), (&true.into(), &expected));
    assert_eq!(desk.done("", &["token", "info"])["policy"], "enforce");
    assert_eq!(desk.keys("app1", &["attr.label=own"])[0]["attributes"]["wrap-with-trusted"], true);
}
