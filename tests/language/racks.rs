//! Where machines stand: said by themselves, by their profile, or in a table.

use bedplate::lang::files::MemoryFiles;
use bedplate::site::compile;

#[test]
fn a_rack_is_a_machines_own_or_its_profiles_or_a_tables() {
    let mut files = MemoryFiles::default();
    let site = "site \"s\" domain=\"s.example\"
        profile \"p\" { rack \"r7\" }
        machine \"a\" profile=\"p\"
        machine \"b\" profile=\"p\" { rack \"r8\" }
        machine \"c\"
        machines profile=\"p\" from=\"rack.csv\"";
    files.insert("site.kdl", site.as_bytes().to_vec());
    files.insert("rack.csv", b"name,rack\nd,r9\ne,\n".to_vec());
    let compiled = compile(&files, "site.kdl");
    let site = compiled.site.unwrap();
    let racks = site.machines.iter().map(|(name, machine)| {
        let rack = machine.rack.as_ref();
        format!("{name} {}", rack.map_or("-", |rack| rack.as_str()))
    });
    let racks: Vec<String> = racks.collect();
    assert_eq!(racks, ["a r7", "b r8", "c -", "d r9", "e r7"]);
}
