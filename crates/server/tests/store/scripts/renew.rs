//! `renew.lua`.

use super::*;

const LEASE_MS: i64 = 10_000;

impl Desk {
    fn renew(&self, node: &str, begin: bool) -> Answer {
        self.raw(&scripts::RENEW, LIFE, &[node, if begin { "1" } else { "0" }, &LEASE_MS.to_string()])
    }

    fn until(&self, node: &str) -> String {
        self.of("ZSCORE", "leases", &[node])
    }
}

fn numbers(answer: &Answer) -> Vec<i64> {
    answer.rest.iter().take(3).map(|value| show(value).parse().unwrap()).collect()
}

#[test]
fn a_lease_begins_once_and_is_lengthened_while_it_lasts() {
    let desk = Desk::new();
    assert_eq!(desk.renew("n1", false).shown(), "fenced", "it never began");
    assert_eq!(desk.keys(), Vec::<String>::new());
    let began = desk.renew("n1", true);
    assert_eq!(began.word, "renewed");
    assert_eq!(desk.keys(), ["leases"]);
    assert_eq!(desk.until("n1"), (began.now + LEASE_MS).to_string());
    desk.lease("n1", 2_000);
    let lengthened = desk.renew("n1", false);
    assert_eq!(lengthened.word, "renewed");
    assert_eq!(desk.until("n1"), (lengthened.now + LEASE_MS).to_string());
    assert_eq!(desk.renew("n1", true).word, "renewed", "an answer that was lost is asked for again");
}

#[test]
fn a_lease_that_ended_is_over() {
    let desk = Desk::new();
    desk.lease("n1", 0);
    let until = desk.until("n1");
    for begin in [false, true] {
        assert_eq!(desk.renew("n1", begin).shown(), "fenced", "until its owners are swept");
    }
    assert_eq!(desk.until("n1"), until);
}

#[test]
fn it_tells_how_far_the_log_is_and_how_old_the_life() {
    let desk = Desk::new();
    desk.ask(&["HSET", META, "seq", "41"]);
    let born: i64 = desk.meta("born").parse().unwrap();
    let answer = desk.renew("n1", true);
    assert_eq!(numbers(&answer), [41, answer.now - born, 0]);
    desk.ask(&["HSET", META, "born", &(born - 60_000).to_string()]);
    let answer = desk.renew("n1", false);
    assert_eq!(numbers(&answer)[1], answer.now - born + 60_000);
}

#[test]
fn its_lag_is_how_much_sooner_the_first_lease_ends() {
    let desk = Desk::new();
    assert_eq!(numbers(&desk.renew("n1", true))[2], 0, "its own is the first");
    desk.lease("n2", 2_000);
    desk.lease("n3", 4_000);
    let first: i64 = desk.until("n2").parse().unwrap();
    let answer = desk.renew("n1", false);
    assert_eq!(numbers(&answer)[2], answer.now + LEASE_MS - first);
    desk.lease("n3", -30_000);
    let first: i64 = desk.until("n3").parse().unwrap();
    let answer = desk.renew("n1", false);
    assert_eq!(
        numbers(&answer)[2],
        answer.now + LEASE_MS - first,
        "one that has ended counts until it is swept"
    );
}

#[test]
fn it_tells_of_the_first_earlier_life() {
    let desk = Desk::new();
    let last = |answer: &Answer| show(answer.rest.last().unwrap());
    assert_eq!(last(&desk.renew("n1", true)), "''");
    desk.ask(&["HSET", META, "earlier", "000000000000000a 000000000000000b"]);
    assert_eq!(last(&desk.renew("n1", false)), "000000000000000a");
}
