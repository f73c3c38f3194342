//! Images: that each program is given once, and what its files hold.

use std::collections::BTreeMap;

use crate::base::arch::ClientArch;
use crate::base::name::FilePath;
use crate::diag::code::Code;
use crate::diag::report::Diagnostic;
use crate::diag::span::{Sources, Span, Spanned};
use crate::lang::Slot;
use crate::lang::files::Files;
use crate::lang::node::{Declarations, ImageNode};
use crate::lang::source::file_fault;
use crate::site::model::ImageFile;

/// The digest of every file that an image serves; each is read once. Templates are sources, and the loader has read them.
pub(super) fn files<'a>(
    declarations: &'a Declarations,
    files: &dyn Files,
    sources: &Sources,
    out: &mut Vec<Diagnostic>,
) -> BTreeMap<&'a FilePath, ImageFile> {
    let mut found = BTreeMap::new();
    for image in &declarations.images {
        programs(image, out);
        let programs = image.programs.iter();
        let paths = programs
            .filter_map(|program| program.path.given())
            .chain(&image.files)
            .chain(
                [&image.kernel, &image.initrd]
                    .into_iter()
                    .filter_map(Slot::given),
            );
        for path in paths {
            if let Some(file) = file(path, files, sources, &found, out) {
                found.insert(&path.value, file);
            }
        }
    }
    found
}

fn file(
    path: &Spanned<FilePath>,
    files: &dyn Files,
    sources: &Sources,
    found: &BTreeMap<&FilePath, ImageFile>,
    out: &mut Vec<Diagnostic>,
) -> Option<ImageFile> {
    if found.contains_key(&path.value) {
        return None;
    }
    match files.digest(path.value.as_str()) {
        Ok((digest, size)) => Some(ImageFile {
            digest,
            size,
            origin: sources.origin(path.span),
        }),
        Err(error) => {
            let fault = file_fault(&error, Code::ImageFile).label(path.span, "named here");
            let fault = match fault.help {
                Some(_) => fault,
                None => fault.help("paths are relative to the site folder"),
            };
            out.push(fault);
            None
        }
    }
}

fn programs(image: &ImageNode, out: &mut Vec<Diagnostic>) {
    let mut seen: BTreeMap<ClientArch, Span> = BTreeMap::new();
    for arch in image.programs.iter().filter_map(|one| one.arch.given()) {
        let Some(first) = seen.get(&arch.value) else {
            seen.insert(arch.value, arch.span);
            continue;
        };
        let message = format!(
            "the image `{}` has two programs for {}",
            image.name.value, arch.value
        );
        out.push(
            Diagnostic::new(Code::BootTwice, message)
                .label(arch.span, "given again here")
                .label(*first, "first given here")
                .help("a client runs one first program: keep one"),
        );
    }
}
