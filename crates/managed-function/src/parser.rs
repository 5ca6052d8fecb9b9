//! Words into a program.

use crate::failure::{Failure, FailureCode};
use crate::lexer::{Token, words};
use crate::limits::SOURCE_DEPTH;
use crate::program::{Branches, Expression, Function, Operator, Sign, Statement};
use crate::value::Value;
use std::rc::Rc;

/// Words that name nothing else.
const KEYWORDS: [&str; 10] = ["let", "fn", "for", "in", "return", "print", "if", "else", "true", "false"];

pub(crate) fn parse(source: &str) -> Result<Vec<Statement>, Failure> {
    let mut parser = Parser { words: words(source)?, at: 0, depth: 0 };
    let mut program = Vec::new();
    while *parser.peek() != Token::End {
        program.push(parser.statement()?);
    }
    Ok(program)
}

struct Parser {
    words: Vec<(Token, u32)>,
    at: usize,
    depth: u32,
}

impl Parser {
    fn peek(&self) -> &Token {
        self.words.get(self.at).map_or(&Token::End, |(token, _)| token)
    }

    fn next(&mut self) -> Token {
        let token = self.peek().clone();
        self.at += 1;
        token
    }

    fn wrong(&self, why: &str) -> Failure {
        let line = self.words.get(self.at).or(self.words.last()).map_or(1, |(_, line)| *line);
        Failure::new(FailureCode::Parse, format!("line {line}: {why}"))
    }

    fn takes(&mut self, mark: &str) -> bool {
        let found = matches!(self.peek(), Token::Mark(found) if *found == mark);
        self.at += usize::from(found);
        found
    }

    fn needs(&mut self, mark: &str) -> Result<(), Failure> {
        if self.takes(mark) { Ok(()) } else { Err(self.wrong(&format!("here should be {mark}"))) }
    }

    fn takes_word(&mut self, word: &str) -> bool {
        let found = matches!(self.peek(), Token::Name(found) if **found == *word);
        self.at += usize::from(found);
        found
    }

    fn name(&mut self) -> Result<Rc<str>, Failure> {
        match self.peek().clone() {
            Token::Name(name) if !KEYWORDS.contains(&&*name) => {
                self.at += 1;
                Ok(name)
            }
            Token::Name(_) | Token::Integer(_) | Token::Text(_) | Token::Mark(_) | Token::End => {
                Err(self.wrong("here should be a name"))
            }
        }
    }

    /// One level deeper, for everything that calls itself.
    fn deeper<T>(&mut self, inner: impl FnOnce(&mut Self) -> Result<T, Failure>) -> Result<T, Failure> {
        if self.depth >= SOURCE_DEPTH {
            return Err(self.wrong("the program is nested too deeply"));
        }
        self.depth += 1;
        let result = inner(self);
        self.depth -= 1;
        result
    }

    fn statement(&mut self) -> Result<Statement, Failure> {
        if self.takes_word("let") {
            let name = self.name()?;
            self.needs("=")?;
            let value = self.expression()?;
            self.needs(";")?;
            return Ok(Statement::Let(name, value));
        }
        if self.takes_word("fn") {
            let name = self.name()?;
            self.needs("(")?;
            let parameters = self.listed(")", Self::name)?;
            let body = self.block()?;
            return Ok(Statement::Function(Rc::new(Function { name, parameters, body })));
        }
        if self.takes_word("for") {
            let name = self.name()?;
            if !self.takes_word("in") {
                return Err(self.wrong("here should be in"));
            }
            let over = self.expression()?;
            let body = self.block()?;
            return Ok(Statement::For { name, over, body });
        }
        if self.takes_word("return") {
            let value = self.expression()?;
            self.needs(";")?;
            return Ok(Statement::Return(value));
        }
        if self.takes_word("print") {
            self.needs("(")?;
            let value = self.expression()?;
            self.needs(")")?;
            self.needs(";")?;
            return Ok(Statement::Print(value));
        }
        let value = self.expression()?;
        self.needs(";")?;
        Ok(Statement::Expression(value))
    }

