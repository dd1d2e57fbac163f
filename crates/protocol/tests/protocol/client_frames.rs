//! Every frame that a client says: at least one example of each.

use herenow_protocol::{Attributes, ClientFrame, Epoch, Hello, Position, SessionSecret};

/// The number in the binary encoding and the key in JSON.
pub(crate) fn kind(frame: &ClientFrame) -> (u32, &'static str) {
    match frame {
        ClientFrame::Hello(_) => (0, "hello"),
        ClientFrame::Join { .. } => (1, "join"),
        ClientFrame::Leave { .. } => (2, "leave"),
        ClientFrame::Set { .. } => (3, "set"),
        ClientFrame::Observe { .. } => (4, "observe"),
        ClientFrame::Unobserve { .. } => (5, "unobserve"),
        ClientFrame::Token { .. } => (6, "token"),
        ClientFrame::Bye {} => (7, "bye"),
    }
}

/// The frames of `fixtures/client.json`.
pub(crate) fn all() -> Vec<(&'static str, ClientFrame)> {
    let session = SessionSecret(0x0f1e_2d3c_4b5a_6978_8796_a5b4_c3d2_e1f0);
    let token = "guest.abcdefghijklmnopqrstuv";
    vec![
        (
            "hello: a guest's first socket",
            ClientFrame::Hello(Hello {
                client_id: "default".into(),
                token: Some(token.into()),
                session,
                attempt: 1,
                joined: Vec::new(),
            }),
        ),
        (
            "hello: the third socket of a session that is in two channels",
            ClientFrame::Hello(Hello {
                client_id: "shop".into(),
                token: Some(token.into()),
                session,
                attempt: 3,
                joined: vec!["lobby".into(), "room/7".into()],
            }),
        ),
        (
            "hello: without a token",
            ClientFrame::Hello(Hello {
                client_id: "default".into(),
                token: None,
                session: SessionSecret(1),
                attempt: 1,
                joined: Vec::new(),
            }),
        ),
        ("join", ClientFrame::Join { id: 1, channel: "lobby".into() }),
        ("join: a name beyond ASCII", ClientFrame::Join { id: 300, channel: "café 🎲".into() }),
        ("leave", ClientFrame::Leave { id: 2, channel: "lobby".into() }),
        (
            "set",
            ClientFrame::Set {
                id: 3,
                channel: "lobby".into(),
                attributes: Attributes::from_iter([("mood", "happy"), ("seat", "4")]),
            },
        ),
        (
            "set: remove all attributes",
            ClientFrame::Set { id: 4, channel: "lobby".into(), attributes: Attributes::new() },
        ),
        ("observe", ClientFrame::Observe { id: 5, channel: "lobby".into(), from: None }),
        (
            "observe: from where the client stands",
            ClientFrame::Observe {
                id: 6,
                channel: "lobby".into(),
                from: Some(Position { epoch: Epoch(0x9e37_79b9_7f4a_7c15), seq: 130 }),
            },
        ),
        ("unobserve", ClientFrame::Unobserve { id: 7, channel: "lobby".into() }),
        ("token", ClientFrame::Token { id: 8, token: "eyJhbGciOiJIUzI1NiJ9.e30.c2ln".into() }),
        ("bye", ClientFrame::Bye {}),
    ]
}
