//! The package as it is shipped: the bundle and the optimised wasm of `pkg/`, loaded as a page does.

use wasm_bindgen::JsValue;
use wasm_bindgen_test::wasm_bindgen_test;

use crate::page::{channel_name, done, endpoint, function, get, json, object, text};

/// Calls every function of the package. The runner serves the project's folder beside the tests.
const STORY: &str = r#"async ({ endpoint, channel }) => {
  const sdk = await import("/pkg/index.js");
  const store = () => { let kept; return { get: () => kept, set: (profile) => { kept = profile } } };
  const me = await sdk.init({ endpoint, storageStrategy: store() });
  const other = new sdk.PresenceClient({ endpoint, storageStrategy: store() });
  const { id } = await other.init();

  const events = [];
  const states = [];
  let check;
  const told = (wanted) => new Promise((resolve) => {
    check = () => events.includes(wanted) && resolve();
    check();
  });
  const listener = ({ event, message }) => {
    events.push(`${message.userProfileId === me.id ? "me" : "other"} ${event}`);
    check?.();
  };
  await sdk.addConnectionListener(({ state }) => states.push(state));
  await sdk.addPresenceListener({ channel }, listener);
  await sdk.joinPresenceChannel({ channel });
  await other.joinPresenceChannel({ channel });
  const set = await other.setPresenceUserAttributes({ channel, attributes: { mood: "happy" } });
  await told("other updateAttributes");
  const { channelUsers } = await sdk.getPresenceChannelUsers({ channel });
  const read = await sdk.getPresenceUserAttributes({ channel, userProfileId: id });
  const { count } = await other.getPresenceChannelCount({ channel });
  const { channels } = await other.getPresenceUserChannels({ userProfileId: me.id });
  await other.leavePresenceChannel({ channel });
  await told(`other ${sdk.PresenceActionEvent.LEAVE}`);
  const problem = await other.setPresenceUserAttributes({ channel, attributes: {} }).catch((error) => error);
  await sdk.removePresenceListener({ channel }, listener);
  await sdk.leavePresenceChannel({ channel });
  await other.close();
  const closed = await other.joinPresenceChannel({ channel }).catch((error) => error);
  return {
    events: events.join(", "),
    states: states.join(" "),
    set,
    read,
    users: channelUsers.length,
    count,
    channels: channels.length === 1 && channels[0] === channel,
    problem: problem instanceof sdk.PresenceError && problem instanceof Error && problem.code,
    closed: closed.code,
  };
}"#;

#[wasm_bindgen_test]
async fn the_package_as_it_is_shipped_does_all_that_it_says() {
    let scene = object(&[("endpoint", &endpoint().into()), ("channel", &channel_name().as_str().into())]);
    let story = function(STORY).call1(&JsValue::NULL, &scene).unwrap();
    let result = done(story.into()).await;
    assert_eq!(text(&result, "events"), "me join, other join, other updateAttributes, other leave");
    assert_eq!(text(&result, "states"), "connecting connected");
    assert_eq!(json(&get(&result, "set")), r#"{"mood":"happy"}"#);
    assert_eq!(json(&get(&result, "read")), r#"{"mood":"happy"}"#);
    assert_eq!((get(&result, "users").as_f64(), get(&result, "count").as_f64()), (Some(2.0), Some(2.0)));
    assert_eq!(get(&result, "channels"), true);
    assert_eq!(text(&result, "problem"), "not_joined");
    assert_eq!(text(&result, "closed"), "closed");
}
