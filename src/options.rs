//! The options of a client, as `js/options.js` has checked and completed them.

use wasm_bindgen::JsValue;

use crate::args::{field, text};
use crate::{bridge, http};

/// What a client was made with.
pub(crate) struct Options {
    /// The object that `js/options.js` made.
    pub(crate) object: JsValue,
    /// The application.
    pub(crate) client_id: String,
    pub(crate) request_timeout_ms: u32,
    pub(crate) restore_attributes: bool,
}

impl Options {
    /// Reads options; the error is the `PresenceError`.
    pub(crate) fn read(given: &JsValue) -> Result<Self, JsValue> {
        let object = bridge::read_options(given, &http::exchange())?;
        Ok(Self {
            client_id: text(&object, "clientId").unwrap_or_default(),
            request_timeout_ms: field(&object, "requestTimeout").as_f64().unwrap_or_default() as u32,
            restore_attributes: field(&object, "restoreAttributes").is_truthy(),
            object,
        })
    }
}
