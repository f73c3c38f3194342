//! Dependencies: few, and each with its reason beside it; and panics that unwind.

use crate::{Files, check};

/// What the project has, and a little room. To raise it is a decision, not an accident.
const MOST: usize = 48;

pub(crate) fn dependencies_have_reasons(files: &Files) -> Vec<String> {
    let manifest = files.get("Cargo.toml").map_or("", String::as_str);
    let (mut section, mut count, mut faults) = ("", 0, Vec::new());
    for line in manifest.lines().map(str::trim) {
        if line.starts_with('[') {
            section = line;
        } else if section.ends_with("dependencies]") && !line.is_empty() && !line.starts_with('#') {
            count += usize::from(section == "[dependencies]");
            let name = line.split_whitespace().next().unwrap_or(line);
            if line
                .split_once(" # ")
                .is_none_or(|(_, reason)| reason.trim().is_empty())
            {
                faults.push(format!("Cargo.toml: {name} has no reason beside it"));
            }
        }
    }
    if count > MOST {
        faults.push(format!(
            "Cargo.toml: {count} dependencies; {MOST} are allowed"
        ));
    }
    faults
}

/// What is dropped as a panic unwinds restores terminals, and gives back what others wait for.
pub(crate) fn panics_unwind(files: &Files) -> Vec<String> {
    let manifest = files.get("Cargo.toml").map_or("", String::as_str);
    let (mut section, mut faults) = ("", Vec::new());
    for line in manifest.lines().map(str::trim) {
        if line.starts_with('[') {
            section = line;
        } else if section.starts_with("[profile") && line.starts_with("panic") {
            faults.push(format!("Cargo.toml: {section} says {line}"));
        }
    }
    faults
}

#[test]
fn a_profile_whose_panics_do_not_unwind_is_refused() {
    check(
        panics_unwind,
        &[(
            "Cargo.toml",
            "[profile.dev]\ndebug = 1\n[profile.release]\npanic = \"abort\"\n",
        )],
        &["Cargo.toml: [profile.release] says panic = \"abort\""],
    );
}

#[test]
fn a_dependency_without_reason_and_one_too_many_are_refused() {
    let many: String = (0..MOST).map(|n| format!("x{n} = \"1\" # why\n")).collect();
    let manifest = format!(
        "[package]\nname = \"a\"\n[dependencies]\n{many}y = \"1\"\n[dev-dependencies]\nz = \"1\" # \n"
    );
    check(
        dependencies_have_reasons,
        &[("Cargo.toml", &manifest)],
        &[
            "Cargo.toml: y has no reason beside it",
            "Cargo.toml: z has no reason beside it",
            "Cargo.toml: 49 dependencies; 48 are allowed",
        ],
    );
}
