//! A machine without disks behind one of a lab's ports: QEMU with real firmware, and what it prints on its serial line.

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use crate::lab::Lab;
use crate::support::sandbox::Running;

/// What the firmware is, and so how it boots from the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Firmware {
    /// A BIOS with iPXE's option ROM.
    Rom,
    /// UEFI's own PXE stack.
    Uefi,
    /// UEFI's own HTTP boot.
    UefiHttp,
}

/// Far longer than any of them takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(150);

/// What is booted in the end, where tests/guest/fetch has put it.
const DEBIAN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/target/guest/debian");

/// Prints what it was started with, and then does `END`.
const INIT: &str = r#"#!/bin/busybox sh
/bin/busybox mount -t proc proc /proc
/bin/busybox mount -t sysfs sys /sys
[ -d /sys/firmware/efi ] && firmware=uefi || firmware=bios
echo "booted firmware=$firmware $(/bin/busybox cat /proc/cmdline)"
END
"#;

/// A machine that is on.
pub(crate) struct Machine {
    qemu: Option<Running>,
    serial: Receiver<Vec<u8>>,
    heard: String,
}

/// What a system does once it has said that it runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    Stops,
    RunsOn,
}

/// Files of a kernel and of its root file system, put into `folder` as `vmlinuz` and `initrd`.
pub(crate) fn put_kernel(folder: &Path, ending: Ending) {
    let kernels = fs::read_dir(format!("{DEBIAN}/boot")).expect("tests/setup fetches a kernel");
    let kernel = kernels.flatten().next().unwrap().path();
    fs::copy(kernel, folder.join("vmlinuz")).unwrap();
    let root = folder.join("root");
    for name in ["bin", "proc", "sys"] {
        fs::create_dir_all(root.join(name)).unwrap();
    }
    fs::copy(format!("{DEBIAN}/bin/busybox"), root.join("bin/busybox")).unwrap();
    let end = match ending {
        Ending::Stops => "/bin/busybox poweroff -f",
        Ending::RunsOn => "exec /bin/busybox sleep 100000",
    };
    crate::lab::script(&root.join("init"), &INIT.replace("END", end));
    let archive = "find . | cpio --quiet -o -H newc --owner 0:0 >../initrd";
    let mut shell = Command::new("sh");
    let made = shell.args(["-c", archive]).current_dir(&root).status();
    assert!(made.unwrap().success());
    fs::remove_dir_all(root).unwrap();
}

impl Machine {
    /// Turns one on, at the switch behind the lab's first port; no other machine may be there.
    pub(crate) fn start(lab: &Lab, firmware: Firmware, mac: &str) -> Self {
        let switch = &lab.machines[0];
        switch.ip("tuntap add dev tap0 mode tap");
        switch.ip("link set tap0 master sw0 up");
        let mut qemu = switch.command("setpriv");
        // The guest ends with the test, however that one ends.
        qemu.args(["--pdeathsig", "KILL", "qemu-system-x86_64"]);
        qemu.args(["-accel", "tcg", "-cpu", "max", "-m", "512", "-nodefaults"]);
        qemu.args(["-no-user-config", "-display", "none", "-no-reboot"]);
        qemu.args(["-serial", "stdio", "-device", "virtio-rng-pci"]);
        qemu.args(["-netdev", "tap,id=net,ifname=tap0,script=no,downscript=no"]);
        let nic = format!("virtio-net-pci,netdev=net,bootindex=0,mac={mac}");
        match firmware {
            // SeaBIOS shows on the serial line what the ROM prints.
            Firmware::Rom => qemu.args(["-machine", "pc,graphics=off", "-device", &nic]),
            Firmware::Uefi | Firmware::UefiHttp => {
                // Without a ROM of the card's, the firmware's own stack boots.
                qemu.args(["-device", &format!("{nic},romfile=")]);
                qemu.args(uefi(&lab.path("vars.fd")))
            }
        };
        if firmware == Firmware::UefiHttp {
            for family in ["IPv4", "IPv6"] {
                let name = format!("name=opt/org.tianocore/{family}PXESupport,string=n");
                qemu.args(["-fw_cfg", &name]);
            }
        }
        qemu.stdin(Stdio::null()).stdout(Stdio::piped());
        let mut qemu = Running::start(&mut qemu);
        let mut serial = qemu.child().stdout.take().unwrap();
        let (tell, told) = mpsc::channel();
        thread::spawn(move || {
            let mut bytes = [0; 4096];
            // Ends with the machine, or with the test that no longer listens.
            while let Ok(length @ 1..) = serial.read(&mut bytes)
                && tell.send(bytes[..length].to_vec()).is_ok()
            {}
        });
        Self {
            qemu: Some(qemu),
            serial: told,
            heard: String::new(),
        }
    }

    /// Its process: it runs as long as somebody has it.
    pub(crate) fn plug(&mut self) -> Option<Running> {
        self.qemu.take()
    }

    /// Waits until it prints no more, since it has ended.
    #[track_caller]
    pub(crate) fn ends(&mut self) {
        let end = Instant::now() + PATIENCE;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            match self.serial.recv_timeout(left) {
                Ok(bytes) => self.heard.push_str(&String::from_utf8_lossy(&bytes)),
                Err(RecvTimeoutError::Disconnected) => return,
                Err(RecvTimeoutError::Timeout) => panic!("it runs on:\n{}", self.heard),
            }
        }
    }

    pub(crate) fn has_printed(&self, words: &str) -> bool {
        self.heard.contains(words)
    }

    /// The rest of the line that begins with `words`, once it is printed.
    #[track_caller]
    pub(crate) fn prints(&mut self, words: &str) -> String {
        let end = Instant::now() + PATIENCE;
        loop {
            let found = self.heard.split_once(words);
            if let Some((line, _)) = found.and_then(|(_, rest)| rest.split_once(['\r', '\n'])) {
                return line.trim().to_owned();
            }
            let left = end.saturating_duration_since(Instant::now());
            match self.serial.recv_timeout(left) {
                Ok(bytes) => self.heard.push_str(&String::from_utf8_lossy(&bytes)),
                Err(fault) => panic!("no {words:?} ({fault}) in:\n{}", self.heard),
            }
        }
    }
}

/// The firmware, which is read only, and its variables in a file of their own.
fn uefi(vars: &PathBuf) -> Vec<String> {
    fs::copy("/usr/share/OVMF/OVMF_VARS_4M.fd", vars).expect("tests/setup installs ovmf");
    let code = "if=pflash,format=raw,readonly=on,file=/usr/share/OVMF/OVMF_CODE_4M.fd".to_owned();
    let vars = format!("if=pflash,format=raw,file={}", vars.display());
    let machine = "q35".to_owned();
    let words = ["-machine", "-drive", "-drive"].map(str::to_owned);
    let words = words.into_iter().zip([machine, code, vars]);
    words.flat_map(<[String; 2]>::from).collect()
}
