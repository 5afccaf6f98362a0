//! `egide audit`: checks that the history is the one that was signed, and hands it to somebody who trusts nobody.

use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::time::Instant;

use egide_servicekit::channel::Authenticated;
use egide_tlog::checkpoint::Checkpoint;
use egide_tlog::note::{Note, NoteKey};
use egide_tlog::tile::{self, Tile, Walk};
use egide_tlog::tree::leaf_hash;
use egide_trust::PublishedKeys;
use egide_wire::proto::egide::audit::v1::transparency_service_client::TransparencyServiceClient;
use egide_wire::proto::egide::audit::v1::{
    AccessReason, GetCheckpointRequest, GetTileRequest, Leaf, ListLeavesRequest,
};
use prost_types::Timestamp;
use serde_json::json;
use tonic::Code;

use crate::audited::{
    Bundle, CheckedBundle, Finding, Findings, InMemory, Order, Period, check_bundle, cosigned, recorded_at_ms,
    signed_checkpoint,
};
use crate::cli::Global;
use crate::endpoints::{place, verification_keys_path};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::listed::value_of;
use crate::new_file;
use crate::output::Output;
use crate::session::Session;
use crate::times::millisecond;
use crate::trust_file::root_path;
use crate::verify::read_keys;

/// How many hashes are asked for before it is said how far we are.
const SAID_EVERY: u64 = 256;

/// `egide audit …`.
#[derive(Clone, clap::Subcommand)]
pub(crate) enum Command {
    Verify(Verify),
    Bundle(MakeBundle),
    VerifyBundle(VerifyBundle),
    Checkpoint(ShowCheckpoint),
}

/// Whose signatures count.
#[derive(Clone, clap::Args)]
pub(crate) struct Keys {
    #[arg(long, id = "keys", value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    keys: Option<PathBuf>,
    #[arg(long, id = "root", value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    root: Option<PathBuf>,
}

impl Keys {
    fn read(&self, data: &Path) -> Result<PublishedKeys, Failure> {
        let path = self.keys.clone().unwrap_or_else(|| verification_keys_path(data));
        read_keys(&path, self.root.as_deref(), &root_path(data))
    }
}

/// `egide audit verify`.
#[derive(Clone, clap::Args)]
pub(crate) struct Verify {
    #[command(flatten)]
    keys: Keys,
    #[arg(long = "witness", id = "witness", value_name = "KEY")]
    witnesses: Vec<NoteKey>,
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    since: Option<PathBuf>,
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    save: Option<PathBuf>,
    #[arg(long, default_value = "audit", value_parser = value_of::<AccessReason>())]
    reason: AccessReason,
}

/// `egide audit bundle FILE`.
#[derive(Clone, clap::Args)]
pub(crate) struct MakeBundle {
    #[arg(value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    file: PathBuf,
    #[command(flatten)]
    keys: Keys,
    #[arg(long, value_name = "TIME", value_parser = crate::times::parse, allow_hyphen_values = true)]
    from: Option<Timestamp>,
    #[arg(long, value_name = "TIME", value_parser = crate::times::parse, allow_hyphen_values = true)]
    until: Option<Timestamp>,
    #[arg(long, default_value = "audit", value_parser = value_of::<AccessReason>())]
    reason: AccessReason,
}

/// `egide audit verify-bundle FILE`.
#[derive(Clone, clap::Args)]
pub(crate) struct VerifyBundle {
    #[arg(value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    file: PathBuf,
    #[command(flatten)]
    keys: Keys,
    #[arg(long = "witness", id = "witness", value_name = "KEY")]
    witnesses: Vec<NoteKey>,
}

/// `egide audit checkpoint`.
#[derive(Clone, clap::Args)]
pub(crate) struct ShowCheckpoint {
    #[arg(long)]
    published: bool,
}

/// The commands that ask a service.
pub(crate) async fn run(session: &mut Session<'_>, command: &Command) -> Result<Exit, Failure> {
    match command {
        Command::Verify(args) => verify(session, args).await,
        Command::Bundle(args) => bundle(session, args).await,
        Command::Checkpoint(args) => show_checkpoint(session, args).await,
        // Offline, and so done before there is a session.
        Command::VerifyBundle(args) => {
            let global = session.global().clone();
            verify_bundle(session.out, &global, args)
        }
    }
}

