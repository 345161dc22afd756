//! The fake as a program, for tests that start devplat as one: `devplat-fake-aws ADDRESS ACCOUNT [PACE]` serves one account
//! on ADDRESS, such as 127.0.0.1:4566, and lets PACE seconds pass in AWS for each second here.

use std::{env, io, process::ExitCode, time::Duration};

use devplat_fake_aws::{Fake, Partition, serve};
use tokio::{
    net::TcpListener,
    time::{Instant, interval},
};

/// How often the clock is set.
const TICK: Duration = Duration::from_millis(20);

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let (address, account, pace) = match arguments.as_slice() {
        [address, account] => (address, account, Some(1)),
        [address, account, pace] => (address, account, pace.parse::<u32>().ok()),
        _ => return ExitCode::from(2),
    };
    let digits = account.len() == 12 && account.chars().all(|c| c.is_ascii_digit());
    let (Some(pace), true) = (pace, digits) else { return ExitCode::from(2) };
    match run(address, account, pace).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

async fn run(address: &str, account: &str, pace: u32) -> io::Result<()> {
    let fake = Fake::new(jiff::Timestamp::now());
    fake.add_account(account, Partition::Aws);
    // A client's clock does not run at the pace of this one.
    fake.check_dates(false);
    let listener = TcpListener::bind(address).await?;
    let clock = fake.clone();
    tokio::spawn(async move {
        let (started, mut ticks) = (Instant::now(), interval(TICK));
        loop {
            ticks.tick().await;
            clock.advance_to(started.elapsed() * pace);
        }
    });
    serve(listener, fake).await
}
