//! A link for a browser, as the terminal shows it.

use crate::cli::OpenOptions;
use crate::words::words;
use crate::{output, window};
use hivemind_control::PairingCode;

/// Modules of light around the code, without which cameras do not find it.
const QUIET: usize = 4;

pub(crate) fn show(code: &PairingCode, options: &OpenOptions) {
    if options.lan {
        for line in half_blocks(&code.qr) {
            output::line(line);
        }
    }
    output::line(&code.url);
    output::note(words().works_once(code.expires_in_seconds));
    if code.read_only {
        output::note(words().looks_only());
    }
    if let Some(sha256) = &code.certificate_sha256 {
        output::note(words().compare_certificate(&grouped(sha256)));
    }
    // A link for another device would be used up by a browser here.
    if !options.lan
        && window::has_display()
        && let Err(error) = open::that_detached(&code.url)
    {
        output::note(words().no_browser(&error));
    }
}

/// `0fA1…` as `0F:A1:…`, as browsers show it.
fn grouped(sha256: &str) -> String {
    let pairs: Vec<String> =
        sha256.as_bytes().chunks(2).map(|pair| String::from_utf8_lossy(pair).to_uppercase()).collect();
    pairs.join(":")
}

/// Two rows of modules in one line of text. What is drawn is the light, so that a dark terminal shows the code as it
/// should be; on a light one cameras read it the other way round.
fn half_blocks(rows: &[String]) -> Vec<String> {
    let side = rows.len() + 2 * QUIET;
    let light = |x: usize, y: usize| {
        let module = y.checked_sub(QUIET).zip(x.checked_sub(QUIET));
        module.and_then(|(y, x)| rows.get(y)?.as_bytes().get(x)) != Some(&b'#')
    };
    let pair = |x: usize, y: usize| match (light(x, y), y + 1 < side && light(x, y + 1)) {
        (true, true) => '█',
        (true, false) => '▀',
        (false, true) => '▄',
        (false, false) => ' ',
    };
    if rows.is_empty() {
        Vec::new()
    } else {
        (0..side).step_by(2).map(|y| (0..side).map(|x| pair(x, y)).collect()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_rows_are_one_line_with_light_all_around() {
        let lines = half_blocks(&["#.#".to_owned(), "##.".to_owned(), "..#".to_owned()]);
        assert_eq!(lines.len(), 6);
        assert!(lines.iter().all(|line| line.chars().count() == 11));
        assert_eq!(lines[0], "█".repeat(11));
        assert_eq!(lines[2], "████ ▀▄████", "the first two rows");
        assert_eq!(lines[3], "██████▄████", "the third, and light below it");
        assert_eq!(lines[5], "▀".repeat(11), "an odd number of rows ends in half a line");
        assert_eq!(half_blocks(&[]), Vec::<String>::new());
    }

    #[test]
    fn a_fingerprint_is_told_as_browsers_do() {
        assert_eq!(grouped("0fa1"), "0F:A1");
    }
}
