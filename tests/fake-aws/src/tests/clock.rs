//! The clock of the fake.

use std::time::Duration;

use super::client;

#[test]
fn clock_stands_still_until_it_is_advanced() {
    let client = client();
    let date = client.fake.date();
    client.vpc();
    client.fake.advance(Duration::from_mins(2));
    assert_eq!(client.fake.now(), Duration::from_secs(121));
    assert_eq!(client.fake.date().duration_since(date).as_secs(), 121);
}

#[test]
fn clock_never_goes_back() {
    let client = client();
    client.fake.advance_to(Duration::from_secs(9));
    client.fake.advance_to(Duration::from_secs(3));
    assert_eq!(client.fake.now(), Duration::from_secs(9));
}

#[test]
fn same_calls_at_the_same_times_give_the_same_world() {
    let run = || {
        let client = client();
        let vpc = client.vpc();
        client.internet_gateway(&vpc);
        client.nat_gateway(&client.subnet(&vpc, 0, 'a'));
        client.pass(100);
        client.snapshot()
    };
    assert_eq!(run(), run());
}
