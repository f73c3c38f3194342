//! Sources and their includes, read and decoded. All reading goes through [`Files`]; nothing here touches a disk.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use super::files::{FileError, Files};
use super::parsed::{Unparsed, parse_all};
use super::read::Sink;
use super::{glob, lock, node};
use crate::base::limit;
use crate::base::name::FilePath;
use crate::diag::code::Code;
use crate::diag::report::Diagnostic;
use crate::diag::span::{SourceId, Sources, Span, Spanned};

/// Reads the source `root` and all that it includes, and decodes their nodes.
pub fn load(files: &dyn Files, root: &str) -> (node::Declarations, Sources, Vec<Diagnostic>) {
    let mut loader = Loader::new(files);
    loader.run(root);
    loader.lock(root);
    loader.templates();
    let excess = loader.declarations.bound_fabrics();
    loader.diagnostics.extend(excess);
    (loader.declarations, loader.sources, loader.diagnostics)
}

/// Reads the source `root` and all that it includes, and says which are KDL; of faults only those that keep a file from being
/// read, whatever the files mean.
pub fn list(files: &dyn Files, root: &str) -> (Vec<SourceId>, Sources, Vec<Diagnostic>) {
    let mut loader = Loader::new(files);
    loader.is_listing = true;
    loader.run(root);
    loader.diagnostics.retain(Diagnostic::is_error);
    (loader.listed, loader.sources, loader.diagnostics)
}

/// One file to read, and the include that asked for it.
struct Visit {
    path: String,
    /// The visit and the place of the include; none for the root.
    parent: Option<(usize, Span)>,
}

struct Loader<'a> {
    files: &'a dyn Files,
    sources: Sources,
    declarations: node::Declarations,
    diagnostics: Vec<Diagnostic>,
    /// Paths asked for so far: a file reached twice is read once.
    seen: BTreeSet<String>,
    /// Tables read so far, and where each was named.
    tables: BTreeMap<String, Span>,
    visits: Vec<Visit>,
    queue: VecDeque<usize>,
    /// Whether only the files are of interest, not what they mean.
    is_listing: bool,
    listed: Vec<SourceId>,
}

impl<'a> Loader<'a> {
    fn new(files: &'a dyn Files) -> Self {
        Self {
            files,
            sources: Sources::default(),
            declarations: node::Declarations::default(),
            diagnostics: Vec::new(),
            seen: BTreeSet::new(),
            tables: BTreeMap::new(),
            visits: Vec::new(),
            queue: VecDeque::new(),
            is_listing: false,
            listed: Vec::new(),
        }
    }

    /// Reads generation after generation of includes; the files of one are parsed side by side.
    fn run(&mut self, root: &str) {
        self.enqueue(root.to_owned(), None);
        // Each source may have as many faults; of so many, further ones would only hide the first.
        while !self.queue.is_empty() && self.diagnostics.len() < limit::FAULTS {
            let visits = std::mem::take(&mut self.queue);
            let unparsed: Vec<Unparsed> = visits
                .into_iter()
                .filter_map(|visit| self.visit(visit))
                .collect();
            self.listed.extend(unparsed.iter().map(|source| source.id));
            for mut parsed in parse_all(unparsed) {
                for (wanted, span) in &parsed.includes {
                    self.include(parsed.visit, wanted, *span);
                }
                self.sources.mask(parsed.masked);
                if self.is_listing {
                    continue;
                }
                self.diagnostics.append(&mut parsed.diagnostics);
                for table in std::mem::take(&mut parsed.declarations.tables) {
                    self.table(parsed.visit, &table);
                }
                self.declarations.append(parsed.declarations);
            }
        }
        if !self.queue.is_empty() {
            self.declarations.gaps.everything();
        }
    }

    /// Reads the templates of images, which travel with the sources.
    fn templates(&mut self) {
        let images = self.declarations.images.iter();
        let named: Vec<Spanned<FilePath>> = images
            .filter_map(|image| image.user_data.given().cloned())
            .collect();
        let mut seen = BTreeSet::new();
        for path in named
            .into_iter()
            .filter(|path| seen.insert(path.value.clone()))
        {
            match self.files.read(path.value.as_str()) {
                Ok(bytes) => drop(self.text(path.value.as_str(), bytes)),
                Err(error) => {
                    let fault = file_fault(&error, Code::ImageFile).label(path.span, "named here");
                    self.diagnostics.push(match fault.help {
                        Some(_) => fault,
                        None => fault.help("paths are relative to the site folder"),
                    });
                }
            }
        }
    }

