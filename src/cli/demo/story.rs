//! The story of the demo, act by act. What is shown is what happened: every act checks that the machines got what the site says.

use std::collections::BTreeMap;
use std::process::ExitCode;

use similar::TextDiff;

use super::example;
use super::fault;
use super::news::{Identity, News, Order, Renewals};
use super::promise::Promise;
use super::sandbox::Entered;
use super::scene::Scene;
use super::scratch::Scratch;
use super::stage::Stage;
use super::tell::Narrator;
use crate::base::arch::ClientArch;
use crate::base::name::{HostName, LinkName};
use crate::cli::apply;
use crate::cli::client::Client;
use crate::cli::compile::{self, Local};
use crate::cli::plan::from_daemon;
use crate::daemon::Planned;
use crate::daemon::api::Apply;
use crate::diag::code::Code;
use crate::diag::fault::Fault;
use crate::plan::{HazardKind, Selection};
use crate::site::model::{LinkForm, Site};

/// What the machines are, in the order of their names: one of each way to boot.
const ARCHITECTURES: [ClientArch; 3] = [
    ClientArch::X64Uefi,
    ClientArch::X86Bios,
    ClientArch::X64UefiHttp,
];

/// Where the story plays: read from the example, so that nothing is said twice.
pub(super) struct Setting {
    pub(super) controller: HostName,
    pub(super) ports: Vec<LinkName>,
    pub(super) cast: Vec<Identity>,
}

/// Writes the example into the folder, and reads from it who takes part.
pub(super) fn setting(scratch: &Scratch) -> Result<Setting, Fault> {
    for (path, content) in example::boot_files() {
        write(scratch, path, &content)?;
    }
    // Whoever is declared in the end takes part from the beginning.
    write(scratch, example::SITE_FILE, example::after().as_bytes())?;
    let (_, site) = compiled(scratch)?;
    let Some((controller, host)) = site.controllers.first_key_value() else {
        return Err(Fault::new(Code::Internal, "the example has no controller"));
    };
    let is_port = |form: &LinkForm| *form == LinkForm::Ethernet;
    let ports = host.links.iter().filter(|(_, link)| is_port(&link.form));
    let cast = site.machines.iter().zip(ARCHITECTURES);
    let cast = cast.filter_map(|((name, machine), arch)| {
        let mac = machine.interfaces.values().find_map(|link| link.mac)?;
        let name = name.clone();
        Some(Identity { name, mac, arch })
    });
    Ok(Setting {
        controller: controller.clone(),
        ports: ports.map(|(name, _)| name.clone()).collect(),
        cast: cast.collect(),
    })
}

pub(super) struct Story<'a> {
    narrator: &'a Narrator<'a>,
    scratch: &'a Scratch,
    setting: &'a Setting,
    stage: &'a mut Stage,
    client: Client,
}

impl<'a> Story<'a> {
    pub(super) fn new(
        narrator: &'a Narrator<'a>,
        scratch: &'a Scratch,
        setting: &'a Setting,
        stage: &'a mut Stage,
    ) -> Self {
        let client = Client::new(&scratch.socket(), true);
        Self {
            narrator,
            scratch,
            setting,
            stage,
            client,
        }
    }

    pub(super) async fn play(&mut self, entered: Entered) -> Result<ExitCode, Fault> {
        self.narrator.say(&Scene::Sandbox {
            controller: &self.setting.controller,
            machines: &self.setting.cast,
            is_root: entered == Entered::AsRoot,
        });
        let everyone = self.names(|_| true);
        let site = self.begin().await?;
        let settled = self.names(|name| site.machines.contains_key(name));
        let strangers = self.names(|name| !site.machines.contains_key(name));
        self.boot(&everyone, &strangers, &site).await?;

        let after = example::after();
        let diff = TextDiff::from_lines(example::BEFORE, &after);
        let diff = diff
            .unified_diff()
            .context_radius(3)
            .header("a/site.kdl", "b/site.kdl")
            .to_string();
        self.narrator.say(&Scene::Edit { diff: &diff });
        let site = self.change(&after, &settled).await?;
        self.boot(&strangers, &[], &site).await?;
        self.nothing_left(&site).await?;
        Ok(ExitCode::SUCCESS)
    }

    /// The site for the first time: shown, planned, applied.
    async fn begin(&mut self) -> Result<Site, Fault> {
        write(self.scratch, example::SITE_FILE, example::BEFORE.as_bytes())?;
        let text = example::BEFORE;
        self.narrator.say(&Scene::Site { text });
        self.converge().await
    }

