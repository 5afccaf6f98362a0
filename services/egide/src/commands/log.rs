//! `egide log`: walking the whole log, and going on after a restore from a backup.

mod leaves;

use std::fmt::Display;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use egide_eventlog::{
    Begun, Connection, ConnectionConfig, Contradiction, Finding, LogError, Mark, MarkError, NamedMark, Verification,
    VerifyError, Walked, begin_incarnation, plan_restore, verify_log,
};
use egide_servicekit::clock;
use egide_servicekit::nats::Identity;
use egide_trust::{CurrentTrust, Restore as Record, Trust};
use serde_json::{Value, json};

use crate::cli::Global;
use crate::commands::provision::seeds_of;
use crate::commands::trust::Where;
use crate::endpoints::Endpoints;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::nats::{CLIENT, Certificates, TlsArgs, connection};
use crate::output::Output;
use crate::proofs::Proofs;
use crate::trust_file::{not_taken, publish, read_root, read_root_key};
use crate::up::{Installation, Nats};

/// `egide log …`.
#[derive(Clone, clap::Subcommand)]
pub(crate) enum Command {
    Verify(Box<Verify>),
    Restore(Box<Restore>),
}

/// Where NATS is, and who asks.
#[derive(Clone, clap::Args)]
struct Server {
    #[arg(long, value_name = "URL", env = "EGIDE_NATS")]
    nats: Option<String>,
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    seed: Option<PathBuf>,
    #[command(flatten)]
    tls: TlsArgs,
    #[arg(long, value_name = "PATH", env = "EGIDE_NATS_SERVER", value_hint = clap::ValueHint::FilePath)]
    nats_server: Option<PathBuf>,
}

/// `egide log verify`.
#[derive(Clone, clap::Args)]
pub(crate) struct Verify {
    #[command(flatten)]
    server: Server,
    #[command(flatten)]
    trust: Where,
    #[arg(long = "mark", id = "mark", value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    marks: Vec<PathBuf>,
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    since: Option<PathBuf>,
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    checkpoint: Option<PathBuf>,
}

/// `egide log restore`.
#[derive(Clone, clap::Args)]
pub(crate) struct Restore {
    #[command(flatten)]
    server: Server,
    #[command(flatten)]
    trust: Where,
    #[arg(long, id = "root_key", value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    root_key: PathBuf,
    #[arg(long = "mark", id = "mark", value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    marks: Vec<PathBuf>,
    #[arg(long, value_name = "TEXT")]
    reason: String,
}

pub(crate) async fn run(out: &mut Output, global: &Global, command: &Command) -> Result<Exit, Failure> {
    let data = global.data();
    match command {
        Command::Verify(args) => {
            let trust = args.trust.read(&data)?;
            let mut marks = read_marks(&args.marks, &data)?;
            if let Some(path) = &args.since {
                marks.push(NamedMark { name: path.display().to_string(), mark: read_result(path)? });
            }
            let server = Reached::open(out, global, &args.server, Identity::READER).await?;
            let walked = walk(out, server.connection(), &trust, &marks).await;
            let root = args.trust.root_file(&data);
            let covered = match (&args.checkpoint, &walked) {
                (Some(path), Ok(walked)) if walked.holds() => {
                    leaves::check(out, server.connection(), &trust, &read_root(&root)?, path).await.map(Some)
                }
                (_, _) => Ok(None),
            };
            server.close().await?;
            let exit = show(out, &walked?)?;
            covered?.map_or(Ok(exit), |covered| covered.show(out))
        }
        Command::Restore(args) => {
            let server = Reached::open(out, global, &args.server, Identity::ADMINISTRATOR).await?;
            let restored = restore(out, server.connection(), &data, args).await;
            server.close().await?;
            restored
        }
    }
}

/// How the URL begins of a server that demands TLS.
const TLS_SCHEME: &str = "tls://";

/// A NATS server we are connected to: one that runs, or the one of a data directory nobody else uses.
struct Reached {
    connection: Connection,
    embedded: Option<(Nats, Installation)>,
}

impl Reached {
    async fn open(out: &Output, global: &Global, args: &Server, identity: Identity) -> Result<Self, Failure> {
        let data = &global.data();
        let seed = args.seed.clone().unwrap_or_else(|| identity.seed_path(&seeds_of(data)));
        let proofs = || Proofs::find(&global.tls, data).map(Arc::new);
        let running = Endpoints::read(data)?.and_then(|endpoints| endpoints.nats);
        let (url, tls, embedded) = match (&args.nats, running) {
            (Some(url), _) => (url.clone(), args.tls.of_client(proofs)?, None),
            (None, Some(url)) if url.starts_with(TLS_SCHEME) => (url, Certificates::Own(proofs()?).of(CLIENT)?, None),
            // That of an insecure `egide up` listens on this machine alone.
            (None, Some(url)) => (url, None, None),
            (None, None) => {
                let installation = Installation::take(data)?;
                let starting = Nats::start(data, args.nats_server.clone(), Certificates::None);
                let (nats, access) = out.waiting("say.starting", starting).await?;
                (access.url().to_owned(), None, Some((nats, installation)))
            }
        };
        let config: ConnectionConfig = connection(identity, &url, &seed, tls);
        let refused = |error| Failure::new(Exit::Unavailable, "fail.nats").with("error", error);
        match Connection::open(&config).await.map_err(refused) {
            Ok(connection) => Ok(Self { connection, embedded }),
            Err(failure) => {
                if let Some((nats, _)) = embedded {
                    nats.stop().await?;
                }
                Err(failure)
            }
        }
    }

