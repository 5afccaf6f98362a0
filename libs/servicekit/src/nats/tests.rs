use std::{
    env, fs,
    net::Ipv6Addr,
    process::Command as Plain,
    sync::atomic::{AtomicU32, Ordering},
};

use async_nats::{ConnectOptions, jetstream};
use tokio::sync::oneshot;

use super::{
    home::config_text,
    locate::{IN_CHECKOUT, locate},
    monitor::{JetStream, JetStreamConfig, Varz, judge},
    server::Listen,
    supervise::Pauses,
    *,
};

/// A folder of its own for each test, gone with it.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let folder = env::temp_dir().join(format!("egide-nats-{}-{number}", std::process::id()));
        fs::create_dir(&folder).unwrap();
        Self(folder)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.0) {
            eprintln!("`{}` could not be removed: {error}", self.0.display());
        }
    }
}

fn config(folder: &Folder) -> NatsChildConfig {
    NatsChildConfig {
        binary: locate_nats_server().unwrap_or_else(|error| panic!("{error}")),
        directory: folder.0.clone(),
        listen: None,
        identities: PublicKeys::of_folder(&seeds(folder)).unwrap(),
        tls: None,
        max_file_store_bytes: None,
        master: Some(NatsCredentials { user: "egide".to_owned(), password: "a-password-of-the-test".to_owned() }),
        max_payload_bytes: DEFAULT_MAX_PAYLOAD_BYTES,
    }
}

fn seeds(folder: &Folder) -> PathBuf {
    folder.0.join("keys/nats")
}

async fn connect(child: &NatsChild) -> async_nats::Client {
    let NatsCredentials { user, password } = child.config.master.clone().unwrap();
    ConnectOptions::with_user_and_password(user, password).connect(child.url()).await.unwrap()
}

/// Appends one acknowledged message to a file-backed stream and gives its sequence.
async fn append(child: &NatsChild, text: &'static str) -> u64 {
    let context = jetstream::new(connect(child).await);
    let stream = jetstream::stream::Config {
        name: "LOG".to_owned(),
        subjects: vec!["log".to_owned()],
        storage: jetstream::stream::StorageType::File,
        ..Default::default()
    };
    context.get_or_create_stream(stream).await.unwrap();
    context.publish("log", text.into()).await.unwrap().await.unwrap().sequence
}

async fn read(child: &NatsChild, sequence: u64) -> Vec<u8> {
    let context = jetstream::new(connect(child).await);
    let stream = context.get_stream("LOG").await.unwrap();
    stream.get_raw_message(sequence).await.unwrap().payload.to_vec()
}

fn is_running(pid: u32) -> bool {
    // A process that has ended and is not yet collected still has a folder, but no arguments.
    fs::read(format!("/proc/{pid}/cmdline")).is_ok_and(|arguments| !arguments.is_empty())
}

async fn until(what: &str, condition: impl AsyncFn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !condition().await {
        assert!(Instant::now() < deadline, "waited in vain until {what}");
        sleep(LOOK_EVERY).await;
    }
}

#[tokio::test]
async fn a_server_starts_on_a_free_port_answers_its_user_only_and_stops() {
    let folder = Folder::new();
    let mut child = NatsChild::start(config(&folder)).await.unwrap();
    let pid = child.pid().unwrap();
    assert_eq!(append(&child, "one").await, 1);
    assert!(async_nats::connect(child.url()).await.is_err(), "a client without credentials was let in");
    let wrong = ConnectOptions::with_user_and_password("egide".to_owned(), "another-password".to_owned());
    assert!(wrong.connect(child.url()).await.is_err(), "a client with a wrong password was let in");
    child.stop().await.unwrap();
    child.stop().await.unwrap();
    assert!(!is_running(pid));
    let log = fs::read_to_string(child.log_file()).unwrap();
    assert!(log.contains("Server Exiting"), "it did not end in order: {log}");
}

#[tokio::test]
async fn what_was_acknowledged_survives_kill_and_restart_on_the_same_ports() {
    let folder = Folder::new();
    let mut child = NatsChild::start(config(&folder)).await.unwrap();
    let (url, monitor_url) = (child.url(), child.monitor_url());
    assert_eq!(append(&child, "before").await, 1);
    child.kill().await.unwrap();
    child.restart().await.unwrap();
    assert_eq!((child.url(), child.monitor_url()), (url, monitor_url));
    assert_eq!(read(&child, 1).await, b"before");
    assert_eq!(append(&child, "after").await, 2);
    child.stop().await.unwrap();
}

