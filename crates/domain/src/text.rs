//! Text from tasks and pools is untrusted wherever it is shown: it may hold terminal commands or reverse the
//! direction of what stands around it.

/// `text` with everything removed that is no plain printable text, cut to `max_bytes` at a character border.
///
/// Removed are C0 and C1 controls (tab becomes a space), DEL, bidirectional controls, zero-width characters, line
/// and paragraph separators, and the byte-order mark. Newlines are removed too: one call is one line.
#[must_use]
pub fn plain_line(text: &str, max_bytes: usize) -> String {
    let mut line = String::with_capacity(text.len().min(max_bytes));
    for c in text.chars() {
        let c = if c == '\t' { ' ' } else { c };
        if is_unsafe(c) {
            continue;
        }
        if line.len() + c.len_utf8() > max_bytes {
            break;
        }
        line.push(c);
    }
    line
}

fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{00AD}' | '\u{061C}' | '\u{180E}' | '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}'
            | '\u{2060}'..='\u{206F}' | '\u{FEFF}' | '\u{FFF9}'..='\u{FFFB}' | '\u{E0000}'..='\u{E007F}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strips_terminal_and_direction_controls() {
        assert_eq!(plain_line("a\u{1b}[31mred\u{1b}]0;x\u{7}\tb\r\n", 99), "a[31mred]0;x b");
        assert_eq!(plain_line("evil\u{202E}gpj.exe\u{200B}\u{FEFF}", 99), "evilgpj.exe");
        assert_eq!(plain_line("\u{9b}31m繁體", 99), "31m繁體");
    }

    #[test]
    fn cuts_at_a_character_border() {
        assert_eq!(plain_line("繁體中文", 7), "繁體");
        assert_eq!(plain_line("", 0), "");
    }
}
