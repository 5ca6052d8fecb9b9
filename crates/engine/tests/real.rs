//! Everything here happens in a real Docker engine: the one that `HIVEMIND_TEST_DOCKER_HOST` names. Without it each
//! test says that it is skipped; `HIVEMIND_REQUIRE_ENGINE=1` makes that a failure, for machines that must have one.

#[path = "real/bench.rs"]
mod bench;
#[path = "real/life.rs"]
mod life;
#[path = "real/outputs.rs"]
mod outputs;
#[path = "real/policy.rs"]
mod policy;
