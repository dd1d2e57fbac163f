//! The scripts, each with what stands before it. Public for their tests alone.

use std::sync::LazyLock;

use redis::Script;

macro_rules! scripts {
    ($($(#[$doc:meta])* $name:ident: $($part:literal)+;)+) => {
        $(
            $(#[$doc])*
            pub static $name: LazyLock<Script> =
                LazyLock::new(|| Script::new(concat!($(include_str!(concat!("lua/", $part, ".lua")), "\n"),+)));
        )+
    };
}

scripts! {
    REBIRTH: "server" "rebirth";
    RENEW: "server" "common" "renew";
    APPLY: "server" "common" "changes" "apply";
    READ: "server" "common" "read";
    ENDED: "server" "common" "ended";
    LEFT: "server" "common" "left";
    SWEEP: "server" "common" "changes" "sweep";
    TIDY: "server" "common" "tidy";
    ROSTER: "server" "common" "roster";
    MEMBER: "server" "common" "member";
    CHANNELS: "server" "common" "channels";
    LARGEST: "server" "common" "largest";
}