/// Checks a bundle without asking anybody.
pub(crate) fn verify_bundle(out: &mut Output, global: &Global, args: &VerifyBundle) -> Result<Exit, Failure> {
    let keys = args.keys.read(&global.data())?;
    let bytes = std::fs::read(&args.file).map_err(|error| Failure::file(&args.file, &error))?;
    let none = || Failure::new(Exit::Unreadable, "fail.no_bundle").with("path", args.file.display());
    let checked = check_bundle(&bytes, &keys, &args.witnesses).ok_or_else(none)?;
    show_bundle(out, &checked)
}

/// What the service hands out, checked as far as one note can be.
struct Handed {
    client: TransparencyServiceClient<Authenticated>,
    note: Note,
    published: Option<Note>,
    checkpoint: Checkpoint,
}

impl Handed {
    async fn fetch(session: &Session<'_>, keys: &PublishedKeys) -> Result<Self, Failure> {
        let mut client = session.transparency()?;
        let answer = client.get_checkpoint(GetCheckpointRequest {}).await?.into_inner();
        let not_signed = || Failure::new(Exit::NotVerified, "fail.checkpoint");
        let note: Note = answer.signed.parse().map_err(|_| not_signed())?;
        let checkpoint = signed_checkpoint(&note, keys).ok_or_else(not_signed)?;
        let published = answer.published.parse().ok();
        Ok(Self { client, note, published, checkpoint })
    }

    /// Every leaf that the checkpoint covers; what is lost is a finding, and ends them.
    async fn leaves(
        &mut self,
        out: &Output,
        reason: AccessReason,
        findings: &mut Findings,
        mut each: impl AsyncFnMut(
            &mut TransparencyServiceClient<Authenticated>,
            &Leaf,
            &mut Findings,
        ) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let size = self.checkpoint.size;
        if size == 0 {
            return Ok(());
        }
        let bar = out.progress(usize::try_from(size).unwrap_or(usize::MAX));
        let begun = Instant::now();
        let request = ListLeavesRequest { from: 0, until: size, reason: reason.into() };
        let mut stream = self.client.list_leaves(request).await?.into_inner();
        let mut done = 0_u64;
        loop {
            let answer = match stream.message().await {
                Ok(Some(answer)) => answer,
                Ok(None) => break,
                Err(status) if status.code() == Code::DataLoss => {
                    findings.add(Finding::Lost(status.message().to_owned()));
                    break;
                }
                Err(status) => return Err(status.into()),
            };
            for leaf in &answer.leaves {
                each(&mut self.client, leaf, findings).await?;
                done = done.saturating_add(1);
                if done.is_multiple_of(SAID_EVERY) {
                    let rate = done / begun.elapsed().as_secs().max(1);
                    let left = size.saturating_sub(done) / rate.max(1);
                    bar.set_position(done);
                    bar.set_message(out.lang.fill("say.auditing", &[("rate", &rate), ("left", &left)]));
                }
            }
        }
        bar.finish_and_clear();
        Ok(())
    }
}

