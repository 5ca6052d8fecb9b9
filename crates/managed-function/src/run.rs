//! Carries a program out.

use crate::builtins::Builtin;
use crate::cost;
use crate::failure::{Failure, FailureCode};
use crate::limits::{Limits, RUN_DEPTH};
use crate::parser::parse;
use crate::program::{Expression, Function, Operator, Sign, Statement};
use crate::receipt::{Outcome, Receipt};
use crate::reins::Reins;
use crate::value::Value;
use std::cmp::Ordering;
use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

/// Most functions and variables of one program.
const MOST_NAMES: usize = 100_000;

pub(crate) fn execute(source: &str, input: &str, limits: Limits, reins: &Reins) -> Outcome {
    let mut run = Run {
        limits,
        reins,
        receipt: Receipt::default(),
        output: String::new(),
        work: 0,
        depth: 0,
        functions: HashMap::new(),
        globals: HashMap::new(),
        frames: Vec::new(),
    };
    match run.whole(source, input) {
        Ok(last) => {
            let output = if run.output.is_empty() { last } else { run.output };
            Outcome { output, receipt: run.receipt }
        }
        Err(failure) => Outcome { output: run.output, receipt: run.receipt.failed(&failure) },
    }
}

struct Run<'a> {
    limits: Limits,
    reins: &'a Reins,
    receipt: Receipt,
    output: String,
    work: u64,
    depth: u32,
    functions: HashMap<Rc<str>, Rc<Function>>,
    globals: HashMap<Rc<str>, Value>,
    /// Variables of the calls under way, the innermost last.
    frames: Vec<HashMap<Rc<str>, Value>>,
}

/// How a block ended.
enum Flow {
    /// At its end, with the value of its last expression statement.
    On,
    Returned(Value),
}

fn failed<T>(code: FailureCode, message: impl AsRef<str>) -> Result<T, Failure> {
    Err(Failure::new(code, message))
}

