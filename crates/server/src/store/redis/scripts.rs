//! The scripts, each with what stands before it. Public for their tests alone.
//!
//! Those that begin with `allow_oom` run on a server that has reached its `maxmemory`, too: they need next to nothing, or give
//! back more than they take.

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
    REBIRTH: "allow_oom" "server" "rebirth";
    RENEW: "allow_oom" "server" "common" "renew";
    APPLY: "server" "common" "changes" "apply";
    /// For batches that only end memberships.
    APPLY_ENDS: "allow_oom" "server" "common" "changes" "apply";
    READ: "server" "common" "read";
    ENDED: "server" "common" "ended";
    LEFT: "server" "common" "left";
    SWEEP: "allow_oom" "server" "common" "changes" "sweep";
    TIDY: "allow_oom" "server" "common" "tidy";
    ROSTER: "server" "common" "roster";
    MEMBER: "server" "common" "member";
    CHANNELS: "server" "common" "channels";
    LARGEST: "server" "common" "largest";
}
