//! What listeners are told, and when.

use std::cell::RefCell;
use std::rc::Rc;

use herenow::*;
use js_sys::Promise;
use wasm_bindgen::prelude::*;
use wasm_bindgen_test::wasm_bindgen_test;

use crate::page::{channel_name, done, function, get, in_channel, json, recorder, seen, text, told};
use crate::visitor::Visitor;

#[wasm_bindgen_test]
async fn two_visitors_see_each_other_join_set_and_leave() {
    let (alice, bob, channel) = (Visitor::new().await, Visitor::new().await, channel_name());
    let listener = recorder();
    alice.listen(&channel, &listener).await;
    alice.join(&channel).await;
    bob.join(&channel).await;
    done(seen(&listener, "join", &bob.user)).await;
    assert_eq!(bob.set(&channel, r#"{"mood":"happy"}"#).await, r#"{"mood":"happy"}"#);
    let update = done(seen(&listener, "updateAttributes", &bob.user)).await;
    let expected = format!(
        r#"{{"event":"updateAttributes","message":{{"userProfileId":"{}","channel":"{channel}","attributes":{{"mood":"happy"}}}}}}"#,
        bob.user
    );
    assert_eq!(json(&update), expected);
    bob.leave(&channel).await;
    done(seen(&listener, "leave", &bob.user)).await;
    assert_eq!(told(&listener, &bob.user), "join updateAttributes leave");
    assert_eq!(told(&listener, &alice.user), "join", "own events are delivered too");
}

#[wasm_bindgen_test]
async fn a_list_read_after_a_listener_is_ready_has_no_gap() {
    let (alice, bob, channel) = (Visitor::new().await, Visitor::new().await, channel_name());
    bob.join(&channel).await;
    let listener = recorder();
    alice.listen(&channel, &listener).await;
    assert_eq!(alice.users(&channel).await, [&*bob.user]);
    assert_eq!(told(&listener, &bob.user), "", "who was there before is in the list and not told");
    bob.leave(&channel).await;
    done(seen(&listener, "leave", &bob.user)).await;
    assert!(alice.users(&channel).await.is_empty());
}

#[wasm_bindgen_test]
async fn listening_does_not_join_and_the_last_listener_does_not_leave() {
    let (alice, channel) = (Visitor::new().await, channel_name());
    let listener = recorder();
    alice.listen(&channel, &listener).await;
    assert_eq!(alice.count(&channel).await, 0.0);
    alice.join(&channel).await;
    alice.unlisten(&channel, &listener).await;
    assert_eq!(alice.count(&channel).await, 1.0);
}

#[wasm_bindgen_test]
async fn the_last_listener_of_a_channel_ends_the_observing() {
    let (alice, bob, channel) = (Visitor::new().await, Visitor::new().await, channel_name());
    let (first, second) = (recorder(), recorder());
    alice.listen(&channel, &first).await;
    alice.listen(&channel, &second).await;
    alice.unlisten(&channel, &first).await;
    bob.join(&channel).await;
    done(seen(&second, "join", &bob.user)).await;
    alice.unlisten(&channel, &second).await;
    alice.unlisten(&channel, &second).await;
    bob.leave(&channel).await;
    assert_eq!(told(&first, &bob.user), "");
    assert_eq!(told(&second, &bob.user), "join");
}

#[wasm_bindgen_test]
async fn one_function_added_twice_is_called_once_and_in_each_channel() {
    let (alice, channel, other) = (Visitor::new().await, channel_name(), channel_name());
    let listener = recorder();
    alice.listen(&channel, &listener).await;
    alice.listen(&channel, &listener).await;
    alice.listen(&other, &listener).await;
    alice.join(&channel).await;
    alice.leave(&channel).await;
    done(seen(&listener, "leave", &alice.user)).await;
    assert_eq!(told(&listener, &alice.user), "join leave");
    alice.unlisten(&channel, &listener).await;
    alice.join(&channel).await;
    alice.join(&other).await;
    alice.set(&other, r#"{"mood":"calm"}"#).await;
    let update = done(seen(&listener, "updateAttributes", &alice.user)).await;
    assert_eq!(text(&get(&update, "message"), "channel"), other);
    assert_eq!(told(&listener, &alice.user), "join leave join updateAttributes", "one removal is enough");
}

#[wasm_bindgen_test]
async fn a_listener_that_throws_does_not_keep_others_from_being_called() {
    let (alice, channel) = (Visitor::new().await, channel_name());
    let listener = recorder();
    // `reportError` raises an event of the page, which would end the test.
    let reported = function(
        "(() => { const fn = (event) => { fn.messages.push(event.error.message); event.preventDefault() };
                  fn.messages = []; addEventListener('error', fn); return fn })()",
    );
    let thrower = function("() => { throw new Error('its own mistake') }");
    alice.listen(&channel, &thrower).await;
    alice.listen(&channel, &listener).await;
    alice.join(&channel).await;
    done(seen(&listener, "join", &alice.user)).await;
    function("(fn) => removeEventListener('error', fn)").call1(&JsValue::NULL, &reported).unwrap();
    assert_eq!(json(&get(&reported, "messages")), r#"["its own mistake"]"#);
}

#[wasm_bindgen_test]
async fn a_listener_may_call_the_sdk_and_remove_itself() {
    let (alice, bob, channel, next) =
        (Visitor::new().await, Visitor::new().await, channel_name(), channel_name());
    let calls: Rc<RefCell<Vec<Promise>>> = Rc::default();
    let (noted, here, there, number) = (Rc::clone(&calls), channel.clone(), next.clone(), alice.number);
    let own: Rc<RefCell<JsValue>> = Rc::default();
    let itself = Rc::clone(&own);
    let listener = Closure::<dyn Fn(JsValue)>::new(move |_event| {
        let removed = remove_presence_listener(in_channel(&here), itself.borrow().clone(), number);
        let joined = join_presence_channel(in_channel(&there), number);
        noted.borrow_mut().extend([removed, joined]);
    });
    *own.borrow_mut() = listener.as_ref().clone();
    let after = recorder();
    alice.listen(&channel, listener.as_ref().unchecked_ref()).await;
    alice.listen(&channel, &after).await;
    bob.join(&channel).await;
    bob.leave(&channel).await;
    done(seen(&after, "leave", &bob.user)).await;
    let calls: Vec<_> = calls.borrow_mut().drain(..).collect();
    assert_eq!(calls.len(), 2, "it was called once");
    for call in calls {
        assert!(done(call).await.is_undefined());
    }
    assert_eq!(bob.users(&next).await, [&*alice.user]);
}

#[wasm_bindgen_test]
async fn join_leave_join_in_one_tick_is_one_join() {
    let (alice, bob, channel) = (Visitor::new().await, Visitor::new().await, channel_name());
    let listener = recorder();
    bob.listen(&channel, &listener).await;
    let client = alice.number;
    let joins = [
        join_presence_channel(in_channel(&channel), client),
        leave_presence_channel(in_channel(&channel), client),
        join_presence_channel(in_channel(&channel), client),
    ];
    for promise in joins {
        done(promise).await;
    }
    bob.join(&channel).await;
    done(seen(&listener, "join", &bob.user)).await;
    assert_eq!(told(&listener, &alice.user), "join");
}

#[wasm_bindgen_test]
async fn names_may_be_128_bytes_emoji_and_words_that_objects_know() {
    let (alice, bob) = (Visitor::new().await, Visitor::new().await);
    let odd = [
        "__proto__",
        "constructor",
        "a",
        &"🦀".repeat(32),
        &"x".repeat(128),
        "a/../b?channel=c&user=d#e%00%2F+;",
        " \"'\\ <b>&amp;",
        "שלום עולם",
        "a\u{2028}b\u{feff}",
        "é",
        "e\u{301}",
    ];
    for channel in odd {
        let listener = recorder();
        bob.listen(channel, &listener).await;
        alice.join(channel).await;
        let joined = done(seen(&listener, "join", &alice.user)).await;
        assert_eq!(text(&get(&joined, "message"), "channel"), channel);
        assert!(alice.users(channel).await.contains(&alice.user), "{channel}");
        assert_eq!(alice.channels(&alice.user).await, json(&js_sys::Array::of1(&channel.into()).into()));
        alice.leave(channel).await;
        done(seen(&listener, "leave", &alice.user)).await;
    }
}
