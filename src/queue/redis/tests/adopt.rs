//! Taking the place of another queue.

use stages::HashKey;
use stages::ports::Append;

use super::*;
use crate::queue::Past;
use crate::queue::conformance::entry;

fn past() -> Past {
    let refusals = [((RefusedKind::Event, "invalid_tool".to_owned()), 3)];
    Past {
        identity_key: HashKey::from_bytes([7; 16]),
        accepted: 1_000,
        door_duplicates: 40,
        refusals: refusals.into(),
    }
}

async fn open(bench: &StreamBench) -> Arc<RedisQueue> {
    let settings = settings::Queue { shards: 3, ..bench.settings() };
    RedisQueue::open(&settings, None, &bench.tasks).await.unwrap()
}

#[tokio::test]
async fn a_new_queue_takes_over_once_however_often_it_is_asked() {
    let bench = StreamBench::new();
    for _ in 0..2 {
        assert!(open(&bench).await.adopt(&past()).await.unwrap());
    }
    let queue = open(&bench).await;
    let state = queue.state().await.unwrap();
    assert_eq!(
        (state.accepted, state.door_duplicates, state.entries, state.healed),
        (1_000, 40, 0, 0)
    );
    assert_eq!(queue.identity_key().await.unwrap().expose(), past().identity_key.expose());
    assert_eq!(queue.refusals().await.unwrap(), past().refusals);

    // It counts on from there, and is nobody else's from then on.
    queue.append(&entry(1, 5, 0)).await.unwrap();
    assert_eq!(queue.state().await.unwrap().accepted, 1_005);
    assert!(!queue.adopt(&past()).await.unwrap());
    let other = Past { accepted: 1_005, identity_key: HashKey::from_bytes([8; 16]), ..past() };
    assert!(!queue.adopt(&other).await.unwrap());
    assert_eq!(open(&bench).await.identity_key().await.unwrap().expose(), &[7; 16]);
}
