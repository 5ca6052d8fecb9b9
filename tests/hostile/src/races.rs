//! A program that swaps files, folders and links while its outputs are collected.

use crate::case::{Case, Seen};
use crate::container::STAGE;
use hivemind_domain::limits::TaskLimits;
use hivemind_worker_core::port::{Engine, Told};
use std::path::PathBuf;
use std::time::Duration;
use tokio::sync::mpsc;

/// Names that are swapped all the time.
const NAMES: usize = 100;
/// Collections; in each of them every name is a try.
const ROUNDS: usize = 100;
/// What stands in the host's file.
const SECRET: &str = "c4f1d3-the-secret-of-the-host-5b7e";
/// Most bytes of a result.
const MOST: u64 = 64 << 20;

/// Swaps each name between a file, a link to the host's secret, a folder, a hard link, and a link to a folder.
const SWAPPER: &str = r#"
import os, random, sys, threading
secret = sys.argv[1] if len(sys.argv) > 1 else open('/work/where').read().strip()
os.chdir('/work/output')
targets = [secret, '../../../../../../../..' + secret, '/proc/1/root' + secret, '/etc/passwd', '/proc/self/environ']
def swap(names):
    while True:
        name = random.choice(names)
        fresh = '.new-' + name
        try:
            kind = random.randrange(5)
            if kind < 2:
                with open(fresh, 'w') as f: f.write('mine ' * 200)
            elif kind == 2: os.symlink(random.choice(targets), fresh)
            elif kind == 3: os.symlink('/etc', fresh)
            else: os.link('anchor', fresh)
            os.replace(fresh, name)
        except OSError:
            for left in (fresh, name):
                try: os.rmdir(left) if os.path.isdir(left) and not os.path.islink(left) else os.unlink(left)
                except OSError: pass
open('anchor', 'w').write('mine')
names = [f'n{n:03}' for n in range(100)]
for name in names: open(name, 'w').write('mine')
print('swapping', flush=True)
for part in range(4): threading.Thread(target=swap, args=(names[part::4],)).start()
"#;

/// One case: it counts as so many tries.
pub fn cases() -> Vec<Case> {
    let run = |folder: &std::path::Path| Seen::plain(STAGE.runtime.block_on(race(folder.to_path_buf())));
    let built = format!("{NAMES} names, swapped without pause while {ROUNDS} collections run");
    let expected = "0 host bytes read, 0 written".to_owned();
    vec![Case { name: "swaps".to_owned(), built, expected, run: Box::new(run) }]
}

/// How many tries a run of the case is.
pub const TRIES: usize = NAMES * ROUNDS;

async fn race(folder: PathBuf) -> String {
    let secret = folder.join("secret");
    std::fs::write(&secret, SECRET).expect("written");
    let before = std::fs::metadata(&secret).and_then(|kind| kind.modified()).expect("a time");
    let place = secret.display().to_string();
    let plan = STAGE.plan(&[("main.py", SWAPPER), ("where", &place)], TaskLimits::default());
    let container = STAGE.engine.prepare(&plan).await.expect("prepared").container;
    let (sender, mut events) = mpsc::channel(16);
    let (engine, running) = (STAGE.engine.clone(), container.clone());
    let task = tokio::spawn(async move { engine.run(&running, Told::default(), sender).await });
    let swapping = tokio::time::timeout(Duration::from_secs(60), async {
        while let Some(event) = events.recv().await {
            if matches!(event, hivemind_worker_core::port::ContainerEvent::Line(_)) {
                return true;
            }
        }
        false
    });
    assert!(swapping.await.expect("the program begins"), "the program begins");
    let drain = tokio::spawn(async move { while events.recv().await.is_some() {} });
    let (mut taken, mut refused, mut read) = (0, 0, 0);
    for round in 0..ROUNDS {
        let into = folder.join(format!("{round}.zip"));
        match STAGE.engine.collect(&container, &into, MOST).await {
            Ok(_) => {
                let bytes = std::fs::read(&into).expect("the result");
                let holds = |what: &[u8]| bytes.windows(what.len()).any(|window| window == what);
                // The image's own files count too: nothing but the output folder is to come back.
                read += usize::from(holds(SECRET.as_bytes()))
                    + usize::from(holds(b"root:x:0:0"))
                    + usize::from(holds(b"HIVEMIND_OUTPUT="));
                std::fs::remove_file(&into).expect("removed");
                taken += 1;
            }
            Err(_) => refused += 1,
        }
    }
    STAGE.engine.stop(&container, Duration::from_secs(1)).await.expect("stopped");
    task.await.expect("ended").expect("ended");
    drain.abort();
    STAGE.engine.remove(&container).await.expect("removed");
    let unchanged = std::fs::read_to_string(&secret).is_ok_and(|text| text == SECRET)
        && std::fs::metadata(&secret).and_then(|kind| kind.modified()).is_ok_and(|time| time == before);
    let left = std::fs::read_dir(&folder).expect("the folder").count();
    if taken == 0 {
        return format!("no collection came through: {refused} refused");
    }
    if read == 0 && unchanged && left == 1 {
        return "0 host bytes read, 0 written".to_owned();
    }
    format!("{read} reads of what is not the task's, secret unchanged: {unchanged}, {left} files")
}
