//! The service of Windows under Wine, which is no Windows: it has no users to tell apart, and cannot load the driver. What
//! it shows is in the names of the tests.
#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "all of this file is tests, against real programs and real time"
)]

use hivemind_netd_protocol::{Answer, Kind, Refused, Request, SERVICE, State, VERSION, encode};
use hivemind_testkit::wine::Wine;
use sha2::Digest;
use std::io::{BufRead, BufReader, Lines};
use std::path::PathBuf;
use std::process::{Child, ChildStdout};
use std::time::{Duration, Instant};

const LONG: Duration = Duration::from_secs(60);
/// Alice's private and Bob's public key of RFC 7748, section 6.1, as a link that nobody has.
const LINK: &str = "[Interface]\nPrivateKey = dwdtCnMYpX08FsFyUbJmRd9ML4frwJkqsXf7pR25LCo=\nAddress = 10.77.0.2/32\n\
    [Peer]\nPublicKey = 3p7bfXt9wbTTW2HC7OQ1Nz+DQ8hbeGdNrfx+FG+IK08=\nEndpoint = 203.0.113.2:51820\n\
    AllowedIPs = 10.77.0.0/24\n";
const NONE: State = State { up: false, handshake_s: None, received: 0, sent: 0 };

/// The service as an administrator installs it; it is removed with this.
struct Service {
    wine: Wine,
    folder: PathBuf,
    /// Wine ends its services when the last other program has ended.
    stays: Child,
}

impl Service {
    /// None, with the word for it, where there is no Wine.
    fn install(test: &str) -> Option<Self> {
        let wine = Wine::find(test)?;
        let folder = wine.folder().join("netd");
        let mut stays = wine.start(&[&Wine::named(&folder.join("stranger.exe")), "stay", "110"]);
        // A Wine that is still starting would start its services twice.
        assert_eq!(lines(&mut stays).next().unwrap().unwrap().trim(), "here");
        let service = Self { wine, folder, stays };
        let _ = std::fs::remove_file(service.library());
        // A test that was ended from outside leaves it behind.
        let _ = service.sc(&["delete", SERVICE]);
        let program = format!("{} --service", Wine::named(&service.folder.join("hivemind-netd.exe")));
        let said =
            service.sc(&["create", SERVICE, "binPath=", &program, "obj=", "LocalSystem", "start=", "demand"]);
        assert!(said.is_ok(), "{said:?}");
        Some(service)
    }

    fn started(test: &str) -> Option<Self> {
        let service = Self::install(test)?;
        service.start();
        Some(service)
    }

    fn start(&self) {
        self.sc(&["start", SERVICE]).unwrap();
        self.stands("RUNNING");
    }

    fn library(&self) -> PathBuf {
        self.folder.join("wireguard.dll")
    }

    /// Windows' own program for services.
    fn sc(&self, words: &[&str]) -> Result<String, String> {
        let said = self.wine.run(&[&["sc"], words].concat());
        if said.code == Some(0) { Ok(said.out) } else { Err(format!("sc {words:?}: {said:?}")) }
    }

