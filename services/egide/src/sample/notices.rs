//! Notices: a receiver on this machine is told that something waits for a unit, and nothing more.

use std::time::Duration;

use egide_notifier::webhook::{Call, verify};
use egide_servicekit::clock;
use egide_trust::PublishedKeys;
use egide_wire::proto::egide::case::v1::NoticeMeans;
use egide_wire::proto::egide::directory::v1::directory_service_client::DirectoryServiceClient;
use egide_wire::proto::egide::directory::v1::{
    AddNotificationAddressRequest, NotificationAddressAdded, NotificationAddressRemoved,
    RemoveNotificationAddressRequest,
};
use serde::Deserialize;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::time::timeout;

use super::player::{Play, Player, Stop, client_call};
use crate::endpoints::{Service, verification_keys_path};
use crate::retry::until_known;
use crate::session::id_or_new;
use crate::trust_file::published_path;

/// How long a receiver waits for what it is to be told.
const TOLD_WITHIN: Duration = Duration::from_secs(20);
/// Most bytes of a call that are read.
const CALL_BYTES_MAX: usize = 16 * 1_024;

/// See `FORMAT.md`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Told {
    #[serde(rename = "as")]
    pub(crate) speaker: String,
    pub(crate) organization: String,
    pub(crate) unit: String,
    #[serde(default)]
    pub(crate) absent: Vec<String>,
}

impl Player {
    /// Gives the unit an address on this machine, waits until it is told there, and takes the address away.
    pub(super) async fn told(&self, play: &mut Play, told: &Told) -> Result<(), Stop> {
        let failed = |error: std::io::Error| Stop { what: "receiver".to_owned(), actual: error.to_string() };
        let listener = TcpListener::bind("127.0.0.1:0").await.map_err(failed)?;
        let url = format!("http://{}/egide", listener.local_addr().map_err(failed)?);
        let client = DirectoryServiceClient::new(self.as_speaker(Service::Directory, &told.speaker)?);
        let (organization_id, unit_id, address_id) = (&told.organization, &told.unit, id_or_new(None));
        let added = NotificationAddressAdded {
            organization_id: organization_id.clone(),
            unit_id: unit_id.clone(),
            address_id: address_id.clone(),
            means: NoticeMeans::Webhook.into(),
            address: url,
            label: "sample".to_owned(),
        };
        let request = AddNotificationAddressRequest { command_id: id_or_new(None), address: Some(added) };
        let answer = until_known(|| {
            client_call(&client, &request, |mut client, request| async move {
                client.add_notification_address(request).await
            })
        });
        answer.await?;
        let heard = timeout(TOLD_WITHIN, hear(&listener)).await;
        let removed = NotificationAddressRemoved {
            organization_id: organization_id.clone(),
            unit_id: unit_id.clone(),
            address_id,
        };
        let request = RemoveNotificationAddressRequest { command_id: id_or_new(None), address: Some(removed) };
        let answer = until_known(|| {
            client_call(&client, &request, |mut client, request| async move {
                client.remove_notification_address(request).await
            })
        });
        answer.await?;
        let Ok(heard) = heard else {
            play.checks.count += 1;
            play.checks.differ(play.line, "told", "a notice", "none");
            return Ok(());
        };
        let text = String::from_utf8_lossy(&heard.map_err(failed)?).into_owned();
        let named = self.notice_of(&text).map_err(|actual| Stop { what: "notice".to_owned(), actual })?;
        play.checks.same(play.line, "unit", unit_id, &named);
        play.words(&text, &[], &told.absent);
        Ok(())
    }

    /// The unit that a genuine notice names.
    fn notice_of(&self, text: &str) -> Result<String, String> {
        let path = published_path(&verification_keys_path(&self.data));
        let published = std::fs::read(path).map_err(|error| error.to_string())?;
        let keys = PublishedKeys::verify(&published, None).map_err(|error| error.to_string())?;
        let (head, body) = text.split_once("\r\n\r\n").ok_or("no call")?;
        let call = Call::read(head, body.as_bytes().to_vec()).map_err(|error| error.to_string())?;
        let told = verify(&call, &keys, Some(clock::now())).map_err(|error| error.to_string())?;
        Ok(told.unit_id.to_string())
    }
}

/// One call, whole, answered with 204.
async fn hear(listener: &TcpListener) -> std::io::Result<Vec<u8>> {
    let (mut stream, _) = listener.accept().await?;
    let mut bytes = Vec::new();
    // The body is one JSON object, and ends the call.
    while !bytes.ends_with(b"}") && bytes.len() < CALL_BYTES_MAX {
        let mut piece = [0; 4_096];
        let read = stream.read(&mut piece).await?;
        bytes.extend(piece.iter().take(read));
        if read == 0 {
            break;
        }
    }
    stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await?;
    Ok(bytes)
}
