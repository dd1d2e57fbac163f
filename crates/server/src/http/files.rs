//! Static files of `--www`.

use std::convert::Infallible;
use std::path::Path;

use axum::body::Body;
use axum::extract::Request;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use tower::{Service, ServiceExt};
use tower_http::services::ServeDir;

/// Serves the files under `www`; `index.html` for a directory. What is outside of it is not found.
pub(crate) fn serve(
    www: &Path,
) -> impl Service<Request, Response = Response, Error = Infallible, Future: Send> + Clone + Send + Sync + 'static
{
    ServiceExt::<Request>::map_response(ServeDir::new(www), |response| finish(response.map(Body::new)))
}

fn finish(mut response: Response) -> Response {
    let status = response.status();
    // A file that cannot be opened is as good as none: its name may be too long for the disk.
    let is_unreadable = status.is_server_error();
    if is_unreadable {
        tracing::debug!("a file of --www could not be read");
    }
    if status == StatusCode::NOT_FOUND || is_unreadable {
        response = (
            StatusCode::NOT_FOUND,
            [(CONTENT_TYPE, "text/plain; charset=utf-8")],
            "There is no such file.\n",
        )
            .into_response();
    }
    let headers = response.headers_mut();
    // A browser asks each time whether a file has changed: the demo and the SDK change with the server.
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}
