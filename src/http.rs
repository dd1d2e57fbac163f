//! Requests to the server, with fetch.

use std::rc::Rc;

use gloo_net::Error;
use gloo_net::http::{Method, RequestBuilder, Response};
use herenow_protocol::Code;
use herenow_session::Problem;
use js_sys::JSON;
use wasm_bindgen::JsValue;
use web_sys::{AbortSignal, RequestCache};

use crate::args::text;
use crate::client::Client;
use crate::identity;
use crate::problem::problem;

/// A read, with the client's token. An expired token is renewed once.
pub(crate) async fn get(client: &Rc<Client>, path: &str, query: &[(&str, &str)]) -> Result<JsValue, Problem> {
    let mut address = [path, "?client_id=", &encoded(&client.options.client_id)].concat();
    for (name, value) in query {
        address.extend(["&", name, "=", &encoded(value)]);
    }
    let token = identity::token(client, false).await?;
    match send(client, Method::GET, &address, Some(&token), None).await {
        Err(error) if error.code == Code::TokenExpired => {
            let token = identity::token(client, true).await?;
            send(client, Method::GET, &address, Some(&token), None).await
        }
        answer => answer,
    }
}

/// A request with a JSON body.
pub(crate) async fn post(
    client: &Rc<Client>,
    path: &str,
    token: Option<&str>,
    body: &JsValue,
) -> Result<JsValue, Problem> {
    let body = JSON::stringify(body).map(String::from).unwrap_or_default();
    send(client, Method::POST, path, token, Some(body)).await
}

async fn send(
    client: &Rc<Client>,
    method: Method,
    path: &str,
    token: Option<&str>,
    body: Option<String>,
) -> Result<JsValue, Problem> {
    let timeout = AbortSignal::timeout_with_u32(client.options.request_timeout_ms);
    let mut request = RequestBuilder::new(&[&client.options.endpoint, path].concat())
        .method(method)
        .cache(RequestCache::NoStore)
        .abort_signal(Some(&timeout));
    if let Some(token) = token {
        request = request.header("authorization", &["Bearer ", token].concat());
    }
    let request = match body {
        Some(body) => request.header("content-type", "application/json").body(body),
        None => request.build(),
    };
    let request = request.map_err(|_| unreachable(client))?;
    let response = request.send().await.map_err(|error| failed(client, &error))?;
    answer(client, response).await
}

async fn answer(client: &Rc<Client>, response: Response) -> Result<JsValue, Problem> {
    let body = response.text().await.map_err(|error| failed(client, &error))?;
    let value = JSON::parse(&body).unwrap_or_default();
    if response.ok() && value.is_object() {
        return Ok(value);
    }
    let code = text(&value, "code").and_then(|code| Code::parse(&code));
    match (code, text(&value, "message")) {
        (Some(code), Some(message)) => Err(problem(code, message)),
        (Some(_) | None, _) => Err(unreachable(client)),
    }
}

fn failed(client: &Rc<Client>, error: &Error) -> Problem {
    match error {
        Error::JsError(error) if error.name == "TimeoutError" => {
            problem(Code::Timeout, "the server did not answer in time")
        }
        Error::JsError(_) | Error::GlooError(_) => unreachable(client),
    }
}

fn unreachable(client: &Rc<Client>) -> Problem {
    problem(Code::Unavailable, ["no herenow server answers at ", &client.options.endpoint].concat())
}

fn encoded(value: &str) -> String {
    js_sys::encode_uri_component(value).into()
}