    /// Reads the lock, where there is one. It lies beside the first source.
    fn lock(&mut self, root: &str) {
        let path = lock::lock_path(root);
        self.declarations.lock_path.clone_from(&path);
        let bytes = match self.files.read(&path) {
            Ok(bytes) => bytes,
            Err(FileError::Missing { .. }) => return,
            Err(error) => {
                self.diagnostics
                    .push(file_fault(&error, Code::FileUnreadable));
                return self.declarations.gaps.everything();
            }
        };
        if let Some((id, text)) = self.text(&path, bytes) {
            self.declarations.lock = Some(lock::read(id, &text, &mut self.diagnostics));
        }
    }

    fn enqueue(&mut self, path: String, parent: Option<(usize, Span)>) {
        self.seen.insert(path.clone());
        self.queue.push_back(self.visits.len());
        self.visits.push(Visit { path, parent });
    }

    fn visit(&mut self, index: usize) -> Option<Unparsed> {
        let Visit { path, parent } = self.visits.get(index)?;
        let (path, place) = (path.clone(), parent.map(|(_, span)| span));
        match self.files.read(&path) {
            Ok(bytes) => {
                let (id, text) = self.text(&path, bytes)?;
                Some(Unparsed {
                    visit: index,
                    id,
                    text,
                })
            }
            Err(error) => {
                self.declarations.gaps.everything();
                self.diagnostics.push(match place {
                    Some(span) => include_fault(&error, span),
                    None => file_fault(&error, Code::FileUnreadable)
                        .help("name a site file, or a folder with `site.kdl`"),
                });
                None
            }
        }
    }

    fn text(&mut self, path: &str, bytes: Vec<u8>) -> Option<(SourceId, Arc<str>)> {
        match String::from_utf8(bytes) {
            Ok(text) => {
                let text: Arc<str> = Arc::from(text);
                Some((self.sources.add(path, Arc::clone(&text)), text))
            }
            Err(error) => {
                let at = error.utf8_error().valid_up_to();
                let text = String::from_utf8_lossy(error.as_bytes()).into_owned();
                let id = self.sources.add(path, Arc::from(text));
                let bad = Span::new(id, at, at + '\u{fffd}'.len_utf8());
                let fault = Diagnostic::new(Code::NotText, format!("`{path}` is not UTF-8"))
                    .label(bad, "this byte begins no character")
                    .help("save the file as UTF-8");
                self.diagnostics.push(fault);
                self.declarations.gaps.everything();
                None
            }
        }
    }

    /// Enqueues what an include names.
    fn include(&mut self, from: usize, wanted: &str, span: Span) {
        let base = self.visits.get(from).map_or("", |visit| &visit.path);
        let Some(path) = resolve(base, wanted) else {
            let fault = FileError::Outside {
                path: wanted.to_owned(),
            };
            self.fault(&fault, span);
            return;
        };
        if path.is_empty() {
            let fault = Diagnostic::new(Code::FileUnreadable, "a folder is not a file")
                .label(span, "included here");
            self.diagnostics
                .push(fault.help("a folder's files are included by a pattern: \"./*.kdl\""));
            return;
        }
        if !glob::is_pattern(&path) {
            self.reach(from, path, span);
            return;
        }
        // A pattern that matches its own file means the others.
        let base = base.to_owned();
        let found = glob::expand(self.files, &path).map(|mut paths| {
            paths.retain(|path| *path != base);
            paths
        });
        match found {
            Ok(paths) if paths.is_empty() => {
                let message = format!("`{wanted}` matches no file");
                let fault = Diagnostic::new(Code::IncludeNothing, message)
                    .label(span, "nothing is included here")
                    .help(RELATIVE);
                self.diagnostics.push(fault);
            }
            Ok(paths) => paths
                .into_iter()
                .for_each(|path| self.reach(from, path, span)),
            Err(error) => self.fault(&error, span),
        }
    }

    /// Reads a table of machines.
    fn table(&mut self, from: usize, table: &node::MachinesNode) {
        let Some(wanted) = table.from.given() else {
            return;
        };
        let base = self.visits.get(from).map_or("", |visit| &visit.path);
        let Some(path) = resolve(base, &wanted.value) else {
            let path = wanted.value.clone();
            return self.fault(&FileError::Outside { path }, wanted.span);
        };
        if let Some(first) = self.tables.get(&path) {
            let message = format!("the table `{path}` is read twice");
            let fault = Diagnostic::new(Code::DuplicateName, message)
                .label(wanted.span, "read again here")
                .label(*first, "first read here")
                .help("remove one: each row is one machine");
            return self.diagnostics.push(fault);
        }
        self.tables.insert(path.clone(), wanted.span);
        let bytes = match self.files.read(&path) {
            Ok(bytes) => bytes,
            Err(error) => return self.fault(&error, wanted.span),
        };
        let Some((id, text)) = self.text(&path, bytes) else {
            return;
        };
        self.declarations.rows.insert(id);
        let gaps = std::mem::take(&mut self.declarations.gaps);
        let mut sink = Sink::new(&mut self.diagnostics, gaps);
        let machines = node::read_table(id, &text, &table.profile, &mut sink);
        self.declarations.gaps = sink.gaps;
        self.sources.mask(sink.masked);
        self.declarations.machines.extend(machines);
    }

