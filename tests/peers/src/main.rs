//! Égide beside other event stores: on the same machine, in the same run, everything flushed before the answer.
//!
//! *In scope*: durable appends on condition at 1, 8 and 64 clients, reading one case, reading everything; time, and processor
//! time of the servers, which other work on the machine disturbs less. Rounds are interleaved, medians are printed.
//! *Out of scope*: what the others do not do (proof of who calls, validation, sealing, signing): Égide does it all the same.
//!
//! See `run` beside this folder's manifest for how to start it.

mod echo;
mod egide;
mod figures;
mod jetstream;
mod load;
mod postgres;
mod process;
mod replay;
mod sierradb;
mod table;
mod tls;
mod umadb;

use std::path::{Path, PathBuf};
use std::time::Duration;

use load::{Client, Error};
use process::Server;
use replay::Replay;
use tls::Certificates;

use crate::figures::{Figures, Measured};

/// The allocator of `egide`, for everything that runs in this program: clients, Égide, UmaDB and echo.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Clients that append at the same time, and how many events each appends at most.
const APPENDS: [(usize, u64); 3] = [(1, 2_000), (8, 750), (64, 250)];
/// How long one run of appends takes at most.
const APPEND_TIME: Duration = Duration::from_secs(2);
/// How long cases are read in one run at most.
const READ_TIME: Duration = Duration::from_millis(500);
/// How often, and for how long, a server that starts is asked whether it is there.
const PATIENCE: Duration = Duration::from_millis(50);
const ATTEMPTS: u32 = 400;

/// What is measured.
struct Plan {
    rounds: usize,
    replayed: u64,
    only: Vec<String>,
    /// With how many clients; all when empty.
    clients: Vec<usize>,
    output: PathBuf,
}

fn main() -> Result<(), Error> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    // Two libraries of theirs bring one each: ours is used.
    rustls::crypto::ring::default_provider().install_default().map_err(|_| "a cryptographic provider is installed")?;
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    if let ["serve", "umadb", ..] = words.as_slice() {
        return umadb::serve(arguments.get(2..).unwrap_or_default());
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        match words.as_slice() {
            ["serve", "egide"] => egide::serve().await,
            ["serve", "echo", folder] => echo::serve(&Certificates::read(Path::new(folder))?).await,
            words => measure(&plan(words)?).await,
        }
    })
}

fn plan(words: &[&str]) -> Result<Plan, Error> {
    let mut plan = Plan {
        rounds: 3,
        replayed: 200_000,
        only: Vec::new(),
        clients: Vec::new(),
        output: "target/bench/peers.json".into(),
    };
    let mut words = words.iter();
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or_else(|| format!("`{word}` needs a value"));
        match *word {
            "--rounds" => plan.rounds = value()?.parse()?,
            "--replayed" => plan.replayed = value()?.parse()?,
            "--only" => plan.only = value()?.split(',').map(str::to_owned).collect(),
            "--clients" => plan.clients = value()?.split(',').map(str::parse).collect::<Result<_, _>>()?,
            "--output" => plan.output = value()?.into(),
            other => return Err(format!("unknown argument `{other}`").into()),
        }
    }
    Ok(plan)
}

/// One system of the comparison.
enum System {
    Egide(egide::Egide),
    UmaDb(umadb::UmaDb),
    Postgres(postgres::Postgres),
    SierraDb(sierradb::SierraDb),
    JetStream(jetstream::JetStream),
    Echo(Server, echo::At, Certificates),
}

impl System {
    const NAMES: [&str; 6] = ["egide", "umadb", "postgres-es", "sierradb", "jetstream", "echo"];

