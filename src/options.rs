//! The options of `init` and `new PresenceClient`.

use herenow_protocol::{DEFAULT_CLIENT_ID, validate_application};
use herenow_session::Problem;
use js_sys::Object;
use wasm_bindgen::JsValue;

use crate::args::field;
use crate::bridge;
use crate::problem::{invalid, refused};

const DEFAULT_REQUEST_TIMEOUT_MS: f64 = 10_000.0;
const MAX_REQUEST_TIMEOUT_MS: f64 = 600_000.0;

/// What a client was made with.
pub(crate) struct Options {
    /// The application.
    pub(crate) client_id: String,
    /// The server's address: `http://` or `https://`, without a slash at its end.
    pub(crate) endpoint: String,
    /// `undefined`, a string, or a function.
    pub(crate) access_token: JsValue,
    pub(crate) nickname: Option<String>,
    /// `{get(), set(profile)}`, or `undefined` for the default.
    pub(crate) storage: JsValue,
    pub(crate) logger: JsValue,
    pub(crate) restore_attributes: bool,
    pub(crate) request_timeout_ms: u32,
    /// The constructor of sockets where the platform has none.
    pub(crate) web_socket: JsValue,
}

impl Options {
    pub(crate) fn read(value: &JsValue) -> Result<Self, Problem> {
        if !value.is_undefined() && !value.is_object() {
            return Err(invalid("the options are not an object"));
        }
        let client_id = optional_text(value, "clientId", "`clientId` is not a string")?
            .unwrap_or_else(|| DEFAULT_CLIENT_ID.into());
        validate_application(&client_id).map_err(refused)?;
        let endpoint = optional_text(value, "endpoint", "`endpoint` is not a string")?;
        let access_token = field(value, "accessToken");
        if !(access_token.is_undefined() || access_token.is_string() || access_token.is_function()) {
            return Err(invalid("`accessToken` is neither a string nor a function"));
        }
        let storage = field(value, "storageStrategy");
        let has_storage = field(&storage, "get").is_function() && field(&storage, "set").is_function();
        if !storage.is_undefined() && !has_storage {
            return Err(invalid("`storageStrategy` is not an object with the functions get and set"));
        }
        let web_socket = field(value, "WebSocket");
        if !(web_socket.is_undefined() || web_socket.is_function()) {
            return Err(invalid("`WebSocket` is not a constructor"));
        }
        Ok(Self {
            client_id,
            endpoint: endpoint_of(endpoint)?,
            access_token,
            nickname: optional_text(value, "nickName", "`nickName` is not a string")?,
            storage,
            logger: field(value, "logger"),
            restore_attributes: field(value, "restoreAttributes").is_truthy(),
            request_timeout_ms: request_timeout_of(&field(value, "requestTimeout"))?,
            web_socket,
        })
    }

    /// Whether both name the same user of the same server.
    pub(crate) fn same_identity(&self, other: &Self) -> bool {
        self.client_id == other.client_id
            && self.endpoint == other.endpoint
            && Object::is(&self.access_token, &other.access_token)
            && Object::is(&self.storage, &other.storage)
    }
}

fn optional_text(value: &JsValue, name: &str, message: &'static str) -> Result<Option<String>, Problem> {
    let field = field(value, name);
    if field.is_undefined() || field.is_null() {
        return Ok(None);
    }
    field.as_string().map(Some).ok_or_else(|| invalid(message))
}

fn endpoint_of(given: Option<String>) -> Result<String, Problem> {
    let endpoint = given
        .or_else(bridge::origin)
        .ok_or_else(|| invalid("this page has no server of its own: give init an `endpoint`"))?;
    let endpoint = endpoint.trim_end_matches('/');
    match endpoint.split_once("://") {
        Some(("http" | "https", rest)) if !rest.is_empty() => Ok(endpoint.into()),
        Some(("ws" | "wss", rest)) if !rest.is_empty() => Ok(["http", &endpoint[2..]].concat()),
        Some(_) | None => Err(invalid("`endpoint` is not an address that begins with http:// or https://")),
    }
}

fn request_timeout_of(value: &JsValue) -> Result<u32, Problem> {
    if value.is_undefined() {
        return Ok(DEFAULT_REQUEST_TIMEOUT_MS as u32);
    }
    match value.as_f64() {
        Some(ms) if (1.0..=MAX_REQUEST_TIMEOUT_MS).contains(&ms) => Ok(ms as u32),
        Some(_) | None => Err(invalid("`requestTimeout` is not a number of milliseconds from 1 to 600000")),
    }
}
