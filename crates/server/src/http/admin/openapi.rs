//! What the OpenAPI document says of the operator's API.

use utoipa::openapi::OpenApi as Document;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{Modify, OpenApi};

use super::{reads, writes};

/// The part of the document that is served only where there is this API.
#[derive(OpenApi)]
#[openapi(
    paths(reads::overview, reads::channels, reads::members, reads::user, writes::kick, writes::drain),
    modifiers(&Operator)
)]
pub(in crate::http) struct Operators;

struct Operator;

impl Modify for Operator {
    fn modify(&self, document: &mut Document) {
        let scheme = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some("What is in the file of --admin-token-file."))
            .build();
        let components = document.components.get_or_insert_default();
        components.add_security_scheme("operator", SecurityScheme::Http(scheme));
    }
}