#[tokio::test]
async fn a_fixed_port_is_taken_as_given_and_an_occupied_one_is_an_error_in_the_servers_words() {
    let taken = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = taken.local_addr().unwrap();
    let folder = Folder::new();
    let fixed = NatsChildConfig { listen: Some(address), ..config(&folder) };
    let error = NatsChild::start(fixed.clone()).await.unwrap_err().to_string();
    assert!(error.contains("address already in use"), "{error}");
    drop(taken);
    let mut child = NatsChild::start(fixed).await.unwrap();
    assert_eq!(child.url(), format!("nats://{address}"));
    child.stop().await.unwrap();
}

#[tokio::test]
async fn the_server_of_a_crashed_run_is_ended_and_its_store_kept() {
    let folder = Folder::new();
    let mut crashed = NatsChild::start(config(&folder)).await.unwrap();
    assert_eq!(append(&crashed, "kept").await, 1);
    // A crash: the lock is the system's to release, and nobody kills the child.
    let orphan = crashed.pid().unwrap();
    let process = crashed.child.take().unwrap();
    drop(crashed);
    let mut child = NatsChild::start(config(&folder)).await.unwrap();
    assert!(!is_running(orphan));
    assert_ne!(child.pid(), Some(orphan));
    assert_eq!(read(&child, 1).await, b"kept");
    child.stop().await.unwrap();
    drop(process);
}

#[tokio::test]
async fn a_process_that_only_shares_the_number_in_the_pid_file_is_left_alone() {
    let folder = Folder::new();
    let home = Home::create(&folder.0).unwrap();
    let other = home.config.with_extension("conf.of-somebody-else");
    let mut stranger =
        Plain::new("sh").args(["-c", "read line", "sh"]).arg(&other).stdin(Stdio::piped()).spawn().unwrap();
    fs::write(&home.pid, stranger.id().to_string()).unwrap();
    let mut child = NatsChild::start(config(&folder)).await.unwrap();
    assert!(stranger.try_wait().unwrap().is_none(), "a stranger was ended");
    child.stop().await.unwrap();
    stranger.kill().unwrap();
    stranger.wait().unwrap();
}

#[tokio::test]
async fn a_directory_in_use_is_refused_and_its_server_left_running() {
    let folder = Folder::new();
    let mut first = NatsChild::start(config(&folder)).await.unwrap();
    let refused = NatsChild::start(config(&folder)).await;
    assert!(matches!(refused, Err(Error::InUse { .. })), "{refused:?}");
    assert!(is_running(first.pid().unwrap()));
    first.stop().await.unwrap();
}

#[tokio::test]
async fn dropping_the_child_ends_the_server_and_frees_the_directory() {
    let folder = Folder::new();
    let child = NatsChild::start(config(&folder)).await.unwrap();
    let pid = child.pid().unwrap();
    drop(child);
    NatsChild::start(config(&folder)).await.unwrap().stop().await.unwrap();
    until("the dropped server is gone", async || !is_running(pid)).await;
}

#[tokio::test]
async fn supervision_starts_a_killed_server_again_and_stops_when_told() {
    let folder = Folder::new();
    let config = config(&folder);
    let child = NatsChild::start(config.clone()).await.unwrap();
    let (first, pid_file) = (child.pid().unwrap(), child.home.pid.clone());
    let monitor = child.addresses.monitor;
    let (stop, stopped) = oneshot::channel::<()>();
    let supervised = tokio::spawn(child.supervise(async { stopped.await.unwrap() }));
    signal(&config.binary, Signal::Kill, first).await.unwrap();
    let current = || fs::read_to_string(&pid_file).ok().and_then(|pid| pid.trim().parse::<u32>().ok());
    until("another server runs on the same ports", async || {
        current().is_some_and(|pid| pid != first) && monitor::healthy(monitor).await.is_ok()
    })
    .await;
    let second = current().unwrap();
    stop.send(()).unwrap();
    supervised.await.unwrap().unwrap();
    assert!(!is_running(first) && !is_running(second));
}

#[tokio::test]
async fn supervision_gives_up_with_the_reason_when_the_server_cannot_come_back() {
    let folder = Folder::new();
    let mut child = NatsChild::start(config(&folder)).await.unwrap();
    child.config.binary = folder.0.join("no-such-server");
    let pid = child.pid().unwrap();
    signal(&locate_nats_server().unwrap(), Signal::Kill, pid).await.unwrap();
    let hasty = Pauses { first: Duration::from_millis(1), longest: Duration::from_millis(5) };
    let given_up = child.supervise_with(hasty, std::future::pending()).await;
    let Err(Error::GaveUp { restarts, last, .. }) = given_up else { panic!("{given_up:?}") };
    assert_eq!(restarts, RESTARTS_IN_A_ROW_MAX);
    assert!(last.contains("no-such-server"), "{last}");
}

