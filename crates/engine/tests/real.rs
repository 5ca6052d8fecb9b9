//! Everything here happens in a real Docker engine: the one that `HIVEMIND_TEST_DOCKER_HOST` names. Without it each
//! test says that it is skipped; `HIVEMIND_REQUIRE_ENGINE=1` makes that a failure, for machines that must have one.

#![expect(clippy::expect_used, clippy::print_stdout, reason = "helpers of tests count as tests")]

#[path = "real/bench.rs"]
mod bench;
#[path = "real/cis.rs"]
mod cis;
#[path = "real/floods.rs"]
mod floods;
#[path = "real/grants.rs"]
mod grants;
#[cfg(target_os = "linux")]
#[path = "real/images.rs"]
mod images;
#[path = "real/life.rs"]
mod life;
#[cfg(unix)]
#[path = "real/limits.rs"]
mod limits;
#[cfg(unix)]
#[path = "real/outage.rs"]
mod outage;
#[path = "real/outputs.rs"]
mod outputs;
#[path = "real/policy.rs"]
mod policy;
