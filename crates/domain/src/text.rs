//! Text from tasks and pools is untrusted wherever it is shown: it may hold terminal commands or reverse the
//! direction of what stands around it.

/// `text` with everything removed that is no plain printable text, cut to `max_bytes` at a character border.
///
/// What is removed is what [`is_unsafe`] names; tab becomes a space. Newlines are removed too: one call is one line.
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

/// Whether a character does something else than to be seen: C0 and C1 controls, DEL, bidirectional controls, line and
/// paragraph separators, the byte-order mark, and what Unicode lets be drawn as nothing, in which a whole text can hide.
///
/// The variation selectors U+FE00 to U+FE0F stay: they choose how the character before them looks.
#[must_use]
pub fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{00AD}' | '\u{034F}' | '\u{061C}' | '\u{115F}' | '\u{1160}' | '\u{17B4}' | '\u{17B5}'
            | '\u{180B}'..='\u{180F}' | '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}'
            | '\u{2060}'..='\u{206F}' | '\u{3164}' | '\u{FEFF}' | '\u{FFA0}' | '\u{FFF0}'..='\u{FFFB}'
            | '\u{1BCA0}'..='\u{1BCA3}' | '\u{1D173}'..='\u{1D17A}' | '\u{E0000}'..='\u{E0FFF}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strips_terminal_and_direction_controls() {
        assert_eq!(plain_line("a\u{1b}[31mred\u{1b}]0;x\u{7}\tb\r\n", 99), "a[31mred]0;x b");
        assert_eq!(plain_line("evil\u{202E}gpj.exe\u{200B}\u{FEFF}", 99), "evilgpj.exe");
        assert_eq!(plain_line("\u{9b}31m繁體", 99), "31m繁體");
        assert_eq!(plain_line("a\u{3164}\u{115f}\u{34f}\u{e0141}b ❤\u{fe0f}", 99), "ab ❤\u{fe0f}");
    }

    #[test]
    fn cuts_at_a_character_border() {
        assert_eq!(plain_line("繁體中文", 7), "繁體");
        assert_eq!(plain_line("", 0), "");
    }
}
