//! Results from real containers.

use crate::bench::bench;
use hivemind_worker_core::port::{Engine, EngineErrorKind};
use sha2::{Digest, Sha256};
use std::io::Read;

fn files_in(zip: &std::path::Path) -> Vec<(String, Vec<u8>)> {
    let mut archive = zip::ZipArchive::new(std::fs::File::open(zip).expect("a file")).expect("a zip");
    (0..archive.len())
        .map(|index| {
            let mut file = archive.by_index(index).expect("an entry");
            let mut content = Vec::new();
            file.read_to_end(&mut content).expect("content");
            (file.name().expect("a name").into_owned(), content)
        })
        .collect()
}

#[tokio::test]
async fn equal_outputs_have_equal_hashes_and_different_ones_do_not() {
    let Some(bench) = bench().await else { return };
    let one = "cd $HIVEMIND_OUTPUT; mkdir -p b/c; echo 2 > b/c/two; echo 1 > a; touch b/empty; head -c 300000 /dev/zero > z\n";
    let two = "cd $HIVEMIND_OUTPUT; head -c 300000 /dev/zero > z; sleep 1.1; mkdir -p b/c; touch b/empty; echo 1 > a; chmod 700 a; echo 2 > b/c/two\n";
    let other = "echo 3 > $HIVEMIND_OUTPUT/a\n";
    let mut results = Vec::new();
    for (task, script) in [("one", one), ("two", two), ("other", other)] {
        let container = bench.script(task, script).await;
        assert_eq!(bench.run(&container).await.exit.code, 0);
        let into = bench.folder.path().join(format!("{task}-result.zip"));
        let result = bench.engine.collect(&container, &into, 1 << 20).await.expect("collected");
        bench.engine.remove(&container).await.expect("removed");
        let bytes = std::fs::read(&into).expect("the zip");
        assert_eq!(result.sha256, hex::encode(Sha256::digest(&bytes)));
        assert_eq!(result.size_bytes, bytes.len() as u64);
        results.push((result, into));
    }
    assert_eq!(results[0].0, results[1].0);
    assert_ne!(results[0].0.sha256, results[2].0.sha256);
    let names: Vec<_> =
        files_in(&results[0].1).into_iter().map(|(name, content)| (name, content.len())).collect();
    let expected = [("a", 2), ("b/c/two", 2), ("b/empty", 0), ("z", 300_000)];
    assert_eq!(names, expected.map(|(name, size)| (name.to_owned(), size)));
    bench.assert_clean().await;
}

#[tokio::test]
async fn links_to_the_host_or_the_image_are_never_read() {
    let Some(bench) = bench().await else { return };
    let secret = bench.folder.path().join("secret");
    std::fs::write(&secret, "the host's secret").expect("written");
    let script = format!(
        "cd $HIVEMIND_OUTPUT; echo mine > mine; ln mine again; ln -s {} secret; ln -s /etc/passwd passwd; \
         ln -s / root; ln -s ../../.. up; mkfifo pipe; mkdir -p d; ln -s /proc/1/root d/proc; ln -s mine own\n",
        secret.display()
    );
    let container = bench.script("links", &script).await;
    assert_eq!(bench.run(&container).await.exit.code, 0);
    let into = bench.folder.path().join("links-result.zip");
    bench.engine.collect(&container, &into, 1 << 20).await.expect("collected");
    let mine = b"mine\n".to_vec();
    assert_eq!(files_in(&into), [("again".to_owned(), mine.clone()), ("mine".to_owned(), mine)]);
    bench.engine.remove(&container).await.expect("removed");

    // The folder itself as a link to somewhere else.
    for (task, target) in [("folder-link", "/etc"), ("folder-up", ".."), ("folder-host", "/var/run")] {
        let script = format!("cd /work; rmdir output; ln -s {target} output\n");
        let container = bench.script(task, &script).await;
        assert_eq!(bench.run(&container).await.exit.code, 0);
        let into = bench.folder.path().join("folder-link.zip");
        let result = bench.engine.collect(&container, &into, 1 << 20).await.expect("collected");
        assert_eq!(result.entries, 0, "{task}: {:?}", files_in(&into));
        bench.engine.remove(&container).await.expect("removed");
    }
    bench.assert_clean().await;
}

#[tokio::test]
async fn what_cannot_be_taken_is_refused_and_leaves_no_file() {
    let Some(bench) = bench().await else { return };
    for (task, script, kind) in [
        ("large", "head -c 2000000 /dev/zero > $HIVEMIND_OUTPUT/x\n", Some(EngineErrorKind::Output)),
        (
            "sparse",
            "dd if=/dev/zero of=$HIVEMIND_OUTPUT/x bs=1 count=1 seek=900000000 2>/dev/null\n",
            Some(EngineErrorKind::Output),
        ),
        ("name", "touch \"$HIVEMIND_OUTPUT/$(printf 'a\\033[31m')\"\n", Some(EngineErrorKind::Output)),
        ("case", "touch $HIVEMIND_OUTPUT/a $HIVEMIND_OUTPUT/A\n", Some(EngineErrorKind::Output)),
        ("a-file", "rmdir $HIVEMIND_OUTPUT; echo x > $HIVEMIND_OUTPUT\n", Some(EngineErrorKind::Output)),
        ("removed", "rmdir $HIVEMIND_OUTPUT\n", None),
        ("nothing", "true\n", None),
    ] {
        let container = bench.script(task, script).await;
        assert_eq!(bench.run(&container).await.exit.code, 0, "{task}");
        let folder = bench.folder.path().join(task);
        std::fs::create_dir(&folder).expect("a folder");
        let taken = bench.engine.collect(&container, &folder.join("r.zip"), 1 << 20).await;
        let left = std::fs::read_dir(&folder).expect("the folder").count();
        match (taken, kind) {
            (Err(refused), Some(kind)) => assert_eq!((refused.kind, left), (kind, 0), "{task}: {refused}"),
            (Ok(result), None) => assert_eq!((result.entries, result.size_bytes, left), (0, 22, 1), "{task}"),
            (taken, _) => panic!("{task}: {taken:?}"),
        }
        bench.engine.remove(&container).await.expect("removed");
        let gone = bench.engine.collect(&container, &folder.join("r.zip"), 1 << 20).await.expect_err("gone");
        assert_eq!(gone.kind, EngineErrorKind::Gone);
    }
    bench.assert_clean().await;
}
