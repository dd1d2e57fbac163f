//! Requests to the server, with fetch.

use gloo_net::Error;
use gloo_net::http::{Method, RequestBuilder};
use js_sys::{Array, Promise};
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::Closure;
use wasm_bindgen_futures::future_to_promise;
use web_sys::{AbortSignal, RequestCache};

/// The function that `js/identity.js` sends requests with: (url, bearer, body, timeout in ms) → [ok, text].
/// It rejects with the name of what failed.
pub(crate) fn exchange() -> JsValue {
    Closure::<dyn FnMut(JsValue, JsValue, JsValue, u32) -> Promise>::new(
        |url: JsValue, bearer: JsValue, body: JsValue, timeout_ms| {
            future_to_promise(async move {
                send(url.as_string().unwrap_or_default(), bearer.as_string(), body, timeout_ms)
                    .await
                    .map_err(|error| name(&error))
            })
        },
    )
    .into_js_value()
}

async fn send(url: String, bearer: Option<String>, body: JsValue, timeout_ms: u32) -> Result<JsValue, Error> {
    let timeout = AbortSignal::timeout_with_u32(timeout_ms);
    let has_body = !body.is_undefined();
    let mut builder = RequestBuilder::new(&url)
        .method(if has_body { Method::POST } else { Method::GET })
        .cache(RequestCache::NoStore)
        .abort_signal(Some(&timeout));
    if let Some(bearer) = bearer {
        builder = builder.header("authorization", &["Bearer ", &bearer].concat());
    }
    let request = if has_body {
        builder.header("content-type", "application/json").body(body)?
    } else {
        builder.build()?
    };
    let response = request.send().await?;
    let text = response.text().await?;
    Ok(Array::of2(&response.ok().into(), &text.into()).into())
}

fn name(error: &Error) -> JsValue {
    match error {
        Error::JsError(error) => error.name.as_str().into(),
        Error::GlooError(_) => JsValue::UNDEFINED,
    }
}
