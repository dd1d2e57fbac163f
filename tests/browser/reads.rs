//! Reading who is there, with fetch.

use herenow::*;
use js_sys::{Array, Promise};
use wasm_bindgen::JsValue;
use wasm_bindgen_test::wasm_bindgen_test;

use crate::page::{channel_name, done, evaluate, get, in_channel, json, recorder};
use crate::visitor::Visitor;

#[wasm_bindgen_test]
async fn reads_tell_who_is_there_without_a_listener() {
    let (alice, bob, channel) = (Visitor::new().await, Visitor::new().await, channel_name());
    alice.join(&channel).await;
    alice.set(&channel, r#"{"mood":"calm","__proto__":"kept"}"#).await;
    assert_eq!(bob.users(&channel).await, [&*alice.user]);
    assert_eq!(bob.count(&channel).await, 1.0);
    assert_eq!(bob.attributes(&channel, &alice.user).await, r#"{"__proto__":"kept","mood":"calm"}"#);
    assert_eq!(bob.attributes(&channel, &bob.user).await, "{}");
    assert_eq!(alice.channels(&alice.user).await, format!(r#"["{channel}"]"#));
    assert_eq!(alice.channels("nobody").await, "[]");
}

#[wasm_bindgen_test]
async fn reads_open_no_socket() {
    let opened = evaluate(
        "(() => { const fn = function (...args) { fn.opened += 1; return new WebSocket(...args) };
                  fn.opened = 0; return fn })()",
    );
    let (alice, channel) = (Visitor::with(&[("WebSocket", &opened)]).await, channel_name());
    let states = recorder();
    alice.watch(&states).await;
    assert!(alice.users(&channel).await.is_empty());
    assert_eq!(alice.count(&channel).await, 0.0);
    assert_eq!(alice.attributes(&channel, &alice.user).await, "{}");
    assert_eq!(alice.channels(&alice.user).await, "[]");
    assert_eq!(get(&opened, "opened"), 0);
    assert_eq!(crate::page::path(&states), "");
    alice.join(&channel).await;
    assert_eq!(get(&opened, "opened"), 1);
}

#[wasm_bindgen_test]
async fn a_list_shows_an_own_change_at_once_and_belongs_to_who_asked() {
    let (alice, channel) = (Visitor::new().await, channel_name());
    assert!(alice.users(&channel).await.is_empty());
    alice.join(&channel).await;
    assert_eq!(alice.users(&channel).await, [&*alice.user]);
    alice.set(&channel, r#"{"mood":"happy"}"#).await;
    let asked = [(); 2].map(|()| get_presence_channel_users(in_channel(&channel), alice.number));
    let answers = Array::from(&done(Promise::all(&Array::from_iter(asked))).await);
    let expected = format!(
        r#"{{"channelUsers":[{{"userProfileId":"{}","attributes":{{"mood":"happy"}}}}]}}"#,
        alice.user
    );
    assert_eq!(json(&answers.get(0)), expected);
    js_sys::Reflect::set(&answers.get(0), &"channelUsers".into(), &JsValue::NULL).unwrap();
    assert_eq!(json(&answers.get(1)), expected);
    alice.leave(&channel).await;
    assert!(alice.users(&channel).await.is_empty());
}

#[wasm_bindgen_test]
async fn applications_do_not_see_each_other() {
    let (one, other, channel) = (channel_name(), channel_name(), channel_name());
    let alice = Visitor::with(&[("clientId", &one.into())]).await;
    let bob = Visitor::with(&[("clientId", &other.into())]).await;
    alice.join(&channel).await;
    assert_eq!(alice.count(&channel).await, 1.0);
    assert_eq!(bob.count(&channel).await, 0.0);
    assert_eq!(bob.channels(&alice.user).await, "[]");
}