impl Run<'_> {
    /// The rendered final value.
    fn whole(&mut self, source: &str, input: &str) -> Result<String, Failure> {
        if source.len() > self.limits.source_bytes {
            return failed(FailureCode::Parse, "the program is too long");
        }
        if input.len() > self.limits.input_bytes {
            return failed(FailureCode::Input, "the input is too long");
        }
        let program = parse(source)?;
        let input = if input.trim().is_empty() { Value::Null } else { read(input)? };
        self.globals.insert("input".into(), input);
        let mut last = Value::Null;
        if let Flow::Returned(value) = self.block(&program, Some(&mut last))? {
            last = value;
        }
        let mut text = String::new();
        if self.output.is_empty() && last.render(&mut text, self.limits.output_bytes).is_err() {
            return failed(FailureCode::Output, "the final value is larger than the output may be");
        }
        Ok(text)
    }

    fn charge(&mut self, operations: u64) -> Result<(), Failure> {
        if !self.reins.may_go_on() {
            return failed(FailureCode::Stopped, "the program was stopped");
        }
        let after = self.receipt.executed_ops.saturating_add(operations);
        if after > self.limits.ops {
            let text = format!("more than {} operations are needed", self.limits.ops);
            return failed(FailureCode::Ops, text);
        }
        self.receipt.executed_ops = after;
        Ok(())
    }

    fn work(&mut self, bytes: u64) -> Result<(), Failure> {
        self.work = self.work.saturating_add(bytes);
        if self.work > self.limits.work_bytes {
            return failed(FailureCode::Work, "more bytes of values were handled than one run may");
        }
        Ok(())
    }

    fn block(&mut self, statements: &[Statement], mut last: Option<&mut Value>) -> Result<Flow, Failure> {
        for statement in statements {
            match statement {
                Statement::Let(name, value) => {
                    let value = self.evaluate(value)?;
                    self.charge(cost::ASSIGN)?;
                    self.assign(name, value)?;
                }
                Statement::Function(function) => {
                    if self.functions.len() >= MOST_NAMES {
                        return failed(FailureCode::Work, "the program has too many functions");
                    }
                    self.functions.insert(Rc::clone(&function.name), Rc::clone(function));
                }
                Statement::For { name, over, body } => {
                    if let Flow::Returned(value) = self.each(name, over, body, last.as_deref_mut())? {
                        return Ok(Flow::Returned(value));
                    }
                }
                Statement::Return(value) => {
                    self.charge(cost::RETURN)?;
                    return self.evaluate(value).map(Flow::Returned);
                }
                Statement::Print(value) => self.print(value)?,
                Statement::Expression(value) => {
                    self.charge(cost::EXPRESSION_STATEMENT)?;
                    let value = self.evaluate(value)?;
                    if let Some(last) = &mut last {
                        **last = value;
                    }
                }
            }
        }
        Ok(Flow::On)
    }

    fn print(&mut self, value: &Expression) -> Result<(), Failure> {
        self.charge(cost::EXPRESSION_STATEMENT + cost::PRINT)?;
        let value = self.evaluate(value)?;
        let (before, most) = (self.output.len(), self.limits.output_bytes);
        if value.render(&mut self.output, most.saturating_sub(1)).is_err() {
            self.output.truncate(before);
            return failed(FailureCode::Output, format!("the output is larger than {most} bytes"));
        }
        self.output.push('\n');
        self.receipt.output_bytes = self.output.len() as u64;
        Ok(())
    }

    fn each(
        &mut self,
        name: &Rc<str>,
        over: &Expression,
        body: &[Statement],
        mut last: Option<&mut Value>,
    ) -> Result<Flow, Failure> {
        let over = self.evaluate(over)?;
        let Value::List(list) = &over else {
            return failed(FailureCode::Type, format!("for goes through lists, not {}", over.kind()));
        };
        for item in &list.items {
            if self.receipt.loop_iterations >= self.limits.loop_iterations {
                let text = format!("loops ran more than {} times", self.limits.loop_iterations);
                return failed(FailureCode::Loops, text);
            }
            self.receipt.loop_iterations += 1;
            self.charge(cost::ASSIGN)?;
            self.assign(name, item.clone())?;
            self.enter()?;
            let flow = self.block(body, last.as_deref_mut());
            self.depth -= 1;
            if let Flow::Returned(value) = flow? {
                return Ok(Flow::Returned(value));
            }
        }
        Ok(Flow::On)
    }

    fn enter(&mut self) -> Result<(), Failure> {
        if self.depth >= RUN_DEPTH {
            return failed(FailureCode::Nesting, "the program is nested too deeply while it runs");
        }
        self.depth += 1;
        Ok(())
    }

    fn assign(&mut self, name: &Rc<str>, value: Value) -> Result<(), Failure> {
        let names = self.frames.last_mut().unwrap_or(&mut self.globals);
        if names.len() >= MOST_NAMES && !names.contains_key(name) {
            return failed(FailureCode::Work, "the program has too many variables");
        }
        names.insert(Rc::clone(name), value);
        Ok(())
    }

    fn evaluate(&mut self, expression: &Expression) -> Result<Value, Failure> {
        self.enter()?;
        let value = self.evaluated(expression);
        self.depth -= 1;
        value
    }

    fn evaluated(&mut self, expression: &Expression) -> Result<Value, Failure> {
        match expression {
            Expression::Literal(value) => {
                self.charge(cost::LITERAL)?;
                Ok(value.clone())
            }
            Expression::Name(name) => {
                self.charge(cost::READ)?;
                let own = self.frames.last().and_then(|names| names.get(name));
                own.or_else(|| self.globals.get(name)).cloned().map_or_else(
                    || failed(FailureCode::UnknownName, format!("there is no variable {name}")),
                    Ok,
                )
            }
            Expression::List(items) => {
                self.charge(cost::COLLECTION)?;
                let items = items.iter().map(|item| self.evaluate(item)).collect::<Result<Vec<_>, _>>()?;
                self.work(items.len() as u64 * size_of::<Value>() as u64)?;
                self.bounded(Value::list(items)?)
            }
            Expression::Map(entries) => {
                self.charge(cost::COLLECTION)?;
                let mut map = BTreeMap::new();
                for (key, value) in entries {
                    self.work(64)?;
                    map.insert(Rc::clone(key), self.evaluate(value)?);
                }
                self.bounded(Value::map(map)?)
            }
            Expression::Call(name, arguments) => self.call(name, arguments),
            Expression::If(branches) => match self.evaluate(&branches.condition)? {
                Value::Bool(true) => self.evaluate(&branches.then),
                Value::Bool(false) => self.evaluate(&branches.otherwise),
                other @ (Value::Null
                | Value::Integer(_)
                | Value::Text(_)
                | Value::List(_)
                | Value::Map(_)) => {
                    failed(FailureCode::Type, format!("if needs a boolean, not {}", other.kind()))
                }
            },
            Expression::Signed(sign, inner) => {
                self.charge(cost::OPERATOR)?;
                signed(*sign, &self.evaluate(inner)?)
            }
            Expression::Chain(first, rest) => {
                let mut value = self.evaluate(first)?;
                for (operator, right) in rest {
                    self.charge(cost::OPERATOR)?;
                    let right = self.evaluate(right)?;
                    value = self.combine(*operator, &value, &right)?;
                }
                Ok(value)
            }
        }
    }

    /// A list may hold the same list many times: what it stands for is bounded too.
    fn bounded(&self, value: Value) -> Result<Value, Failure> {
        if value.shape().size > self.limits.work_bytes {
            return failed(FailureCode::Work, "a list or map is too large");
        }
        Ok(value)
    }

    fn call(&mut self, name: &Rc<str>, arguments: &[Expression]) -> Result<Value, Failure> {
        self.charge(cost::CALL)?;
        let function = self.functions.get(name).cloned();
        let builtin = Builtin::named(name);
        let wanted = match (&function, builtin) {
            (Some(function), _) => function.parameters.len(),
            (None, Some(builtin)) => builtin.arguments(),
            (None, None) => {
                return failed(FailureCode::UnknownName, format!("there is no function {name}"));
            }
        };
        if wanted != arguments.len() {
            let text = format!("{name} takes {wanted} arguments, here are {}", arguments.len());
            return failed(FailureCode::Arguments, text);
        }
        let arguments =
            arguments.iter().map(|argument| self.evaluate(argument)).collect::<Result<Vec<_>, _>>()?;
        self.receipt.function_calls += 1;
        let Some(function) = function else {
            let Some(builtin) = builtin else { return failed(FailureCode::Internal, "nothing to call") };
            return builtin.apply(&arguments, &mut |bytes| self.work(bytes));
        };
        if self.frames.len() >= self.limits.call_depth as usize {
            let text = format!("calls are nested more than {} deep", self.limits.call_depth);
            return failed(FailureCode::CallDepth, text);
        }
        self.frames.push(function.parameters.iter().cloned().zip(arguments).collect());
        let depth = u32::try_from(self.frames.len()).unwrap_or(u32::MAX);
        self.receipt.max_call_depth = self.receipt.max_call_depth.max(depth);
        let mut last = Value::Null;
        let flow = self.block(&function.body, Some(&mut last));
        self.frames.pop();
        Ok(match flow? {
            Flow::Returned(value) => value,
            Flow::On => last,
        })
    }

    fn combine(&mut self, operator: Operator, left: &Value, right: &Value) -> Result<Value, Failure> {
        match operator {
            Operator::Equal | Operator::Unequal => {
                self.work(left.shape().size.min(right.shape().size))?;
                Ok(Value::Bool(left.same(right) == (operator == Operator::Equal)))
            }
            Operator::Less | Operator::AtMost | Operator::Greater | Operator::AtLeast => {
                self.work(left.shape().size.min(right.shape().size))?;
                let order = order(left, right)?;
                Ok(Value::Bool(match operator {
                    Operator::Less => order == Ordering::Less,
                    Operator::AtMost => order != Ordering::Greater,
                    Operator::Greater => order == Ordering::Greater,
                    Operator::AtLeast
                    | Operator::Equal
                    | Operator::Unequal
                    | Operator::Add
                    | Operator::Subtract
                    | Operator::Multiply
                    | Operator::Divide => order != Ordering::Less,
                }))
            }
            Operator::Add | Operator::Subtract | Operator::Multiply | Operator::Divide => {
                if let (Operator::Add, Value::Text(left), Value::Text(right)) = (operator, left, right) {
                    self.work((left.len() + right.len()) as u64)?;
                    return Ok(Value::Text(format!("{left}{right}").into()));
                }
                arithmetic(operator, left, right)
            }
        }
    }
}