    const fn connection(&self) -> &Connection {
        &self.connection
    }

    async fn close(self) -> Result<(), Failure> {
        match self.embedded {
            Some((nats, installation)) => {
                let stopped = nats.stop().await;
                drop(installation);
                stopped
            }
            None => Ok(()),
        }
    }
}

/// The marks that were named, or those of the data directory.
fn read_marks(paths: &[PathBuf], data: &Path) -> Result<Vec<NamedMark>, Failure> {
    let mut paths = paths.to_vec();
    if paths.is_empty()
        && let Ok(folder) = fs::read_dir(data.join("marks"))
    {
        paths.extend(
            folder
                .filter_map(|entry| Some(entry.ok()?.path()))
                .filter(|path| path.extension().is_some_and(|is| is == "json")),
        );
        paths.sort();
    }
    let unusable = |error: MarkError| Failure::new(Exit::Unreadable, "fail.mark").with("error", error);
    let mark = |path: PathBuf| {
        let missing = || Failure::new(Exit::Unreadable, "fail.no_mark").with("path", path.display());
        let mark = Mark::read(&path).map_err(unusable)?.ok_or_else(missing)?;
        Ok(NamedMark { name: path.display().to_string(), mark })
    };
    paths.into_iter().map(mark).collect()
}

/// Where the log ended when it was walked before.
fn read_result(path: &Path) -> Result<Mark, Failure> {
    let text = fs::read_to_string(path).map_err(|error| Failure::file(path, &error))?;
    let end = serde_json::from_str::<Value>(&text).ok().and_then(|result| result.get("end").cloned());
    end.and_then(|end| serde_json::from_value(end).ok())
        .ok_or_else(|| Failure::new(Exit::Unreadable, "fail.no_mark").with("path", path.display()))
}

async fn walk(
    out: &Output,
    connection: &Connection,
    trust: &Trust,
    marks: &[NamedMark],
) -> Result<Verification, Failure> {
    let bar = out.progress(0);
    let lang = out.lang;
    let progress = |walked: Walked| {
        bar.set_length(walked.total);
        bar.set_position(walked.blocks);
        let seconds = walked.elapsed.as_secs().max(1);
        let rate = walked.blocks / seconds;
        let left = walked.total.saturating_sub(walked.blocks) / rate.max(1);
        bar.set_message(lang.fill("say.walking", &[("rate", &rate), ("left", &left)]));
    };
    let walked = verify_log(connection, &CurrentTrust::from(trust.clone()), marks, progress).await;
    bar.finish_and_clear();
    walked.map_err(|error| {
        let exit = match &error {
            VerifyError::Missing => Exit::NotFound,
            VerifyError::Unavailable(_) | VerifyError::Log(_) => Exit::Unavailable,
        };
        Failure::new(exit, "fail.walk").with("error", error)
    })
}

fn show(out: &mut Output, walked: &Verification) -> Result<Exit, Failure> {
    let exit = if walked.holds() { Exit::Ok } else { Exit::NotVerified };
    if out.is_json() {
        let finding = |finding: &Finding| json!({ "block": finding.block(), "kind": kind(finding).trim_start_matches("finding."), "what": finding.to_string() });
        let milliseconds = u64::try_from(walked.elapsed.as_millis()).unwrap_or(u64::MAX);
        out.json(&json!({
            "verified": walked.holds(),
            "blocks": walked.blocks,
            "events": walked.events,
            "streams": walked.streams,
            "milliseconds": milliseconds,
            "findings_total": walked.findings_total,
            "findings": walked.findings.iter().map(finding).collect::<Vec<_>>(),
            "end": walked.end,
        }))?;
        return Ok(exit);
    }
    let lang = out.lang;
    let mut table = out.table(&["head.block", "head.finding", "head.detail"], 2);
    for finding in &walked.findings {
        let block = finding.block().map_or_else(|| "–".to_owned(), |block| block.to_string());
        table.add_row([block, lang.text(kind(finding)).to_owned(), finding.to_string()]);
    }
    if !walked.holds() {
        out.show(&table, "say.log_holds")?;
        out.line("")?;
    }
    let seconds = walked.elapsed.as_secs_f64().max(0.001);
    let places: [(&str, &dyn Display); 5] = [
        ("blocks", &walked.blocks),
        ("events", &walked.events),
        ("streams", &walked.streams),
        ("seconds", &format!("{seconds:.1}")),
        ("findings", &walked.findings_total),
    ];
    out.line(lang.fill(if walked.holds() { "say.log_holds" } else { "say.log_does_not_hold" }, &places))?;
    if let Some(end) = &walked.end {
        out.field("head.log_end", format!("{} {}", end.block, end.hash))?;
    }
    Ok(exit)
}

