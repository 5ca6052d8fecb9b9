//! Where the sections of a program lie: of Linux (ELF) and of Windows (PE), both of 64 bits.

use std::ops::Range;

/// One section, as it lies in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Section {
    pub name: String,
    pub at: usize,
    pub bytes: usize,
}

/// The sections of a program, or nothing where the bytes are no such program.
pub fn of(program: &[u8]) -> Option<Vec<Section>> {
    if program.starts_with(b"\x7fELF") { elf(program) } else { pe(program) }
}

/// Where in a program a byte lies, in words.
pub fn around(program: &[u8], at: usize) -> String {
    let inside = |section: &Section| (section.at..section.at.saturating_add(section.bytes)).contains(&at);
    match of(program).unwrap_or_default().into_iter().find(inside) {
        Some(section) => {
            format!("byte {at}, in the section {} at its byte {}", section.name, at - section.at)
        }
        None => format!("byte {at}"),
    }
}

/// The number of bytes of an ELF file whose table of sections is its last part, as in the runtime of an AppImage.
pub fn end_of_elf(elf: &[u8]) -> Option<usize> {
    let (table, entry, count) =
        (number(elf, 0x28..0x30)?, number(elf, 0x3a..0x3c)?, number(elf, 0x3c..0x3e)?);
    let end = table.checked_add(entry.checked_mul(count)?)?;
    (elf.starts_with(b"\x7fELF") && end <= elf.len()).then_some(end)
}

fn elf(elf: &[u8]) -> Option<Vec<Section>> {
    // Without room in the file (8), such as zeros that are made when it starts.
    const NO_BITS: usize = 8;
    let (table, entry) = (number(elf, 0x28..0x30)?, number(elf, 0x3a..0x3c)?);
    let (count, names) = (number(elf, 0x3c..0x3e)?, number(elf, 0x3e..0x40)?);
    let field = |index: usize, at: usize, bytes: usize| {
        let at = table.checked_add(index.checked_mul(entry)?)?.checked_add(at)?;
        number(elf, at..at.checked_add(bytes)?)
    };
    let strings = field(names, 0x18, 8)?;
    (0..count)
        .map(|index| {
            let name = elf.get(strings.checked_add(field(index, 0, 4)?)?..)?;
            let name = name.split(|byte| *byte == 0).next()?;
            let bytes = if field(index, 4, 4)? == NO_BITS { 0 } else { field(index, 0x20, 8)? };
            Some(Section { name: text(name), at: field(index, 0x18, 8)?, bytes })
        })
        .collect()
}

fn pe(program: &[u8]) -> Option<Vec<Section>> {
    const ENTRY: usize = 40;
    let header = number(program, 0x3c..0x40)?;
    if !program.starts_with(b"MZ") || program.get(header..header.checked_add(4)?)? != b"PE\0\0" {
        return None;
    }
    let count = number(program, header + 6..header + 8)?;
    let table = header + 24 + number(program, header + 20..header + 22)?;
    (0..count)
        .map(|index| {
            let at = table.checked_add(index * ENTRY)?;
            let name = program.get(at..at + 8)?.split(|byte| *byte == 0).next()?;
            let bytes = number(program, at + 16..at + 20)?;
            Some(Section { name: text(name), at: number(program, at + 20..at + 24)?, bytes })
        })
        .collect()
}

fn text(name: &[u8]) -> String {
    String::from_utf8_lossy(name).into_owned()
}

/// The low byte comes first.
fn number(bytes: &[u8], at: Range<usize>) -> Option<usize> {
    let value = bytes.get(at)?.iter().rev().fold(0_u64, |value, byte| value << 8 | u64::from(*byte));
    usize::try_from(value).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::brought;
    use crate::folders::Folders;

    #[cfg(target_os = "linux")]
    #[test]
    fn sections_of_a_real_program_are_found() {
        let program = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        let all = of(&program).unwrap();
        let loader = all.iter().find(|section| section.name == ".interp").unwrap();
        assert!(program[loader.at..loader.at + loader.bytes].starts_with(b"/lib"), "{loader:?}");
        assert_eq!(
            around(&program, loader.at + 2),
            format!("byte {}, in the section .interp at its byte 2", loader.at + 2)
        );
        assert_eq!(end_of_elf(&program), Some(program.len()));
        for length in [4, 0x28, 0x40, program.len() - 40] {
            assert_eq!(of(&program[..length]), None, "{length} bytes");
        }
    }

    #[test]
    fn sections_of_a_library_for_windows_are_found() {
        let root = Folders::find().unwrap().root;
        let driver =
            brought::path(&root, "wireguard-nt/examples/wireguard_nt/bin/amd64/wireguard.dll").unwrap();
        let bytes = std::fs::read(driver).unwrap();
        let all = of(&bytes).unwrap();
        let code = all.iter().find(|section| section.name == ".text").unwrap();
        assert!(code.at > 0 && code.at + code.bytes <= bytes.len(), "{code:?}");
        assert!(around(&bytes, code.at).ends_with("in the section .text at its byte 0"));
        for length in [2, 0x3f, 0x100] {
            assert_eq!(of(&bytes[..length]), None, "{length} bytes");
        }
        assert_eq!(around(b"no program", 3), "byte 3");
    }
}