async fn verify(session: &mut Session<'_>, args: &Verify) -> Result<Exit, Failure> {
    let keys = args.keys.read(&session.global().data())?;
    let mut handed = Handed::fetch(session, &keys).await?;
    let begun = Instant::now();
    let mut findings = Findings::default();
    // Roots that were signed at some size: each must be that of as many leaves from the first on.
    let mut signed = vec![(handed.checkpoint.size, handed.checkpoint.root)];
    let published = handed.published.clone();
    for witness in &args.witnesses {
        if !cosigned(published.as_ref(), witness) {
            findings.add(Finding::NotCosigned(witness.name().to_string()));
        }
    }
    let earlier = args.since.as_deref().map(read_note).transpose()?;
    for note in published.iter().chain(&earlier) {
        match signed_checkpoint(note, &keys).filter(|checkpoint| checkpoint.origin == handed.checkpoint.origin) {
            Some(checkpoint) => signed.push((checkpoint.size, checkpoint.root)),
            None => findings.add(Finding::NotSigned),
        }
    }
    let (mut walk, mut order) = (Walk::new(), Order::from(0));
    let compare = |walk: &Walk, findings: &mut Findings| {
        for (size, root) in signed.iter().filter(|(size, _)| *size == walk.size()) {
            if *root != walk.root() {
                findings.add(Finding::Root(*size));
            }
        }
    };
    compare(&walk, &mut findings);
    let lang_out = &*session.out;
    let each = async |client: &mut TransparencyServiceClient<Authenticated>, leaf: &Leaf, findings: &mut Findings| {
        order.check(leaf, findings);
        let mut filled = Vec::new();
        walk.push(&leaf.leaf, |tile, hashes| filled.push((tile, tile::write_hashes(hashes))));
        for (tile, hashes) in filled {
            compare_tile(client, tile, &hashes, findings).await?;
        }
        compare(&walk, findings);
        Ok(())
    };
    handed.leaves(lang_out, args.reason, &mut findings, each).await?;
    let partial: Vec<(Tile, Vec<u8>)> =
        walk.partial().map(|(tile, hashes)| (tile, tile::write_hashes(hashes))).collect();
    for (tile, hashes) in partial {
        compare_tile(&mut handed.client, tile, &hashes, &mut findings).await?;
    }
    let largest = signed.iter().map(|(size, _)| *size).max().unwrap_or(0);
    if walk.size() < largest {
        findings.add(Finding::Size { found: walk.size(), signed: largest });
    }
    if let Some(path) = args.save.as_deref().filter(|_| findings.holds()) {
        place(path, handed.note.to_string().trim_end().as_bytes())?;
    }
    let seconds = begun.elapsed().as_secs_f64().max(0.001);
    show(session.out, &handed.checkpoint, walk.size(), seconds, &findings)
}

async fn compare_tile(
    client: &mut TransparencyServiceClient<Authenticated>,
    tile: Tile,
    hashes: &[u8],
    findings: &mut Findings,
) -> Result<(), Failure> {
    let (level, index, width) = (u32::from(tile.level()), tile.index(), u32::from(tile.width()));
    match client.get_tile(GetTileRequest { level, index, width }).await {
        Ok(answer) if answer.get_ref().hashes == hashes => {}
        Ok(_) => findings.add(Finding::Tile(tile.to_string())),
        Err(status) if matches!(status.code(), Code::NotFound | Code::Internal) => {
            findings.add(Finding::Tile(tile.to_string()));
        }
        Err(status) => return Err(status.into()),
    }
    Ok(())
}

pub(crate) fn read_note(path: &Path) -> Result<Note, Failure> {
    let text = std::fs::read_to_string(path).map_err(|error| Failure::file(path, &error))?;
    let none = || Failure::new(Exit::Unreadable, "fail.no_checkpoint").with("path", path.display());
    format!("{}\n", text.trim_end_matches('\n')).parse().map_err(|_| none())
}

async fn bundle(session: &mut Session<'_>, args: &MakeBundle) -> Result<Exit, Failure> {
    new_file::free(&args.file)?;
    let keys = args.keys.read(&session.global().data())?;
    let mut handed = Handed::fetch(session, &keys).await?;
    let ms = |time: Option<Timestamp>| time.map(|time| time.seconds.saturating_mul(1_000));
    let period = Period { from_ms: ms(args.from), until_ms: ms(args.until) };
    let (mut hashes, mut kept, mut findings) = (InMemory::default(), Vec::<Leaf>::new(), Findings::default());
    let (mut order, mut after) = (Order::from(0), false);
    let each = async |_: &mut TransparencyServiceClient<Authenticated>, leaf: &Leaf, findings: &mut Findings| {
        order.check(leaf, findings);
        if tile::append(&mut hashes, leaf.index, leaf_hash(&leaf.leaf)).is_err() {
            findings.add(Finding::Proof(leaf.index));
        }
        let at_ms = recorded_at_ms(leaf);
        // The last one before the period and the first one after it belong to the bundle: nothing is missing between them.
        if period.from_ms.is_some_and(|from| at_ms < from) {
            kept.clear();
        }
        if !after {
            kept.push(leaf.clone());
        }
        after = after || period.until_ms.is_some_and(|until| at_ms >= until);
        Ok(())
    };
    let out = &*session.out;
    handed.leaves(out, args.reason, &mut findings, each).await?;
    let broken = || Failure::new(Exit::NotVerified, "fail.bundle");
    if !findings.holds() {
        return Err(broken());
    }
    let mut made = Bundle::begin(period, &handed.note, handed.published.as_ref(), &hashes).ok_or_else(broken)?;
    for leaf in &kept {
        made.add(leaf, handed.checkpoint.size, &hashes).ok_or_else(broken)?;
    }
    let bytes = made.end().ok_or_else(broken)?;
    // What is handed out holds: checked as whoever gets it will.
    let checked = check_bundle(&bytes, &keys, &[]).filter(|checked| checked.findings.holds()).ok_or_else(broken)?;
    new_file::write(&args.file, &bytes)?;
    session.out.note(session.out.lang.fill("say.bundled", &[("path", &args.file.display())]))?;
    show_bundle(session.out, &checked)
}