/// The text that names a kind of finding.
const fn kind(finding: &Finding) -> &'static str {
    use egide_eventlog::ChainBroken as Broken;
    match finding {
        Finding::Drift(_) => "finding.drift",
        Finding::Counts { .. } => "finding.counts",
        Finding::NoIncarnation => "finding.incarnation",
        Finding::Contradicted { .. } => "finding.contradicted",
        Finding::Missing { .. } => "finding.missing",
        Finding::Revision { .. } => "finding.revision",
        Finding::RepeatedCommand { .. } => "finding.repeated",
        Finding::Sealed { .. } => "finding.sealed",
        Finding::Block(broken) => match broken {
            Broken::ForeignHeader { .. } => "finding.foreign",
            Broken::NotABlock { .. } | Broken::HashMismatch { .. } | Broken::UnknownFormat { .. } => "finding.content",
            Broken::Signature { .. } | Broken::UnreadableSignature { .. } => "finding.signature",
            Broken::OtherIncarnation { .. } | Broken::Abandoned { .. } => "finding.incarnation",
            Broken::Gap { .. }
            | Broken::OtherNumber { .. }
            | Broken::OtherPrevious { .. }
            | Broken::Positions { .. } => "finding.place",
            Broken::RecordedEarlier { .. } => "finding.time",
            Broken::Malformed { .. } => "finding.malformed",
        },
    }
}

/// Walks what the backup brought, signs the record, and lets the stream go on. Interrupted, it is run again.
async fn restore(out: &mut Output, connection: &Connection, data: &Path, args: &Restore) -> Result<Exit, Failure> {
    let trust = args.trust.read(data)?;
    let private = read_root_key(&args.root_key, &read_root(&args.trust.root_file(data))?)?;
    let marks: Vec<Mark> = read_marks(&args.marks, data)?.into_iter().map(|named| named.mark).collect();
    let walked = walk(out, connection, &trust, &[]).await?;
    let unfinished = trust.restores().last().filter(|record| is_unfinished(&walked, record));
    if let Some(record) = unfinished {
        return begin(out, connection, record).await;
    }
    if !walked.holds() {
        out.note(out.lang.text("say.not_restored"))?;
        return show(out, &walked);
    }
    let end = walked.end.ok_or_else(|| Failure::new(Exit::NotVerified, "fail.walk").with("error", "no last block"))?;
    let refused = |error: LogError| Failure::new(Exit::Unexpected, "fail.walk").with("error", error);
    let record = plan_restore(&end, &marks, &args.reason, clock::now().0).map_err(refused)?;
    let mut draft = trust.draft();
    draft.add_restore(record.clone()).map_err(|error| not_taken(&error))?;
    publish(&args.trust.file(data), draft, &private)?;
    // The new file must count here before anything is changed at NATS: then nothing is half done but this.
    args.trust.read(data)?;
    begin(out, connection, &record).await
}

/// Whether the record was signed, and the stream has not gone on: all that is wrong with the log is that it has not.
fn is_unfinished(walked: &Verification, record: &Record) -> bool {
    walked.findings.iter().all(|finding| {
        matches!(finding, Finding::Contradicted { contradiction: Contradiction::NotRestored { found, expected }, .. }
            if *found == record.ended && *expected == record.incarnation)
    }) && !walked.holds()
}

async fn begin(out: &mut Output, connection: &Connection, record: &Record) -> Result<Exit, Failure> {
    let refused = |error| Failure::new(Exit::NotVerified, "fail.restore").with("error", error);
    let begun = begin_incarnation(connection, record).await.map_err(refused)?;
    if out.is_json() {
        out.json(&json!({ "restore": record, "begun": begun == Begun::Now }))?;
        return Ok(Exit::Ok);
    }
    let lost = record
        .lost
        .last_block
        .map_or_else(|| "–".to_owned(), |last| format!("{} – {last}", record.after_block.saturating_add(1)));
    out.line(out.lang.text("say.restore_done"))?;
    out.field("head.kept", format!("{} {}", record.after_block, record.block_hash))?;
    out.field("head.lost", lost)?;
    out.field("head.incarnation", &record.incarnation)?;
    out.wrapped("", 0, out.lang.text("say.restore_next"))?;
    Ok(Exit::Ok)
}
