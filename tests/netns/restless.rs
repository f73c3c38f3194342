//! Reading tables that change meanwhile.

use bedplate::state::Key;
use bedplate::world::live::{HostError, NetlinkError};

use crate::rig::{Site, connect};
use crate::undo::number;

const ADDRESSES: usize = 1000;

#[test]
fn a_picture_of_a_changing_host_is_whole_or_refused() {
    let site = Site::new();
    let folder = tempfile::tempdir().unwrap();
    let batch = |name: &str, line: fn(String) -> String| {
        let lines = (0..ADDRESSES).map(|n| line(format!("10.5.{}.{}/32", n / 250, n % 250)));
        let path = folder.path().join(name);
        std::fs::write(&path, lines.collect::<String>()).unwrap();
        format!("-batch {}", path.display())
    };
    site.inside
        .ip(&batch("fill", |ip| format!("address add {ip} dev p0\n")));
    // At any moment one address at most is away; where the kernel resumes a dump by position, more would be missed.
    let churn = batch("churn", |ip| {
        format!("address del {ip} dev p0\naddress add {ip} dev p0\n")
    });
    let rounds = number("BEDPLATE_TEST_COUNT", 12);
    let counts = std::thread::scope(|scope| {
        let churning = scope.spawn(|| (0..rounds).for_each(|_| drop(site.inside.ip(&churn))));
        site.inside.block_on(count_until(|| churning.is_finished()))
    });
    let (last, during) = counts.split_last().unwrap();
    assert_eq!(*last, ADDRESSES, "once all is quiet");
    assert!(
        during.iter().all(|count| *count + 1 >= ADDRESSES),
        "{during:?}"
    );
}

/// How many addresses each picture holds, up to the first one taken when it `is_over`.
async fn count_until(is_over: impl Fn() -> bool) -> Vec<usize> {
    let (mut host, mut counts) = (connect(), Vec::new());
    loop {
        let is_last = is_over();
        match host.observe().await {
            Ok(seen) => {
                let is_address = |key: &&Key| matches!(key, Key::Address { .. });
                counts.push(seen.state.keys().filter(is_address).count());
            }
            Err(HostError::Observe {
                source: NetlinkError::Restless,
                ..
            }) => {}
            Err(error) => panic!("{error}"),
        }
        if is_last {
            return counts;
        }
    }
}
