//! What any DHCPv4 server for a rack must do, by number: each row says it in a sentence and names the tests that show it.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// Not, or not wholly, done; each leaves this list with its last test.
const OPEN: [u8; 0] = [];

/// A number, what must hold, and what shows it: `module::test` here, `path.rs::test` from `tests`, or a file of bad input.
const TABLE: &str = "
1 | a reply copies what belongs to the request and zeroes hops and seconds | fields::offer_and_ack_copy_what_they_must
2 | an offer has no ciaddr | fields::offer_and_ack_copy_what_they_must
3 | a next server is named only to those that boot | fields::offer_and_ack_copy_what_they_must fields::programs_fit_the_client
4 | a refusal promises no address, time or program | fields::a_nak_promises_nothing room::a_refusal_keeps_its_fields_empty
5 | type, server and time are always there, the mask before the routers | fields::offer_and_ack_copy_what_they_must room::what_a_client_must_have_is_always_there
6 | who asks for a broadcast gets one, others a frame without ARP | fields::replies_go_where_the_client_hears_them clients::udhcpc
7 | a refusal is broadcast, by the relay where there is one | fields::a_nak_promises_nothing
8 | what came through a relay goes back to its port 67 | fields::replies_go_where_the_client_hears_them daemon/relay.rs::clients_of_a_relayed_vlan_are_answered_through_the_agent
9 | who asks twice is offered the same address | offers::offers
10 | an address that is wished for and free is offered | offers::offers
11 | an empty pool is silent and counted | offers::an_empty_pool_is_counted
12 | an offer is held, for a while | offers::offers
13 | who chose another server hears nothing | offers::offers
14 | an address of somebody else is refused | requests::selecting
15 | who comes back with its address keeps it | requests::rebooting_renewing_rebinding
16 | who comes back with a wrong address is refused | requests::rebooting_renewing_rebinding
17 | a stranger that comes back is refused only where the server has the last word | policy::a_stranger_is_refused_by_an_authoritative_server_alone policy::a_server_that_was_chosen_answers_strangers_all_the_same
18 | a request for nothing is dropped | requests::selecting
19 | a renewal is answered to its address | requests::rebooting_renewing_rebinding fields::replies_go_where_the_client_hears_them
20 | a rebinding client is answered | requests::rebooting_renewing_rebinding
21 | nobody renews what is not its own | requests::rebooting_renewing_rebinding
22 | the same request gets the same answer | fields::retransmissions_are_answered_byte_for_byte durable::nothing_is_said_before_the_write_ends
23 | a client identifier counts before the hardware address | offers::identity
24 | a VLAN may take a machine for the same under every identifier | policy::by_its_mac_a_machine_keeps_its_address_under_every_identifier offers::identity
25 | a client identifier comes back as it was, or not at all | fields::echoes_are_verbatim_and_option_82_is_last room::what_a_client_must_have_is_always_there
26 | identifiers of any content and length are survived | offers::identity hostile::random_options_and_fields_never_panic
27 | a wish for a time is met within bounds | fields::wishes_for_lease_times_are_bounded policy::times_are_as_the_vlan_says
28 | renewal comes before rebinding comes before the end | fields::offer_and_ack_copy_what_they_must
29 | a former owner is preferred, then what was free for longest | offers::reuse_prefers_the_former_owner_then_the_longest_free expiry::what_is_over_counts_as_over_before_it_is_ended
30 | what was acknowledged outlives the process | load::what_was_acknowledged_survives_kill_9 durable::with_a_disk_that_stalls_fails_and_loses_power
31 | a renewal within what is promised costs no write | requests::renewals_within_what_is_promised_need_no_write
32 | who only asks for parameters gets them and no lease | fields::inform_gives_options_and_no_times ending::informing_makes_no_lease
33 | without an address of its own it is answered where it sent from | fields::replies_go_where_the_client_hears_them ending::informing_makes_no_lease
34 | behind a relay it is reached too | relays::an_informed_client_behind_a_relay_is_reached ending::informing_makes_no_lease
35 | what is given back is free at once | ending::releasing_and_declining
36 | only its client gives a lease back, by whichever card | ending::releasing_and_declining ending::clients_are_known_by_their_identifier_when_they_end_a_lease
37 | what is not held cannot be given back | ending::releasing_and_declining
38 | an address that is in use by a stranger is out of use for a while | ending::releasing_and_declining reservations::a_reserved_address_in_use_by_a_stranger_comes_back
39 | only its client finds an address in use, and must name it | ending::releasing_and_declining ending::clients_are_known_by_their_identifier_when_they_end_a_lease
40 | who no longer holds an address cannot put it out of use | ending::releasing_and_declining expiry::what_is_over_counts_as_over_before_it_is_ended
41 | a host is known by MAC, identifier, circuit, DUID or machine, in this order | identity::hosts_are_known_by_any_of_their_identities identity::the_first_identity_that_is_known_counts identity::the_site_says_what_clients_are_known_by identity::a_system_has_the_address_of_its_firmware bad/identities.kdl
42 | a reserved address is nobody else's | reservations::reservations_arrive_while_leases_are_in_force offers::identity
43 | a client with a lease moves to the address that is reserved for it | reservations::a_client_moves_to_what_is_reserved_for_it reservations::who_moves_to_its_reserved_address_leaves_the_old_one reservations::a_move_ends_nothing_elsewhere
44 | who holds what is reserved for another must give it up first | reservations::reservations_arrive_while_leases_are_in_force
45 | no address and nothing that a client is known by is reserved twice | bad/macs.kdl bad/owners.kdl bad/owned.kdl bad/identities.kdl
46 | what is said nearest to the client counts, from host to site | parameters::the_nearest_place_says_it classes::a_class_counts_before_places_and_after_the_machine fields::a_reservation_says_it_its_own_way language/options.rs::options_come_from_the_nearest_place language/options.rs::options_come_from_the_site_and_from_pools_too
47 | a relay chooses the subnet, among those that it may | relays::relays_choose_the_subnet relays::subnets_are_chosen_by_relays_of_the_link_alone
48 | what a relay adds comes back as it was, last, in every reply | fields::echoes_are_verbatim_and_option_82_is_last fields::a_nak_promises_nothing clients::udhcpc_behind_a_relay_agent room::what_a_client_must_have_is_always_there
49 | a selected link counts before giaddr, which is answered all the same | relays::relays_choose_the_subnet relays::a_selected_link_is_answered_through_the_agent
50 | a relay may stand in for the server | relays::an_agent_stands_in_for_the_server
51 | a selected subnet counts as well | relays::relays_choose_the_subnet relays::subnets_are_chosen_by_relays_of_the_link_alone
52 | a renewal from a routed subnet needs no relay | relays::relays_choose_the_subnet clients::udhcpc_behind_a_relay_agent
53 | clients are told what they ask for | fields::offer_and_ack_copy_what_they_must room::what_is_asked_for_first_is_told
54 | long options go in parts and are read from parts | fields::long_options_are_split_and_messages_stay_within_their_size ../src/serve/dhcp/wire/mod.rs::parts_are_joined_wherever_they_lie room::what_a_client_must_have_is_always_there
55 | machines are told of routes | parameters::routes_are_told_to_whoever_asks parameters::routes_that_do_not_fit_leave_the_router clients::udhcpc clients::dhcpcd clients::networkd ../src/base/option/wire.rs::values_take_their_wire_form
56 | a reply keeps to the size that the client takes | fields::long_options_are_split_and_messages_stay_within_their_size ../src/serve/dhcp/wire/mod.rs::parts_are_joined_wherever_they_lie room::what_a_client_must_have_is_always_there room::options_are_put_beside_no_program
57 | what is no message is dropped and counted, and the next is served | hostile::faults_are_counted_and_the_next_packet_is_served hostile::every_truncation_is_survived ../src/serve/dhcp/wire/mod.rs::faults_are_told_apart
58 | names of any content and length are survived | hostile::odd_names_are_survived
59 | a program fits the first architecture that has one | boot::each_architecture_gets_its_own_program fields::programs_fit_the_client fields::arm_boots_by_url_too firmware/boots.rs::uefi_by_tftp firmware/boots.rs::uefi_by_http
60 | a machine's number comes back, and we are a boot server only where we act as one | boot::the_vendor_class_is_told_with_a_program fields::echoes_are_verbatim_and_option_82_is_last proxy::firmware_is_offered_a_program_without_an_address proxy::the_boot_servers_port_answers_firmware daemon/proxy.rs::firmware_is_answered_beside_another_server firmware/boots.rs::uefi_by_tftp_beside_another_server
61 | iPXE gets its script and never its loader again | boot::ipxe_never_gets_its_loader_again fields::programs_fit_the_client firmware/boots.rs::option_rom
62 | boot data is where each kind of client looks | boot::boot_data_is_in_fields_and_options fields::programs_fit_the_client fields::a_long_path_is_told_as_an_option
63 | TFTP servers as addresses, and what PXELINUX reads | boot::tftp_servers_and_pxelinux
64 | BOOTP clients are served, where they are to be | bootp::a_reserved_host_is_told_what_fits_a_bootp_message bootp::its_lease_is_durable_and_never_ends bootp::nobody_else_is_served room::a_bootp_client_is_told_no_more_than_it_takes
";