    fn block(&mut self) -> Result<Vec<Statement>, Failure> {
        self.deeper(|parser| {
            parser.needs("{")?;
            let mut body = Vec::new();
            while !parser.takes("}") {
                if *parser.peek() == Token::End {
                    return Err(parser.wrong("a block has no end"));
                }
                body.push(parser.statement()?);
            }
            Ok(body)
        })
    }

    /// Elements with commas between, up to the closing mark.
    fn listed<T>(
        &mut self,
        end: &str,
        element: impl Fn(&mut Self) -> Result<T, Failure>,
    ) -> Result<Vec<T>, Failure> {
        let mut all = Vec::new();
        while !self.takes(end) {
            all.push(element(self)?);
            if !self.takes(",") {
                self.needs(end)?;
                break;
            }
        }
        Ok(all)
    }

    fn expression(&mut self) -> Result<Expression, Failure> {
        self.deeper(|parser| parser.chain(0))
    }

    fn chain(&mut self, rank: usize) -> Result<Expression, Failure> {
        const RANKS: [&[(&str, Operator)]; 4] = [
            &[("==", Operator::Equal), ("!=", Operator::Unequal)],
            &[
                ("<=", Operator::AtMost),
                (">=", Operator::AtLeast),
                ("<", Operator::Less),
                (">", Operator::Greater),
            ],
            &[("+", Operator::Add), ("-", Operator::Subtract)],
            &[("*", Operator::Multiply), ("/", Operator::Divide)],
        ];
        let Some(operators) = RANKS.get(rank) else { return self.signed() };
        let first = self.chain(rank + 1)?;
        let mut rest = Vec::new();
        while let Some((_, operator)) = operators.iter().find(|(mark, _)| self.takes(mark)) {
            rest.push((*operator, self.chain(rank + 1)?));
        }
        Ok(if rest.is_empty() { first } else { Expression::Chain(Box::new(first), rest) })
    }

    fn signed(&mut self) -> Result<Expression, Failure> {
        let sign = if self.takes("-") {
            Sign::Minus
        } else if self.takes("!") {
            Sign::Not
        } else {
            return self.single();
        };
        self.deeper(|parser| Ok(Expression::Signed(sign, Box::new(parser.signed()?))))
    }

    fn single(&mut self) -> Result<Expression, Failure> {
        if self.takes("(") {
            let inner = self.expression()?;
            self.needs(")")?;
            return Ok(inner);
        }
        if self.takes("[") {
            return Ok(Expression::List(self.listed("]", Self::expression)?));
        }
        if self.takes("{") {
            return Ok(Expression::Map(self.listed("}", Self::entry)?));
        }
        if self.takes_word("if") {
            return self.branches();
        }
        if self.takes_word("true") {
            return Ok(Expression::Literal(Value::Bool(true)));
        }
        if self.takes_word("false") {
            return Ok(Expression::Literal(Value::Bool(false)));
        }
        match self.peek().clone() {
            Token::Integer(number) => {
                self.at += 1;
                Ok(Expression::Literal(Value::Integer(number)))
            }
            Token::Text(text) => {
                self.at += 1;
                Ok(Expression::Literal(Value::Text(text)))
            }
            Token::Name(_) => {
                let name = self.name()?;
                if self.takes("(") {
                    return Ok(Expression::Call(name, self.listed(")", Self::expression)?));
                }
                Ok(Expression::Name(name))
            }
            Token::Mark(_) | Token::End => Err(self.wrong("here should be an expression")),
        }
    }

    fn entry(&mut self) -> Result<(Rc<str>, Expression), Failure> {
        let Token::Text(key) = self.next() else {
            self.at = self.at.saturating_sub(1);
            return Err(self.wrong("a key of a map is a string"));
        };
        self.needs(":")?;
        Ok((key, self.expression()?))
    }

    fn branches(&mut self) -> Result<Expression, Failure> {
        let condition = self.expression()?;
        self.needs("{")?;
        let then = self.expression()?;
        self.needs("}")?;
        if !self.takes_word("else") {
            return Err(self.wrong("here should be else"));
        }
        self.needs("{")?;
        let otherwise = self.expression()?;
        self.needs("}")?;
        Ok(Expression::If(Box::new(Branches { condition, then, otherwise })))
    }
}