    /// The edited site, planned and applied while the machines in `renewing` renew without pause.
    async fn change(&mut self, text: &str, renewing: &[HostName]) -> Result<Site, Fault> {
        write(self.scratch, example::SITE_FILE, text.as_bytes())?;
        for name in renewing {
            self.stage.order(name, Order::Renew)?;
        }
        for _ in renewing {
            self.stage.next().await?;
        }
        let site = self.converge().await?;
        for name in renewing {
            self.stage.order(name, Order::Rest)?;
        }
        let mut all = Renewals::default();
        for _ in renewing {
            if let (_, News::Renewed(one)) = self.stage.next().await? {
                all.asked += one.asked;
                all.answered += one.answered;
                all.slowest = all.slowest.max(one.slowest);
            }
        }
        self.narrator.say(&Scene::Renewed {
            machines: renewing,
            renewals: all,
        });
        if all.asked == all.answered {
            return Ok(site);
        }
        let lost = all.asked - all.answered;
        let message = format!("{lost} of {} renewals were not answered", all.asked);
        Err(Fault::new(Code::WorldFailed, message))
    }

    /// Plans the site as it is on disk, shows the plan and applies it.
    async fn converge(&mut self) -> Result<Site, Fault> {
        let (local, site) = compiled(self.scratch)?;
        let (Planned { plan, .. }, bundle) =
            from_daemon(&local, Selection::default(), &self.client).await?;
        self.narrator.say(&Scene::Plan { plan: &plan });
        self.narrator.say(&Scene::Apply);
        // The sandbox has no bystanders, so nothing that a plan warns of can do harm.
        let request = Apply {
            bundle,
            plan: plan.id,
            selection: Selection::default(),
            allow: HazardKind::ALL.into_iter().collect(),
            confirm_within: None,
            back_to: None,
        };
        let narrator = self.narrator;
        let report = apply::run(&request, &self.client, |events| {
            events.iter().for_each(|event| narrator.applying(event));
        });
        let report = report.await?;
        if report.is_done() {
            return Ok(site);
        }
        Err(Fault::new(Code::WorldFailed, apply::ended(&report)))
    }

    /// Boots machines side by side, and tells each thing that they get once it proved to be what the site says.
    async fn boot(
        &mut self,
        machines: &[HostName],
        strangers: &[HostName],
        site: &Site,
    ) -> Result<(), Fault> {
        self.narrator.say(&Scene::Boot {
            machines,
            strangers,
        });
        let mut promises = BTreeMap::new();
        for name in machines {
            let promise = Promise::of(site, self.stage.identity(name)?)
                .ok_or_else(|| Fault::new(Code::Internal, format!("{name} has nothing to boot")))?;
            promises.insert(name.clone(), promise);
            self.stage.order(name, Order::Boot)?;
        }
        while !promises.is_empty() {
            let (name, news) = self.stage.next().await?;
            let machine = self.stage.identity(&name)?;
            let Some(promise) = promises.get(&name) else {
                continue;
            };
            match &news {
                News::Leased(lease) => promise.check_lease(machine, lease)?,
                News::Loaded(loaded) => promise.check_program(machine, loaded)?,
                News::Named(found) => promise.check_name(machine, found)?,
                News::Renewing | News::Renewed(_) | News::Failed(_) => {}
            }
            self.narrator.happened(machine, &news);
            if matches!(news, News::Named(_)) {
                promises.remove(&name);
            }
        }
        Ok(())
    }

    /// After all that a plan must be empty: what is in force is what the site says.
    async fn nothing_left(&mut self, site: &Site) -> Result<(), Fault> {
        let (local, _) = compiled(self.scratch)?;
        let (Planned { plan, .. }, _) =
            from_daemon(&local, Selection::default(), &self.client).await?;
        self.narrator.say(&Scene::Settled { plan: &plan });
        if plan.is_empty() {
            return Ok(());
        }
        let message = format!("site {} is not wholly in force", site.name);
        Err(Fault::new(Code::WorldFailed, message))
    }

    fn names(&self, is_in: impl Fn(&HostName) -> bool) -> Vec<HostName> {
        let names = self.setting.cast.iter().map(|identity| &identity.name);
        names.filter(|name| is_in(name)).cloned().collect()
    }
}

fn write(scratch: &Scratch, path: &str, content: &[u8]) -> Result<(), Fault> {
    let written = scratch.write(path, content);
    written.map_err(fault("the example cannot be written"))
}

fn compiled(scratch: &Scratch) -> Result<(Local, Site), Fault> {
    let local = compile::local(&scratch.site())?;
    match local.compiled.site.clone() {
        Some(site) => Ok((local, site)),
        None => Err(Fault::new(Code::Internal, "the example has faults")),
    }
}