    /// `None` where its server is not there.
    async fn start(name: &str, folder: &Path, certificates: &Certificates) -> Result<Option<Self>, Error> {
        Ok(Some(match name {
            "egide" => Self::Egide(egide::Egide::start().await?),
            "umadb" => Self::UmaDb(umadb::UmaDb::start(folder, certificates).await?),
            "postgres-es" => Self::Postgres(postgres::Postgres::start(folder, certificates).await?),
            "sierradb" => match sierradb::program() {
                Some(program) => Self::SierraDb(sierradb::SierraDb::start(&program, folder).await?),
                None => return Ok(None),
            },
            "jetstream" => Self::JetStream(jetstream::JetStream::start(folder, certificates).await?),
            "echo" => {
                let folder = certificates.folder().display().to_string();
                let (server, at) = Server::of_ours(&["echo", &folder]).await?;
                Self::Echo(server, at, certificates.clone())
            }
            other => return Err(format!("no system is called `{other}`").into()),
        }))
    }

    fn server(&self) -> &Server {
        match self {
            Self::Egide(system) => &system.server,
            Self::UmaDb(system) => &system.server,
            Self::Postgres(system) => &system.server,
            Self::SierraDb(system) => &system.server,
            Self::JetStream(system) => &system.server,
            Self::Echo(server, _, _) => server,
        }
    }

    async fn client(&self, number: usize) -> Result<Box<dyn Client>, Error> {
        match self {
            Self::Egide(system) => system.client(number),
            Self::UmaDb(system) => system.client(number).await,
            Self::Postgres(system) => system.client(number).await,
            Self::SierraDb(system) => system.client(number).await,
            Self::JetStream(system) => system.client(number).await,
            Self::Echo(_, at, certificates) => Ok(Box::new(echo::EchoClient::connect(at, certificates).await?)),
        }
    }

    /// Fills the store; false where that is not measured.
    async fn fill(&self, events: u64) -> Result<bool, Error> {
        match self {
            Self::Egide(system) => system.fill(events).await?,
            Self::UmaDb(system) => system.fill(events).await?,
            Self::Postgres(system) => system.fill(events).await?,
            Self::JetStream(system) => system.fill(events).await?,
            Self::SierraDb(_) | Self::Echo(..) => return Ok(false),
        }
        Ok(true)
    }

    async fn replay(&mut self) -> Result<Option<Replay>, Error> {
        Ok(Some(match self {
            Self::Egide(system) => system.replay().await?,
            Self::UmaDb(system) => system.replay().await?,
            Self::Postgres(system) => system.replay().await?,
            Self::JetStream(system) => system.replay().await?,
            Self::SierraDb(_) | Self::Echo(..) => return Ok(None),
        }))
    }

    async fn end(self) {
        match self {
            Self::Egide(system) => system.server.end().await,
            Self::UmaDb(system) => system.server.end().await,
            Self::Postgres(system) => system.server.end().await,
            Self::SierraDb(system) => system.server.end().await,
            Self::JetStream(system) => system.server.end().await,
            Self::Echo(server, _, _) => server.end().await,
        }
    }
}

/// A system with the clients it has.
struct Running {
    name: &'static str,
    system: System,
    clients: Vec<Box<dyn Client>>,
}

async fn measure(plan: &Plan) -> Result<(), Error> {
    let folder = tempfile::tempdir()?;
    // The database's own user looks into it.
    std::fs::set_permissions(folder.path(), std::os::unix::fs::PermissionsExt::from_mode(0o711))?;
    let certificates = Certificates::make(folder.path())?;
    let mut figures = Figures::default();
    let mut running = Vec::new();
    for name in System::NAMES {
        if !plan.only.is_empty() && !plan.only.iter().any(|wanted| wanted == name) {
            continue;
        }
        match System::start(name, folder.path(), &certificates).await? {
            Some(system) => running.push(Running { name, system, clients: Vec::new() }),
            None => say(&format!("{name} is left out")),
        }
    }
    for round in 1..=plan.rounds {
        say(&format!("round {round} of {}", plan.rounds));
        for (clients, each) in APPENDS {
            if !plan.clients.is_empty() && !plan.clients.contains(&clients) {
                continue;
            }
            for one in &mut running {
                appends(one, clients, each, &mut figures).await?;
            }
        }
        for one in &mut running {
            reads(one, &mut figures).await?;
        }
    }
    if plan.replayed > 0 {
        for one in &mut running {
            replays(one, plan, &mut figures).await?;
        }
    }
    for one in running {
        drop(one.clients);
        one.system.end().await;
    }
    println!("{}", figures.table());
    if let Some(folder) = plan.output.parent() {
        std::fs::create_dir_all(folder)?;
    }
    std::fs::write(&plan.output, figures.json()?)?;
    Ok(())
}

