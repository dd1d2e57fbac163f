//! `rebirth.lua`.

use super::*;

const LATER: &str = "00000000000000b1";

#[test]
fn a_life_begins_where_there_is_none() {
    let desk = Desk::empty();
    let answer = desk.raw(&scripts::REBIRTH, LIFE, &[]);
    assert_eq!((answer.shown().as_str(), answer.epoch.as_str()), ("reborn ''", LIFE));
    assert_eq!(desk.all_keys(), [META]);
    assert_eq!(desk.meta("epoch"), LIFE);
    assert_eq!(desk.meta("born"), answer.now.to_string());
    assert_eq!((desk.meta("seq"), desk.meta("forgotten")), ("0".into(), "0".into()));
    assert_eq!(desk.meta("earlier"), "nil");
    let info = desk.ask(&["INFO", "replication"]);
    assert!(info.contains(&format!("master_replid:{}\r\n", desk.meta("server"))), "{info}");
}

#[test]
fn a_life_that_goes_on_is_left_alone() {
    let desk = Desk::new();
    desk.ask(&["HSET", META, "seq", "7"]);
    for given in [LIFE, LATER] {
        let answer = desk.raw(&scripts::REBIRTH, given, &[]);
        assert_eq!((answer.shown().as_str(), answer.epoch.as_str()), ("alive", LIFE));
    }
    assert_eq!((desk.meta("epoch"), desk.meta("seq")), (LIFE.into(), "7".into()));
}

#[test]
fn another_server_begins_a_later_life() {
    let desk = Desk::new();
    desk.ask(&["HSET", META, "seq", "7", "forgotten", "5"]);
    let before = desk.meta("server");
    desk.take_over();
    for early in [LIFE, "00000000000000af"] {
        let answer = desk.raw(&scripts::REBIRTH, early, &[]);
        assert_eq!((answer.shown().as_str(), answer.epoch.as_str()), ("early", LIFE));
    }
    assert_eq!((desk.meta("epoch"), desk.meta("server")), (LIFE.into(), before.clone()));
    let answer = desk.raw(&scripts::REBIRTH, LATER, &[]);
    assert_eq!((answer.shown(), answer.epoch.as_str()), (format!("reborn {LIFE}"), LATER));
    assert_ne!(desk.meta("server"), before);
    assert_eq!((desk.meta("seq"), desk.meta("forgotten")), ("0".into(), "0".into()));
    assert_eq!(
        desk.raw(&scripts::REBIRTH, "00000000000000b2", &[]).shown(),
        "alive",
        "of two nodes one begins it"
    );
    assert_eq!(desk.meta("earlier"), LIFE, "it may have left something behind");
    desk.take_over();
    assert_eq!(desk.raw(&scripts::REBIRTH, "00000000000000b2", &[]).shown(), format!("reborn {LATER}"));
    assert_eq!(desk.meta("earlier"), format!("{LIFE} {LATER}"));
}

#[test]
fn a_life_that_is_earlier_than_one_that_is_known_is_over() {
    let desk = Desk::new();
    let seen = "00000000000000c0";
    assert_eq!(desk.raw(&scripts::REBIRTH, "00000000000000c1", &[LIFE]).shown(), "alive");
    assert_eq!(desk.raw(&scripts::REBIRTH, "00000000000000c1", &[seen]).shown(), format!("reborn {LIFE}"));
    assert_eq!(desk.raw(&scripts::REBIRTH, "00000000000000c2", &[seen]).shown(), "alive");
    assert_eq!(desk.meta("earlier"), LIFE);
}
