//! Writes the TypeScript types into the folder given as the only argument.

fn main() -> std::io::Result<()> {
    let folder = std::env::args_os().nth(1).ok_or_else(|| std::io::Error::other("name a folder"))?;
    std::fs::create_dir_all(&folder)?;
    hivemind_control::typescript::export(std::path::Path::new(&folder))
}
