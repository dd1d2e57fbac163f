//! Who the client is: a token from the page, or a guest that the server issued and the page keeps.

use std::rc::Rc;

use herenow_protocol::Code;
use herenow_session::Problem;
use js_sys::{Date, Function, Promise, Reflect};
use serde::Serialize;
use wasm_bindgen::prelude::Closure;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::{JsFuture, future_to_promise};

use crate::args::{field, text};
use crate::client::Client;
use crate::options::Options;
use crate::problem::{invalid, problem, to_error};
use crate::{bridge, convert, http};

const GUEST_PREFIX: &str = "guest.";

#[derive(Serialize)]
struct Profile<'a> {
    id: &'a str,
    nickname: &'a str,
    access_token: &'a str,
    created_at: String,
}

#[derive(Serialize)]
struct GuestRequest<'a> {
    client_id: &'a str,
    nickname: Option<&'a str>,
}

/// The token for a connection or a request. `renew` asks the page's function once more.
pub(crate) async fn token(client: &Rc<Client>, renew: bool) -> Result<String, Problem> {
    let source = &client.options.access_token;
    let token = if let Some(token) = source.as_string() {
        if renew {
            return Err(problem(Code::TokenExpired, "the accessToken has expired"));
        }
        token
    } else if let Some(function) = source.dyn_ref::<Function>() {
        ask(function).await?
    } else {
        text(&guest(client).await?, "access_token").unwrap_or_default()
    };
    let printable = !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic());
    if printable { Ok(token) } else { Err(problem(Code::Unauthorized, "the accessToken is not a token")) }
}

async fn ask(function: &Function) -> Result<String, Problem> {
    let failed = |_| problem(Code::Unavailable, "the accessToken function failed");
    let answer = function.call0(&JsValue::UNDEFINED).map_err(failed)?;
    let token = JsFuture::from(Promise::resolve(&answer)).await.map_err(failed)?;
    token.as_string().ok_or_else(|| invalid("the accessToken function gave something that is not a string"))
}

/// What `init` resolves to.
pub(crate) async fn profile(client: &Rc<Client>) -> Result<JsValue, Problem> {
    if client.options.access_token.is_undefined() {
        return guest(client).await;
    }
    let token = token(client, false).await?;
    if token.starts_with(GUEST_PREFIX) {
        return http::post(client, "/v1/guests", Some(&token), &guest_request(&client.options)).await;
    }
    let claims = bridge::claims(&token);
    let id = text(&claims, "sub").ok_or_else(|| {
        problem(Code::Unauthorized, "the accessToken is neither a JWT with a `sub` nor a guest's")
    })?;
    let issued = field(&claims, "iat").as_f64().map_or_else(Date::now, |seconds| seconds * 1000.0);
    Ok(convert::to_js(&Profile {
        id: &id,
        nickname: client.options.nickname.as_deref().unwrap_or(&id),
        access_token: &token,
        created_at: Date::new(&issued.into()).to_iso_string().into(),
    }))
}

fn guest_request(options: &Options) -> JsValue {
    convert::to_js(&GuestRequest { client_id: &options.client_id, nickname: options.nickname.as_deref() })
}

/// The stored guest, or a new one. Of several tabs that find none, one makes it.
async fn guest(client: &Rc<Client>) -> Result<JsValue, Problem> {
    let options = &client.options;
    let key = ["herenow:", &options.client_id, "@", &options.endpoint].concat();
    let storage =
        if options.storage.is_undefined() { bridge::default_storage(&key) } else { options.storage.clone() };
    if let Some(profile) = stored(&storage, options).await? {
        return Ok(profile);
    }
    let client = Rc::clone(client);
    let task = Closure::once_into_js(move || {
        future_to_promise(
            async move { make_guest(&client, &storage).await.map_err(|problem| to_error(&problem)) },
        )
    });
    JsFuture::from(bridge::alone(&key, task.unchecked_ref())).await.map_err(problem_of)
}

async fn make_guest(client: &Rc<Client>, storage: &JsValue) -> Result<JsValue, Problem> {
    if let Some(profile) = stored(storage, &client.options).await? {
        return Ok(profile);
    }
    let profile = http::post(client, "/v1/guests", None, &guest_request(&client.options)).await?;
    keep(storage, &profile).await?;
    Ok(profile)
}

/// The guest that the page has kept, with the nickname that the page wants now.
async fn stored(storage: &JsValue, options: &Options) -> Result<Option<JsValue>, Problem> {
    let profile = call(storage, "get", &JsValue::UNDEFINED).await?;
    let is_guest = text(&profile, "access_token").is_some_and(|token| token.starts_with(GUEST_PREFIX));
    if !is_guest {
        return Ok(None);
    }
    if let Some(wanted) = &options.nickname
        && text(&profile, "nickname").as_ref() != Some(wanted)
    {
        let _ = Reflect::set(&profile, &"nickname".into(), &wanted.into());
        keep(storage, &profile).await?;
    }
    Ok(Some(profile))
}

async fn keep(storage: &JsValue, profile: &JsValue) -> Result<(), Problem> {
    call(storage, "set", profile).await.map(drop)
}

async fn call(storage: &JsValue, name: &str, argument: &JsValue) -> Result<JsValue, Problem> {
    let failed = |_| problem(Code::Unavailable, "the storageStrategy failed");
    let function: Function = field(storage, name).unchecked_into();
    let answer = function.call1(storage, argument).map_err(failed)?;
    JsFuture::from(Promise::resolve(&answer)).await.map_err(failed)
}

/// The problem that one of our own errors stands for.
pub(crate) fn problem_of(error: JsValue) -> Problem {
    let code = text(&error, "code").and_then(|code| Code::parse(&code)).unwrap_or(Code::Internal);
    problem(code, text(&error, "message").unwrap_or_default())
}
