//! The kit itself, on a real `nats-server`.

use egide_testkit::{TestNats, TestWorld, within};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::net::TcpStream;

async fn greeting(nats: &TestNats) -> Option<String> {
    let socket = TcpStream::connect(nats.address()).await.ok()?;
    let mut line = String::new();
    BufReader::new(socket).read_line(&mut line).await.ok()?;
    Some(line)
}

#[tokio::test]
async fn a_world_has_a_server_that_survives_a_kill_on_the_same_port() {
    let mut world = TestWorld::start().await;
    let url = world.nats().url();
    assert!(within("a greeting", greeting(world.nats())).await.is_some_and(|line| line.starts_with("INFO ")));
    assert!(world.nats().files().starts_with(world.data()));
    world.nats_mut().kill().await;
    assert!(within("no greeting", greeting(world.nats())).await.is_none());
    world.nats_mut().restart().await;
    assert_eq!(world.nats().url(), url);
    assert!(within("a greeting again", greeting(world.nats())).await.is_some());
    world.stop().await;
}
