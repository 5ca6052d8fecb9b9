use super::*;
use crate::dist::{msi::codes, tree};
use crate::program::{program, run};
use crate::system;

/// Two files of one kind in a folder, made of two contents.
struct Two {
    folder: tempfile::TempDir,
    kind: Kind,
}

impl Two {
    /// None, with the word for it, where a tool is missing.
    fn find(test: &str, kind: Kind, tools: &[&str]) -> Option<Self> {
        if let Some(tool) = tools.iter().find(|tool| !system::on_path(tool)) {
            println!("SKIPPED {test}: no {tool} here");
            return None;
        }
        Some(Self { folder: tempfile::tempdir().unwrap(), kind })
    }

    fn at(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    /// A folder with two files; `file` is what the second one holds.
    fn tree(&self, name: &str, file: &str) -> std::path::PathBuf {
        let tree = self.at(name);
        fs::create_dir_all(tree.join("usr")).unwrap();
        for (name, text) in [("usr/first", "the same"), ("usr/second", file)] {
            fs::write(tree.join(name), text).unwrap();
            tree::mode(&tree.join(name), 0o644).unwrap();
        }
        tree::open_folders(&tree).unwrap();
        tree
    }

    fn told(&self, first: &str, again: &str) -> String {
        difference(self.kind, &self.at(first), &self.at(again)).unwrap().unwrap_or_default()
    }

    /// One file with one byte that is another.
    fn spoil(&self, first: &str, again: &str, at: usize) {
        let mut bytes = fs::read(self.at(first)).unwrap();
        bytes[at] ^= 1;
        fs::write(self.at(again), bytes).unwrap();
    }
}

#[test]
fn a_byte_of_a_deb_is_named() {
    let Some(two) = Two::find("a_byte_of_a_deb_is_named", Kind::Deb, &["dpkg-deb"]) else { return };
    let pack = |to: &str, file: &str, mode: u32, depends: &str| {
        let tree = two.tree(&format!("{to}-tree"), file);
        tree::mode(&tree.join("usr/second"), mode).unwrap();
        let control = tree.join("DEBIAN");
        fs::create_dir_all(&control).unwrap();
        tree::mode(&control, 0o755).unwrap();
        let text = format!(
            "Package: x\nVersion: 1\nArchitecture: all\nMaintainer: x <x@x>\nDepends: {depends}\nDescription: x\n"
        );
        fs::write(control.join("control"), text).unwrap();
        tree::mode(&control.join("control"), 0o644).unwrap();
        let mut build = program("dpkg-deb");
        build.env("SOURCE_DATE_EPOCH", "1700000000").args(["--root-owner-group", "-Zxz", "--build"]);
        run(build.arg(tree).arg(two.at(to))).unwrap();
    };
    pack("1.deb", "one", 0o644, "a");
    pack("same.deb", "one", 0o644, "a");
    assert_eq!(two.told("1.deb", "same.deb"), "");
    pack("file.deb", "onf", 0o644, "a");
    let told = two.told("1.deb", "file.deb");
    assert!(told.starts_with("data: ./usr/second: byte 2 ("), "{told}");
    pack("mode.deb", "one", 0o755, "a");
    let told = two.told("1.deb", "mode.deb");
    assert!(told.starts_with("data: the header of ./usr/second: byte "), "{told}");
    pack("control.deb", "one", 0o644, "b");
    let told = two.told("1.deb", "control.deb");
    assert!(told.starts_with("control: ./control: byte "), "{told}");
    // The first member's time, behind its name.
    two.spoil("1.deb", "time.deb", 8 + 16);
    let told = two.told("1.deb", "time.deb");
    assert!(
        told.starts_with("the header of the member debian-binary: byte 16 (in the file: byte 24 "),
        "{told}"
    );
    fs::write(two.at("none.deb"), "nothing of the kind").unwrap();
    assert!(difference(Kind::Deb, &two.at("1.deb"), &two.at("none.deb")).is_err());
}

#[test]
fn a_byte_of_an_appimage_is_named() {
    let tools = ["mksquashfs", "unsquashfs"];
    let Some(two) = Two::find("a_byte_of_an_appimage_is_named", Kind::Appimage, &tools) else { return };
    // A program of nothing but its header, whose table of sections is empty and lies behind it.
    let mut runtime = vec![0_u8; 64];
    runtime[..4].copy_from_slice(b"\x7fELF");
    runtime[0x28] = 64;
    let pack = |to: &str, file: &str, time: &str| {
        let (tree, squash) = (two.tree(&format!("{to}-tree"), file), two.at(&format!("{to}-squash")));
        let mut squashed = program("mksquashfs");
        squashed.arg(tree).arg(&squash).args(["-root-owned", "-no-progress", "-quiet", "-noappend"]);
        run(squashed.env_remove("SOURCE_DATE_EPOCH").args(["-mkfs-time", "0", "-all-time", time])).unwrap();
        fs::write(two.at(to), [runtime.clone(), fs::read(squash).unwrap()].concat()).unwrap();
    };
    pack("1", "one", "1700000000");
    pack("same", "one", "1700000000");
    assert_eq!(two.told("1", "same"), "");
    pack("file", "onf", "1700000000");
    let told = two.told("1", "file");
    assert!(told.starts_with("/usr/second: byte 2 ("), "{told}");
    pack("time", "one", "1700000060");
    let told = two.told("1", "time");
    assert!(told.starts_with("the entry of : byte "), "{told}");
    two.spoil("1", "runtime", 20);
    let told = two.told("1", "runtime");
    assert!(told.starts_with("the runtime: byte 20 ("), "{told}");
    // The time of the file system itself, which no file has: its third number of four bytes.
    two.spoil("1", "made", 64 + 8);
    assert!(two.told("1", "made").starts_with("byte 72"), "{}", two.told("1", "made"));
}

#[test]
fn a_byte_of_an_installer_is_named() {
    let tools = ["msibuild", "msiinfo"];
    let Some(two) = Two::find("a_byte_of_an_installer_is_named", Kind::Msi, &tools) else { return };
    let pack = |to: &str, value: &str, stream: &str, code: &str, time: u64| {
        let inside = two.at("inside");
        fs::write(&inside, stream).unwrap();
        let build = |verb: &str| {
            let mut command = program("msibuild");
            command.arg(two.at(to)).arg(verb);
            command
        };
        run(build("-s").args(["Installer", "Nobody", "x64;1033", code])).unwrap();
        run(build("-q").arg(
            "CREATE TABLE `Property` (`Property` CHAR(72) NOT NULL, `Value` CHAR(0) NOT NULL PRIMARY KEY `Property`)",
        ))
        .unwrap();
        for (key, value) in [("Alpha", "same"), ("Beta", value)] {
            let row = format!("INSERT INTO Property (Property, Value) VALUES ('{key}', '{value}')");
            run(build("-q").arg(row)).unwrap();
        }
        run(build("-a").arg("worker.cab").arg(inside)).unwrap();
        codes::describe(&two.at(to), code, time).unwrap();
    };
    let code = |last: u8| format!("{{00000000-0000-0000-0000-00000000000{last}}}");
    pack("1.msi", "one", "cabinet", &code(1), 1_700_000_000);
    pack("same.msi", "one", "cabinet", &code(1), 1_700_000_000);
    assert_eq!(two.told("1.msi", "same.msi"), "");
    for (name, value, stream, code, time, wanted) in [
        ("value", "onf", "cabinet", code(1), 1_700_000_000, "the table Property, row 4 (Beta): byte 7 ("),
        ("stream", "one", "cabinem", code(1), 1_700_000_000, "the stream worker.cab: byte 6 ("),
        (
            "code",
            "one",
            "cabinet",
            code(2),
            1_700_000_000,
            "the table _SummaryInformation, row 8 (9): byte 38 (",
        ),
        (
            "time",
            "one",
            "cabinet",
            code(1),
            1_700_000_001,
            "the table _SummaryInformation, row 9 (12): byte ",
        ),
    ] {
        pack(name, value, stream, &code, time);
        let told = two.told("1.msi", name);
        assert!(told.starts_with(wanted), "{name}: {told}");
    }
}

#[test]
fn a_byte_of_a_program_is_named_with_its_section() {
    let Some(two) = Two::find("", Kind::Bytes, &[]) else { return };
    fs::copy(std::env::current_exe().unwrap(), two.at("1")).unwrap();
    let program = fs::read(two.at("1")).unwrap();
    let Some(all) = sections::of(&program) else {
        println!("SKIPPED a_byte_of_a_program_is_named_with_its_section: no ELF or PE here");
        return;
    };
    let code = all.iter().find(|section| section.name == ".text").unwrap();
    two.spoil("1", "2", code.at + 7);
    let told = two.told("1", "2");
    assert!(told.contains("in the section .text at its byte 7 of "), "{told}");
    assert_eq!(two.told("1", "1"), "");
}
