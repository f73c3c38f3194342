//! What is refused before anything is touched.

use crate::lab::Lab;
use crate::support::guest;

#[test]
fn a_size_out_of_range_is_found_first() {
    guest::inside(|| {
        // A tunnel's driver leaves room for its header.
        let lab = Lab::with(&["link add short type gretap local 10.7.0.1 remote 10.7.0.2"]);
        let most = lab
            .witness("link show dev short", "/0/max_mtu")
            .as_u64()
            .unwrap();
        let (_, obstacles) = lab.planned(r#"ethernet "short" mtu=65535"#);
        assert_eq!(
            obstacles.len(),
            usize::from(most != 0 && most < 65_535),
            "{most} {obstacles:?}"
        );
    });
}
