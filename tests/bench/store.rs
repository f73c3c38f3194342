//! The store beside what it keeps its tables in, redb and the disk's own limits: durable batches a second, and start-up
//! after kill -9.
//!
//! `cargo bench --bench store`; `BEDPLATE_BENCH_LEASES` scales the start-up, a million leases by default.

#![expect(
    clippy::unwrap_used,
    reason = "a benchmark that meets the unexpected should stop there"
)]

mod figure;

use std::fs::File;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use bedplate::store::{Batch, Embedded, Store, Write};
use redb::{Database, ReadableDatabase as _, ReadableTable as _, TableDefinition};

const RECORDS: u64 = 64;
const PAGE: usize = 4096;
const OVERWRITTEN: u64 = 8 << 20;
const ROUND: Duration = Duration::from_secs(1);
const ROUNDS: usize = 5;
const PAIRS: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("pairs");

/// What is measured.
#[derive(Clone, Copy)]
enum Candidate {
    Ours,
    /// fjall without our journal before it.
    Fjall,
    Redb,
    /// redb so that it need not walk its file after a kill.
    RedbQuickRepair,
    /// An append and fdatasync for each batch: no store that only appends can do better.
    Disk,
    /// The same over what was written before: no store can do better.
    Overwrite,
}

impl Candidate {
    const ALL: [Self; 6] = [
        Self::Ours,
        Self::Fjall,
        Self::Redb,
        Self::RedbQuickRepair,
        Self::Disk,
        Self::Overwrite,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::Ours => "ours",
            Self::Fjall => "fjall",
            Self::Redb => "redb",
            Self::RedbQuickRepair => "redb quick-repair",
            Self::Disk => "append and fdatasync",
            Self::Overwrite => "overwrite and fdatasync",
        }
    }
}

/// An open store of any kind: writes one batch durably.
enum Opened {
    Ours(Embedded, tokio::runtime::Runtime),
    Fjall(fjall::Database, fjall::Keyspace),
    Redb(Box<Database>, bool),
    Disk(File),
    /// A file, and where the next batch goes.
    Overwrite(File, u64),
}

/// A key and a value of the size of a lease's.
fn record(n: u64) -> (Vec<u8>, Vec<u8>) {
    // Scattered, as addresses of a busy pool are.
    let scattered = n.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes();
    ([b"lease/default/", &scattered[..]].concat(), vec![7; 72])
}

impl Opened {
    fn at(candidate: Candidate, folder: &Path) -> Self {
        match candidate {
            Candidate::Ours => {
                let runtime = tokio::runtime::Builder::new_current_thread();
                let runtime = { runtime }.build().unwrap();
                Self::Ours(Embedded::open(&folder.join("ours")).unwrap(), runtime)
            }
            Candidate::Fjall => {
                let database = fjall::Database::builder(folder.join("fjall"));
                let database = database.open().unwrap();
                let pairs = database.keyspace("pairs", fjall::KeyspaceCreateOptions::default);
                Self::Fjall(database, pairs.unwrap())
            }
            Candidate::Redb | Candidate::RedbQuickRepair => {
                let database = Database::create(folder.join(candidate.name())).unwrap();
                let quick = matches!(candidate, Candidate::RedbQuickRepair);
                Self::Redb(Box::new(database), quick)
            }
            Candidate::Disk => {
                let mut options = File::options();
                let options = options.append(true).create(true);
                Self::Disk(options.open(folder.join("append")).unwrap())
            }
            Candidate::Overwrite => {
                let file = File::create(folder.join("overwrite")).unwrap();
                for at in (0..OVERWRITTEN).step_by(PAGE) {
                    file.write_all_at(&[0; PAGE], at).unwrap();
                }
                file.sync_all().unwrap();
                Self::Overwrite(file, 0)
            }
        }
    }

    fn write(&mut self, records: impl Iterator<Item = (Vec<u8>, Vec<u8>)>) {
        match self {
            Self::Ours(store, runtime) => {
                let put = |(key, value)| Write::Put { key, value };
                let writes = records.map(put).collect();
                let guards = Vec::new();
                runtime
                    .block_on(store.commit(Batch { guards, writes }))
                    .unwrap();
            }
            Self::Fjall(database, pairs) => {
                let durable = Some(fjall::PersistMode::SyncData);
                let mut batch = database.batch().durability(durable);
                for (key, value) in records {
                    batch.insert(pairs, key, value);
                }
                batch.commit().unwrap();
            }
            Self::Redb(database, quick) => {
                let mut batch = database.begin_write().unwrap();
                batch.set_quick_repair(*quick);
                let mut table = batch.open_table(PAIRS).unwrap();
                for (key, value) in records {
                    table.insert(&*key, &*value).unwrap();
                }
                drop(table);
                batch.commit().unwrap();
            }
            Self::Disk(file) => {
                let bytes: Vec<u8> = records
                    .flat_map(|(key, value)| [key, value].concat())
                    .collect();
                file.write_all(&bytes).unwrap();
                file.sync_data().unwrap();
            }
            Self::Overwrite(file, at) => {
                let mut bytes: Vec<u8> = records
                    .flat_map(|(key, value)| [key, value].concat())
                    .collect();
                bytes.resize(bytes.len().next_multiple_of(PAGE), 0);
                file.write_all_at(&bytes, *at).unwrap();
                file.sync_data().unwrap();
                *at = (*at + bytes.len() as u64) % (OVERWRITTEN / 2);
            }
        }
    }

