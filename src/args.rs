//! Arguments from JavaScript, taken apart.

use herenow_protocol::{Attributes, validate_attributes, validate_channel, validate_user};
use js_sys::{Array, Function, Reflect};
use wasm_bindgen::{JsCast, JsValue};

use crate::bridge;
use crate::problem::{invalid, refused};

/// A field of an object; `undefined` where there is none.
pub(crate) fn field(value: &JsValue, name: &str) -> JsValue {
    if value.is_object() { Reflect::get(value, &name.into()).unwrap_or_default() } else { JsValue::UNDEFINED }
}

/// A field that is a string.
pub(crate) fn text(value: &JsValue, name: &str) -> Option<String> {
    field(value, name).as_string()
}

/// The `channel` of an argument.
pub(crate) fn channel(argument: &JsValue) -> Result<String, JsValue> {
    let channel = text(argument, "channel").ok_or_else(|| invalid("`channel` is missing or not a string"))?;
    validate_channel(&channel).map_err(refused)?;
    Ok(channel)
}

/// The `userProfileId` of an argument.
pub(crate) fn user(argument: &JsValue) -> Result<String, JsValue> {
    let user = text(argument, "userProfileId")
        .ok_or_else(|| invalid("`userProfileId` is missing or not a string"))?;
    validate_user(&user).map_err(refused)?;
    Ok(user)
}

/// The `attributes` of an argument.
pub(crate) fn attributes(argument: &JsValue) -> Result<Attributes, JsValue> {
    let value = field(argument, "attributes");
    if !value.is_object() || Array::is_array(&value) {
        return Err(invalid("`attributes` is missing or not an object"));
    }
    let attributes =
        attributes_of(&value).ok_or_else(|| invalid("a value of `attributes` is not a string"))?;
    validate_attributes(&attributes).map_err(refused)?;
    Ok(attributes)
}

fn attributes_of(value: &JsValue) -> Option<Attributes> {
    let pairs: Vec<JsValue> = bridge::pairs_of(value).dyn_into::<Array>().ok()?.to_vec();
    pairs.chunks(2).map(|pair| Some((pair.first()?.as_string()?, pair.get(1)?.as_string()?))).collect()
}

/// A listener.
pub(crate) fn function(value: JsValue) -> Result<Function, JsValue> {
    value.dyn_into().map_err(|_| invalid("the listener is not a function"))
}