struct Row {
    number: u8,
    words: &'static str,
    shown_by: Vec<&'static str>,
}

fn rows() -> Vec<Row> {
    let row = |line: &'static str| {
        let [number, words, shown_by] = line.split('|').collect::<Vec<_>>()[..] else {
            panic!("{line}: a number, words and tests");
        };
        Row {
            number: number.trim().parse().unwrap(),
            words: words.trim(),
            shown_by: shown_by.split_whitespace().collect(),
        }
    };
    TABLE.trim().lines().map(row).collect()
}

/// The file that holds what a row names, from `tests`, and the name in it.
fn place(shown: &str) -> (String, Option<&str>) {
    match shown.split_once("::") {
        None => (shown.to_owned(), None),
        Some((file, name)) if file.ends_with(".rs") => (file.to_owned(), Some(name)),
        Some((module, name)) => (format!("dhcp/{module}.rs"), Some(name)),
    }
}

/// Whether `text` has a test of this name: marked as one, and not left out.
fn has_test(text: &str, name: &str) -> bool {
    let head = format!("fn {name}(");
    let Some((before, _)) = text.split_once(&head) else {
        return false;
    };
    let marks = before.rsplit(['}', ';']).next().unwrap_or_default();
    (marks.contains("#[test]") || marks.contains("#[tokio::test]")) && !marks.contains("#[ignore")
}

