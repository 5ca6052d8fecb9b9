//! Text into words.

use crate::failure::{Failure, FailureCode};
use std::rc::Rc;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Token {
    Integer(i64),
    Text(Rc<str>),
    Name(Rc<str>),
    /// An operator or a bracket.
    Mark(&'static str),
    End,
}

/// Longer marks first.
const MARKS: [&str; 20] =
    ["==", "!=", "<=", ">=", "(", ")", "{", "}", "[", "]", ",", ";", ":", "=", "<", ">", "+", "-", "*", "/"];

/// The words of a program with the line that each stands in.
pub(crate) fn words(source: &str) -> Result<Vec<(Token, u32)>, Failure> {
    let mut words = Vec::new();
    let (mut rest, mut line) = (source, 1);
    while let Some(first) = rest.chars().next() {
        if first == '\n' {
            line += 1;
        }
        if matches!(first, ' ' | '\t' | '\r' | '\n') {
            rest = &rest[1..];
            continue;
        }
        let (token, length) = word(rest, line)?;
        words.push((token, line));
        line += u32::try_from(rest[..length].matches('\n').count()).unwrap_or(u32::MAX);
        rest = &rest[length..];
    }
    words.push((Token::End, line));
    Ok(words)
}

fn word(rest: &str, line: u32) -> Result<(Token, usize), Failure> {
    let wrong = |why: &str| Failure::new(FailureCode::Parse, format!("line {line}: {why}"));
    let bytes = rest.as_bytes();
    let first = bytes[0];
    if first == b'"' {
        return text(rest).map_err(wrong);
    }
    let run = bytes.iter().take_while(|b| b.is_ascii_alphanumeric() || **b == b'_').count();
    if first.is_ascii_digit() {
        let number = rest[..run].parse().map_err(|_| wrong("this is no whole number of 64 bits"))?;
        return Ok((Token::Integer(number), run));
    }
    if run > 0 {
        return Ok((Token::Name(rest[..run].into()), run));
    }
    if let Some(mark) = MARKS.iter().find(|mark| rest.starts_with(**mark)) {
        return Ok((Token::Mark(mark), mark.len()));
    }
    if first == b'!' {
        return Ok((Token::Mark("!"), 1));
    }
    Err(wrong("a character that means nothing here"))
}

fn text(rest: &str) -> Result<(Token, usize), &'static str> {
    let mut text = String::new();
    let mut letters = rest.char_indices().skip(1);
    while let Some((at, letter)) = letters.next() {
        match letter {
            '"' => return Ok((Token::Text(text.into()), at + 1)),
            '\\' => text.push(match letters.next().map(|(_, letter)| letter) {
                Some('"') => '"',
                Some('\\') => '\\',
                Some('n') => '\n',
                Some('r') => '\r',
                Some('t') => '\t',
                Some(_) | None => return Err("after a backslash in a string comes one of \" \\ n r t"),
            }),
            other => text.push(other),
        }
    }
    Err("a string has no end")
}
