//! What HTTP asks.

use herenow_registry::store::MAX_PAGE_BYTES;

use crate::harness::*;

#[test]
fn reads_see_what_was_acknowledged() {
    let mut world = World::new();
    let ada = world.client("ada", 1, &[]);
    world.join(ada, "lobby");
    assert_eq!(world.users("lobby"), ["ada"]);
    assert_eq!(world.count("lobby"), 1);
    assert_eq!(world.user_channels("ada"), ["lobby"]);
    world.set(ada, "lobby", "happy");
    assert_eq!(world.attributes("lobby", "ada"), moods("happy"));
    world.leave(ada, "lobby");
    assert!(world.users("lobby").is_empty());
    assert_eq!(world.count("lobby"), 0);
    assert!(world.user_channels("ada").is_empty());
    assert!(world.attributes("lobby", "ada").is_empty());
}

#[test]
fn users_come_in_pages_ordered_by_id() {
    let mut world = World::new();
    for n in [3, 1, 4, 0, 2] {
        world.client(&format!("u{n}"), n, &["lobby"]);
    }
    let page = |after: Option<&str>, limit| {
        let page = world.page("lobby", after, limit);
        assert_eq!(page.count, 5);
        (page.users.into_iter().map(|member| member.user).collect::<Vec<_>>(), page.next)
    };
    assert_eq!(page(None, 2), (vec!["u0".into(), "u1".into()], Some("u1".into())));
    assert_eq!(page(Some("u1"), 2), (vec!["u2".into(), "u3".into()], Some("u3".into())));
    assert_eq!(page(Some("u3"), 2), (vec!["u4".into()], None));
    assert_eq!(page(Some("u2"), 2), (vec!["u3".into(), "u4".into()], None));
    assert_eq!(page(Some("u17"), 1), (vec!["u2".into()], Some("u2".into())), "one who has left since");
    assert_eq!(page(Some("z"), 2), (vec![], None));
    assert_eq!(page(None, 0), (vec!["u0".into()], Some("u0".into())));
    assert_eq!(page(None, usize::MAX).0.len(), 5);
}

#[test]
fn a_page_ends_at_so_many_bytes() {
    let mut world = World::new();
    let mood = "m".repeat(1_000);
    for n in 0..600 {
        let client = world.client(&format!("user-{n:03}"), n, &["lobby"]);
        world.set(client, "lobby", &mood);
    }
    let (mut users, mut after, mut pages) = (Vec::new(), None, 0);
    loop {
        let page = world.page("lobby", after.as_deref(), 1_000);
        let bytes: usize =
            page.users.iter().map(|member| member.user.len() + member.attributes.byte_len()).sum();
        assert!(bytes <= MAX_PAGE_BYTES + 9_000 && page.count == 600, "{bytes}");
        users.extend(page.users.into_iter().map(|member| member.user));
        pages += 1;
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(pages, 3);
    assert_eq!(users, (0..600).map(|n| format!("user-{n:03}")).collect::<Vec<_>>());
}

#[test]
fn channels_of_a_user_are_sorted() {
    let mut world = World::new();
    world.client("ada", 1, &["c", "a", "__proto__", "b"]);
    assert_eq!(world.user_channels("ada"), ["__proto__", "a", "b", "c"]);
    assert!(world.registry.user_channels("other", "ada").unwrap().is_empty());
}

#[test]
fn users_say_how_long_the_store_settles() {
    let mut world = World::new();
    let settles = |world: &World| world.page("lobby", None, 1).settles_in_ms;
    assert_eq!(settles(&world), 10_000);
    world.advance(9_999);
    assert_eq!(settles(&world), 1);
    world.advance(1);
    assert_eq!(settles(&world), 0);
}

#[test]
fn each_seed_is_an_epoch_of_its_own() {
    use herenow_protocol::Encoding;
    use herenow_registry::{Config, Millis, Registry};
    let mut epochs = Vec::new();
    for seed in 0..20 {
        let mut world = World::new();
        world.registry = Registry::new(Config::default(), seed, Millis(world.now));
        let connection = world.connect_as(Encoding::Json);
        world.hello(connection, "ada", 1, 1, &[]);
        world.take(connection);
        epochs.push(world.snapshot(connection, "lobby").epoch);
    }
    epochs.sort_unstable();
    epochs.dedup();
    assert_eq!(epochs.len(), 20);
}