#[tokio::test]
async fn the_files_of_the_server_are_closed_to_others_and_the_password_is_in_none_but_the_configuration() {
    use std::os::unix::fs::PermissionsExt;
    let folder = Folder::new();
    let mut child = NatsChild::start(config(&folder)).await.unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&folder.0.join("nats")), 0o700);
    assert_eq!(mode(&child.home.config), 0o600);
    let password = child.config.master.clone().unwrap().password;
    for path in [&child.home.log, &child.home.stderr] {
        assert!(!fs::read_to_string(path).unwrap().contains(&password));
    }
    assert!(!format!("{child:?}").contains(&password));
    child.stop().await.unwrap();
}

#[tokio::test]
async fn the_server_sees_nothing_of_our_environment_but_what_is_passed_on() {
    let folder = Folder::new();
    let mut child = NatsChild::start(config(&folder)).await.unwrap();
    let environment = fs::read(format!("/proc/{}/environ", child.pid().unwrap())).unwrap();
    let names = environment.split(|b| *b == 0).filter_map(|pair| pair.split(|b| *b == b'=').next());
    for name in names.filter(|name| !name.is_empty()).map(String::from_utf8_lossy) {
        assert!(ENVIRONMENT_PASSED_ON.contains(&name.as_ref()), "`{name}` was passed on");
    }
    assert!(
        env::vars().count() > ENVIRONMENT_PASSED_ON.len(),
        "cargo sets more than that, so the test means something"
    );
    child.stop().await.unwrap();
}

#[tokio::test]
async fn a_running_server_that_flushes_late_is_refused() {
    let folder = Folder::new();
    let config = config(&folder);
    let home = Home::create(&folder.0).unwrap();
    let zero = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let text = config_text(&home, &config, Addresses { client: zero, monitor: zero }).unwrap();
    fs::write(&home.config, text.replace(", sync_interval: always", "")).unwrap();
    let mut child = spawn(&config, &home).unwrap();
    let addresses = until_ready(&mut child, &home).await.unwrap();
    let verdict = monitor::verify(addresses.monitor, config.max_payload_bytes).await;
    child.kill().await.unwrap();
    let Err(Error::Refused { reason }) = verdict else { panic!("{verdict:?}") };
    assert!(reason.contains("sync_always"), "{reason}");
}

fn varz(version: &str, sync_always: bool, max_payload: u32) -> Varz {
    let jetstream = JetStream { config: JetStreamConfig { sync_always } };
    Varz { version: version.to_owned(), max_payload, jetstream }
}

#[test]
fn only_a_recent_flushing_server_with_the_limit_asked_for_is_accepted() {
    assert!(judge(&varz("2.15.0", true, 1000), 1000).is_ok());
    for bad in
        [varz("2.14.9", true, 1000), varz("", true, 1000), varz("2.15.1", false, 1000), varz("2.15.1", true, 999)]
    {
        assert!(matches!(judge(&bad, 1000), Err(Error::Refused { .. })));
    }
}

