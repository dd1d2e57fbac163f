//! Calls that reject, each with its code.

use herenow::*;
use wasm_bindgen::JsValue;
use wasm_bindgen_test::wasm_bindgen_test;

use crate::page::{
    NOBODY, channel_name, code, done, endpoint, function, in_channel, memory, object, parse, silent_endpoint,
    with_attributes,
};
use crate::visitor::{Visitor, open};

#[wasm_bindgen_test]
async fn bad_arguments_are_refused_with_their_code() {
    let (alice, channel) = (Visitor::new().await, channel_name());
    let client = alice.number;
    assert_eq!(code(join_presence_channel(JsValue::UNDEFINED, client)).await, "invalid_argument");
    assert_eq!(code(join_presence_channel(in_channel(""), client)).await, "invalid_argument");
    assert_eq!(code(join_presence_channel(in_channel(&"x".repeat(129)), client)).await, "invalid_argument");
    assert_eq!(code(leave_presence_channel(in_channel("a\n"), client)).await, "invalid_argument");
    let no_function = add_presence_listener(in_channel(&channel), JsValue::NULL, client);
    assert_eq!(code(no_function).await, "invalid_argument");
    let set = |attributes: &str| set_presence_user_attributes(with_attributes(&channel, attributes), client);
    assert_eq!(code(set(r#"{"mood":1}"#)).await, "invalid_argument");
    assert_eq!(code(set("[]")).await, "invalid_argument");
    assert_eq!(code(set(r#"{"mood":"happy"}"#)).await, "not_joined");
    let long = format!(r#"{{"mood":"{}"}}"#, "x".repeat(1025));
    assert_eq!(code(set(&long)).await, "too_large");
    assert_eq!(code(get_presence_user_channels(object(&[]), client)).await, "invalid_argument");
    assert_eq!(code(open_client(object(&[("endpoint", &"ftp://x".into())]))).await, "invalid_argument");
}

#[wasm_bindgen_test]
async fn bad_options_are_refused() {
    let one = |name, value: JsValue| open_client(object(&[("endpoint", &endpoint().into()), (name, &value)]));
    assert_eq!(code(open_client(JsValue::NULL)).await, "invalid_argument");
    assert_eq!(code(one("clientId", "".into())).await, "invalid_argument");
    assert_eq!(code(one("clientId", "x".repeat(129).into())).await, "invalid_argument");
    assert_eq!(code(one("accessToken", 1.into())).await, "invalid_argument");
    assert_eq!(code(one("storageStrategy", object(&[]))).await, "invalid_argument");
    assert_eq!(code(one("requestTimeout", 0.into())).await, "invalid_argument");
    assert_eq!(code(one("requestTimeout", "soon".into())).await, "invalid_argument");
    assert_eq!(code(one("WebSocket", object(&[]))).await, "invalid_argument");
}

#[wasm_bindgen_test]
async fn a_token_that_the_server_does_not_know_is_unauthorized() {
    let (channel, wrong) = (channel_name(), "guest.tooshort".into());
    let client = open(&[("accessToken", &wrong)]).await;
    assert_eq!(code(get_presence_channel_count(in_channel(&channel), client)).await, "unauthorized");
    assert_eq!(code(join_presence_channel(in_channel(&channel), client)).await, "unauthorized");
    let client = open(&[("accessToken", &"no token".into())]).await;
    assert_eq!(code(profile(client)).await, "unauthorized");
}

#[wasm_bindgen_test]
async fn a_token_function_that_fails_or_never_answers() {
    let channel = channel_name();
    let failing = function("async () => { throw new Error('no session') }");
    let client = open(&[("accessToken", &failing)]).await;
    assert_eq!(code(get_presence_channel_count(in_channel(&channel), client)).await, "unavailable");
    let hanging = function("() => new Promise(() => {})");
    let client = open(&[("accessToken", &hanging), ("requestTimeout", &200.into())]).await;
    assert_eq!(code(get_presence_channel_count(in_channel(&channel), client)).await, "timeout");
    assert_eq!(code(profile(client)).await, "timeout");
}

#[wasm_bindgen_test]
async fn a_server_that_is_not_there_is_unavailable() {
    let (channel, guest) = (channel_name(), memory(known_guest()));
    let wanted: [(&str, &JsValue); 2] = [("endpoint", &NOBODY.into()), ("requestTimeout", &300.into())];
    let number = open(&wanted).await;
    assert_eq!(code(profile(number)).await, "unavailable");
    assert_eq!(code(get_presence_channel_count(in_channel(&channel), number)).await, "unavailable");
    assert_eq!(code(join_presence_channel(in_channel(&channel), number)).await, "unavailable");
    let number = open(&[&wanted[..], &[("storageStrategy", &guest)]].concat()).await;
    assert_eq!(code(join_presence_channel(in_channel(&channel), number)).await, "unavailable");
    done(close_client(number)).await;
}

#[wasm_bindgen_test]
async fn a_server_that_does_not_answer_is_a_timeout() {
    let (channel, guest) = (channel_name(), memory(known_guest()));
    let wanted: [(&str, &JsValue); 2] =
        [("endpoint", &silent_endpoint().into()), ("requestTimeout", &300.into())];
    let number = open(&wanted).await;
    assert_eq!(code(profile(number)).await, "timeout", "a guest is asked for");
    let number = open(&[&wanted[..], &[("storageStrategy", &guest)]].concat()).await;
    assert_eq!(code(get_presence_channel_users(in_channel(&channel), number)).await, "timeout");
    let code = code(join_presence_channel(in_channel(&channel), number)).await;
    assert_eq!(code, "unavailable", "there is no connection");
    done(close_client(number)).await;
}

/// A guest that needs no server to be made.
fn known_guest() -> JsValue {
    parse(
        r#"{"id":"known","nickname":"known","access_token":"guest.abcdefghijklmnopqrstuv","created_at":""}"#,
    )
}