async fn show_checkpoint(session: &mut Session<'_>, args: &ShowCheckpoint) -> Result<Exit, Failure> {
    let answer = session.transparency()?.get_checkpoint(GetCheckpointRequest {}).await?.into_inner();
    if session.out.is_json() {
        session.out.message(&answer)?;
        return Ok(Exit::Ok);
    }
    let note = if args.published { answer.published } else { answer.signed };
    session.out.note(answer.key)?;
    note.lines().try_for_each(|line| session.out.line(line))?;
    Ok(Exit::Ok)
}

fn show_findings(out: &mut Output, findings: &Findings) -> Result<(), Failure> {
    findings.first.iter().try_for_each(|finding| out.wrapped("- ", 2, &finding.to_string()))
}

fn json_of(findings: &Findings) -> serde_json::Value {
    let told: Vec<String> = findings.first.iter().map(ToString::to_string).collect();
    json!({ "total": findings.total, "first": told })
}

fn show(
    out: &mut Output,
    checkpoint: &Checkpoint,
    leaves: u64,
    seconds: f64,
    findings: &Findings,
) -> Result<Exit, Failure> {
    let exit = if findings.holds() { Exit::Ok } else { Exit::NotVerified };
    if out.is_json() {
        out.json(&json!({
            "verified": findings.holds(),
            "origin": checkpoint.origin.as_str(),
            "leaves": leaves,
            "size": checkpoint.size,
            "root": checkpoint.root,
            "seconds": seconds,
            "findings": json_of(findings),
        }))?;
        return Ok(exit);
    }
    show_findings(out, findings)?;
    let places: [(&str, &dyn Display); 3] =
        [("leaves", &leaves), ("seconds", &format!("{seconds:.1}")), ("findings", &findings.total)];
    out.line(out.lang.fill(if findings.holds() { "say.history_holds" } else { "say.history_does_not_hold" }, &places))?;
    out.field("head.origin", &checkpoint.origin)?;
    out.field("head.digest", checkpoint.root)?;
    Ok(exit)
}

fn show_bundle(out: &mut Output, checked: &CheckedBundle) -> Result<Exit, Failure> {
    let findings = &checked.findings;
    let exit = if findings.holds() { Exit::Ok } else { Exit::NotVerified };
    let moment = |ms: Option<i64>| ms.map_or_else(|| "–".to_owned(), millisecond);
    if out.is_json() {
        out.json(&json!({
            "verified": findings.holds(),
            "leaves": checked.leaves,
            "period": checked.period,
            "origin": checked.checkpoint.as_ref().map(|checkpoint| checkpoint.origin.to_string()),
            "size": checked.checkpoint.as_ref().map(|checkpoint| checkpoint.size),
            "findings": json_of(findings),
        }))?;
        return Ok(exit);
    }
    show_findings(out, findings)?;
    let places: [(&str, &dyn Display); 4] = [
        ("leaves", &checked.leaves),
        ("from", &moment(checked.period.from_ms)),
        ("until", &moment(checked.period.until_ms)),
        ("findings", &findings.total),
    ];
    out.line(out.lang.fill(if findings.holds() { "say.bundle_holds" } else { "say.bundle_does_not_hold" }, &places))?;
    if let Some(checkpoint) = &checked.checkpoint {
        out.field("head.origin", &checkpoint.origin)?;
        out.field("head.digest", checkpoint.root)?;
    }
    Ok(exit)
}
