//! Attributes: set, merged, and gone with the membership.

use herenow::*;
use wasm_bindgen_test::wasm_bindgen_test;

use crate::page::{channel_name, code, done, get, in_channel, json, recorder, seen, told, with_attributes};
use crate::visitor::Visitor;

#[wasm_bindgen_test]
async fn a_set_replaces_all_earlier_ones_and_none_is_left_after_a_leave() {
    let (alice, bob, channel) = (Visitor::new().await, Visitor::new().await, channel_name());
    alice.join(&channel).await;
    alice.set(&channel, r#"{"mood":"calm","place":"desk"}"#).await;
    alice.set(&channel, r#"{"mood":"happy"}"#).await;
    assert_eq!(bob.attributes(&channel, &alice.user).await, r#"{"mood":"happy"}"#);
    assert_eq!(alice.set(&channel, "{}").await, "{}");
    assert_eq!(bob.attributes(&channel, &alice.user).await, "{}");
    alice.set(&channel, r#"{"mood":"sad"}"#).await;
    alice.leave(&channel).await;
    assert_eq!(bob.attributes(&channel, &alice.user).await, "{}");
    alice.join(&channel).await;
    assert_eq!(bob.attributes(&channel, &alice.user).await, "{}");
}

#[wasm_bindgen_test]
async fn sets_of_one_tick_are_one_and_all_resolve_to_the_newest() {
    let (alice, bob, channel) = (Visitor::new().await, Visitor::new().await, channel_name());
    let listener = recorder();
    bob.listen(&channel, &listener).await;
    alice.join(&channel).await;
    let set = |n| {
        set_presence_user_attributes(with_attributes(&channel, &format!(r#"{{"n":"{n}"}}"#)), alice.number)
    };
    let sets: Vec<_> = (1..=50).map(set).collect();
    for promise in sets {
        assert_eq!(json(&done(promise).await), r#"{"n":"50"}"#);
    }
    let update = done(seen(&listener, "updateAttributes", &alice.user)).await;
    assert_eq!(json(&get(&get(&update, "message"), "attributes")), r#"{"n":"50"}"#);
    assert_eq!(told(&listener, &alice.user), "join updateAttributes");
}

#[wasm_bindgen_test]
async fn any_text_comes_back_as_it_was_from_the_server_and_from_the_roster() {
    let (alice, bob, channel) = (Visitor::new().await, Visitor::new().await, channel_name());
    let odd = r#"{"__proto__":"kept","constructor":"","🦀":"\u0000\u2028\"\\\ufeff","a b":"👩‍👩‍👧‍👦é","z":"é"}"#;
    let expected = json(&crate::page::parse(odd));
    alice.join(&channel).await;
    assert_eq!(sorted(&alice.set(&channel, odd).await), sorted(&expected));
    assert_eq!(sorted(&bob.attributes(&channel, &alice.user).await), sorted(&expected));
    bob.listen(&channel, &recorder()).await;
    assert_eq!(sorted(&bob.attributes(&channel, &alice.user).await), sorted(&expected));
}

#[wasm_bindgen_test]
async fn who_has_not_joined_or_has_left_may_not_set() {
    let (alice, channel) = (Visitor::new().await, channel_name());
    let set = || set_presence_user_attributes(with_attributes(&channel, r#"{"mood":"happy"}"#), alice.number);
    assert_eq!(code(set()).await, "not_joined");
    done(join_presence_channel(in_channel(&channel), alice.number)).await;
    assert_eq!(json(&done(set()).await), r#"{"mood":"happy"}"#);
    alice.leave(&channel).await;
    assert_eq!(code(set()).await, "not_joined");
}

/// The order of attributes is nobody's promise.
fn sorted(attributes: &str) -> Vec<String> {
    let entries = js_sys::Object::entries(&crate::page::parse(attributes).into());
    let mut pairs: Vec<_> = entries.iter().map(|pair| json(&pair)).collect();
    pairs.sort();
    pairs
}
