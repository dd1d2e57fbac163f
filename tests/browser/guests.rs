//! Guests: who is the same user, and where that is kept.

use herenow::*;
use js_sys::{Array, Promise};
use wasm_bindgen::JsValue;
use wasm_bindgen_test::wasm_bindgen_test;

use crate::page::{
    channel_name, code, done, endpoint, evaluate, json, memory, object, slow_memory, stored, text,
};
use crate::visitor::{Visitor, open};

/// A client of an application, with the default storage. Gives its number.
async fn open_stored(client_id: &str) -> u32 {
    let options = object(&[("endpoint", &endpoint().into()), ("clientId", &client_id.into())]);
    done(open_client(options)).await.as_f64().unwrap() as u32
}

#[wasm_bindgen_test]
async fn first_clients_at_once_make_one_guest_that_is_kept_in_local_storage() {
    let client_id = channel_name();
    let mut asked = Vec::new();
    for _ in 0..3 {
        asked.push(profile(open_stored(&client_id).await));
    }
    let profiles = Array::from(&done(Promise::all(&Array::from_iter(asked))).await);
    let kept = stored(&format!("herenow:{client_id}@{}", endpoint())).unwrap();
    for profile in profiles {
        assert_eq!(json(&profile), kept);
    }
    let later = done(profile(open_stored(&client_id).await)).await;
    assert_eq!(json(&later), kept, "as after a reload");
    let other = done(profile(open_stored(&channel_name()).await)).await;
    assert_ne!(text(&other, "id"), text(&later, "id"), "each application has guests of its own");
}

#[wasm_bindgen_test]
async fn a_storage_of_the_app_may_be_asynchronous() {
    let storage = slow_memory();
    let first = Visitor::with(&[("storageStrategy", &storage)]).await;
    let second = Visitor::with(&[("storageStrategy", &storage)]).await;
    assert_eq!(first.user, second.user);
    assert_ne!(Visitor::new().await.user, first.user);
}

#[wasm_bindgen_test]
async fn a_storage_that_fails_or_hangs_rejects() {
    let failing = evaluate("{ get: () => { throw new Error('locked') }, set() {} }");
    assert_eq!(code(profile(open(&[("storageStrategy", &failing)]).await)).await, "unavailable");
    let hanging = evaluate("{ get: () => new Promise(() => {}), set() {} }");
    let number = open(&[("storageStrategy", &hanging), ("requestTimeout", &200.into())]).await;
    assert_eq!(code(profile(number)).await, "timeout");
}

#[wasm_bindgen_test]
async fn what_is_no_guest_in_the_storage_is_replaced() {
    for wrong in ["null", "'text'", "{ id: 'x' }", "{ id: 'x', access_token: 'guest.short' }"] {
        let visitor = Visitor::with(&[("storageStrategy", &memory(evaluate(wrong)))]).await;
        assert!(visitor.user.starts_with("guest-"), "{wrong}");
    }
}

#[wasm_bindgen_test]
async fn a_nickname_is_kept_with_the_guest_and_may_change() {
    let storage = memory(JsValue::UNDEFINED);
    let named = async |name: &str| {
        let options = [("storageStrategy", &storage), ("nickName", &name.into())];
        done(profile(open(&options).await)).await
    };
    let (ann, anna) = (named("Ann ✨").await, named("Anna").await);
    assert_eq!((text(&ann, "nickname"), text(&anna, "nickname")), ("Ann ✨".into(), "Anna".into()));
    assert_eq!(text(&ann, "id"), text(&anna, "id"));
}

#[wasm_bindgen_test]
async fn a_guest_token_of_the_app_is_the_same_user_everywhere() {
    let secret = format!("guest.{}", channel_name());
    let first = Visitor::with(&[("accessToken", &secret.as_str().into())]).await;
    let function = js_sys::Function::new_no_args(&format!("return Promise.resolve('{secret}')"));
    let second = Visitor::with(&[("accessToken", &function)]).await;
    assert_eq!(first.user, second.user);
    let channel = channel_name();
    first.join(&channel).await;
    assert_eq!(second.users(&channel).await, [&*first.user]);
}
