//! Ports that another program has, and a disk without room.

use super::{Ill, Patient, can, succeeds};
use crate::patience::{LONG, until};
use std::net::{Ipv4Addr, TcpListener};
use std::path::PathBuf;

#[tokio::test]
async fn a_taken_port_is_named_until_it_is_free_at_the_next_start() {
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let port = taken.local_addr().expect("its number").port();
    let mut patient = Patient::new(|_| ()).await;
    patient.set("monitor_port", port);
    patient.start().await;
    let proof = format!("port {port} is taken");
    let ill = Ill {
        fault: "port-taken",
        number: 34,
        level: "warning",
        code: None,
        proof: &[&proof],
        fix: "then restart the worker",
    };
    patient.is_ill(&ill).await;
    drop(taken);
    patient.end().await;
    patient.start().await;
    patient.is_well(34).await;
    patient.end().await;
}

#[tokio::test]
async fn a_taken_port_for_the_local_network_is_named_until_another_is_chosen() {
    let taken = TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0)).expect("a port");
    let port = taken.local_addr().expect("its number").port();
    let mut patient = Patient::new(|_| ()).await;
    patient.set("monitor_lan_port", port);
    patient.set("monitor_on_lan", "true");
    patient.start().await;
    let proof = format!("port {port} is taken");
    let ill = Ill {
        fault: "lan-port-taken",
        number: 36,
        level: "warning",
        code: None,
        proof: &[&proof],
        fix: "monitor_lan_port",
    };
    patient.is_ill(&ill).await;
    patient.call(&["settings", "set", "monitor_on_lan", "false"]).await.ok();
    assert_eq!(patient.is_well(36).await, "the local network is not served");
    patient.end().await;
}

/// A file system in memory that goes when this goes.
struct Small(PathBuf);

impl Small {
    fn sized(&self, size: &str) -> bool {
        let place = self.0.display().to_string();
        succeeds("mount", &["-o", &format!("remount,size={size}"), &place])
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        succeeds("umount", &["-l", &self.0.display().to_string()]);
    }
}

#[tokio::test]
async fn a_disk_without_room_is_told_until_there_is_some_and_nothing_is_lost() {
    let name = "a_disk_without_room_is_told_until_there_is_some_and_nothing_is_lost";
    if !can(name, &["mount", "umount"]) {
        return;
    }
    let mut patient = Patient::new(|_| ()).await;
    std::fs::create_dir(&patient.data).expect("a folder");
    let place = patient.data.display().to_string();
    if !succeeds("mount", &["-t", "tmpfs", "-o", "size=24m,mode=700", "tmpfs", &place]) {
        println!("SKIPPED {name}: this process may not mount file systems");
        return;
    }
    let disk = Small(patient.data.clone());
    patient.start().await;
    patient.sign_in().await;
    // Takes what is left, to the last block.
    let filler = patient.data.join("filler");
    let full = std::fs::OpenOptions::new().create(true).append(true).open(&filler).expect("a file");
    while std::io::Write::write(&mut &full, &[1; 4096]).is_ok_and(|many| many > 0) {}
    let ill = Ill {
        fault: "disk-full",
        number: 7,
        level: "error",
        code: Some("DISK_LOW"),
        proof: &["0.0 GiB free"],
        fix: "Free up space",
    };
    patient.is_ill(&ill).await;
    let account = patient.call(&["status"]).await.ok()["account"]["username"].clone();
    assert_eq!(account, "works");
    std::fs::remove_file(&filler).expect("removed");
    assert!(disk.sized("12g"), "the file system grows");
    let proof = patient.is_well(7).await;
    assert!(proof.contains("GiB free where tasks are kept") && !proof.starts_with("0.0"), "{proof}");
    patient.end().await;
    patient.start().await;
    until("who was signed in is there again", LONG, async || {
        (patient.call(&["status"]).await.ok()["account"]["username"] == "works").then_some(())
    })
    .await;
    patient.end().await;
}

#[tokio::test]
async fn a_broken_certificate_for_the_local_network_is_told_until_it_is_made_anew() {
    let free = TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0)).expect("a port");
    let port = free.local_addr().expect("its number").port();
    drop(free);
    let mut patient = Patient::new(|_| ()).await;
    patient.start().await;
    let kept = patient.data.join("monitor-lan.pem");
    std::fs::write(&kept, "no certificate\n").expect("written");
    std::fs::set_permissions(&kept, std::os::unix::fs::PermissionsExt::from_mode(0o600)).expect("set");
    let port = port.to_string();
    patient.call(&["settings", "set", "monitor_lan_port", &port]).await.ok();
    patient.call(&["settings", "set", "monitor_on_lan", "true"]).await.ok();
    let ill = Ill {
        fault: "lan-certificate",
        number: 36,
        level: "warning",
        code: None,
        proof: &["the local network is not served", "certificate"],
        fix: "Move monitor-lan.pem out of the data folder",
    };
    patient.is_ill(&ill).await;
    std::fs::remove_file(&kept).expect("moved");
    for on in ["false", "true"] {
        patient.call(&["settings", "set", "monitor_on_lan", on]).await.ok();
    }
    crate::patience::until("the local network is served", crate::patience::LONG, async || {
        let (_, told) = patient.examine(36).await;
        (told["level"] == "notice").then_some(())
    })
    .await;
    patient.end().await;
}

#[tokio::test]
async fn a_computer_without_a_gpu_says_so_and_works_with_its_processor() {
    let name = "a_computer_without_a_gpu_says_so_and_works_with_its_processor";
    if std::path::Path::new("/dev/nvidiactl").exists() {
        println!("SKIPPED {name}: this computer has an NVIDIA GPU");
        return;
    }
    let mut patient = Patient::new(|_| ()).await;
    patient.start().await;
    let (_, told) = patient.examine(8).await;
    let proof = told["proof"].as_str().expect("a proof");
    assert_eq!(told["level"], "notice");
    assert!(
        proof.starts_with("no NVIDIA GPU in use: ") && proof.ends_with("; tasks use the processor"),
        "{proof}"
    );
    patient.end().await;
}
