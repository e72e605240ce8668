//! kill -9 at random moments, under load: every acknowledged event is there exactly once.

use std::time::Duration;

use crate::support::{Load, Server, on_every_pair};

on_every_pair![every_acknowledged_event_survives_kills_exactly_once,];

fn every_acknowledged_event_survives_kills_exactly_once() {
    let mut server = Server::start();
    let load = Load::start(&[&server]);
    let kills = std::env::var("KILLS").map_or(22, |text| text.parse().unwrap());
    for kill in 0..kills {
        // A moment that differs from kill to kill and from run to run.
        let mut random = [0; 2];
        getrandom::fill(&mut random).unwrap();
        let pause = 20 + u64::from(u16::from_le_bytes(random)) % 400;
        std::thread::sleep(Duration::from_millis(pause));
        server = server.restart();
        load.point_at(0, &server);
        if kill % 5 == 4 {
            // Now and then the worker gets to the end, so that kills hit every state of the files.
            server.drained_soon();
        }
    }
    load.stop().verify(&server);
}