async fn appends(one: &mut Running, clients: usize, each: u64, figures: &mut Figures) -> Result<(), Error> {
    // Every run has clients and cases of its own, so that histories stay as long as those of real cases.
    while one.clients.len() < clients {
        let client = one.system.client(one.clients.len()).await?;
        one.clients.push(client);
    }
    let active = one.clients.get_mut(..clients).unwrap_or_default();
    load::prepare(active, each).await?;
    let (server, own) = (one.system.server().cpu_seconds(), process::own_cpu_seconds());
    let run = load::append(active, each, APPEND_TIME).await?;
    let operations = run.took.len();
    figures.add(Measured {
        system: one.name,
        what: format!("append, {clients} at a time"),
        per_second: run.per_second(),
        p50_ms: run.quantile(0.5),
        p99_ms: run.quantile(0.99),
        server_us: per_operation(one.system.server().cpu_seconds() - server, operations),
        client_us: per_operation(process::own_cpu_seconds() - own, operations),
    });
    Ok(())
}

async fn reads(one: &mut Running, figures: &mut Figures) -> Result<(), Error> {
    let Some(client) = one.clients.first_mut() else { return Ok(()) };
    let (server, own) = (one.system.server().cpu_seconds(), process::own_cpu_seconds());
    let Some(run) = load::read(client.as_mut(), READ_TIME).await? else { return Ok(()) };
    let operations = run.took.len();
    figures.add(Measured {
        system: one.name,
        what: "read one case".to_owned(),
        per_second: run.per_second(),
        p50_ms: run.quantile(0.5),
        p99_ms: run.quantile(0.99),
        server_us: per_operation(one.system.server().cpu_seconds() - server, operations),
        client_us: per_operation(process::own_cpu_seconds() - own, operations),
    });
    Ok(())
}

async fn replays(one: &mut Running, plan: &Plan, figures: &mut Figures) -> Result<(), Error> {
    say(&format!("{}: {} events, read {} times", one.name, plan.replayed, plan.rounds));
    if !one.system.fill(plan.replayed).await? {
        return Ok(());
    }
    for _ in 0..plan.rounds {
        let (server, own) = (one.system.server().cpu_seconds(), process::own_cpu_seconds());
        let Some(replay) = one.system.replay().await? else { return Ok(()) };
        let operations = usize::try_from(replay.events)?;
        figures.add(Measured {
            system: one.name,
            what: "read everything, an event".to_owned(),
            per_second: replay.per_second(),
            p50_ms: f64::NAN,
            p99_ms: f64::NAN,
            server_us: per_operation(one.system.server().cpu_seconds() - server, operations),
            client_us: per_operation(process::own_cpu_seconds() - own, operations),
        });
    }
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "counts far below 2^53")]
fn per_operation(seconds: f64, operations: usize) -> f64 {
    seconds * 1e6 / operations.max(1) as f64
}

/// Tries again until it goes well, with a bound.
async fn patiently<T, F: Future<Output = Result<T, Error>>>(mut attempt: impl FnMut() -> F) -> Result<T, Error> {
    let mut attempts = 0;
    loop {
        attempts += 1;
        match attempt().await {
            Ok(done) => return Ok(done),
            Err(error) if attempts == ATTEMPTS => return Err(error),
            Err(_) => tokio::time::sleep(PATIENCE).await,
        }
    }
}

/// Until nobody holds our input any more.
async fn input_ends() {
    let mut input = tokio::io::stdin();
    tokio::io::copy(&mut input, &mut tokio::io::sink()).await.ok();
}

/// What is under way, on standard error: standard output is the table's.
fn say(what: &str) {
    eprintln!("  {what}");
}
