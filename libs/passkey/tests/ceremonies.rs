//! Registering and signing in with an authenticator in memory, and everything that must not be believed.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use egide_passkey::{ANSWER_BYTES_MAX, Assertion, Passkey, Refused, Site};
use egide_testkit::Authenticator;

const ORIGIN: &str = "https://portal.example";
const HOLDER: [u8; 16] = [7; 16];

fn site() -> Site {
    Site::new(ORIGIN).unwrap()
}

fn registered(device: &mut Authenticator) -> Passkey {
    let (under_way, asked) = site().begin_registration(HOLDER, "k.tremblay", &[]).unwrap();
    site().finish_registration(under_way, device.register(&asked).as_bytes()).unwrap()
}

fn sign_in(device: &mut Authenticator, kept: &Passkey) -> Result<Passkey, Refused> {
    let (under_way, asked) = site().begin_sign_in().unwrap();
    let answer = Assertion::read(device.sign_in(&asked).as_bytes())?;
    site().finish_sign_in(under_way, &answer, kept)
}

#[test]
fn who_registered_a_passkey_signs_in_with_it_again_and_again() {
    let mut device = Authenticator::at(ORIGIN, 1);
    let mut kept = registered(&mut device);
    for _ in 0..3 {
        let (under_way, asked) = site().begin_sign_in().unwrap();
        let answer = Assertion::read(device.sign_in(&asked).as_bytes()).unwrap();
        assert_eq!((answer.holder(), answer.passkey_id()), (HOLDER, kept.id.clone()));
        let now = site().finish_sign_in(under_way, &answer, &kept).unwrap();
        assert_ne!(now.state, kept.state, "its counter grew");
        kept = now;
    }
}

#[test]
fn what_does_not_fit_is_not_believed() {
    let mut device = Authenticator::at(ORIGIN, 1);
    let kept = registered(&mut device);
    let cheat = |change: fn(&mut Authenticator)| {
        let mut other = device.clone();
        change(&mut other);
        sign_in(&mut other, &kept)
    };
    assert!(cheat(|_| ()).is_ok());
    assert_eq!(cheat(|device| device.origin = "https://portal.example.net".to_owned()), Err(Refused::Unproved));
    assert_eq!(cheat(|device| device.origin = "http://portal.example".to_owned()), Err(Refused::Unproved));
    assert_eq!(cheat(|device| device.origin = "https://portal.example:8443".to_owned()), Err(Refused::Unproved));
    assert_eq!(cheat(|device| device.site = "example".to_owned()), Err(Refused::Unproved));
    assert_eq!(cheat(|device| device.verifies = false), Err(Refused::Unproved));
    let mut other = Authenticator::at(ORIGIN, 2);
    registered(&mut other);
    assert_eq!(sign_in(&mut other, &kept), Err(Refused::Unproved), "another key");
}

#[test]
fn a_counter_that_does_not_grow_is_a_copy() {
    let mut device = Authenticator::at(ORIGIN, 1);
    let kept = registered(&mut device);
    let mut copy = device.clone();
    let kept = sign_in(&mut device, &kept).unwrap();
    assert_eq!(sign_in(&mut copy, &kept), Err(Refused::Unproved));
    assert!(sign_in(&mut device, &kept).is_ok());
}

#[test]
fn an_answer_counts_for_one_challenge() {
    let mut device = Authenticator::at(ORIGIN, 1);
    let kept = registered(&mut device);
    let (_, asked_first) = site().begin_sign_in().unwrap();
    let answer = Assertion::read(device.sign_in(&asked_first).as_bytes()).unwrap();
    let (second, _) = site().begin_sign_in().unwrap();
    assert_eq!(site().finish_sign_in(second, &answer, &kept), Err(Refused::Unproved));
    let (_, asked_first) = site().begin_registration(HOLDER, "k.tremblay", &[]).unwrap();
    let (second, _) = site().begin_registration(HOLDER, "k.tremblay", &[]).unwrap();
    let answer = device.register(&asked_first);
    assert_eq!(site().finish_registration(second, answer.as_bytes()), Err(Refused::Unproved));
}

#[test]
fn a_device_that_verifies_nobody_registers_nothing() {
    let mut device = Authenticator::at(ORIGIN, 1);
    device.verifies = false;
    let (under_way, asked) = site().begin_registration(HOLDER, "k.tremblay", &[]).unwrap();
    let refused = site().finish_registration(under_way, device.register(&asked).as_bytes());
    assert_eq!(refused, Err(Refused::Unproved));
}

#[test]
fn what_is_asked_for_verifies_the_user_offers_two_algorithms_and_leaves_out_known_devices() {
    let mut device = Authenticator::at(ORIGIN, 1);
    let kept = registered(&mut device);
    let (_, asked) = site().begin_registration(HOLDER, "k.tremblay", &[kept]).unwrap();
    assert!(asked.contains(r#""userVerification":"required""#), "{asked}");
    assert!(asked.contains(r#""residentKey":"required""#), "{asked}");
    assert!(asked.contains(r#""alg":-8"#) && asked.contains(r#""alg":-7"#) && !asked.contains("-257"), "{asked}");
    assert!(asked.contains(r#""excludeCredentials":[{"#), "{asked}");
    let (_, asked) = site().begin_sign_in().unwrap();
    assert!(asked.contains(r#""userVerification":"required""#), "{asked}");
}

#[test]
fn what_is_no_answer_is_refused_before_it_is_looked_at() {
    let (under_way, _) = site().begin_registration(HOLDER, "k.tremblay", &[]).unwrap();
    assert_eq!(site().finish_registration(under_way, b"{}"), Err(Refused::Unreadable));
    assert_eq!(Assertion::read(b"[]").err(), Some(Refused::Unreadable));
    assert_eq!(Assertion::read(&vec![b' '; ANSWER_BYTES_MAX + 1]).err(), Some(Refused::Unreadable));
}

#[test]
fn a_site_has_a_name_and_an_origin_in_one_spelling() {
    for good in ["https://portal.example", "https://portal.example:8443", "http://localhost:4620", "http://localhost"] {
        assert_eq!(Site::new(good).unwrap().origin(), good);
    }
    for bad in [
        "",
        "portal.example",
        "http://portal.example",
        "https://Portal.example",
        "https://portal.example/",
        "https://portal.example:443",
        "https://portal.example:08443",
        "https://192.0.2.1",
        "https://",
        "ftp://localhost",
        "https://portal.example:0x1",
        "https://a:b@portal.example",
    ] {
        assert!(Site::new(bad).is_err(), "{bad}");
    }
}
