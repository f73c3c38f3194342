//! What any tool that changes a host's network must survive, by number: each case names what shows that Bedplate does.
//!
//! | case | what must hold | shown by |
//! |---|---|---|
//! | 1 | a bond's new mode loses no tagged link, address or route on it | `bonds::a_new_mode_loses_nothing` |
//! | 2 | the mode changes with ports attached and the bond up | `bonds::a_new_mode_loses_nothing` |
//! | 3 | parameters of the old mode do not outlive it | `bonds::a_new_mode_loses_nothing` |
//! | 4 | carrier and ARP are not watched at once | tests/bad/bonds.kdl |
//! | 5 | no hardware address for a bond that has its active port's; one that its ports follow keeps its own | tests/bad/bonds.kdl, `bonds::whose_address_a_bond_has` |
//! | 6 | a bond keeps the hardware address of its first port by name, also once none of its ports is left | `bonds::ports_come_and_go_and_the_address_stays` |
//! | 7 | a port has no address; joining takes a link down and back | tests/bad/ports.kdl, `ports::addresses_move_to_the_bond` |
//! | 8 | a port moves from one bond or bridge to another in one apply | `ports::ports_move_and_swap` |
//! | 9, 10 | no port of two | tests/bad/bridges.kdl |
//! | 11 | a port's address moves to a new bridge over it, whoever made it | `ports::addresses_move_to_a_new_bridge`, `ports::addresses_of_others_move_up_and_come_back` |
//! | 12 | ports that others put into our bridge stay | `ports::ports_of_others_stay` |
//! | 13 | a bridge that goes leaves its ports up | `ports::a_bridge_that_goes_leaves_its_ports_up` |
//! | 14 | a tagged link with another id, protocol or link is made anew with all on it | `tagged::another_tag_brings_all_along`, `tagged::two_swap_their_ids` |
//! | 15 | MTUs grow from below and shrink from above | `tagged::sizes_change_along_the_stack` |
//! | 16 | an MTU that the driver does not take is found first; one too small for IPv6 is refused | tests/hazards.rs, tests/bad/doubles.kdl |
//! | 17 | where an MTU's change takes a link down, what fell is seen and put back | tests/converge/restless.rs: `routes_that_a_driver_loses_are_missed` |
//! | 18 | a name says nothing of an id | `tagged::names_and_ids_may_disagree` |
//! | 19 | link-local addresses are nobody's to prune | `addresses::what_the_kernel_made_stays` |
//! | 20 | what a DHCP client made is no drift, and stays beside an address that is written out | `addresses::what_the_kernel_made_stays`, tests/dhcp/beside.rs |
//! | 21 | routes through a DHCP client's address wait for it | `addresses::routes_wait_for_a_lease`, tests/dhcp/beside.rs |
//! | 22 | routes of the kernel and of routing daemons stay | `addresses::what_the_kernel_made_stays` |
//! | 23 | addresses keep their order, and routes come back | `addresses::their_order_stays`, `addresses::the_first_of_a_prefix_is_the_sites_first`, `addresses::the_first_is_the_first_again_once_somebody_is_lost` |
//! | 24 | another gateway is one change, without a gap | `addresses::another_gateway_is_one_change` |
//! | 25 | the permanent hardware address counts first | tests/order.rs |
//! | 26 | what others made is left when its declaration goes | `ports::ports_of_others_stay`, tests/daemon/owned.rs |
//! | 27 | filtering and another default VLAN leave others' ports what they were given; what a bridge kept while it did not filter does not come back | `ports::another_default_vlan`, `ports::a_bridge_that_filters_again_forgets_what_it_kept` |
//! | 28 | links have names, whatever their numbers | `tagged::names_and_ids_may_disagree` |
//! | 29 | hundreds of VLANs on a bridge | `ports::hundreds_of_vlans_on_a_bridge` |

mod addresses;
mod bonds;
mod ports;
mod routes;
mod settings;
mod tagged;
