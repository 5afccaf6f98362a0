//! Direct access to a server, as an attacker or an administrator would have.

#![allow(dead_code, unreachable_pub, reason = "every test file uses its own part")]
#![expect(clippy::expect_used, reason = "a test stops at the first surprise")]

use bytes::Bytes;

use crate::support::Server;

/// A client that may do anything.
pub async fn raw_client(server: &Server) -> async_nats::Client {
    async_nats::connect(server.url()).await.expect("connecting to nats-server")
}

/// Publishes any bytes to the log, as nobody but its appenders should.
pub async fn publish_raw(client: &async_nats::Client, bytes: Bytes) {
    client.request("cases.blocks", bytes).await.expect("an answer of the server");
}
