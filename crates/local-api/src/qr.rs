//! A text as the modules of a QR code; whoever shows it draws them.

use qrcode::{Color, EcLevel, QrCode};

/// Rows of modules, `#` for a dark one and `.` for a light one, without the quiet border that a drawing needs around it
/// (four modules). Nothing when the text is too long.
pub(crate) fn rows(text: &str) -> Option<Vec<String>> {
    let code = QrCode::with_error_correction_level(text, EcLevel::M).ok()?;
    let modules = code.to_colors();
    let row =
        |row: &[Color]| row.iter().map(|module| if *module == Color::Dark { '#' } else { '.' }).collect();
    Some(modules.chunks(code.width().max(1)).map(row).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a camera would read, with the quiet border that every drawing puts around it.
    fn read(rows: &[String]) -> String {
        const SCALE: usize = 4;
        let side = (rows.len() + 8) * SCALE;
        let dark = |x: usize, y: usize| {
            let at = |n: usize| (n / SCALE).checked_sub(4);
            let module = at(y).and_then(|y| rows.get(y)?.as_bytes().get(at(x)?));
            if module == Some(&b'#') { 0 } else { 255 }
        };
        let mut picture = rqrr::PreparedImage::prepare_from_greyscale(side, side, dark);
        let found = picture.detect_grids();
        found.first().unwrap().decode().unwrap().1
    }

    #[test]
    fn a_reader_reads_the_address() {
        for text in [
            "https://192.168.1.7:5443/pair?code=00112233445566778899aabbccddeeff",
            "https://[2001:db8:1234:5678:9abc:def0:1234:5678]:65535/pair?code=ffeeddccbbaa99887766554433221100",
        ] {
            let rows = rows(text).unwrap();
            assert!(rows.len() <= 45, "small enough for a terminal: {}", rows.len());
            assert!(rows.iter().all(|row| row.len() == rows.len()), "square");
            assert_eq!(read(&rows), text);
        }
        assert_eq!(rows(&"x".repeat(5000)), None);
    }
}
