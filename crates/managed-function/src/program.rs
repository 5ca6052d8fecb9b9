//! A program after it was read.

use crate::value::Value;
use std::rc::Rc;

#[derive(Debug)]
pub(crate) enum Statement {
    Let(Rc<str>, Expression),
    Function(Rc<Function>),
    For { name: Rc<str>, over: Expression, body: Vec<Statement> },
    Return(Expression),
    Print(Expression),
    Expression(Expression),
}

#[derive(Debug)]
pub(crate) struct Function {
    pub(crate) name: Rc<str>,
    pub(crate) parameters: Vec<Rc<str>>,
    pub(crate) body: Vec<Statement>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operator {
    Add,
    Subtract,
    Multiply,
    Divide,
    Equal,
    Unequal,
    Less,
    AtMost,
    Greater,
    AtLeast,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sign {
    Minus,
    Not,
}

#[derive(Debug)]
pub(crate) enum Expression {
    Literal(Value),
    Name(Rc<str>),
    List(Vec<Expression>),
    Map(Vec<(Rc<str>, Expression)>),
    Call(Rc<str>, Vec<Expression>),
    If(Box<Branches>),
    Signed(Sign, Box<Expression>),
    /// Operators of one rank from left to right, however many: a long sum is not a deep one.
    Chain(Box<Expression>, Vec<(Operator, Expression)>),
}

#[derive(Debug)]
pub(crate) struct Branches {
    pub(crate) condition: Expression,
    pub(crate) then: Expression,
    pub(crate) otherwise: Expression,
}
