//! Requests to the server, with fetch.

use gloo_net::Error;
use gloo_net::http::Request;
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::Closure;
use wasm_bindgen_futures::spawn_local;

use crate::bridge;

/// The function that `js/identity.js` has requests sent with: (number, request). `js/bridge.js` is told the answer.
pub(crate) fn exchange() -> JsValue {
    Closure::<dyn Fn(i32, web_sys::Request)>::new(|id, request| {
        spawn_local(async move {
            match send(request).await {
                Ok((ok, text)) => bridge::answered(id, ok, &text),
                Err(Error::JsError(error)) => bridge::unanswered(id, &error.name),
                Err(Error::GlooError(error)) => bridge::unanswered(id, &error),
            }
        });
    })
    .into_js_value()
}

/// Whether the status is one of success, and the body.
async fn send(request: web_sys::Request) -> Result<(bool, String), Error> {
    let response = Request::from(request).send().await?;
    Ok((response.ok(), response.text().await?))
}
