//! Each script alone, as the server composes it, on a real server: what it answers, and which keys it writes.

mod apply;
mod full;
mod gone;
mod life;
mod log;
mod reads;
mod refusals;
mod renew;
mod roster;
mod sweep;
mod tidy;

use herenow_server::store::redis::scripts;
use redis::{RedisResult, Script, Value};

use crate::redis_server::RedisServer;

/// The metadata of the partition.
const META: &str = "scripts:{3}";
/// Its life.
const LIFE: &str = "00000000000000b0";

/// A partition on a server of its own. Texts have a slash where the scripts have a zero byte.
pub(crate) struct Desk {
    server: RedisServer,
}

impl Desk {
    /// Nothing is there.
    pub(crate) fn empty() -> Self {
        Self { server: RedisServer::start() }
    }

    /// With a life that has just begun.
    pub(crate) fn new() -> Self {
        let desk = Self::empty();
        assert_eq!(desk.raw(&scripts::REBIRTH, LIFE, &[]).shown(), "reborn ''");
        desk
    }

    /// Runs a script on a life: with what it is given beyond the epoch.
    pub(crate) fn raw(&self, script: &Script, epoch: &str, given: &[&str]) -> Answer {
        self.attempt(script, epoch, given).unwrap()
    }

    /// The same, which may fail.
    pub(crate) fn attempt(&self, script: &Script, epoch: &str, given: &[&str]) -> RedisResult<Answer> {
        let mut call = script.key(META);
        call.arg(epoch);
        for given in given {
            call.arg(zeros(given));
        }
        let before = self.now();
        let value = self.server.with_connection(|connection| call.invoke::<Value>(connection))?;
        let Value::Array(mut rest) = value else { panic!("{value:?}") };
        let (word, epoch, Value::Int(now)) = (show(&rest[0]), show(&rest[1]), rest[2].clone()) else {
            panic!("no time: {rest:?}")
        };
        assert!((before..=self.now()).contains(&now), "the time of Redis");
        Ok(Answer { word, epoch, now, rest: rest.split_off(3) })
    }

    /// Runs a script on the present life; shows its answer without epoch and time.
    pub(crate) fn run(&self, script: &Script, given: &[&str]) -> String {
        let answer = self.raw(script, LIFE, given);
        assert_eq!(answer.epoch, LIFE);
        answer.shown()
    }

    /// A command, and what it answers.
    pub(crate) fn ask(&self, words: &[&str]) -> String {
        let words: Vec<String> = words.iter().map(|word| zeros(word)).collect();
        show(&self.server.call(&words.iter().map(String::as_str).collect::<Vec<_>>()).unwrap())
    }

    /// The name of a key of the life.
    pub(crate) fn key(&self, rest: &str) -> String {
        format!("{META}:{LIFE}:{rest}")
    }

    /// What a command about one key answers: `desk.of("SMEMBERS", "u:app/ann", &[])`.
    pub(crate) fn of(&self, command: &str, key: &str, rest: &[&str]) -> String {
        let key = self.key(key);
        let words: Vec<&str> = [command, key.as_str()].iter().chain(rest).copied().collect();
        self.ask(&words)
    }

    /// The keys of the life, sorted.
    pub(crate) fn keys(&self) -> Vec<String> {
        let life = self.key("");
        self.all_keys().iter().filter_map(|key| key.strip_prefix(&life)).map(str::to_owned).collect()
    }

    /// All keys, sorted.
    pub(crate) fn all_keys(&self) -> Vec<String> {
        self.server.keys().iter().map(|key| key.replace('\0', "/")).collect()
    }

    /// A field of the metadata.
    pub(crate) fn meta(&self, field: &str) -> String {
        self.ask(&["HGET", META, field])
    }

    /// A member as it is kept, in JSON: attributes, epoch and number of its last set, then four for each owner.
    pub(crate) fn member(&self, channel: &str, user: &str) -> String {
        let script = "return cjson.encode(cmsgpack.unpack(redis.call('HGET', KEYS[1], ARGV[1])))";
        self.ask(&["EVAL", script, "1", &self.key(&format!("m:{channel}")), user])
    }

    /// The time of Redis in milliseconds.
    pub(crate) fn now(&self) -> i64 {
        let Value::Array(time) = self.server.call(&["TIME"]).unwrap() else { panic!("no time") };
        let part = |at: usize| show(&time[at]).parse::<i64>().unwrap();
        part(0) * 1_000 + part(1) / 1_000
    }

    /// A node whose lease ends so many milliseconds from now.
    pub(crate) fn lease(&self, node: &str, ends_in: i64) {
        self.of("ZADD", "leases", &[&(self.now() + ends_in).to_string(), node]);
    }

    /// Applies a batch; shows the answer.
    pub(crate) fn apply(&self, node: &str, number: u64, ops: &[Op<'_>]) -> String {
        let mut given = vec![node.to_owned(), number.to_string()];
        for Op { action, channel, user, owner, attempt, set: (attributes, epoch, seq) } in ops {
            given.extend([action, channel, user, owner].map(|text| (*text).to_owned()));
            given.extend([
                attempt.to_string(),
                (*attributes).to_owned(),
                (*epoch).to_owned(),
                seq.to_string(),
            ]);
        }
        self.run(&scripts::APPLY, &given.iter().map(String::as_str).collect::<Vec<_>>())
    }

    /// Another server has taken over.
    pub(crate) fn take_over(&self) {
        self.server.take_over();
    }
}

/// An op as `apply.lua` is given it.
#[derive(Clone, Copy)]
pub(crate) struct Op<'a> {
    action: &'a str,
    channel: &'a str,
    user: &'a str,
    owner: &'a str,
    attempt: u32,
    set: (&'a str, &'a str, u64),
}

/// An op of a user with one session, whose owner has the same name.
pub(crate) const fn op<'a>(action: &'a str, channel: &'a str, user: &'a str, attempt: u32) -> Op<'a> {
    Op { action, channel, user, owner: user, attempt, set: ("", "", 0) }
}

impl<'a> Op<'a> {
    pub(crate) const fn owner(mut self, owner: &'a str) -> Self {
        self.owner = owner;
        self
    }

    /// Attributes, and for `restore` where they were set.
    pub(crate) const fn set(mut self, attributes: &'a str, epoch: &'a str, seq: u64) -> Self {
        self.set = (attributes, epoch, seq);
        self
    }
}

/// What a script answered.
pub(crate) struct Answer {
    pub(crate) word: String,
    pub(crate) epoch: String,
    pub(crate) now: i64,
    pub(crate) rest: Vec<Value>,
}

impl Answer {
    /// The word and what follows the time.
    pub(crate) fn shown(&self) -> String {
        let rest = self.rest.iter().map(show);
        std::iter::once(self.word.clone()).chain(rest).collect::<Vec<_>>().join(" ")
    }
}

fn zeros(text: &str) -> String {
    text.replace('/', "\0")
}

fn show(value: &Value) -> String {
    let text = |bytes: &[u8]| {
        let text = String::from_utf8_lossy(bytes).replace('\0', "/");
        if text.is_empty() { "''".to_owned() } else { text }
    };
    match value {
        Value::Nil => "nil".into(),
        Value::Okay => "OK".into(),
        Value::Int(number) => number.to_string(),
        Value::BulkString(bytes) => text(bytes),
        Value::SimpleString(simple) => text(simple.as_bytes()),
        Value::Array(values) => format!("[{}]", values.iter().map(show).collect::<Vec<_>>().join(" ")),
        other => panic!("no script gives {other:?}"),
    }
}
