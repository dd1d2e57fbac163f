//! `member.lua`, `channels.lua` and `largest.lua`.

use super::*;

fn desk() -> Desk {
    let desk = Desk::new();
    desk.lease("n1", 10_000);
    let ops = [
        op("join", "app/lobby", "ann", 1),
        op("join", "app/lobby", "bob", 1),
        op("join", "app/lobby", "cid", 1),
        op("join", "app/hall", "ann", 1),
        op("join", "app/hall", "bob", 1),
        op("join", "app/hut", "ann", 1),
        op("join", "other/hall", "ann", 1),
        op("set", "app/lobby", "ann", 1).set("{glad}", "", 0),
    ];
    assert_eq!(desk.apply("n1", 1, &ops), "applied 1 CCCCCCCC 8");
    desk
}

#[test]
fn a_member_has_attributes() {
    let desk = desk();
    let member = |channel, user| desk.run(&scripts::MEMBER, &[channel, user]);
    assert_eq!(member("app/lobby", "ann"), "member {glad}");
    for (channel, user) in
        [("app/lobby", "bob"), ("app/hall", "ann"), ("app/lobby", "zoe"), ("app/none", "ann")]
    {
        assert_eq!(member(channel, user), "member ''");
    }
}

#[test]
fn a_user_has_channels() {
    let desk = desk();
    let channels = |user| {
        let answer = desk.run(&scripts::CHANNELS, &[user]);
        let mut channels: Vec<String> = answer
            .strip_prefix("channels [")
            .and_then(|rest| rest.strip_suffix(']'))
            .unwrap()
            .split_whitespace()
            .map(str::to_owned)
            .collect();
        channels.sort_unstable();
        channels
    };
    assert_eq!(channels("app/ann"), ["app/hall", "app/hut", "app/lobby"]);
    assert_eq!(channels("other/ann"), ["other/hall"]);
    assert_eq!(channels("other/bob"), Vec::<String>::new());
}

#[test]
fn the_largest_channels_come_first() {
    let desk = desk();
    let largest = |application, prefix, limit, looked_at| {
        desk.run(&scripts::LARGEST, &[application, prefix, limit, looked_at])
    };
    assert_eq!(largest("app", "app/", "9", "9"), "largest app/lobby 3 app/hall 2 app/hut 1");
    assert_eq!(largest("app", "app/h", "9", "9"), "largest app/hall 2 app/hut 1");
    assert_eq!(largest("app", "app/h", "1", "9"), "largest app/hall 2");
    assert_eq!(largest("app", "app/h", "9", "2"), "largest app/hall 2", "only so many are looked at");
    assert_eq!(largest("app", "app/h", "0", "9"), "largest");
    assert_eq!(largest("other", "other/", "9", "9"), "largest other/hall 1");
    assert_eq!(largest("none", "none/", "9", "9"), "largest");
}
