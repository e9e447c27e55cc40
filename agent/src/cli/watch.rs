//! The loop that `run` and `record` share: from the sensor through the pipeline to the log.

use std::{fs::File, path::Path, process::ExitCode, time::Duration};

use anyhow::Context as _;
use aya_log::EbpfLogger;
use tokio::{
    io::unix::AsyncFd,
    signal::unix::{Signal, SignalKind, signal},
    time::sleep,
};
use weir::{
    alert::Record,
    config::Config,
    event::{BootTime, Event, Fact, ProcessKey, recording::Writer},
    pipeline::Pipeline,
    sensor::{Sensor, clock, load},
};

use super::{keeper::Keeper, output::Output};

/// Loads, attaches and watches until a signal says stop.
pub(super) fn main(
    config: &Config,
    judge: Option<(Pipeline, Output)>,
    state: Option<&Path>,
    record: Option<&Path>,
) -> anyhow::Result<ExitCode> {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().context("cannot start tokio")?;
    runtime.block_on(async {
        // First of all, so that a signal during the start stops the agent in order too.
        let signals = Signals::new()?;
        let recording = record.map(Writer::create).transpose()?;
        let mut loaded = load::load(&config.sensor)?;
        let messages = loaded.messages.take().map(|messages| register(messages.0)).transpose()?;
        let mut sensor = Sensor::start(loaded, config)?;
        let (keeper, earlier) =
            state.map_or((None, None), |path| Keeper::open(path, config.state.save_every));
        if let Some(earlier) = earlier {
            sensor.begin_with(earlier);
        }
        Box::pin(Watch { sensor, judge, keeper, recording, messages, records: Vec::new() }.run(signals)).await
    })
}

struct Watch {
    sensor: Sensor,
    judge: Option<(Pipeline, Output)>,
    keeper: Option<Keeper>,
    recording: Option<Writer<File>>,
    messages: Option<AsyncFd<KernelMessages>>,
    records: Vec<Record>,
}

/// What the kernel programs say at debug level.
type KernelMessages = EbpfLogger<&'static dyn log::Log>;

/// All that can wake the agent.
enum Wake {
    /// The sensor has events.
    Events,
    /// The pipeline wants to know that time has passed.
    Deadline,
    /// The log is to be reopened.
    Reopen,
    /// The agent is to stop, because of the signal of that name.
    Stop(&'static str),
}

impl Watch {
    async fn run(mut self, mut signals: Signals) -> anyhow::Result<ExitCode> {
        tracing::info!("watching; alerts go to {}", self.destination());
        notify(&[sd_notify::NotifyState::Ready]);
        let mut batch = Vec::new();
        let reason = loop {
            let deadline = self.judge.as_ref().and_then(|(pipeline, _)| pipeline.next_deadline());
            let wake = tokio::select! {
                done = self.sensor.next(&mut batch) => { done?; Wake::Events }
                () = until(deadline) => Wake::Deadline,
                () = show(&mut self.messages) => continue,
                _ = signals.hangup.recv() => Wake::Reopen,
                _ = signals.terminate.recv() => Wake::Stop("SIGTERM"),
                _ = signals.interrupt.recv() => Wake::Stop("SIGINT"),
            };
            match wake {
                Wake::Events => {}
                Wake::Deadline => {
                    batch.push(host_event(Fact::Tick));
                    self.flush()?;
                }
                Wake::Reopen => self.reopen(),
                Wake::Stop(signal) => break signal,
            }
            self.take(&mut batch)?;
            if let (Some(keeper), Some((pipeline, _))) = (&mut self.keeper, &self.judge) {
                keeper.keep(pipeline).await;
            }
        };
        notify(&[sd_notify::NotifyState::Stopping]);
        self.sensor.drain_final(reason.to_owned(), &mut batch).await?;
        self.take(&mut batch)?;
        if let Some(recording) = self.recording {
            recording.finish()?;
        }
        if let Some((pipeline, output)) = self.judge {
            if let Some(keeper) = self.keeper {
                keeper.finish(&pipeline).await;
            }
            output.finish()?;
        }
        Ok(ExitCode::SUCCESS)
    }

    fn take(&mut self, batch: &mut Vec<Event>) -> anyhow::Result<()> {
        for event in batch.drain(..) {
            self.step(&event)?;
        }
        Ok(())
    }

    fn step(&mut self, event: &Event) -> anyhow::Result<()> {
        if let Some(recording) = &mut self.recording {
            recording.write(event)?;
        }
        if let Some((pipeline, output)) = &mut self.judge {
            pipeline.step(event, &mut self.records);
            for record in self.records.drain(..) {
                output.write(record)?;
            }
        }
        Ok(())
    }

    /// What was recorded reaches the file, so that a crash costs little of it.
    fn flush(&mut self) -> anyhow::Result<()> {
        if let Some(recording) = &mut self.recording {
            recording.flush()?;
        }
        Ok(())
    }

    fn reopen(&self) {
        notify(&[sd_notify::NotifyState::Reloading]);
        if let Some((_, output)) = &self.judge {
            output.reopen();
        }
        notify(&[sd_notify::NotifyState::Ready]);
    }

    fn destination(&self) -> String {
        self.judge.as_ref().map_or_else(
            || "nowhere, events to the recording".to_owned(),
            |(_, output)| output.name().to_owned(),
        )
    }
}

fn host_event(fact: Fact) -> Event {
    Event { time: clock::boot_time(), process: ProcessKey::HOST, fact }
}

/// Signals that mean something to the agent.
struct Signals {
    hangup: Signal,
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn new() -> anyhow::Result<Self> {
        Ok(Self {
            hangup: handler(SignalKind::hangup())?,
            terminate: handler(SignalKind::terminate())?,
            interrupt: handler(SignalKind::interrupt())?,
        })
    }
}

fn handler(kind: SignalKind) -> anyhow::Result<Signal> {
    signal(kind).context("cannot install a signal handler")
}

fn register(messages: KernelMessages) -> anyhow::Result<AsyncFd<KernelMessages>> {
    // SAFETY: the logger owns its ring's descriptor, never changes it, and keeps it open until it is dropped, which
    // is after the runtime has let go of it.
    let registered = unsafe { AsyncFd::register(messages) };
    registered.map_err(std::io::Error::from).context("cannot wait for messages of the kernel programs")
}

/// Hands the next messages of the kernel programs to the log; waits for ever where there are none.
async fn show(messages: &mut Option<AsyncFd<KernelMessages>>) {
    let Some(messages) = messages else { return std::future::pending().await };
    match messages.readable_mut().await {
        Ok(mut ready) => {
            ready.get_inner_mut().flush();
            ready.clear_ready();
        }
        Err(error) => tracing::debug!(%error, "messages of the kernel programs cannot be read"),
    }
}

/// Sleeps until a boot time; for ever without one.
async fn until(deadline: Option<BootTime>) {
    match deadline {
        Some(deadline) => sleep(Duration::from_nanos(deadline.saturating_sub(clock::boot_time()))).await,
        None => std::future::pending().await,
    }
}

/// Tells systemd; elsewhere nobody listens.
fn notify(state: &[sd_notify::NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        tracing::debug!(%error, "service manager cannot be told");
    }
}
