//! `GET /openapi.json`: what can be asked, in a form for machines, made from the handlers. It names what this server
//! answers: the operator's API only where it is switched on.

use std::sync::{Arc, LazyLock};

use axum::extract::State;
use axum::response::Response;
use herenow_protocol::Code;
use serde::Serialize;
use utoipa::openapi::schema::{ObjectBuilder, Schema, SchemaType, Type};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{OpenApi as Document, RefOr};
use utoipa::{Modify, OpenApi, PartialSchema, ToSchema};

use super::error::json;
use super::{admin, guests, health, reads};
use crate::app::App;

/// The answer to what is refused.
#[derive(Serialize, ToSchema)]
pub(super) struct Error {
    /// What went wrong, as a stable word.
    #[schema(schema_with = codes)]
    code: String,
    /// What happened.
    message: String,
    /// What to do.
    remedy: String,
}

/// The words of [`Code::ALL`].
fn codes() -> RefOr<Schema> {
    let words = Code::ALL.iter().map(|code| code.as_str());
    ObjectBuilder::new().schema_type(SchemaType::Type(Type::String)).enum_values(Some(words)).into()
}

/// A member of a channel.
#[derive(Serialize, ToSchema)]
pub(super) struct Member {
    /// The user's `userProfileId`.
    user: String,
    /// What it says about itself: strings by name.
    #[schema(schema_with = attributes)]
    attributes: (),
}

/// Attributes: strings by name.
pub(super) fn attributes() -> RefOr<Schema> {
    ObjectBuilder::new().additional_properties(Some(String::schema())).into()
}

#[derive(OpenApi)]
#[openapi(
    info(
        title = "herenow",
        description = "Presence for web apps: what can be read over HTTP. What happens is told over a WebSocket: see PROTOCOL.md.",
        license(name = "MIT OR Apache-2.0", identifier = "MIT OR Apache-2.0")
    ),
    paths(
        reads::users,
        reads::attributes,
        reads::count,
        reads::channels,
        guests::create,
        health::live,
        health::ready,
        describe
    ),
    components(schemas(Error, Member)),
    modifiers(&Bearer)
)]
struct Api;

struct Bearer;

impl Modify for Bearer {
    fn modify(&self, document: &mut Document) {
        let scheme = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some("A guest's token, or a JWT of your own backend."))
            .build();
        let components = document.components.get_or_insert_default();
        components.add_security_scheme("token", SecurityScheme::Http(scheme));
    }
}

static DOCUMENT: LazyLock<Document> = LazyLock::new(Api::openapi);
static WITH_OPERATORS: LazyLock<Document> =
    LazyLock::new(|| Api::openapi().merge_from(admin::Operators::openapi()));

/// The document of a server.
pub(super) fn document(app: &App) -> &'static Document {
    if app.admin.is_some() { &WITH_OPERATORS } else { &DOCUMENT }
}

/// This document.
#[utoipa::path(get, path = "/openapi.json", responses((status = 200, description = "OpenAPI 3.1", content_type = "application/json")))]
pub(crate) async fn describe(State(app): State<Arc<App>>) -> Response {
    json(document(&app))
}