fn read(input: &str) -> Result<Value, Failure> {
    serde_json::from_str(input)
        .map_err(|error| Failure::new(FailureCode::Input, format!("the input cannot be read: {error}")))
}

fn signed(sign: Sign, value: &Value) -> Result<Value, Failure> {
    match (sign, value) {
        (Sign::Minus, Value::Integer(number)) => {
            number.checked_neg().map(Value::Integer).map_or_else(overflow, Ok)
        }
        (Sign::Not, Value::Bool(value)) => Ok(Value::Bool(!value)),
        (Sign::Minus | Sign::Not, other) => {
            failed(FailureCode::Type, format!("this sign does not go with {}", other.kind()))
        }
    }
}

fn overflow<T>() -> Result<T, Failure> {
    failed(FailureCode::Overflow, "a result does not fit into a signed 64-bit integer")
}

/// Division drops what is behind the point.
fn arithmetic(operator: Operator, left: &Value, right: &Value) -> Result<Value, Failure> {
    let (Value::Integer(left), Value::Integer(right)) = (left, right) else {
        let text = format!("{} and {} cannot be reckoned with", left.kind(), right.kind());
        return failed(FailureCode::Type, text);
    };
    let result = match operator {
        Operator::Add => left.checked_add(*right),
        Operator::Subtract => left.checked_sub(*right),
        Operator::Multiply => left.checked_mul(*right),
        Operator::Divide
        | Operator::Equal
        | Operator::Unequal
        | Operator::Less
        | Operator::AtMost
        | Operator::Greater
        | Operator::AtLeast => {
            if *right == 0 {
                return failed(FailureCode::DivisionByZero, "a number is divided by zero");
            }
            left.checked_div(*right)
        }
    };
    result.map(Value::Integer).map_or_else(overflow, Ok)
}

fn order(left: &Value, right: &Value) -> Result<Ordering, Failure> {
    match (left, right) {
        (Value::Integer(left), Value::Integer(right)) => Ok(left.cmp(right)),
        (Value::Text(left), Value::Text(right)) => Ok(left.cmp(right)),
        (
            Value::Null
            | Value::Integer(_)
            | Value::Bool(_)
            | Value::Text(_)
            | Value::List(_)
            | Value::Map(_),
            _,
        ) => {
            let text = format!("{} and {} have no order", left.kind(), right.kind());
            failed(FailureCode::Type, text)
        }
    }
}
