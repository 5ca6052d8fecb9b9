//! The built program: where it is, one call of it, one long-running process of it.

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, Command};

const CALL: Duration = Duration::from_secs(60);

/// The program beside this test's own folder, or the one that `HIVEMIND_WORKER_BIN` names.
pub fn binary() -> PathBuf {
    if let Some(named) = std::env::var_os("HIVEMIND_WORKER_BIN") {
        return named.into();
    }
    let own = std::env::current_exe().expect("this test's own path");
    let folder = own.ancestors().nth(2).expect("a test lies in deps/ of the target folder");
    let program = folder.join(format!("hivemind-worker{}", std::env::consts::EXE_SUFFIX));
    assert!(
        program.is_file(),
        "{} is missing: build it first with `cargo build -p hivemind-app`",
        program.display()
    );
    program
}

/// What the program sees of this machine: nothing but what a test says.
#[derive(Debug, Clone)]
pub struct Surroundings {
    home: PathBuf,
    variables: Vec<(String, String)>,
    /// A command line that starts the program in other circumstances.
    through: Vec<String>,
    /// The program, where it is not the built one.
    program: Option<PathBuf>,
}

impl Surroundings {
    pub fn new(home: &Path) -> Self {
        std::fs::create_dir_all(home.join("tmp")).expect("a home folder");
        Self { home: home.to_owned(), variables: Vec::new(), through: Vec::new(), program: None }
    }

    pub fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.variables.retain(|(known, _)| known != name);
        self.variables.push((name.to_owned(), value.into()));
        self
    }

    pub fn temporary(&self) -> PathBuf {
        self.home.join("tmp")
    }

    /// Lets this command line start the program, which it finds behind its own words.
    pub fn through(mut self, words: &[&str]) -> Self {
        self.through = words.iter().map(|&word| word.to_owned()).collect();
        self
    }

    /// Takes a copy of the program.
    pub fn of_copy(mut self, program: &Path) -> Self {
        self.program = Some(program.to_owned());
        self
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let program = self.program.clone().unwrap_or_else(binary);
        let Some((starter, words)) = self.through.split_first() else {
            return self.command_of(&program, arguments);
        };
        let program = program.display().to_string();
        let words: Vec<_> = words.iter().map(String::as_str).chain([program.as_str()]).collect();
        self.command_of(Path::new(starter), &[&words, arguments].concat())
    }

    /// Another program, or the same one at another place.
    pub fn command_of(&self, program: &Path, arguments: &[&str]) -> Command {
        let mut command = Command::new(program);
        command.args(arguments).env_clear().kill_on_drop(true).current_dir(&self.home);
        // No session bus, hence no keyring: a test must not ask the person who runs it.
        // Nor sensors: a laptop on battery must not hold its tests up.
        command.env("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/nonexistent/bus");
        command.env("HOME", &self.home).env("TMPDIR", self.temporary());
        if let Some(path) = std::env::var_os("PATH") {
            command.env("PATH", path);
        }
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        command
    }
}

/// What one call of the program said.
#[derive(Debug)]
pub struct Said {
    pub code: i32,
    pub lines: Vec<Value>,
    pub stderr: String,
}

impl Said {
    /// The one JSON value of a call that went well.
    #[track_caller]
    pub fn ok(mut self) -> Value {
        assert_eq!(self.code, 0, "{self:?}");
        self.lines.pop().unwrap_or(Value::Null)
    }

    /// Code and sentence of the error.
    #[track_caller]
    pub fn error(&self) -> (&str, &str) {
        let error = &self.lines.last().unwrap_or_else(|| panic!("no error in {self:?}"))["error"];
        let word = |name: &str| error[name].as_str().unwrap_or_else(|| panic!("no {name} in {self:?}"));
        (word("code"), word("message"))
    }
}

/// Calls the program with `--json` and waits for its end.
pub async fn call(surroundings: &Surroundings, arguments: &[&str]) -> Said {
    call_with(surroundings, arguments, "", CALL).await
}

/// Calls the program as a person does, and gives what it prints for people.
pub async fn told(surroundings: &Surroundings, arguments: &[&str]) -> String {
    let mut command = surroundings.command(arguments);
    let calling = command.stdin(Stdio::null()).stderr(Stdio::null()).output();
    let output = tokio::time::timeout(CALL, calling).await.expect("it ends").expect("output");
    String::from_utf8(output.stdout).expect("text")
}

