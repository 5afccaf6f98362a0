//! The portal as liaisons and others meet it: the whole way of one, and everything that must come to nothing.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::panic,
    reason = "a test stops at the first surprise"
)]

use std::io::{Read as _, Write as _};
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use egide_testkit::{Authenticator, fresh_id};
use tempfile::TempDir;

#[path = "portal/browser.rs"]
mod browser;
#[path = "portal/hotline.rs"]
mod hotline;
mod up;
#[path = "portal/visitor.rs"]
mod visitor;

use browser::Browser;
use hotline::{ORGANIZATION, OTHER_UNIT, UNIT, invite, origin, prepare};
use up::{Up, done};
use visitor::Visitor;

/// Two devices, registered; and signed in with the first.
fn signed_in(origin: &str, code: &str, seed: u8) -> (Visitor, Authenticator) {
    let mut visitor = Visitor::at(origin);
    let (mut first, mut second) = (Authenticator::at(origin, seed), Authenticator::at(origin, seed + 1));
    assert_eq!(visitor.register(code, &mut first).status, 200);
    assert!(visitor.register(code, &mut second).text().contains("You can sign in now"));
    assert_eq!(visitor.sign_in(&mut first).header("location"), "/en/referrals");
    (visitor, first)
}

#[test]
fn a_liaison_is_invited_signs_in_reads_downloads_and_acknowledges() {
    let data = TempDir::new().unwrap();
    let up = Up::start(data.path());
    let referral = prepare(data.path());
    let origin = origin(data.path());
    let (liaison, code) = invite(data.path(), UNIT, "k.tremblay");
    let mut visitor = Visitor::at(&origin);
    let (mut phone, mut key) = (Authenticator::at(&origin, 1), Authenticator::at(&origin, 11));

    // A code that is none, and one passkey alone, open nothing.
    let wrong = visitor.register("0000-0000-0000-0000-0000-0000-00", &mut phone.clone());
    assert!(wrong.status == 422 && wrong.text().contains("This code does not work"), "{wrong:?}");
    assert!(visitor.register(&code, &mut phone).text().contains("Register your second passkey"));
    let half = visitor.sign_in(&mut phone);
    assert!(half.status == 403 && !visitor.cookies.contains_key("__Host-egide"), "{half:?}");
    let same = visitor.register(&code, &mut phone);
    assert!(same.status == 422 && same.text().contains("not registered"), "the same device twice: {same:?}");
    assert!(visitor.register(&code.to_lowercase(), &mut key).text().contains("You can sign in now"));
    let mut third = Authenticator::at(&origin, 21);
    assert!(visitor.register(&code, &mut third).text().contains("This code does not work"), "a code is used up");

    // Whoever signs in sees the unit's referrals and nothing of what is in them.
    assert_eq!(visitor.sign_in(&mut phone).header("location"), "/en/referrals");
    let list = visitor.get("/en/referrals");
    let row = format!("/en/referrals/{referral}");
    assert!(list.text().contains(&row) && list.text().contains("New"), "{}", list.text());
    assert!(!list.text().contains("Servitude"));
    let one = visitor.get(&row);
    assert!(one.status == 200 && !one.text().contains("Servitude"));
    let opened = visitor.press(&one, &format!("{row}/open"));
    assert!(opened.status == 200 && opened.text().contains("Servitude"), "{}", opened.text());
    assert!(!opened.text().contains("Quillfeather"));
    assert_eq!(opened.header("cache-control"), "no-store");

    // The file is the signed one.
    let json = visitor.press(&one, &format!("{row}/json"));
    let file = data.path().join("downloaded.json");
    std::fs::write(&file, &json.body).unwrap();
    assert!(json.header("content-disposition").contains("attachment"));
    assert!(done(data.path(), &["verify", file.to_str().unwrap()]).starts_with("GENUINE"));
    let acknowledged = visitor.press(&opened, &format!("{row}/acknowledge"));
    assert_eq!(acknowledged.status, 303);
    assert!(visitor.get(acknowledged.header("location")).text().contains("Thank you"));
    let history = done(data.path(), &["history"]);
    assert!(history.contains("acknowledged"), "{history}");

    // Keys, in the other language; then a package.
    let public = "age1t7rxyev2z3rw82stdlrrepyc39nvn86l5078zqkf5uasdy86jp6svpy7pa";
    let keys = visitor.get("/fr/keys");
    let add = [("token", keys.field("/fr/keys/add", "token")), ("command", keys.field("/fr/keys/add", "command"))];
    let mut fields: Vec<(&str, &str)> = add.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let secret = "AGE-SECRET-KEY-1QQPQQQPQQQQPQQQQPQQQQPQQQQPQQQQPQQQQPQQQQPQQQQPQQQQP";
    let refused = visitor.post("/fr/keys/add", &[&fields[..], &[("recipient", secret), ("label", "bureau")]].concat());
    assert!(refused.status == 422 && !refused.text().contains("AGE-SECRET"), "a private key is not repeated");
    fields.extend([("recipient", public), ("label", "bureau de garde")]);
    let added = visitor.post("/fr/keys/add", &fields);
    assert_eq!(added.header("location"), "/fr/keys?done=added", "{}", added.text());
    assert!(visitor.get("/fr/keys").text().contains("bureau de garde"));
    let one = visitor.get(&row);
    let package = visitor.press(&one, &format!("{row}/package"));
    assert!(package.body.starts_with(b"age-encryption.org/v1"), "{package:?}");

    // A recall reaches the liaison, and what was recalled is not opened any more.
    done(data.path(), &["recall", hotline::CASE, &referral, "--reason", "error"]);
    let recalled = visitor.get(&row);
    assert!(recalled.text().contains("This referral was recalled"), "{}", recalled.text());
    assert_eq!(visitor.press(&one, &format!("{row}/open")).status, 404);
    assert_eq!(visitor.press(&recalled, &format!("{row}/recall")).status, 303);
    assert!(visitor.get(&row).text().contains("Recall confirmed"));

    // Signing out, and the end of the account.
    let token = recalled.field("/en/sign-out", "token");
    let before = visitor.clone();
    assert_eq!(visitor.post("/en/sign-out", &[("token", &token)]).status, 303);
    assert_eq!(before.clone().get("/en/referrals").status, 303, "the cookie of before is worth nothing");
    assert_eq!(visitor.sign_in(&mut key).header("location"), "/en/referrals");
    done(data.path(), &["directory", "liaison", "revoke", ORGANIZATION, UNIT, &liaison, "--reason", "left"]);
    assert_eq!(visitor.sign_in(&mut key).status, 403);
    assert!(done(data.path(), &["directory", "liaison", "list", ORGANIZATION]).contains("ended"));
    drop(up);
}

