//! What Debian's kernel makes of routes by itself: the simulated one does the same.

use crate::lab::Lab;
use crate::support::guest;

#[test]
fn they_need_a_link_that_is_up_and_fall_with_their_source() {
    guest::inside(|| {
        let lab = Lab::with(&[
            "link set p0 up",
            "link set p1 down",
            "address add 10.0.0.2/24 dev p0",
            "address add 10.0.0.9/24 dev p0",
            "address add fd00::2/64 dev p0 nodad",
            "address add fd00::9/64 dev p0 nodad",
            "address add 10.1.0.2/24 dev p1",
        ]);
        for route in [
            "10.8.0.0/16 via 10.1.0.254",
            "10.8.0.0/16 via 10.1.0.254 dev p1",
            "10.8.0.0/16 via 10.0.0.254 src 10.0.0.7",
        ] {
            let words = format!("route add {route}");
            let words: Vec<&str> = words.split(' ').collect();
            let said = lab.inside.output("ip", &words);
            assert!(!said.status.success(), "{route}: {said:?}");
        }
        lab.inside
            .ip("route add 10.9.0.0/16 via 10.0.0.254 src 10.0.0.9");
        lab.inside
            .ip("-6 route add fd09::/32 via fd00::fe src fd00::9");
        lab.inside.ip("address del 10.0.0.9/24 dev p0");
        lab.inside.ip("address del fd00::9/64 dev p0");
        assert_eq!(lab.inside.ip("route show 10.9.0.0/16"), "");
        let left = lab.inside.ip("-6 route show fd09::/32");
        assert!(
            left.contains("via fd00::fe") && !left.contains("src"),
            "{left}"
        );
    });
}
