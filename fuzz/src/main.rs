//! All fuzz targets in one program, which is linked once. `HIVEMIND_FUZZ_TARGET` names the one to run.
#![no_main]

use hivemind_hostile::fuzz::TARGETS;
use std::sync::LazyLock;

static RUN: LazyLock<fn(&[u8])> = LazyLock::new(|| {
    let wanted = std::env::var("HIVEMIND_FUZZ_TARGET").expect("HIVEMIND_FUZZ_TARGET names a target");
    TARGETS.iter().find(|target| target.name == wanted).expect("a known target").run
});

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    RUN(data);
});
