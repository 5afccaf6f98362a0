//! Packages: a unit gives a key, staff or a liaison have a referral packed for it. Nobody here opens one: the private halves of
//! the sample's keys are dropped as they are drawn.

use egide_parcel::EncryptionKey;
use egide_wire::proto::egide::directory::v1::directory_service_client::DirectoryServiceClient;
use egide_wire::proto::egide::directory::v1::{AddEncryptionKeyRequest, EncryptionKeyAdded};
use egide_wire::proto::egide::disclosure::v1::disclosure_service_client::DisclosureServiceClient;
use egide_wire::proto::egide::disclosure::v1::{FetchPackageRequest, PackReferralRequest, Package};
use serde::Deserialize;
use tonic::Code;

use super::checks::Answer;
use super::format::{ExpectError, Presence};
use super::player::{Play, Player, Stop, client_call, presence};
use crate::endpoints::Service;
use crate::retry::until_known;
use crate::session::id_or_new;

/// How every age file begins.
const AGE: &[u8] = b"age-encryption.org/v1\n";

/// See `FORMAT.md`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Key {
    pub(crate) name: String,
    #[serde(rename = "as")]
    pub(crate) speaker: String,
    pub(crate) organization: String,
    pub(crate) unit: String,
    pub(crate) label: String,
}

/// See `FORMAT.md`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Pack {
    #[serde(rename = "as")]
    pub(crate) speaker: String,
    pub(crate) referral: String,
    pub(crate) received_by: String,
    #[serde(default)]
    pub(crate) encrypted_to: Vec<String>,
    #[serde(default)]
    pub(crate) absent: Vec<String>,
    pub(crate) expect_error: Option<ExpectError>,
}

/// See `FORMAT.md`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FetchPackage {
    pub(crate) unit: String,
    pub(crate) account: Option<String>,
    pub(crate) referral: String,
    pub(crate) expect: Presence,
    #[serde(default)]
    pub(crate) encrypted_to: Vec<String>,
    #[serde(default)]
    pub(crate) absent: Vec<String>,
}

impl Player {
    pub(super) async fn encryption_key(&self, play: &mut Play, key: &Key) -> Result<(), Stop> {
        let client = DirectoryServiceClient::new(self.as_speaker(Service::Directory, &key.speaker)?);
        let public = EncryptionKey::of_nobody();
        let added = EncryptionKeyAdded {
            organization_id: key.organization.clone(),
            unit_id: key.unit.clone(),
            recipient: public.to_string(),
            label: key.label.clone(),
        };
        let request = AddEncryptionKeyRequest { command_id: id_or_new(None), key: Some(added) };
        let answer = until_known(|| {
            client_call(
                &client,
                &request,
                |mut client, request| async move { client.add_encryption_key(request).await },
            )
        });
        answer.await?;
        play.symbols.capture(&key.name, "fingerprint", &public.fingerprint().to_string());
        play.checks.count += 1;
        Ok(())
    }

    pub(super) async fn pack(&self, play: &mut Play, pack: &Pack) -> Result<(), Stop> {
        let client = DisclosureServiceClient::new(self.as_speaker(Service::Disclosure, &pack.speaker)?);
        let request = PackReferralRequest {
            command_id: id_or_new(None),
            referral_id: pack.referral.clone(),
            received_by: pack.received_by.clone(),
        };
        let answer = until_known(|| {
            client_call(&client, &request, |mut client, request| async move { client.pack_referral(request).await })
        });
        let answer = answer.await;
        let before = play.checks.differences.len();
        let made = play.made.iter().find(|made| made.referral_id == pack.referral);
        let recipient = made.and_then(|made| self.recipient(&made.unit_id));
        let (None, Ok(response)) = (&pack.expect_error, &answer) else {
            return play.refused("pack", recipient, pack.expect_error.as_ref(), answer.map(drop));
        };
        play.sealed(response.package.as_ref(), &pack.encrypted_to, &pack.absent);
        play.row("pack", recipient, Answer::Accepted, Answer::Accepted, before);
        Ok(())
    }

    pub(super) async fn fetch_package(&self, play: &mut Play, fetch: &FetchPackage) -> Result<(), Stop> {
        let client = self.as_liaison(&fetch.unit, fetch.account.as_deref())?;
        let request = FetchPackageRequest { command_id: id_or_new(None), referral_id: fetch.referral.clone() };
        let answer = until_known(|| {
            client_call(&client, &request, |mut client, request| async move { client.fetch_package(request).await })
        });
        let before = play.checks.differences.len();
        let (package, actual) = match answer.await {
            Ok(response) => (response.package, Presence::Found),
            Err(status) if status.code() == Code::NotFound => (None, Presence::NotFound),
            Err(status) => return Err(status.into()),
        };
        play.checks.same(play.line, "expect", presence(fetch.expect), presence(actual));
        if fetch.expect == Presence::Found && actual == Presence::Found {
            play.sealed(package.as_ref(), &fetch.encrypted_to, &fetch.absent);
        }
        let answer = |presence| match presence {
            Presence::Found => Answer::Found,
            Presence::NotFound => Answer::NotFound,
        };
        play.row("fetch_package", self.recipient(&fetch.unit), answer(fetch.expect), answer(actual), before);
        Ok(())
    }
}

impl Play {
    /// A package is an age file for exactly these keys, with nothing in it to be read.
    fn sealed(&mut self, package: Option<&Package>, encrypted_to: &[String], absent: &[String]) {
        let Some(package) = package else {
            return self.checks.differ(self.line, "package", "a package", "none");
        };
        let mut expected = encrypted_to.to_vec();
        expected.sort_unstable();
        self.checks.same(self.line, "encrypted_to", &expected.join(", "), &package.encrypted_to.join(", "));
        self.checks.check(self.line, "package", package.content.starts_with(AGE), "an age file", "another");
        let text = String::from_utf8_lossy(&package.content);
        self.words(&text, &[], absent);
    }
}
