//! The world on its own, without an agent: what a tool sends is what the receiver's socket read.

use std::{
    fs,
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    time::Duration,
};

use anyhow::{Context as _, Result, ensure};

use crate::{
    fixture::Places,
    harness::{Case, Context, Outcome},
    process::{self, Group},
    scenario::{Kind, Server},
    server::Servers,
    shell::Shell,
    suite, wait,
    world::{self, World},
};

/// A transfer whose bytes are known.
struct Transfer {
    name: &'static str,
    needs: &'static str,
    server: Server,
    /// Its last line of output is the number of bytes that the receiver must have read.
    script: &'static str,
    /// By how much the receiver may have read more: what a protocol adds that the tool does not tell.
    more: f64,
    /// Least and most seconds between the first megabyte and the fifth.
    pace: Option<(f64, f64)>,
}

const TRANSFERS: [Transfer; 7] = [
    Transfer {
        name: "sink",
        needs: "sh",
        server: Server { kind: Kind::Sink, port: 9000, rate: None },
        script: r#""$HELPER" send-one "$SERVER:9000" 12345678 </dev/null >/dev/null; echo 12345678"#,
        more: 0.0,
        pace: None,
    },
    Transfer {
        name: "http-put",
        needs: "curl",
        server: Server { kind: Kind::Http, port: 443, rate: None },
        script: r#"cat "$DOCS"/* >"$WORK/all"
            curl -sS -o /dev/null -w '%{size_request} %{size_upload}\n' -T "$WORK/all" "http://$SERVER:443/in" |
            { read -r head body; echo $((head + body)); }"#,
        more: 0.0,
        pace: None,
    },
    Transfer {
        name: "http-chunked",
        needs: "curl",
        server: Server { kind: Kind::Http, port: 8080, rate: None },
        script: r#"cat "$DOCS"/* | curl -sS -o /dev/null -T - "http://$SERVER:8080/in"; echo 12000000"#,
        more: 0.01,
        pace: None,
    },
    Transfer {
        name: "scp",
        needs: "scp",
        server: Server { kind: Kind::Ssh, port: 22, rate: None },
        script: r#"cat "$DOCS"/* >"$WORK/all"; scp -q -F ssh_config "$WORK/all" "$SERVER:$WORK/in"
            cmp "$WORK/all" "$WORK/in"; echo 12000000"#,
        more: 0.01,
        pace: None,
    },
    Transfer {
        name: "rsync-daemon",
        needs: "rsync",
        server: Server { kind: Kind::Rsync, port: 873, rate: None },
        script: r#"rsync -a "$DOCS" "rsync://$SERVER/drop/"; diff -r "$DOCS" "$WORK/rsyncd/drop/documents"
            echo 12000000"#,
        more: 0.01,
        pace: None,
    },
    Transfer {
        name: "tls",
        needs: "openssl",
        server: Server { kind: Kind::Tls, port: 443, rate: None },
        script: r#"cat "$DOCS"/* | openssl s_client -quiet -no_ign_eof -nocommands -connect "$SERVER:443"
            echo 12000000"#,
        more: 0.01,
        pace: None,
    },
    Transfer {
        name: "rate",
        needs: "curl",
        server: Server { kind: Kind::Http, port: 443, rate: Some(4_000_000) },
        script: r#"cat "$DOCS"/* | curl -sS -o /dev/null -T - "http://$SERVER:443/in"; echo 12000000"#,
        more: 0.01,
        pace: Some((0.9, 1.5)),
    },
];

/// Cases of this module.
#[must_use]
pub fn cases() -> Vec<Case> {
    let transfer = |transfer: &'static Transfer| {
        suite::case(format!("world::{}", transfer.name), move |context, dir| transfer.run(context, dir))
    };
    let mut cases: Vec<_> = TRANSFERS.iter().map(transfer).collect();
    cases.push(suite::case("world::clean-up".to_owned(), clean_up));
    cases
}

impl Transfer {
    fn run(&self, context: &Context, dir: &Path) -> Result<Outcome> {
        if process::find(self.needs).is_none() {
            return Ok(Outcome::Skipped(format!("no {} here", self.needs)));
        }
        let world = World::new()?;
        let places = Places::new(world.name())?;
        let servers = Servers::start(&world, &context.helper, &[self.server], &places, dir)?;
        let shell = Shell { world: &world, places: &places, helper: &context.helper };
        let output = shell.run(self.script)?;
        let sent: u64 =
            output.lines().last().unwrap_or_default().parse().context("the script's last line")?;
        let port = self.server.port;
        let read = servers.receiver.settled(port, 1, Duration::from_secs(10))?.read;
        #[expect(clippy::cast_precision_loss, reason = "byte counts of a check are far below 2^52")]
        let more = (read as f64 - sent as f64) / sent as f64;
        ensure!((0.0..=self.more).contains(&more), "sent {sent}, the receiver's socket read {read}");
        if let Some((least, most)) = self.pace {
            let at = |bytes| servers.receiver.reached(port, bytes)?.context("no mark in the report");
            let took = Duration::from_nanos(u64::try_from(at(5_000_000)? - at(1_000_000)?)?).as_secs_f64();
            ensure!((least..=most).contains(&took), "four megabytes took {took} s");
        }
        Ok(Outcome::Passed(vec![format!("sent {sent}, read {read}")]))
    }
}

/// A world leaves nothing behind, not even when its case panics or when somebody is still running inside.
fn clean_up(_: &Context, _: &Path) -> Result<Outcome> {
    let mut seen = None;
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        let made = World::new().and_then(|world| {
            let inside = Group::spawn(world.command("sleep").arg("600"))?;
            Ok((world, inside))
        });
        seen = made.as_ref().ok().map(|(world, inside)| (world.name().to_owned(), inside.pid()));
        std::panic::resume_unwind(Box::new(()));
    }));
    ensure!(panicked.is_err(), "no panic");
    let (name, pid) = seen.context("no world")?;
    ensure!(!world::exists(&name), "{name} is still there");
    wait::until(Duration::from_secs(5), "end of the program inside", || {
        // A dead child that nobody waited for still has an entry, without a command line.
        let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        Ok(line.is_empty().then_some(()))
    })?;
    Ok(Outcome::Passed(Vec::new()))
}
