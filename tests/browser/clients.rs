//! Several clients on one page: `PresenceClient`, and the default client of the module's functions.

use herenow::*;
use wasm_bindgen::JsValue;
use wasm_bindgen_test::wasm_bindgen_test;

use crate::page::{
    channel_name, code, done, endpoint, in_channel, json, memory, object, path, reached, recorder, seen,
    text, told,
};
use crate::visitor::Visitor;

/// The number of the default client.
const DEFAULT: u32 = 0;

#[wasm_bindgen_test]
async fn a_second_client_of_the_same_user_is_seen_by_nobody() {
    let storage = memory(JsValue::UNDEFINED);
    let first = Visitor::with(&[("storageStrategy", &storage)]).await;
    let second = Visitor::with(&[("storageStrategy", &storage)]).await;
    assert_eq!(first.user, second.user);
    let (observer, marker, channel) = (Visitor::new().await, Visitor::new().await, channel_name());
    let listener = recorder();
    observer.listen(&channel, &listener).await;
    first.join(&channel).await;
    second.join(&channel).await;
    second.leave(&channel).await;
    marker.join(&channel).await;
    done(seen(&listener, "join", &marker.user)).await;
    assert_eq!(told(&listener, &first.user), "join");
    assert_eq!(observer.count(&channel).await, 2.0);
}

#[wasm_bindgen_test]
async fn a_closed_client_leaves_and_rejects_with_closed() {
    let (alice, bob, channel) = (Visitor::new().await, Visitor::new().await, channel_name());
    let (listener, states) = (recorder(), recorder());
    bob.listen(&channel, &listener).await;
    alice.watch(&states).await;
    alice.join(&channel).await;
    assert!(done(close_client(alice.number)).await.is_undefined());
    assert_eq!(path(&states), "connecting connected closed");
    let (client, here) = (alice.number, || in_channel(&channel));
    assert_eq!(code(join_presence_channel(here(), client)).await, "closed");
    assert_eq!(code(leave_presence_channel(here(), client)).await, "closed");
    assert_eq!(code(add_presence_listener(here(), recorder().into(), client)).await, "closed");
    assert_eq!(code(get_presence_channel_users(here(), client)).await, "closed");
    assert_eq!(code(add_connection_listener(recorder().into(), client)).await, "closed");
    assert_eq!(code(profile(client)).await, "closed");
    assert!(done(close_client(client)).await.is_undefined(), "closing twice is no error");
    done(seen(&listener, "leave", &alice.user)).await;
    assert_eq!(told(&listener, &alice.user), "join leave");
}

#[wasm_bindgen_test]
async fn closing_rejects_what_still_waits() {
    let (alice, channel) = (Visitor::new().await, channel_name());
    let joining = join_presence_channel(in_channel(&channel), alice.number);
    done(close_client(alice.number)).await;
    assert_eq!(code(joining).await, "closed");
}

/// One test for all of the default client, which the page has only one of.
#[wasm_bindgen_test]
async fn the_default_client_is_kept_by_init_and_replaced_with_another_identity() {
    let (bob, channel, listener) = (Visitor::new().await, channel_name(), recorder());
    bob.listen(&channel, &listener).await;
    let options = |storage: &JsValue| {
        object(&[
            ("endpoint", &endpoint().into()),
            ("storageStrategy", storage),
            ("nickName", &"Ann ✨".into()),
        ])
    };
    let storage = memory(JsValue::UNDEFINED);
    let ann = done(init(options(&storage))).await;
    assert_eq!(text(&ann, "nickname"), "Ann ✨");
    assert!(text(&ann, "access_token").starts_with("guest."));
    assert!(js_sys::Date::parse(&text(&ann, "created_at")) > 0.0);
    assert!(done(join_presence_channel(in_channel(&channel), DEFAULT)).await.is_undefined());
    done(seen(&listener, "join", &text(&ann, "id"))).await;
    assert_eq!(json(&done(init(JsValue::UNDEFINED)).await), json(&ann));
    assert_eq!(json(&done(init(options(&storage))).await), json(&ann), "the same identity");
    assert_eq!(bob.users(&channel).await, [text(&ann, "id")]);

    let states = recorder();
    done(add_connection_listener(states.clone().into(), DEFAULT)).await;
    let other = done(init(options(&memory(JsValue::UNDEFINED)))).await;
    assert_ne!(text(&other, "id"), text(&ann, "id"));
    done(reached(&states, "closed", 1)).await;
    done(seen(&listener, "leave", &text(&ann, "id"))).await;
    assert!(done(join_presence_channel(in_channel(&channel), DEFAULT)).await.is_undefined());
    done(seen(&listener, "join", &text(&other, "id"))).await;
    done(leave_presence_channel(in_channel(&channel), DEFAULT)).await;
}
