//! Tells Cargo that the built UI is part of this crate. Whether it is complete is asked when it is served.

fn main() {
    // A watched folder that is missing would make this crate new at every build.
    let dist = "../../ui/dist";
    if let Err(error) = std::fs::create_dir_all(dist) {
        println!("cargo::warning={dist} cannot be made: {error}");
    }
    println!("cargo::rerun-if-changed={dist}");
}