    fn fault(&mut self, error: &FileError, span: Span) {
        self.declarations.gaps.everything();
        self.diagnostics.push(include_fault(error, span));
    }

    fn reach(&mut self, from: usize, path: String, span: Span) {
        if let Some(chain) = self.circle(from, &path) {
            let mut fault =
                Diagnostic::new(Code::IncludeCycle, format!("`{path}` includes itself"))
                    .label(span, "this include closes the circle");
            for place in chain {
                fault = fault.label(place, "reached by this include");
            }
            let help = "remove one of the includes; a file is read once however often it is named";
            self.diagnostics.push(fault.help(help));
            return;
        }
        if self.seen.contains(&path) {
            return;
        }
        if self.seen.len() >= limit::SOURCE_FILES {
            let message = format!("a site has at most {} source files", limit::SOURCE_FILES);
            if !self.declarations.gaps.is_total() {
                let fault = Diagnostic::new(Code::Limit, message).label(span, "one too many here");
                self.diagnostics.push(fault);
            }
            self.declarations.gaps.everything();
            return;
        }
        self.enqueue(path, Some((from, span)));
    }

    /// The includes that lead from `path` to the visit `from`, where it is among its own ancestors.
    fn circle(&self, from: usize, path: &str) -> Option<Vec<Span>> {
        let mut chain = Vec::new();
        let mut at = from;
        loop {
            let visit = self.visits.get(at)?;
            if visit.path == path {
                return Some(chain);
            }
            let (parent, span) = visit.parent?;
            chain.push(span);
            at = parent;
        }
    }
}

fn include_fault(error: &FileError, span: Span) -> Diagnostic {
    let fault = file_fault(error, Code::FileUnreadable).label(span, "included here");
    match fault.help {
        Some(_) => fault,
        None => fault.help(RELATIVE),
    }
}

const RELATIVE: &str = "paths are relative to the file that includes them";

/// A file error as a fault without a place; `code` is for a file that is not there or cannot be read.
pub(crate) fn file_fault(error: &FileError, code: Code) -> Diagnostic {
    match error {
        FileError::Missing { .. } | FileError::NotAFile { .. } | FileError::Read { .. } => {
            Diagnostic::new(code, error.to_string())
        }
        FileError::Unknown { .. } => Diagnostic::new(Code::ImageFileUnknown, error.to_string())
            .help("commit it, by git LFS where it is large, to have it compared"),
        FileError::Dangling { .. } => Diagnostic::new(Code::FileUnwritable, error.to_string())
            .help("make what it leads to, or remove the link"),
        FileError::Changed { .. } => {
            Diagnostic::new(Code::FileChanged, error.to_string()).help("run the command again")
        }
        FileError::Write { .. } => Diagnostic::new(Code::FileUnwritable, error.to_string()),
        FileError::Outside { .. } => Diagnostic::new(Code::OutsideSite, error.to_string())
            .help("copy the file into the site folder: a site is complete in itself"),
        FileError::TooLarge { .. } => Diagnostic::new(Code::Limit, error.to_string()),
    }
}

/// The path `wanted`, written in the file `base`, from the site folder; none where it leaves the folder.
fn resolve(base: &str, wanted: &str) -> Option<String> {
    if wanted.starts_with('/') {
        return None;
    }
    let folder = base.rsplit_once('/').map_or("", |(folder, _)| folder);
    let mut parts: Vec<&str> = Vec::new();
    for part in folder.split('/').chain(wanted.split('/')) {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_stay_in_the_site_folder() {
        for (base, wanted, expected) in [
            ("site.kdl", "racks/a.kdl", Some("racks/a.kdl")),
            ("racks/a.kdl", "b.kdl", Some("racks/b.kdl")),
            ("racks/a.kdl", "../b.kdl", Some("b.kdl")),
            ("racks/a.kdl", "../../b.kdl", None),
            ("site.kdl", "/etc/passwd", None),
            ("site.kdl", "./a//b.kdl", Some("a/b.kdl")),
        ] {
            assert_eq!(resolve(base, wanted).as_deref(), expected, "{wanted}");
        }
    }
}