#[test]
fn each_row_names_tests_that_exist() {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    for row in rows() {
        for shown in row.shown_by {
            let (file, name) = place(shown);
            let text = fs::read_to_string(tests.join(&file));
            let text = text.unwrap_or_else(|error| panic!("{}: {file}: {error}", row.number));
            assert!(
                name.is_none_or(|name| has_test(&text, name)),
                "{}: there is no test {shown}",
                row.number
            );
        }
    }
}

#[test]
fn what_is_not_done_is_listed() {
    let numbers: Vec<u8> = rows().iter().map(|row| row.number).collect();
    assert_eq!(
        numbers,
        (1..=64).collect::<Vec<u8>>(),
        "each once, in order"
    );
    let open = BTreeSet::from(OPEN);
    assert_eq!(open.len(), OPEN.len(), "none is listed twice");
    for Row {
        number,
        words,
        shown_by,
    } in rows()
    {
        if open.contains(&number) {
            eprintln!("open: {number}, {words}");
        } else {
            assert!(!shown_by.is_empty(), "{number}, {words}: nothing shows it");
        }
    }
}

#[test]
fn a_name_that_is_no_test_is_noticed() {
    let text = "#[test]\nfn one() {}\n\nfn two() {}\n\n#[tokio::test]\nasync fn three() {}\n#[test]\n#[ignore]\nfn four() {}\n";
    let found = ["one", "two", "three", "four", "five"].map(|name| has_test(text, name));
    assert_eq!(found, [true, false, true, false, false]);
}
