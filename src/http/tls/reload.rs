//! Newer certificates while connections run: certbot swaps symbolic links, Kubernetes swaps the
//! folder above, people copy over. All of that is one thing here: other bytes at the two paths.

use std::sync::Arc;
use std::time::Duration;

use stages::Clock;

use super::files::{Files, Pair};
use super::{Https, acceptor, log};
use crate::config::Misfit;
use crate::config::settings::Tls;
use crate::shutdown::Tasks;
use crate::telemetry::Metrics;

/// Time between two looks at the files. A change is in force after two to three of them.
const LOOK: Duration = Duration::from_secs(2);
/// Time between two warnings about a certificate that nobody renews.
const REMIND: Duration = Duration::from_secs(86_400);

/// Decides when other bytes are a new pair.
pub(super) struct Changes {
    /// The latest that were judged, good or bad: each is judged once.
    judged: Files,
    /// Others, seen at the last look.
    seen: Option<Files>,
}

impl Changes {
    pub(super) const fn since(judged: Files) -> Self {
        Self { judged, seen: None }
    }

    /// What to make of the files as they are now; `None` when there is nothing new, or when they
    /// are still being written: certificate and key are two files, and only some copies are atomic.
    /// So a change counts when two looks in a row saw the same.
    pub(super) fn look(&mut self, now: Files, tls: &Tls) -> Option<Result<Pair, Vec<Misfit>>> {
        if now == self.judged {
            self.seen = None;
            return None;
        }
        if self.seen.as_ref() != Some(&now) {
            self.seen = Some(now);
            return None;
        }
        self.seen = None;
        let judgement = now.judge(tls);
        self.judged = now;
        Some(judgement)
    }
}

impl Https {
    /// Looks for newer files until the process stops. A pair that cannot be used is reported once,
    /// with everything that is wrong with it, and the one in use stays.
    pub async fn keep(mut self, clock: Arc<dyn Clock>, metrics: Arc<Metrics>, tasks: Tasks) {
        metrics.certificate(&self.certificate.names, self.certificate.not_after);
        self.announce();
        let mut changes = Changes::since(self.files.clone());
        let mut reminded = clock.monotonic();
        loop {
            tokio::select! {
                () = tokio::time::sleep(LOOK) => {}
                () = tasks.stop_asked() => return,
            }
            let tls = self.tls.clone();
            // Files may be on a slow network: not on a thread that serves.
            let Ok(now) = tokio::task::spawn_blocking(move || Files::read(&tls)).await else {
                continue;
            };
            match changes.look(now, &self.tls) {
                Some(Ok(pair)) => {
                    metrics.certificate_reread(true);
                    metrics.certificate(&pair.certificate.names, pair.certificate.not_after);
                    log(&pair.certificate.remarks(clock.unix_millis() / 1_000));
                    self.current.store(Some(acceptor(pair.config)));
                    self.certificate = pair.certificate;
                    self.announce();
                }
                Some(Err(misfits)) => {
                    metrics.certificate_reread(false);
                    complain(&misfits);
                }
                None => {}
            }
            if clock.monotonic().saturating_sub(reminded) >= REMIND {
                reminded = clock.monotonic();
                log(&self.certificate.remarks(clock.unix_millis() / 1_000));
            }
        }
    }

    fn announce(&self) {
        let names = self.certificate.names.join(" ");
        tracing::info!(names, valid_until = self.certificate.until(), "certificate in use");
    }
}

fn complain(misfits: &[Misfit]) {
    for misfit in misfits {
        tracing::error!(
            code = misfit.code.as_str(),
            "the new certificate cannot be used, the old one stays: {}; {}",
            misfit.message,
            misfit.help
        );
    }
}
