//! The listeners: all bound before anything is served.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use salvo::server::ServerHandle;
use tokio::task::JoinHandle;

use super::open::Opened;
use crate::cli::Role;
use crate::config::settings::{Listen, Settings};
use crate::http::serve::{Bound, bind};
use crate::http::tls::Https;
use crate::http::{private_router, refusals, router, status};

/// Bound addresses.
pub(super) struct Listeners {
    public: Option<Bound>,
    private: Option<Bound>,
    https: Option<Secure>,
}

/// The address of HTTPS, served together with the public listener.
struct Secure {
    address: SocketAddr,
    https: Https,
}

impl Listeners {
    /// Binds what a process of `role` serves. A worker has only the private listener.
    pub(super) async fn bind(
        settings: &Settings,
        role: Role,
        https: Option<Https>,
    ) -> anyhow::Result<Self> {
        let server = &settings.server;
        let (mut public, mut secure) = (None, None);
        if role != Role::Worker {
            let plain = bound("server.listen", server.listen).await?;
            public = Some(match (&server.tls, https) {
                (Some(tls), Some(https)) => {
                    let other = bound("server.tls.listen", tls.listen).await?;
                    let address = other.address();
                    let both = plain.and_https(other, &https);
                    secure = Some(Secure { address, https });
                    both
                }
                _ => plain,
            });
        }
        let private = match server.metrics_listen {
            Listen::On(address) => Some(bound("server.metrics_listen", address).await?),
            Listen::Off => None,
        };
        Ok(Self { public, private, https: secure })
    }

    /// Serves on them.
    pub(super) fn serve(self, opened: &Opened) -> anyhow::Result<Serving> {
        let state = &opened.state;
        if state.settings.privacy.min_cell > 1 {
            let (state, tasks) = (Arc::clone(state), opened.tasks.clone());
            opened.tasks.spawn(status::keep_closed_hour(state, tasks));
        }
        if self.public.is_some() {
            opened.tasks.spawn(refusals::keep(Arc::clone(state), opened.tasks.clone()));
        }
        let public = self
            .public
            .map(|bound| Listener::start("public", bound, router(state, opened.source()), opened));
        let private = self
            .private
            .map(|bound| Listener::start("private", bound, private_router(state), opened));
        if let Some(Secure { address, https }) = self.https {
            tracing::info!(listener = "tls", %address, "listening");
            let (clock, metrics) = (Arc::clone(&state.clock), Arc::clone(&state.metrics));
            opened.tasks.spawn(https.keep(clock, metrics, opened.tasks.clone()));
        }
        Ok(Serving { public: public.transpose()?, private: private.transpose()? })
    }
}

async fn bound(setting: &str, address: SocketAddr) -> anyhow::Result<Bound> {
    bind(address).await.with_context(|| {
        format!("cannot listen on {address}; choose another address with `{setting}`")
    })
}

/// A listener that serves.
struct Listener {
    address: SocketAddr,
    handle: ServerHandle,
    task: JoinHandle<std::io::Result<()>>,
}

impl Listener {
    fn start(
        name: &'static str,
        bound: Bound,
        router: salvo::Router,
        opened: &Opened,
    ) -> anyhow::Result<Self> {
        let address = bound.address();
        let (handle, serving) = bound.serve(router, &opened.state)?;
        let task = opened.tasks.spawn(serving);
        tracing::info!(listener = name, %address, "listening");
        Ok(Self { address, handle, task })
    }

    /// Takes no new connections, answers what is in flight, and ends; after `grace` it ends anyway.
    async fn stop(mut self, grace: Duration) {
        self.handle.stop_graceful(grace);
        let Ok(ended) = tokio::time::timeout(grace, &mut self.task).await else {
            self.handle.stop_forceful();
            self.task.abort();
            return;
        };
        if let Ok(Err(error)) = ended {
            tracing::warn!(%error, "a listener did not end well");
        }
    }
}

/// The listeners of a running process.
pub(super) struct Serving {
    public: Option<Listener>,
    private: Option<Listener>,
}

impl Serving {
    pub(super) const fn is_public(&self) -> bool {
        self.public.is_some()
    }

    pub(super) fn public_address(&self) -> Option<SocketAddr> {
        self.public.as_ref().map(|listener| listener.address)
    }

    /// Ends the public listener.
    pub(super) async fn stop_public(&mut self, grace: Duration) {
        if let Some(listener) = self.public.take() {
            listener.stop(grace).await;
        }
    }

    /// Ends the private listener, last of all: it shows how the rest ends.
    pub(super) async fn stop_private(&mut self, grace: Duration) {
        if let Some(listener) = self.private.take() {
            listener.stop(grace).await;
        }
    }
}