#[test]
fn without_jetstream_in_the_answer_the_server_counts_as_not_flushing() {
    let varz: Varz = serde_json::from_str(r#"{"version":"2.15.1","max_payload":1000}"#).unwrap();
    assert!(matches!(judge(&varz, 1000), Err(Error::Refused { .. })));
}

#[test]
fn versions_are_read_as_numbers() {
    let version = |text| ServerVersion::parse(text).map(|v| v.to_string());
    assert_eq!(version("v2.15.1\n").as_deref(), Some("2.15.1"));
    assert_eq!(version("2.16.0-preview.1").as_deref(), Some("2.16.0"));
    assert!(ServerVersion::parse("2.100.0").unwrap() > ServerVersion::parse("2.15.9").unwrap());
    for bad in ["", "2", "2.15", "2.15.x", "2.15.1.1", "latest"] {
        assert_eq!(version(bad), None, "`{bad}`");
    }
}

/// Written by another process: a file that a thread of ours had open for writing may be called busy when it is run.
fn fake_server(folder: &Folder, name: &str, says: &str) -> PathBuf {
    let home = folder.0.join(name);
    fs::create_dir(&home).unwrap();
    let binary = home.join("nats-server");
    let write = "printf '#!/bin/sh\\necho \"%s\"\\n' \"$2\" >\"$1\" && chmod 755 \"$1\"";
    let written = Plain::new("sh").args(["-c", write, "sh"]).arg(&binary).arg(says).status().unwrap();
    assert!(written.success());
    binary
}

#[test]
fn a_named_server_is_taken_or_refused_but_never_passed_over() {
    let folder = Folder::new();
    let recent = fake_server(&folder, "recent", "nats-server: v2.15.0");
    let old = fake_server(&folder, "old", "nats-server: v2.9.10");
    let path = env::join_paths([recent.parent().unwrap()]).unwrap();
    assert_eq!(locate(Some(recent.clone()), None, None).unwrap(), recent);
    assert!(matches!(locate(Some(old), Some(path.clone()), None), Err(Error::TooOld { .. })));
    let missing = folder.0.join("missing");
    assert!(matches!(locate(Some(missing), Some(path), None), Err(Error::NotRunnable { .. })));
}

#[test]
fn an_old_server_on_the_path_is_passed_over_for_a_recent_one() {
    let folder = Folder::new();
    let old = fake_server(&folder, "old", "nats-server: v2.9.10");
    let other = fake_server(&folder, "other", "hello");
    let recent = fake_server(&folder, "recent", "nats-server: v2.15.1");
    let folders = [old.parent().unwrap(), other.parent().unwrap(), recent.parent().unwrap()];
    assert_eq!(locate(None, Some(env::join_paths(folders).unwrap()), None).unwrap(), recent);
    let only_old = env::join_paths([old.parent().unwrap()]).unwrap();
    assert!(matches!(locate(None, Some(only_old), None), Err(Error::NotFound)));
}

#[test]
fn the_pinned_server_of_the_checkout_is_the_last_resort() {
    let folder = Folder::new();
    fs::create_dir(folder.0.join(".tools")).unwrap();
    let pinned = fake_server(&folder, ".tools/nats-server-2.15.1", "nats-server: v2.15.1");
    assert_eq!(locate(None, None, Some(folder.0.clone())).unwrap(), pinned);
}

#[test]
fn the_scripts_fetch_the_server_that_is_looked_for_here() {
    let scripts = include_str!("../../../../ops/lib/tools.sh");
    assert!(scripts.contains(&format!("\nNATS_SERVER_MINIMUM={MINIMUM_VERSION}\n")));
    let pinned = scripts.lines().find_map(|line| line.strip_prefix("NATS_SERVER_PINNED=")).unwrap();
    assert_eq!(IN_CHECKOUT, format!(".tools/nats-server-{pinned}/nats-server"));
    assert!(ServerVersion::parse(pinned).unwrap() >= MINIMUM_VERSION);
}

#[tokio::test]
async fn what_the_configuration_cannot_carry_is_refused_before_anything_is_started() {
    let folder = Folder::new();
    let with = |user: &str, password: &str| NatsCredentials { user: user.to_owned(), password: password.to_owned() };
    for master in [with("", "x"), with("x", ""), with("a b", "x"), with("x", "\" }"), with("x", "$2a$11$hash")] {
        let refused = NatsChild::start(NatsChildConfig { master: Some(master), ..config(&folder) }).await;
        assert!(matches!(refused, Err(Error::UnusableCredentials)), "{refused:?}");
    }
    let listen = Some(SocketAddr::from(([192, 0, 2, 1], 4222)));
    let refused = NatsChild::start(NatsChildConfig { listen, ..config(&folder) }).await;
    assert!(matches!(refused, Err(Error::NotLoopback { .. })), "{refused:?}");
    let refused = NatsChild::start(NatsChildConfig { directory: folder.0.join("a\"b"), ..config(&folder) }).await;
    assert!(matches!(refused, Err(Error::UnusablePath { .. })), "{refused:?}");
}

#[test]
fn a_free_port_is_asked_for_as_minus_one() {
    assert_eq!(Listen(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).to_string(), "127.0.0.1:-1");
    assert_eq!(Listen(SocketAddr::from((Ipv6Addr::LOCALHOST, 0))).to_string(), "[::1]:-1");
    assert_eq!(Listen(SocketAddr::from((Ipv4Addr::LOCALHOST, 4222))).to_string(), "127.0.0.1:4222");
}

/// Lines without comments, and public keys alike.
fn without_comments_and_keys(text: &str) -> Vec<String> {
    let is_key =
        |word: &str| word.len() == 56 && word.starts_with('U') && word.bytes().all(|b| b.is_ascii_alphanumeric());
    let told = text.lines().filter(|line| !line.trim_start().starts_with('#') && !line.trim().is_empty());
    let keyless = |line: &str| {
        let words = line.split([' ', ',']).map(|word| if is_key(word) { "U" } else { word });
        words.collect::<Vec<_>>().join(" ")
    };
    told.map(keyless).collect()
}

#[test]
fn the_example_for_three_machines_is_what_is_written_for_them() {
    let folder = Folder::new();
    let host = |number: u8| format!("nats{number}.egide.example:6222");
    let in_folder = |name: &str| PathBuf::from("/etc/nats/tls").join(name);
    let server = NatsServer {
        name: "one".to_owned(),
        listen: "0.0.0.0:4222".to_owned(),
        monitor: None,
        store: PathBuf::from("/var/lib/nats"),
        max_file_store_bytes: Some(128 * 1024 * 1024 * 1024),
        store_key_variable: Some("EGIDE_NATS_STORE_KEY".to_owned()),
        max_payload_bytes: DEFAULT_MAX_PAYLOAD_BYTES,
        identities: PublicKeys::of_folder(&seeds(&folder)).unwrap(),
        tls: Some(TlsFiles {
            certificate: in_folder("certificate.pem"),
            key: in_folder("key.pem"),
            authorities: in_folder("authorities.pem"),
        }),
        cluster: Some(NatsCluster {
            name: "egide".to_owned(),
            listen: "0.0.0.0:6222".to_owned(),
            advertise: None,
            routes: [1, 2, 3].map(host).to_vec(),
            password: "replace-with-the-one-that-egide-provision-keys-draws".to_owned(),
        }),
        files: None,
        master: None,
    };
    let example = without_comments_and_keys(include_str!("../../../../ops/nats/one.conf"));
    assert_eq!(without_comments_and_keys(&server.configuration().unwrap()), example);
}

#[test]
fn what_a_configuration_cannot_carry_is_refused_wherever_it_stands() {
    let folder = Folder::new();
    let good = NatsServer {
        name: "one".to_owned(),
        listen: "nats1.egide.example:4222".to_owned(),
        monitor: None,
        store: folder.0.join("store"),
        max_file_store_bytes: None,
        store_key_variable: None,
        max_payload_bytes: DEFAULT_MAX_PAYLOAD_BYTES,
        identities: PublicKeys::of_folder(&seeds(&folder)).unwrap(),
        tls: None,
        cluster: None,
        files: None,
        master: None,
    };
    good.configuration().unwrap();
    let cluster = NatsCluster {
        name: "egide".to_owned(),
        listen: "0.0.0.0:6222".to_owned(),
        advertise: None,
        routes: vec!["nats1.egide.example:6222".to_owned()],
        password: "p".to_owned(),
    };
    for bad in ["", "a b", "a\"", "a\n", "a}", "a:b:c", "a;b:1", ":1", "host", "host:port", "host:99999"] {
        let servers = [
            NatsServer { name: bad.to_owned(), ..good.clone() },
            NatsServer { listen: bad.to_owned(), ..good.clone() },
            NatsServer { cluster: Some(NatsCluster { name: bad.to_owned(), ..cluster.clone() }), ..good.clone() },
            NatsServer { cluster: Some(NatsCluster { password: bad.to_owned(), ..cluster.clone() }), ..good.clone() },
            NatsServer {
                cluster: Some(NatsCluster { routes: vec![bad.to_owned()], ..cluster.clone() }),
                ..good.clone()
            },
        ];
        let written = servers.iter().filter(|server| server.configuration().is_ok()).count();
        // `host` is a fine name and password, and no address.
        assert_eq!(written, if bad == "host" { 3 } else { 0 }, "`{}`", bad.escape_default());
    }
}

#[test]
fn seeds_are_made_once_for_their_owner_alone_and_say_who_somebody_is() {
    use std::os::unix::fs::PermissionsExt;
    let folder = Folder::new();
    let first = PublicKeys::of_folder(&seeds(&folder)).unwrap();
    assert_eq!(PublicKeys::of_folder(&seeds(&folder)).unwrap(), first);
    let keys: std::collections::BTreeSet<&str> = Identity::all().map(|identity| first.of(identity)).collect();
    assert_eq!(keys.len(), Identity::all().count(), "everybody has a key of their own");
    let path = Identity::LEDGER.seed_path(&seeds(&folder));
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    fs::write(&path, "SU-no-seed").unwrap();
    assert!(matches!(PublicKeys::of_folder(&seeds(&folder)), Err(Error::NoSeed { .. })));
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    assert!(matches!(PublicKeys::of_folder(&seeds(&folder)), Err(Error::Seed(_))));
}