/// The same with something on standard input and a wait of one's own.
pub async fn call_with(
    surroundings: &Surroundings,
    arguments: &[&str],
    input: &str,
    limit: Duration,
) -> Said {
    let mut command = surroundings.command(&[&["--json"], arguments].concat());
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the program starts");
    let mut stdin = child.stdin.take().expect("a pipe");
    // It may end without reading.
    let _ = stdin.write_all(input.as_bytes()).await;
    drop(stdin);
    let output = tokio::time::timeout(limit, child.wait_with_output())
        .await
        .unwrap_or_else(|_| panic!("{arguments:?} takes longer than {} s", limit.as_secs()))
        .expect("output");
    let stdout = String::from_utf8(output.stdout).expect("text");
    let parse = |line: &str| {
        serde_json::from_str(line).unwrap_or_else(|e| panic!("{arguments:?} printed no JSON ({e}): {line}"))
    };
    Said {
        code: output.status.code().expect("an exit code"),
        lines: stdout.lines().map(parse).collect(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// A process of the program that goes on until it is told to end.
pub struct Running {
    child: Child,
    /// The first line it printed.
    pub announced: Value,
    log: PathBuf,
}

impl Running {
    /// Starts it and waits for its first line.
    pub async fn start(surroundings: &Surroundings, arguments: &[&str], log: &Path) -> Self {
        match Self::try_start(surroundings, arguments, log).await {
            Ok(running) => running,
            Err(code) => {
                let said = std::fs::read_to_string(log).unwrap_or_default();
                panic!("{arguments:?} ended with {code} and said nothing: {said}")
            }
        }
    }

    /// The same for a call that may also end at once without a word; gives its exit code then.
    pub async fn try_start(surroundings: &Surroundings, arguments: &[&str], log: &Path) -> Result<Self, i32> {
        let mut command = surroundings.command(&[&["--json"], arguments].concat());
        let errors = std::fs::OpenOptions::new().create(true).append(true).open(log).expect("a log file");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(errors);
        let mut child = command.spawn().expect("the program starts");
        let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        let first = tokio::time::timeout(CALL, lines.next_line()).await.ok().and_then(Result::ok).flatten();
        let Some(first) = first else {
            let ended = tokio::time::timeout(CALL, child.wait()).await.expect("it ends").expect("a status");
            return Err(ended.code().unwrap_or(-1));
        };
        let announced: Value = serde_json::from_str(&first).unwrap_or_else(|_| panic!("no JSON: {first}"));
        assert!(announced.get("error").is_none(), "{arguments:?}: {announced}");
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        Ok(Self { child, announced, log: log.to_owned() })
    }

    pub fn pid(&self) -> u32 {
        self.child.id().expect("it runs")
    }

    fn signal(&self, signal: rustix::process::Signal) {
        let pid = rustix::process::Pid::from_raw(self.pid().cast_signed());
        rustix::process::kill_process(pid.expect("it runs"), signal).expect("signalled");
    }

    /// SIGKILL: no chance to tidy anything up.
    pub async fn kill(mut self) {
        self.child.kill().await.expect("killed");
    }

    /// Waits until it has ended; nothing when it has not within that time.
    pub async fn ended(&mut self, within: Duration) -> Option<std::process::ExitStatus> {
        tokio::time::timeout(within, self.child.wait()).await.ok().map(|ended| ended.expect("a status"))
    }

    /// SIGTERM: it ends in order, with exit code 0.
    pub async fn end(mut self) {
        self.signal(rustix::process::Signal::TERM);
        let ended = self.ended(CALL).await.expect("it ends");
        assert!(ended.success(), "{ended}");
    }

    /// SIGSTOP: it lies as dead.
    pub fn silence(&self) {
        self.signal(rustix::process::Signal::STOP);
    }

    /// SIGCONT.
    pub fn wake(&self) {
        self.signal(rustix::process::Signal::CONT);
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let text = std::fs::read_to_string(&self.log).unwrap_or_default();
            let from = text.char_indices().rev().nth(6000).map_or(0, |(at, _)| at);
            println!("--- end of {}:\n{}", self.log.display(), &text[from..]);
        }
    }
}