    fn count(&self) -> usize {
        match self {
            Self::Ours(store, _) => store.range(b"lease/").unwrap().len(),
            Self::Fjall(_, pairs) => pairs.prefix(b"lease/").count(),
            Self::Redb(database, _) => {
                let read = database.begin_read().unwrap();
                let table = read.open_table(PAIRS).unwrap();
                table.iter().unwrap().map(Result::unwrap).count()
            }
            Self::Disk(_) | Self::Overwrite(..) => 0,
        }
    }
}

fn main() {
    if let Ok(folder) = std::env::var("BEDPLATE_BENCH_FILL") {
        return fill_until_killed(Path::new(&folder));
    }
    let leases = std::env::var("BEDPLATE_BENCH_LEASES").ok();
    let leases: u64 = leases.map_or(1_000_000, |text| text.parse().unwrap());
    batches();
    starts(leases);
}

/// Durable batches a second; the candidates take turns, since the disk is shared.
fn batches() {
    let folder = scratch();
    let mut opened = Candidate::ALL.map(|candidate| Opened::at(candidate, folder.path()));
    let mut rates = [const { Vec::new() }; 6];
    let mut next = 0;
    for _ in 0..ROUNDS {
        for (opened, rates) in opened.iter_mut().zip(&mut rates) {
            let (started, mut count) = (Instant::now(), 0.0);
            while started.elapsed() < ROUND {
                opened.write((next..next + RECORDS).map(record));
                next += RECORDS;
                count += 1.0;
            }
            rates.push(count / started.elapsed().as_secs_f64());
        }
    }
    let [ours, peers @ ..] = &rates;
    for (peer, theirs) in Candidate::ALL.iter().skip(1).zip(peers) {
        let name = "store: durable batches of 64 records";
        figure::print(name, "1/s", ours, peer.name(), theirs);
    }
}

/// Milliseconds from nothing to every lease read, after the process that wrote them was killed.
fn starts(leases: u64) {
    let times = Candidate::ALL.map(|candidate| match candidate {
        Candidate::Disk | Candidate::Overwrite => f64::NAN,
        Candidate::Ours | Candidate::Fjall | Candidate::Redb | Candidate::RedbQuickRepair => {
            start(candidate, leases)
        }
    });
    let [ours, peers @ ..] = times;
    for (peer, theirs) in Candidate::ALL.iter().skip(1).zip(peers).take(3) {
        let name = format!("store: start after kill -9 with {leases} leases");
        figure::print(&name, "ms", &[ours], peer.name(), &[theirs]);
    }
}

fn start(candidate: Candidate, leases: u64) -> f64 {
    let folder = scratch();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .env("BEDPLATE_BENCH_FILL", folder.path())
        .env("BEDPLATE_BENCH_CANDIDATE", candidate.name())
        .env("BEDPLATE_BENCH_LEASES", leases.to_string())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert_eq!(lines.next().unwrap().unwrap(), "full");
    child.kill().unwrap();
    child.wait().unwrap();
    let started = Instant::now();
    let count = Opened::at(candidate, folder.path()).count();
    let time = started.elapsed();
    assert!(count as u64 >= leases, "{count}");
    time.as_secs_f64() * 1000.0
}

/// The child: fills its store, says so, and goes on writing.
#[expect(clippy::print_stdout, reason = "the parent waits for it")]
fn fill_until_killed(folder: &Path) {
    let name = std::env::var("BEDPLATE_BENCH_CANDIDATE").unwrap();
    let leases: u64 = std::env::var("BEDPLATE_BENCH_LEASES")
        .unwrap()
        .parse()
        .unwrap();
    let named = |candidate: &Candidate| candidate.name() == name;
    let candidate = Candidate::ALL.into_iter().find(named).unwrap();
    let mut opened = Opened::at(candidate, folder);
    for from in (0..).step_by(1024) {
        if (leases..leases + 1024).contains(&from) {
            println!("full");
        }
        opened.write((from..from + 1024).map(record));
    }
}

/// A folder beside the build, since a scratch folder in memory would measure nothing.
fn scratch() -> tempfile::TempDir {
    let beside = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    tempfile::tempdir_in(beside).unwrap()
}
