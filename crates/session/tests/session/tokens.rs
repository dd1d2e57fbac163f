//! Tokens: refused, expired, renewed.

use herenow_protocol::{ClientFrame, Code, ServerFrame};
use herenow_session::{Output, Problem, State};

use crate::client::{Client, id, short};

fn expiring(in_ms: u64) -> Client {
    let mut client = Client::new();
    client.join("lobby");
    client.open();
    client.welcome_with(&[("lobby", true)], &[], |welcome| welcome.expires_in_ms = Some(in_ms));
    client.gives_tokens = false;
    client.take();
    client
}

/// Ticks each ten seconds, so that the watchdog keeps quiet.
fn alive(client: &mut Client, ms: u64) {
    let end = client.now + ms;
    while client.now < end {
        client.advance((end - client.now).min(10_000));
        client.tick();
    }
}

fn asks(client: &mut Client) -> Option<bool> {
    client.take().into_iter().find_map(|output| match output {
        Output::NeedToken { renew } => Some(renew),
        _ => None,
    })
}

#[test]
fn a_token_is_renewed_at_four_fifths_of_its_life_without_reconnecting() {
    let mut client = expiring(100_000);
    alive(&mut client, 79_999);
    assert_eq!(asks(&mut client), None);
    client.advance(1);
    assert_eq!(asks(&mut client), Some(true));
    client.session.handle_token(client.millis(), Ok("newer".into()));
    let frames = client.frames();
    assert_eq!(short(&frames), ["token newer"]);
    client.hear(ServerFrame::Ok { id: id(&frames[0]), fresh: None, expires_in_ms: Some(50_000) });
    alive(&mut client, 39_999);
    assert_eq!(asks(&mut client), None);
    client.advance(1);
    assert_eq!(asks(&mut client), Some(true));

    client.session.handle_token(client.millis(), Ok("newest".into()));
    assert_eq!(short(&client.frames()), ["token newest"]);
    client.cut();
    let frames = client.reopen();
    let ClientFrame::Hello(hello) = &frames[0] else { panic!("{frames:?}") };
    assert_eq!(hello.token.as_deref(), Some("newest"));
}

#[test]
fn a_new_token_that_is_refused_is_only_told() {
    let mut client = expiring(100_000);
    alive(&mut client, 80_000);
    client.session.handle_token(client.millis(), Ok("newer".into()));
    let frames = client.frames();
    client.error(&frames[0], Code::Unauthorized, None);
    assert!(client.take().contains(&Output::Warn("the server refused the new token: no".into())));
    assert_eq!(client.state(), State::Connected);
}

#[test]
fn a_renewal_that_fails_is_told_and_one_that_may_pass_tried_again() {
    let mut client = expiring(100_000);
    alive(&mut client, 80_000);
    let away = Problem::new(Code::Unavailable, "the source is away");
    client.session.handle_token(client.millis(), Err(away));
    client.drain();
    assert!(client.log.contains(&Output::Warn("the token could not be renewed: the source is away".into())));
    client.take();
    client.advance(5_000);
    assert_eq!(asks(&mut client), Some(true));
    client.session.handle_token(client.millis(), Err(Problem::new(Code::Unauthorized, "signed out")));
    alive(&mut client, 30_000);
    assert_eq!(asks(&mut client), None);
    assert_eq!(client.state(), State::Connected);
}

#[test]
fn a_token_that_is_about_to_expire_is_renewed_before_reconnecting() {
    let mut client = expiring(20_000);
    client.cut();
    client.now += 30_000;
    client.timeout();
    assert_eq!(asks(&mut client), Some(true));
    assert_eq!(client.socket, None);
}

#[test]
fn an_expired_token_is_renewed_once() {
    let mut client = expiring(100_000);
    client.closed(4501, "token_expired");
    assert_eq!(client.state(), State::Reconnecting);
    assert_eq!(asks(&mut client), Some(true));
    client.session.handle_token(client.millis(), Ok("newer".into()));
    client.open();
    client.welcome(&[("lobby", false)]);
    assert_eq!(client.state(), State::Connected);

    client.closed(4501, "token_expired");
    assert_eq!(asks(&mut client), Some(true), "there was a welcome in between");
    client.session.handle_token(client.millis(), Ok("newest".into()));
    client.open();
    let joined = client.join("a");
    client.closed(4501, "token_expired");
    assert_eq!(client.state(), State::Failed);
    assert_eq!(client.code(joined), Some(Code::TokenExpired));
}

#[test]
fn a_source_that_is_away_is_asked_again_with_backoff() {
    let mut client = Client::new();
    client.gives_tokens = false;
    client.join("lobby");
    assert_eq!(asks(&mut client), Some(false));
    let mut away = Problem::new(Code::Unavailable, "the source is away");
    away.retry_in_ms = Some(2_000);
    client.session.handle_token(client.millis(), Err(away));
    let states = client.states();
    assert_eq!(states[0].state, State::Reconnecting);
    assert_eq!(states[0].retry_in_ms, Some(2_000), "the named time lengthens the wait");
    client.advance(1_999);
    assert_eq!(asks(&mut client), None);
    client.advance(1);
    assert_eq!(asks(&mut client), Some(false));
}

#[test]
fn an_answer_nobody_asked_for_is_ignored() {
    let mut client = Client::joined();
    client.session.handle_token(client.millis(), Ok("other".into()));
    client.session.handle_token(client.millis(), Err(Problem::new(Code::Unauthorized, "no")));
    assert_eq!(client.take(), []);
}

#[test]
fn waiting_for_a_token_outlasts_a_time_to_go_away() {
    let mut client = expiring(100_000);
    client.hear(ServerFrame::GoingAway { reconnect_in_ms: 2_000 });
    client.closed(4501, "token_expired");
    assert_eq!(asks(&mut client), Some(true));
    client.advance(3_000);
    client.timeout();
    client.session.handle_token(client.millis(), Ok("newer".into()));
    assert_eq!(short(&client.open()), ["hello lobby"]);
    client.welcome(&[("lobby", false)]);
    assert_eq!(client.state(), State::Connected);
}

#[test]
fn a_token_that_expired_before_it_could_be_used_is_renewed_again() {
    let mut client = expiring(100_000);
    client.closed(4501, "token_expired");
    assert_eq!(asks(&mut client), Some(true));
    client.session.handle_token(client.millis(), Ok("new".into()));
    client.drain();
    // Nobody is reached for so long that this one expires, too.
    client.cut();
    client.advance(30_000);
    if client.socket.is_none() {
        client.advance(5_000);
    }
    client.open();
    client.closed(4501, "token_expired");
    assert_eq!(client.state(), State::Reconnecting);
    assert_eq!(asks(&mut client), Some(true));
}
