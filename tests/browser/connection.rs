//! The connection: what its listeners are told, and that nobody else sees it lost.

use herenow::*;
use js_sys::Function;
use wasm_bindgen::JsValue;
use wasm_bindgen_test::wasm_bindgen_test;

use crate::page::{
    channel_name, code, done, evaluate, function, get, in_channel, json, path, reached, recorder, seen, told,
    with_attributes,
};
use crate::visitor::Visitor;

/// A constructor of sockets that are in its `sockets`; while `muted` they send nothing.
fn sockets() -> JsValue {
    evaluate(
        "class Kept extends WebSocket {
           static sockets = [];
           static muted = false;
           constructor(...args) { super(...args); Kept.sockets.push(this) }
           send(data) { if (!Kept.muted) super.send(data) }
         }",
    )
}

fn cut(sockets: &JsValue) {
    function("({ sockets }) => sockets.at(-1).close()").call1(&JsValue::NULL, sockets).unwrap();
}

#[wasm_bindgen_test]
async fn a_listener_is_told_each_state_until_it_is_removed() {
    let (alice, channel) = (Visitor::new().await, channel_name());
    let (states, removed) = (recorder(), recorder());
    alice.watch(&states).await;
    alice.watch(&states).await;
    alice.watch(&removed).await;
    assert!(done(remove_connection_listener(removed.clone().into(), alice.number)).await.is_undefined());
    assert!(done(remove_connection_listener(removed.clone().into(), alice.number)).await.is_undefined());
    alice.join(&channel).await;
    assert_eq!(
        json(&get(&states, "events")),
        r#"[{"state":"connecting","previous":"idle"},{"state":"connected","previous":"connecting"}]"#
    );
    assert_eq!(path(&removed), "");
    assert_eq!(code(add_connection_listener(JsValue::NULL, alice.number)).await, "invalid_argument");
}

#[wasm_bindgen_test]
async fn a_lost_socket_is_opened_again_and_seen_by_nobody() {
    let kept = sockets();
    let (alice, bob) = (Visitor::with(&[("WebSocket", &kept)]).await, Visitor::new().await);
    let (states, listener, own, channel) = (recorder(), recorder(), recorder(), channel_name());
    bob.listen(&channel, &listener).await;
    alice.listen(&channel, &own).await;
    alice.watch(&states).await;
    alice.join(&channel).await;
    alice.set(&channel, r#"{"mood":"calm"}"#).await;
    cut(&kept);
    bob.join(&channel).await;
    done(reached(&states, "connected", 1)).await;
    assert!(path(&states).starts_with("reconnecting"), "{}", path(&states));
    let retry_in_ms = function("({ events }) => events[0].retryInMs").call1(&JsValue::NULL, &states).unwrap();
    assert!((0.0..=2_000.0).contains(&retry_in_ms.as_f64().unwrap()));
    done(seen(&own, "join", &bob.user)).await;
    assert_eq!(alice.set(&channel, r#"{"mood":"happy"}"#).await, r#"{"mood":"happy"}"#);
    alice.leave(&channel).await;
    done(seen(&listener, "leave", &alice.user)).await;
    assert_eq!(told(&listener, &alice.user), "join updateAttributes updateAttributes leave");
    assert_eq!(told(&own, &bob.user), "join", "what happened meanwhile is told once");
}

#[wasm_bindgen_test]
async fn calls_of_a_lost_connection_are_carried_out_on_the_next() {
    let kept = sockets();
    let (alice, channel, other) =
        (Visitor::with(&[("WebSocket", &kept)]).await, channel_name(), channel_name());
    alice.join(&channel).await;
    cut(&kept);
    let joined = join_presence_channel(in_channel(&other), alice.number);
    let attributes = with_attributes(&other, r#"{"mood":"happy"}"#);
    let set = set_presence_user_attributes(attributes, alice.number);
    let left = leave_presence_channel(in_channel(&channel), alice.number);
    assert!(done(joined).await.is_undefined());
    assert_eq!(json(&done(set).await), r#"{"mood":"happy"}"#);
    assert!(done(left).await.is_undefined());
    assert_eq!(alice.channels(&alice.user).await, format!(r#"["{other}"]"#));
}

#[wasm_bindgen_test]
async fn a_request_without_an_answer_times_out_and_is_withdrawn() {
    let kept = sockets();
    let (alice, channel, other) = (
        Visitor::with(&[("WebSocket", &kept), ("requestTimeout", &800.into())]).await,
        channel_name(),
        channel_name(),
    );
    let states = recorder();
    alice.watch(&states).await;
    alice.join(&channel).await;
    mute(&kept, true);
    let began = js_sys::Date::now();
    let joined = join_presence_channel(in_channel(&other), alice.number);
    assert_eq!(code(joined).await, "timeout");
    assert!(js_sys::Date::now() - began >= 790.0);
    mute(&kept, false);
    cut(&kept);
    done(reached(&states, "connected", 2)).await;
    // The new connection has said anew what is wanted.
    assert_eq!(alice.set(&channel, r#"{"mood":"happy"}"#).await, r#"{"mood":"happy"}"#);
    assert_eq!(alice.channels(&alice.user).await, format!(r#"["{channel}"]"#));
}

fn mute(sockets: &JsValue, muted: bool) {
    js_sys::Reflect::set(sockets, &"muted".into(), &muted.into()).unwrap();
}

#[wasm_bindgen_test]
async fn a_platform_that_forbids_sockets_is_unsupported() {
    let forbidden: Function =
        function("function () { throw new DOMException('forbidden', 'SecurityError') }");
    let (alice, channel) = (Visitor::with(&[("WebSocket", &forbidden)]).await, channel_name());
    assert_eq!(code(join_presence_channel(in_channel(&channel), alice.number)).await, "unsupported");
    assert!(alice.users(&channel).await.is_empty(), "reads need none");
}
