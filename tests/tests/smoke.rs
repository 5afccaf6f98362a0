//! temporary
#![expect(clippy::unwrap_used, reason = "x")]
use egide_tests::*;

#[tokio::test]
async fn smoke() {
    let t = std::time::Instant::now();
    let world = World::start().await;
    println!("up {:?}", t.elapsed());
    let police = world.police().register().await;
    println!("reg {:?}", t.elapsed());
    let case = world.case().victim().suspect().triaged().open().await;
    println!("case {:?}", t.elapsed());
    let consent = case.consent(&police, &case::EVERYTHING).await;
    println!("consent {:?}", t.elapsed());
    let referral = case.release(&police, &case::EVERYTHING).await;
    println!("released {:?}", t.elapsed());
    let r = police.fetch(&referral).await.unwrap();
    println!("fetched {:?}", t.elapsed());
    println!("{}", String::from_utf8_lossy(&r.report));
    police.acknowledge(&referral).await.unwrap();
    println!("acked {:?}", t.elapsed());
    case.withdraw(&consent).await;
    println!("withdrawn {:?}", t.elapsed());
    println!("{:?}", police.fetch(&referral).await.map(drop).unwrap_err());
    println!("refused {:?}", t.elapsed());
    let page = case.read(&who::supervisor(), true).await.unwrap();
    println!("{}", page.events.len());
    let log = world.walk().await;
    for e in &log { println!("{} {} {} {}", e.position, e.block, e.kind(), e.emitter); }
    println!("{}", world.log_lines().lines().rev().take(30).collect::<Vec<_>>().join("\n"));
    world.stop(|data| println!("{:?}", needles::files_below(data))).await;
    println!("stop {:?}", t.elapsed());
    assert_eq!(watch::panics(), 0);
}
