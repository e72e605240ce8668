//! The writer: what shares a transaction, what a failure undoes, and how it ends.

use super::*;

/// Transactions in the write-ahead log: frames that carry a database size end one
/// (<https://www.sqlite.org/fileformat2.html#walformat>).
fn commits(bench: &FileBench) -> usize {
    let log = std::fs::read(bench.folder.path().join("data/queue.db-wal")).unwrap();
    let page = usize::try_from(u32::from_be_bytes(log[8..12].try_into().unwrap())).unwrap();
    log[32..].chunks_exact(24 + page).filter(|frame| frame[4..8] != [0; 4]).count()
}

#[tokio::test]
async fn one_transaction_holds_all_that_waits_in_order() {
    let bench = FileBench::new();
    let queue = bench.open().await;
    let (settings, arrived) = (bench.settings(), Arc::new(Notify::new()));
    let place = Place::new(settings.url.expose(), false).unwrap();
    let opened = place.open().await.unwrap();
    let writer = Writer {
        place,
        connection: Some(opened.writer),
        limits: Limits { events: 304, bytes: i64::MAX },
        arrived,
        failed: Arc::default(),
        failed_at: tokio::time::Instant::now(),
    };
    // All wait before the writer starts.
    let (jobs, waiting) = mpsc::channel(GROUP);
    let mut outcomes = Vec::new();
    let mut expected = Vec::new();
    for number in 1..=302 {
        let (reply, outcome) = oneshot::channel();
        // Two that do not fit, with one between them that does.
        let events = if number == 300 || number == 302 { 9 } else { 1 };
        expected.push(events == 1);
        jobs.try_send(Job::Append(row(&entry(number, events, 0)).unwrap(), reply)).ok().unwrap();
        outcomes.push(outcome);
    }
    let (reply, unheard) = oneshot::channel();
    drop(unheard);
    jobs.try_send(Job::Append(row(&entry(303, 1, 0)).unwrap(), reply)).ok().unwrap();
    let before = commits(&bench);
    thread::spawn(move || writer.run(waiting, CancellationToken::new()));
    let mut got = Vec::new();
    for outcome in outcomes {
        got.push(outcome.await.unwrap().is_ok());
    }
    assert_eq!(got, expected);
    assert_eq!(commits(&bench), before + 1);
    let stored = ids(&queue.claim(1_000, NO_PATIENCE).await.unwrap());
    let want: Vec<_> = (1..=303).filter(|n| ![300, 302].contains(n)).map(id).collect();
    assert_eq!(stored, want);
}

#[tokio::test]
async fn a_failed_write_is_undone_and_the_next_one_works() {
    let bench = FileBench::new();
    let place = Place::new(bench.settings().url.expose(), false).unwrap();
    let opened = place.open().await.unwrap();
    let pages = number(&opened.reader, "PRAGMA page_count").await;
    // A disk that is full, for this connection only.
    opened.writer.pragma_update(None, "max_page_count", pages).unwrap();
    let writer = Writer {
        place,
        connection: Some(opened.writer),
        limits: Limits { events: i64::MAX, bytes: i64::MAX },
        arrived: Arc::new(Notify::new()),
        failed: Arc::default(),
        failed_at: tokio::time::Instant::now(),
    };
    let (jobs, waiting) = mpsc::channel(GROUP);
    thread::spawn(move || writer.run(waiting, CancellationToken::new()));
    let mut got = Vec::new();
    for number in 1..=2 {
        let (reply, outcome) = oneshot::channel();
        let row = row(&entry(number, 500, 0)).unwrap();
        jobs.send(Job::Append(row, reply)).await.ok().unwrap();
        got.push(outcome.await.unwrap());
    }
    assert!(matches!(got[0], Err(Failure::Undone(_))), "{got:?}");
    assert!(matches!(got[1], Ok(())), "{got:?}");
    let queue = bench.open().await;
    assert_eq!(ids(&queue.claim(1, NO_PATIENCE).await.unwrap()), [id(2)]);
    let state = queue.state().await.unwrap();
    assert_eq!((state.entries, state.events, state.accepted), (1, 500, 500));
}

#[tokio::test]
async fn closing_leaves_one_file() {
    let bench = FileBench::new();
    let queue = bench.open().await;
    queue.append(&entry(1, 1, 0)).await.unwrap();
    queue.close().await;
    bench.tasks.finished().await;
    let folder = bench.folder.path().join("data");
    assert!(!folder.join("queue.db-wal").exists());
    assert_eq!(number(&bench.sql().await, "SELECT count(*) FROM waiting").await, 1);
}
