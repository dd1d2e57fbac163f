//! Bodies of requests: JSON, bounded in size and in time.

use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::http::StatusCode;
use herenow_protocol::Code;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::time::timeout;

use super::error::ApiError;

/// Bytes of a request's body.
const MAX_BODY_BYTES: usize = 16 * 1024;
/// How long a body may take.
const BODY: Duration = Duration::from_secs(10);

/// Reads a body; an empty one, or `null`, is the default.
pub(crate) async fn json<T: DeserializeOwned + Default>(body: Body) -> Result<T, ApiError> {
    let bytes = timeout(BODY, to_bytes(body, MAX_BODY_BYTES))
        .await
        .map_err(|_| {
            ApiError::new(Code::Timeout, "the body did not arrive in time")
                .with_status(StatusCode::REQUEST_TIMEOUT)
        })?
        .map_err(|_| {
            ApiError::new(Code::TooLarge, "the body has more than 16384 bytes, or broke off")
                .with_remedy("Send only the fields that this path takes.")
        })?;
    if bytes.is_empty() {
        return Ok(T::default());
    }
    let wrong =
        |error| ApiError::new(Code::InvalidArgument, format!("the body is not the JSON expected: {error}"));
    match serde_json::from_slice(&bytes).map_err(wrong)? {
        Value::Null => Ok(T::default()),
        object @ Value::Object(_) => serde_json::from_value(object).map_err(wrong),
        // Read as a structure, a list would be its fields in order.
        Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            Err(ApiError::new(Code::InvalidArgument, "the body is no JSON object"))
        }
    }
}