    fn stands(&self, state: &str) {
        let begun = Instant::now();
        loop {
            let said = self.sc(&["query", SERVICE]);
            if said.as_ref().is_ok_and(|said| said.contains(state)) {
                return;
            }
            assert!(begun.elapsed() < LONG, "{state} is awaited: {said:?}");
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// What each run of bytes was answered, said by one program on one connection.
    fn says(&self, program: &str, runs: &[Vec<u8>]) -> Vec<String> {
        let program = Wine::named(&self.folder.join(program));
        let runs: Vec<String> =
            runs.iter().map(|run| run.iter().map(|byte| format!("{byte:02x}")).collect()).collect();
        let mut words = vec![program.as_str(), "say"];
        words.extend(runs.iter().map(String::as_str));
        let said = self.wine.run(&words);
        assert_eq!(said.code, Some(0), "{said:?}");
        said.out.lines().map(ToOwned::to_owned).collect()
    }

    fn asks(&self, request: &Request) -> Answer {
        let said = self.says("hivemind-worker.exe", &[frame(&Request::hello()), frame(request)]);
        let [welcome, answer] = said.as_slice() else { panic!("{said:?}") };
        assert_eq!(parsed(welcome), Answer::Welcome { version: VERSION, kind: Kind::Driver });
        parsed(answer)
    }

    /// What becomes of a link, as the worker brings it up.
    fn links(&self) -> (String, String) {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("wg0.conf"), LINK).unwrap();
        let program = Wine::named(&self.folder.join("hivemind-worker.exe"));
        let said = self.wine.run(&[&program, "link", &Wine::named(folder.path())]);
        let told: serde_json::Value = serde_json::from_str(&said.out).unwrap_or_else(|_| panic!("{said:?}"));
        let word = |name: &str| told[name].as_str().unwrap_or_default().to_owned();
        (word("code"), word("text"))
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.sc(&["stop", SERVICE]);
        let _ = self.sc(&["delete", SERVICE]);
        let _ = self.stays.kill();
        let _ = self.stays.wait();
        let _ = std::fs::remove_file(self.library());
    }
}

fn lines(program: &mut Child) -> Lines<BufReader<ChildStdout>> {
    BufReader::new(program.stdout.take().unwrap()).lines()
}

fn frame(request: &Request) -> Vec<u8> {
    encode(request).unwrap().to_vec()
}

fn parsed(answer: &str) -> Answer {
    serde_json::from_str(answer).unwrap_or_else(|error| panic!("{error}: {answer}"))
}

#[test]
fn the_service_is_installed_started_queried_stopped_and_deleted() {
    let name = "the_service_is_installed_started_queried_stopped_and_deleted";
    let Some(service) = Service::install(name) else { return };
    service.stands("STOPPED");
    service.start();
    assert!(service.sc(&["start", SERVICE]).is_err(), "it runs already");
    assert_eq!(service.asks(&Request::Status), Answer::Status(NONE));
    service.sc(&["stop", SERVICE]).unwrap();
    service.stands("STOPPED");
    service.sc(&["delete", SERVICE]).unwrap();
    assert!(service.sc(&["query", SERVICE]).is_err(), "there is no such service any more");
}

#[test]
fn a_client_asks_and_is_answered() {
    let Some(service) = Service::started("a_client_asks_and_is_answered") else { return };
    assert_eq!(service.asks(&Request::Status), Answer::Status(NONE));
    assert_eq!(service.asks(&Request::Down), Answer::Done);
    let said = service.says("hivemind-worker.exe", &[frame(&Request::Status)]);
    assert_eq!(parsed(&said[0]), Answer::Refused(Refused::Order), "hello comes first");
}

#[test]
fn another_program_is_refused() {
    let Some(service) = Service::started("another_program_is_refused") else { return };
    let said = service.says("stranger.exe", &[frame(&Request::hello()), frame(&Request::Status)]);
    assert_eq!(parsed(&said[0]), Answer::Refused(Refused::Program));
    assert_eq!(said[1], "ended");
    assert_eq!(service.asks(&Request::Status), Answer::Status(NONE), "the worker is served all the same");
}

#[test]
fn frames_that_are_none_end_the_conversation_and_the_service_lives_on() {
    let name = "frames_that_are_none_end_the_conversation_and_the_service_lives_on";
    let Some(service) = Service::started(name) else { return };
    let framed = |body: &str| [&u16::try_from(body.len()).unwrap().to_be_bytes(), body.as_bytes()].concat();
    for (bytes, why) in [
        (vec![0x10, 0x01], Refused::Oversize),
        (vec![0xff; 9000], Refused::Oversize),
        (vec![0, 0], Refused::Oversize),
        (framed("{}"), Refused::Malformed),
        (framed("{\"exec\":\"cmd.exe\"}"), Refused::Malformed),
        (framed("{\"hello\":{\"version\":2}}"), Refused::Version),
    ] {
        let said = service.says("hivemind-worker.exe", &[bytes.clone(), frame(&Request::Status)]);
        assert_eq!(parsed(&said[0]), Answer::Refused(why), "{bytes:02x?}");
        assert_eq!(said[1], "ended", "{bytes:02x?}");
    }
    let begun = Instant::now();
    let half = framed("{\"hello\"")[..6].to_vec();
    assert_eq!(service.says("hivemind-worker.exe", &[half]), ["ended"]);
    let took = begun.elapsed();
    println!("half a frame was waited for {took:.1?}, with the start of the program that said it");
    assert!(took > Duration::from_secs(4), "{took:?}");
    service.stands("RUNNING");
    assert_eq!(service.asks(&Request::Status), Answer::Status(NONE));
}

#[test]
fn a_library_that_is_missing_or_another_is_refused_before_it_is_loaded() {
    let name = "a_library_that_is_missing_or_another_is_refused_before_it_is_loaded";
    let Some(service) = Service::started(name) else { return };
    let (code, text) = service.links();
    assert_eq!(code, "LINK_FAILED");
    assert!(text.contains("wireguard.dll is not beside it"), "{text}");
    // One that leaves a mark where it is loaded, as another program shows.
    let (library, mark) = (service.library(), service.folder.join("wireguard.dll.loaded"));
    std::fs::copy(service.folder.join("planted.dll"), &library).unwrap();
    let _ = service.wine.run(&["rundll32", &format!("{},none", Wine::named(&library))]);
    std::fs::remove_file(&mark).expect("the mark of a library that was loaded");
    let hash = sha2::Sha256::digest(std::fs::read(&library).unwrap());
    let hash: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
    let (code, text) = service.links();
    assert_eq!(code, "LINK_FAILED");
    assert!(text.contains("wireguard.dll beside it is not the one") && text.contains(&hash), "{text}");
    assert!(!mark.exists(), "it was loaded before it was refused");
    std::fs::File::options().write(true).open(&library).unwrap().set_len(17 << 20).unwrap();
    let (_, text) = service.links();
    assert!(text.contains("not the one") && text.contains("16 MiB"), "{text}");
    assert!(!mark.exists() && service.asks(&Request::Status) == Answer::Status(NONE));
    // The right one is taken, and then there is no driver.
    std::fs::copy(service.folder.join("driver.dll"), &library).unwrap();
    let (code, text) = service.links();
    assert!(code == "LINK_FAILED" && text.contains("the system refused"), "{text}");
}

#[test]
fn an_impostor_at_the_pipe_is_told_nothing() {
    let Some(service) = Service::install("an_impostor_at_the_pipe_is_told_nothing") else { return };
    let program = Wine::named(&service.folder.join("stranger.exe"));
    let mut impostor = service.wine.start(&[&program, "squat", "110"]);
    let mut out = lines(&mut impostor);
    assert_eq!(out.next().unwrap().unwrap().trim(), "taken");
    let (code, text) = service.links();
    assert_eq!(code, "LINK_SERVICE_MISSING");
    assert!(text.contains("belongs to another program"), "{text}");
    assert_eq!(out.next().unwrap().unwrap().trim(), "told 0 bytes");
    impostor.kill().unwrap();
    impostor.wait().unwrap();
}