#[test]
fn nothing_is_to_be_had_by_guessing_or_by_tricks() {
    let data = TempDir::new().unwrap();
    let up = Up::start(data.path());
    let referral = prepare(data.path());
    let origin = origin(data.path());
    let (_, code) = invite(data.path(), OTHER_UNIT, "other.desk");
    let (mut other, mut device) = signed_in(&origin, &code, 31);
    let mut nobody = Visitor::at(&origin);

    // Nobody is led to the sign-in, whatever is asked for and whether it exists or not.
    for path in
        [&format!("/en/referrals/{referral}"), "/en/referrals", "/en/keys", "/en/nothing", "/en/referrals/x/open"]
    {
        assert_eq!(nobody.get(path).header("location"), "/en/sign-in", "{path}");
    }

    // Another unit's referral and one that never was are one page: the same bytes, read or done.
    let same = |one: &visitor::Answer, two: &visitor::Answer| {
        assert_eq!((one.status, &one.body), (404, &two.body));
        let names = |answer: &visitor::Answer| answer.headers.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
        assert_eq!(names(one), names(two));
    };
    let guessed = fresh_id();
    same(&other.get(&format!("/en/referrals/{referral}")), &other.get(&format!("/en/referrals/{guessed}")));
    let token = other.get("/en/keys").field("/en/sign-out", "token");
    for action in ["open", "json", "package", "acknowledge", "recall"] {
        let (one, two) = (fresh_id(), fresh_id());
        let theirs = other.post(&format!("/en/referrals/{referral}/{action}"), &[("token", &token), ("command", &one)]);
        let none = other.post(&format!("/en/referrals/{guessed}/{action}"), &[("token", &token), ("command", &two)]);
        // Without keys of the unit a package is refused before anything is looked up.
        match action {
            "package" => assert_eq!((theirs.status, &theirs.body), (none.status, &none.body)),
            _ => same(&theirs, &none),
        }
    }

    // Keys of another unit's are not theirs to take away, whatever the form says.
    let fields =
        [("token", token.as_str()), ("command", &fresh_id()), ("fingerprint", "age-00112233445566778899aabbccddeeff")];
    assert_eq!(other.post("/en/keys/remove", &fields).status, 422);

    // Forms: of another site, without a token, with somebody else's, for another host.
    let act = format!("/en/referrals/{referral}/acknowledge");
    let form = [("token", token.as_str()), ("command", guessed.as_str())];
    for more in [
        &[("origin", "https://evil.example")][..],
        &[("origin", "null")],
        &[],
        &[("origin", origin.as_str()), ("sec-fetch-site", "cross-site")],
    ] {
        assert_eq!(other.post_with(&act, more, &form).status, 403, "{more:?}");
    }
    assert_eq!(other.post(&act, &form[1..]).status, 403, "no token");
    let guest = nobody.get("/en/invitation").field("/en/invitation", "token");
    assert_eq!(other.post(&act, &[("token", &guest), form[1]]).status, 403, "another cookie's token");
    assert_eq!(other.get_with("/en/referrals", &[("host", "evil.example")]).status, 421);

    // An answer of a device counts once, and for one challenge.
    let page = nobody.get("/en/sign-in");
    let answer = device.sign_in(&page.asked());
    assert_eq!(nobody.answer_sign_in(&page, &answer).status, 303);
    let mut again = Visitor::at(&origin);
    let fresh = again.get("/en/sign-in");
    assert_eq!(again.answer_sign_in(&fresh, &answer).status, 403, "replayed");
    assert!(!again.cookies.contains_key("__Host-egide"));

    // Nothing of a request comes back in a head, and no path leads out.
    let mut guest = Visitor::at(&origin);
    for path in [
        "/en/%0d%0aset-cookie:%20x=y",
        "/assets/../../Cargo.toml",
        "/assets/%2e%2e/x",
        "//evil.example/",
        "/%2e%2e/en",
        "/xx/y",
    ] {
        let answer = guest.get(path);
        let led = answer.header("location");
        assert!(led.is_empty() || led.starts_with("/en"), "{path}: {led}");
        assert!(!answer.headers.iter().any(|(name, value)| name == "x" || value.contains("x=y")), "{path}");
    }
    assert_eq!(guest.get_with("/", &[("accept-language", "fr\u{e9}-CA")]).status, 303);

    // Too large, too many, too strange: refused, whole heads included.
    let host = guest.host().to_owned();
    let large = format!(
        "POST /en/invitation HTTP/1.1\r\nhost: {host}\r\norigin: {origin}\r\nconnection: close\r\ncontent-length: 2000000\r\n\r\n{}",
        "x".repeat(200_000)
    );
    assert!(guest.raw(large.as_bytes()).starts_with(b"HTTP/1.1 413"));
    let head = format!("GET /en HTTP/1.1\r\nhost: {host}\r\ncookie: {}\r\n\r\n", "x".repeat(100_000));
    assert!(guest.raw(head.as_bytes()).starts_with(b"HTTP/1.1 431"));
    assert!(
        guest
            .raw(
                format!("DELETE /en HTTP/1.1\r\nhost: {host}\r\norigin: {origin}\r\nconnection: close\r\n\r\n")
                    .as_bytes()
            )
            .starts_with(b"HTTP/1.1 405")
    );
    assert!(!guest.raw(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03").starts_with(b"HTTP/1.1 200"));
    drop(up);
}

#[test]
fn slow_and_many_visitors_keep_nobody_out() {
    let data = TempDir::new().unwrap();
    let up = Up::start(data.path());
    let origin = origin(data.path());
    let mut visitor = Visitor::at(&origin);

    // Somebody sends a head letter by letter: they are let go, and others are served meanwhile.
    let slow = visitor.from(Ipv4Addr::new(127, 0, 0, 3));
    let begun = Instant::now();
    let mut streams: Vec<_> = (0..64).map(|_| slow.connect().unwrap()).collect();
    for stream in &mut streams {
        stream.write_all(b"GET /en HTT").unwrap();
    }
    assert_eq!(visitor.get("/en/help").status, 200);

    // Somebody else asks without end, and is told to wait.
    let flood = visitor.from(Ipv4Addr::new(127, 0, 0, 2));
    let ended = begun + Duration::from_secs(4);
    let flooding: Vec<_> = (0..4)
        .map(|_| {
            let mut flood = flood.clone();
            std::thread::spawn(move || {
                let mut refused = 0;
                while Instant::now() < ended {
                    let text =
                        format!("GET /en/sign-in HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n\r\n", flood.host());
                    refused += u32::from(flood.raw(text.as_bytes()).starts_with(b"HTTP/1.1 429"));
                }
                flood.cookies.clear();
                refused
            })
        })
        .collect();
    let mut longest = Duration::ZERO;
    while Instant::now() < ended {
        let asked = Instant::now();
        assert_eq!(visitor.get("/en/help").status, 200, "others are served");
        longest = longest.max(asked.elapsed());
        std::thread::sleep(Duration::from_millis(150));
    }
    let refused: u32 = flooding.into_iter().map(|thread| thread.join().unwrap()).sum();
    assert!(refused > 20, "{refused} were told to wait");
    println!("the longest answer to somebody else took {longest:?} while {refused} requests of the flood were refused");
    assert!(longest < Duration::from_secs(2), "{longest:?}");
    for mut stream in streams {
        let mut rest = Vec::new();
        drop(stream.read_to_end(&mut rest));
        assert!(!rest.starts_with(b"HTTP/1.1 200"));
    }
    assert!(begun.elapsed() < Duration::from_secs(25), "the slow were let go");
    drop(up);
}

/// What the pages say in one language.
struct Said {
    lang: &'static str,
    invited: &'static str,
    code: &'static str,
    go_on: &'static str,
    first: &'static str,
    register: &'static str,
    second: &'static str,
    done: &'static str,
    sign_in: &'static str,
    list: &'static str,
    open: &'static str,
    content: &'static str,
    acknowledge: &'static str,
    thanks: &'static str,
    keys: &'static str,
    help: &'static str,
    sign_out: &'static str,
    out: &'static str,
}

const ENGLISH: Said = Said {
    lang: "en",
    invited: "I have an invitation",
    code: "One-time code",
    go_on: "Continue",
    first: "Register your first passkey",
    register: "Register a passkey",
    second: "Register your second passkey",
    done: "You can sign in now",
    sign_in: "Sign in with a passkey",
    list: "Referrals to",
    open: "Open the referral",
    content: "Conditions of use",
    acknowledge: "Acknowledge receipt",
    thanks: "Thank you",
    keys: "Encryption keys",
    help: "Help",
    sign_out: "Sign out",
    out: "You are signed out",
};

const FRENCH: Said = Said {
    lang: "fr",
    invited: "J’ai une invitation",
    code: "Code à usage unique",
    go_on: "Continuer",
    first: "Enregistrez votre première clé d’accès",
    register: "Enregistrer une clé d’accès",
    second: "Enregistrez votre deuxième clé d’accès",
    done: "Vous pouvez maintenant vous connecter",
    sign_in: "Se connecter avec une clé d’accès",
    list: "Signalements\u{a0}:",
    open: "Ouvrir le signalement",
    // The page's frame is French; the referral is in the language its unit reads.
    content: "Conditions of use",
    acknowledge: "Confirmer la réception",
    thanks: "Merci",
    keys: "Clés de chiffrement",
    help: "Aide",
    sign_out: "Se déconnecter",
    out: "Vous êtes déconnecté",
};

fn the_whole_way(browser: &Browser, data: &std::path::Path, origin: &str, referral: &str, said: &Said) {
    let look = |name: &str| browser.look(&format!("{name}.{}", said.lang));
    let (_, code) = invite(data, UNIT, &format!("duty-desk.{}", said.lang));
    browser.open(&format!("{origin}/{}", said.lang));
    browser.expect(said.sign_in);
    look("sign-in");
    browser.press(said.invited);
    browser.expect(said.code);
    look("invitation");
    browser.press(said.go_on);
    browser.expect(said.go_on);
    look("invitation-empty");
    browser.tab_to(said.code);
    browser.keys(&code);
    browser.press(said.go_on);
    browser.expect(said.first);
    look("first-passkey");
    let first = browser.plug_in();
    browser.press(said.register);
    browser.expect(said.second);
    look("second-passkey");
    browser.unplug(&first);
    let second = browser.plug_in();
    browser.press(said.register);
    browser.expect(said.done);
    look("registered");
    browser.press(said.sign_in);
    browser.expect(said.sign_in);
    browser.press(said.sign_in);
    browser.expect(said.list);
    look("referrals");
    browser.press(&referral[referral.len() - 8..].to_uppercase());
    browser.expect(said.open);
    look("referral");
    browser.press(said.open);
    browser.expect(said.content);
    look("opened");
    browser.press(said.acknowledge);
    browser.expect(said.thanks);
    look("acknowledged");
    browser.press(said.keys);
    browser.expect("age-keygen");
    look("keys");
    browser.press(said.help);
    browser.expect("9-1-1");
    look("help");
    browser.open(&format!("{origin}/{}/referrals/{}", said.lang, fresh_id()));
    look("nothing-here");
    browser.press(said.sign_out);
    browser.expect(said.out);
    look("signed-out");
    browser.unplug(&second);
}

#[test]
fn a_liaison_with_a_keyboard_goes_the_whole_way_in_both_languages() {
    let Some(browser) = Browser::start() else {
        println!("skipped: no browser (ops/test installs one where it can)");
        return;
    };
    let data = TempDir::new().unwrap();
    let up = Up::start(data.path());
    let first = prepare(data.path());
    let origin = origin(data.path());
    the_whole_way(&browser, data.path(), &origin, &first, &ENGLISH);
    let second = hotline::release(data.path());
    the_whole_way(&browser, data.path(), &origin, &second, &FRENCH);
    drop(browser);
    drop(up);
}
