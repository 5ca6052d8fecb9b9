use super::*;
use crate::companion::Companion;

fn lines(count: usize) -> Vec<String> {
    let line = |n| format!(r#"{{"name":"a{n}","what":"w","denied":true,"evidence":"e"}}"#);
    let mut lines: Vec<String> = (0..count).map(line).collect();
    lines.push(r#"{"name":"host_loopback","what":"w","denied":true,"evidence":"e"}"#.into());
    lines
}

#[test]
fn a_list_that_is_cut_short_proves_nothing() {
    assert!(judge(&lines(40), 153, false).expect("whole").iter().all(|a| a.denied));
    assert!(judge(&lines(40), 0, false).expect_err("no disk").message.contains("exit code 0"));
    assert!(judge(&lines(40), 137, false).is_err());
    assert!(judge(&lines(3), 153, false).is_err());
    assert!(judge(&lines(500), 153, false).is_err());
    let mut odd = lines(40);
    odd.push("Segmentation fault".into());
    assert!(judge(&odd, 153, false).is_err());
}

#[test]
fn what_is_seen_from_outside_counts_more() {
    let attacks = judge(&lines(40), 153, true).expect("whole");
    let broken: Vec<_> = attacks.iter().filter(|a| !a.denied).map(|a| a.name.as_str()).collect();
    assert_eq!(broken, ["host_loopback"]);
}

async fn engine() -> Option<(DockerEngine, InstallId)> {
    let required = std::env::var("HIVEMIND_REQUIRE_ENGINE").is_ok_and(|value| value == "1");
    let Ok(address) = std::env::var("HIVEMIND_TEST_DOCKER_HOST") else {
        assert!(!required, "an engine is required");
        println!("SKIPPED: HIVEMIND_TEST_DOCKER_HOST names no engine");
        return None;
    };
    let test = std::env::current_exe().expect("a path");
    let Ok(companion) = Companion::beside(test.parent()?) else {
        println!("SKIPPED: the companion is not built; cargo xtask companion builds it");
        return None;
    };
    let engine = DockerEngine::connect(Some(&address)).with_companion(Some(companion));
    engine.verify().await.expect("usable");
    let install = InstallId::new(format!("prove-{}", std::process::id())).expect("an id");
    Some((engine, install))
}

fn broken(attacks: &[Attack]) -> Vec<&str> {
    for attack in attacks {
        println!(
            "{} {}: {}",
            if attack.denied { "denied " } else { "THROUGH" },
            attack.name,
            attack.evidence
        );
    }
    attacks.iter().filter(|attack| !attack.denied).map(|attack| attack.name.as_str()).collect()
}

#[tokio::test]
async fn nothing_gets_out_of_the_box() {
    let Some((engine, install)) = engine().await else { return };
    let attacks = engine.prove(&install).await.expect("a proof");
    assert_eq!(broken(&attacks), [""; 0]);
    assert!(attacks.len() >= 30, "{}", attacks.len());
    assert!(engine.own(&install).await.expect("own").is_empty(), "nothing is left");
}

/// Each change opens the box at a place; the test must see at least that.
#[tokio::test]
async fn a_weakened_box_is_seen() {
    let Some((engine, install)) = engine().await else { return };
    type Change = fn(&mut ContainerCreateBody);
    let cases: &[(&str, Change, &[&str])] = &[
        (
            "network",
            |body| {
                if let Some(host) = &mut body.host_config {
                    host.network_mode = Some("bridge".into());
                }
            },
            &["host_services", "network_settings"],
        ),
        ("root", |body| body.user = Some("0:0".into()), &["root_user"]),
        (
            "no filter of calls, and new privileges",
            |body| {
                if let Some(host) = &mut body.host_config {
                    host.security_opt = Some(vec!["seccomp=unconfined".into()]);
                }
            },
            &["call_filter", "setuid_programs", "keyring"],
        ),
        (
            "the rights that engines give by default, and a writable system",
            |body| {
                body.user = Some("0:0".into());
                if let Some(host) = &mut body.host_config {
                    host.cap_drop = None;
                    host.readonly_rootfs = Some(false);
                }
            },
            &["rights", "system_files", "raw_sockets"],
        ),
        (
            "no limits",
            |body| {
                if let Some(host) = &mut body.host_config {
                    host.pids_limit = None;
                    host.memory = None;
                    host.memory_swap = None;
                    host.ulimits = None;
                }
            },
            &["processes", "open_files", "memory", "large_file"],
        ),
        (
            "a folder of the computer",
            |body| {
                if let Some(host) = &mut body.host_config {
                    host.binds = Some(vec!["/usr:/hosts-usr:ro".into()]);
                }
            },
            &["host_files"],
        ),
    ];
    for (name, change, expected) in cases {
        println!("== {name}");
        let attacks = engine.prove_with(&install, change).await.expect(name);
        let broken = broken(&attacks);
        for word in *expected {
            assert!(broken.contains(word), "{name}: {word} was not seen in {broken:?}");
        }
    }
    assert!(engine.own(&install).await.expect("own").is_empty(), "nothing is left");
}

#[tokio::test]
async fn without_the_companion_nothing_is_proved() {
    let engine = DockerEngine::connect(Some("unix:///nonexistent/docker.sock"));
    let install = InstallId::new("prove").expect("an id");
    let refused = engine.prove(&install).await.expect_err("nothing to prove with");
    assert!(refused.message.contains("hivemind-companion"), "{refused}");
}
