//! `hivemind-netd`: see the library.

mod console;

use std::process::ExitCode;

#[cfg(target_os = "linux")]
fn main() -> ExitCode {
    console::run(linux::start)
}

#[cfg(windows)]
fn main() -> ExitCode {
    console::run(hivemind_netd::windows::start)
}

#[cfg(not(any(target_os = "linux", windows)))]
fn main() -> ExitCode {
    console::run(|_| Err("a tunnel of the system is made on Linux and Windows only".into()))
}

#[cfg(target_os = "linux")]
mod linux {
    use hivemind_netd::Desk;
    use hivemind_netd::linux::{Allowed, LinuxNetwork, Listener, keep_network_rights_alone, serve};
    use hivemind_netd_protocol::AWAY_S;
    use std::path::PathBuf;
    use std::time::Duration;
    use tokio::signal::unix::{SignalKind, signal};

    const USAGE: &str = "usage: hivemind-netd --socket PATH --program PATH [--away SECONDS]\n\
        Makes the private link's network interface for the one program named, run by this program's own user.\n\
        systemd starts it: see hivemind-netd@.service.";

    struct Options {
        socket: PathBuf,
        program: PathBuf,
        away: Duration,
    }

    fn read(words: &[String]) -> Result<Options, String> {
        let (mut socket, mut program, mut away) = (None, None, AWAY_S);
        let mut words = words.iter();
        while let (Some(name), Some(value)) = (words.next(), words.next()) {
            match name.as_str() {
                "--socket" => socket = Some(PathBuf::from(value)),
                "--program" => program = Some(PathBuf::from(value)),
                "--away" => away = value.parse().ok().filter(|s| (1..=AWAY_S).contains(s)).ok_or(USAGE)?,
                _ => return Err(USAGE.into()),
            }
        }
        match (socket, program) {
            (Some(socket), Some(program)) if socket.is_absolute() && program.is_absolute() => {
                Ok(Options { socket, program, away: Duration::from_secs(away) })
            }
            _ => Err(USAGE.into()),
        }
    }

    pub fn start(words: &[String]) -> Result<(), String> {
        let options = read(words)?;
        // Before there is a second thread, and before anything is heard.
        let able =
            keep_network_rights_alone().map_err(|error| format!("rights cannot be given up: {error}"))?;
        if !able {
            tracing::warn!("CAP_NET_ADMIN was not given: every tunnel will be refused");
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| format!("no event loop: {error}"))?;
        runtime.block_on(serving(&options))
    }

    async fn serving(options: &Options) -> Result<(), String> {
        let listener = Listener::bind(&options.socket)
            .map_err(|error| format!("the socket {} cannot be opened: {error}", options.socket.display()))?;
        let network = LinuxNetwork::open().map_err(|error| format!("there is no netlink: {error}"))?;
        let desk = Desk::new(network, options.away);
        let allowed = Allowed { uid: rustix::process::getuid().as_raw(), program: options.program.clone() };
        let mut end = signal(SignalKind::terminate()).map_err(|error| error.to_string())?;
        let mut stop = signal(SignalKind::interrupt()).map_err(|error| error.to_string())?;
        tracing::info!(socket = %options.socket.display(), uid = allowed.uid, "ready");
        tokio::select! {
            () = serve(&listener, &allowed, &desk) => {}
            _ = end.recv() => {}
            _ = stop.recv() => {}
        }
        desk.clear().await;
        Ok(())
    }
}
