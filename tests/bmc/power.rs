//! Power and light: what we do, ipmitool and the chassis see; what they do, we see.

use std::fs;

use bedplate::base::bmc::{Light, PowerAction, PowerState};
use bedplate::world::bmc::ipmi::{Completion, IpmiError};

use crate::counterpart::{Bmc, Limit, Setup};

#[test]
fn power_verbs_do_what_they_say() {
    let bmc = Bmc::sim(Setup::default());
    for (action, chassis, state) in [
        (PowerAction::On, "set power 1", PowerState::On),
        (PowerAction::Reset, "set reset 1", PowerState::On),
        (PowerAction::SoftOff, "set shutdown 1", PowerState::Off),
        (PowerAction::On, "set power 1", PowerState::On),
        (PowerAction::Off, "set power 0", PowerState::Off),
    ] {
        let _ = fs::remove_file(bmc.file("done"));
        let told = bmc.session(async |session| {
            session.power(action).await?;
            session.chassis_status().await
        });
        assert_eq!(told.power, state, "{action}");
        let done = fs::read_to_string(bmc.file("done")).unwrap();
        let set = done.lines().filter(|line| line.starts_with("set"));
        assert_eq!(set.collect::<Vec<_>>(), [chassis], "{action}");
        let witness = bmc.ipmitool("chassis power status");
        assert_eq!(witness.trim(), format!("Chassis Power is {state}"));
    }
}

#[test]
fn a_cycle_ends_with_the_power_on() {
    let bmc = Bmc::sim(Setup::default());
    bmc.ipmitool("chassis power on");
    let told = bmc.session(async |session| {
        session.power(PowerAction::Cycle).await?;
        let mut told = vec![session.chassis_status().await?.power];
        // ipmi_sim leaves it off for a second.
        let limit = Limit::new();
        while told.last() != Some(&PowerState::On) {
            limit.check();
            told.push(session.chassis_status().await?.power);
        }
        Ok(told)
    });
    assert_eq!(told.first(), Some(&PowerState::Off));
}

#[test]
fn what_others_do_is_seen() {
    let bmc = Bmc::sim(Setup::default());
    for (words, state) in [("on", PowerState::On), ("off", PowerState::Off)] {
        bmc.ipmitool(&format!("chassis power {words}"));
        let told = bmc.session(async |session| session.chassis_status().await);
        assert_eq!(told.power, state);
    }
}

#[test]
fn what_a_bmc_refuses_is_told_in_its_words() {
    let bmc = Bmc::pyghmi("127.0.0.1", &[]);
    let refused = bmc.session(async |session| Ok(session.power(PowerAction::Cycle).await));
    let Err(IpmiError::Refused { code, .. }) = &refused else {
        panic!("{refused:?}");
    };
    assert_eq!(*code, Completion(0xd5));
    let told = refused.unwrap_err().to_string();
    assert_eq!(
        told,
        "Chassis Control: the BMC refuses: it cannot do that in its present state (0xd5)"
    );
}

#[test]
fn the_light_is_switched() {
    let bmc = Bmc::sim(Setup::default());
    for (light, chassis) in [
        (Light::On, "0 1"),
        (Light::For(30), "30 0"),
        (Light::Off, "0 0"),
    ] {
        bmc.session(async |session| session.identify(light).await);
        let set = fs::read_to_string(bmc.file("identify")).unwrap();
        assert_eq!(set.trim(), chassis, "{light:?}");
    }
}
