//! Why a program ended early.

use std::fmt;

/// The stable word of a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FailureCode {
    /// The program's text cannot be read.
    Parse,
    /// The input is no JSON of null, whole numbers, booleans, strings, lists and maps.
    Input,
    /// An operation would pass the limit of operations.
    Ops,
    /// Calls are nested too deeply.
    CallDepth,
    /// Expressions or values are nested too deeply.
    Nesting,
    /// The output would pass its limit.
    Output,
    /// Loops ran too often.
    Loops,
    /// More bytes of values were handled than one run may.
    Work,
    /// A result does not fit into a signed 64-bit integer.
    Overflow,
    /// Division by zero.
    DivisionByZero,
    /// A value of another type was needed.
    Type,
    /// No variable or function has this name.
    UnknownName,
    /// Another number of arguments was needed.
    Arguments,
    /// It was stopped from outside.
    Stopped,
    /// A mistake of this program or of this computer.
    Internal,
}

impl FailureCode {
    /// The word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Parse => "parse_error",
            Self::Input => "invalid_input",
            Self::Ops => "op_limit_exceeded",
            Self::CallDepth => "call_depth_exceeded",
            Self::Nesting => "nesting_limit_exceeded",
            Self::Output => "output_limit_exceeded",
            Self::Loops => "loop_limit_exceeded",
            Self::Work => "work_limit_exceeded",
            Self::Overflow => "integer_overflow",
            Self::DivisionByZero => "division_by_zero",
            Self::Type => "type_error",
            Self::UnknownName => "unknown_name",
            Self::Arguments => "wrong_arguments",
            Self::Stopped => "stopped",
            Self::Internal => "internal_error",
        }
    }
}

/// Word and sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// What kind.
    pub code: FailureCode,
    /// One sentence without control characters, at most 200 characters.
    pub message: String,
}

impl Failure {
    pub(crate) fn new(code: FailureCode, message: impl AsRef<str>) -> Self {
        let plain = message.as_ref().chars().map(|c| if c.is_control() { ' ' } else { c });
        Self { code, message: plain.take(200).collect() }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code.word(), self.message)
    }
}

impl std::error::Error for Failure {}
