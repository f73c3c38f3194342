//! `image`: what machines boot, and the files that are served for it.

use super::super::kdl::Node;
use super::super::read::Sink;
use super::super::schema::{Argument, Kind, NodeSchema};
use super::super::slot::Slot;
use super::protect::{PROTECT, ProtectNode, read_protect};
use super::{any, argument, child, first, open, optional, property};
use crate::base::arch::ClientArch;
use crate::base::name::{FilePath, Name};
use crate::diag::span::Spanned;
use crate::lang::schema::Count;

#[derive(Debug)]
pub struct ImageNode {
    pub name: Spanned<Name>,
    pub programs: Vec<BootNode>,
    /// Further files.
    pub files: Vec<Spanned<FilePath>>,
    pub kernel: Slot<FilePath>,
    pub initrd: Slot<FilePath>,
    pub cmdline: Slot<String>,
    pub user_data: Slot<FilePath>,
    /// The processors that it is for.
    pub cpu: Slot<String>,
    pub protect: Option<ProtectNode>,
}

/// The first program for clients of an architecture.
#[derive(Debug)]
pub struct BootNode {
    pub arch: Slot<ClientArch>,
    pub path: Slot<FilePath>,
}

pub(super) const IMAGE: NodeSchema = NodeSchema {
    name: "image",
    doc: "What machines boot: a first program for each client architecture, and further files.",
    arguments: &[argument("a name", Kind::Name, "The image's name.")],
    properties: &[property(
        "arch",
        Kind::Words(&["amd64", "arm64", "i386", "ppc64el", "riscv64", "s390x"]),
        "The processors that it is for.",
    )],
    children: &[
        child(&BOOT, Count::Many),
        optional(&KERNEL),
        optional(&INITRD),
        optional(&CMDLINE),
        optional(&USER_DATA),
        any(&FILE),
        optional(&PROTECT),
    ],
};

const BOOT: NodeSchema = NodeSchema {
    name: "boot",
    doc: "The first program for clients of an architecture.",
    arguments: &[
        argument(
            "an architecture",
            Kind::Arch,
            "What the client is, by option 93 (see \"Client architectures\"); any that is iPXE already, or the installer of a switch (ONIE).",
        ),
        argument(
            "a path",
            Kind::Path,
            "The program's file, below the site folder.",
        ),
    ],
    properties: &[],
    children: &[],
};

const KERNEL: NodeSchema = NodeSchema {
    name: "kernel",
    doc: "The kernel that boot programs load.",
    arguments: &[PATH],
    properties: &[],
    children: &[],
};

const INITRD: NodeSchema = NodeSchema {
    name: "initrd",
    doc: "The kernel's first file system.",
    arguments: &[PATH],
    properties: &[],
    children: &[],
};

const CMDLINE: NodeSchema = NodeSchema {
    name: "cmdline",
    doc: "What the kernel is told.",
    arguments: &[argument(
        "a text",
        Kind::Text,
        "The command line; `{{ name }}` stands for what differs from machine to machine.",
    )],
    properties: &[],
    children: &[],
};

const USER_DATA: NodeSchema = NodeSchema {
    name: "user-data",
    doc: "A template of what a machine is told at its first start.",
    arguments: &[PATH],
    properties: &[],
    children: &[],
};

const PATH: Argument = argument("a path", Kind::Path, "A file below the site folder.");

const FILE: NodeSchema = NodeSchema {
    name: "file",
    doc: "Another file to serve for the image.",
    arguments: &[argument(
        "a path",
        Kind::Path,
        "The file, below the site folder.",
    )],
    properties: &[],
    children: &[],
};

pub(super) fn read_image(node: Node<'_>, sink: &mut Sink<'_>) -> Option<ImageNode> {
    let reader = open(node, &IMAGE, sink);
    let name = reader.argument(0, sink).into_given();
    let programs = reader
        .children("boot")
        .map(|node| {
            let reader = open(node, &BOOT, sink);
            BootNode {
                arch: reader.argument(0, sink),
                path: reader.argument(1, sink),
            }
        })
        .collect();
    let files = reader
        .children("file")
        .filter_map(|node| open(node, &FILE, sink).argument(0, sink).into_given())
        .collect();
    if name.is_none() {
        sink.gaps.add("image");
    }
    Some(ImageNode {
        name: name?,
        programs,
        files,
        kernel: first(&reader, &KERNEL, sink),
        initrd: first(&reader, &INITRD, sink),
        cmdline: first(&reader, &CMDLINE, sink),
        user_data: first(&reader, &USER_DATA, sink),
        cpu: reader.word_property("arch", sink),
        protect: read_protect(&reader, sink),
    })
}
