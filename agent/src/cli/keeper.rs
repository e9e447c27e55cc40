//! Keeps what the pipeline knows over restarts: reads it at the start, writes it now and then and at the stop.

use std::{io, path::Path, time::Duration};

use tokio::task::JoinHandle;
use weir::{
    event::{BootTime, Fact, Loss},
    pipeline::Pipeline,
    sensor::clock::{after, boot_time},
    store::{Found, Store, StoreError, encode},
};

/// The store and when it is next written.
pub(super) struct Keeper {
    store: Store,
    every: Duration,
    due: BootTime,
    /// A write that a thread does: a slow disk must not hold the watch up.
    writing: Option<JoinHandle<io::Result<()>>>,
}

impl Keeper {
    /// A keeper of the state at `path`, and what an earlier run left there as a fact. Where none can be kept the watch
    /// goes on without, since it is worth more than its memory.
    pub(super) fn open(path: &Path, every: Duration) -> (Option<Self>, Option<Fact>) {
        let store = match Store::open(path) {
            Ok(store) => store,
            Err(error @ StoreError::Missing(_)) => {
                tracing::debug!("nothing is kept over a restart: {error}");
                return (None, None);
            }
            Err(error @ (StoreError::Unsafe { .. } | StoreError::Io { .. })) => {
                tracing::warn!("nothing is kept over a restart: {error}");
                return (None, Some(refused()));
            }
        };
        let fact = match store.load() {
            Found::Nothing => None,
            Found::State(state) => Some(Fact::State(state)),
            Found::Refused(why) => {
                tracing::warn!("{} is not used: {why}", store.path().display());
                Some(refused())
            }
        };
        let keeper = Self { store, every, due: after(boot_time(), every), writing: None };
        (Some(keeper), fact)
    }

    /// Writes the state if it is time and the last write is done.
    pub(super) async fn keep(&mut self, pipeline: &Pipeline) {
        if boot_time() < self.due || self.writing.as_ref().is_some_and(|writing| !writing.is_finished()) {
            return;
        }
        self.written().await;
        self.due = after(boot_time(), self.every);
        let (store, bytes) = (self.store.clone(), self.bytes(pipeline));
        self.writing = Some(tokio::task::spawn_blocking(move || store.save(&bytes)));
    }

    /// Writes it a last time.
    pub(super) async fn finish(mut self, pipeline: &Pipeline) {
        self.written().await;
        let bytes = self.bytes(pipeline);
        self.tell(self.store.save(&bytes));
    }

    fn bytes(&self, pipeline: &Pipeline) -> Vec<u8> {
        let (bytes, left_out) = encode(&pipeline.state());
        if left_out > 0 {
            tracing::warn!(
                "{}: the evidence of {left_out} processes is left out, since it would be too long",
                self.store.path().display()
            );
        }
        bytes
    }

    async fn written(&mut self) {
        if let Some(writing) = self.writing.take() {
            self.tell(writing.await.unwrap_or_else(|error| Err(io::Error::other(error))));
        }
    }

    fn tell(&self, result: io::Result<()>) {
        if let Err(error) = result {
            tracing::warn!("{} cannot be written: {error}", self.store.path().display());
        }
    }
}

/// An earlier run's state is missing: a gap of the log.
fn refused() -> Fact {
    Fact::Loss(vec![Loss { what: "state_refused".to_owned(), count: 1 }])
}
