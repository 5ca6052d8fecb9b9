//! What each step costs, in operations. One table; what the network's description leaves open is marked *open* and
//! read in the simplest way that gives the pair it names: `let s = 40 + 2; print(s); s;` costs 13.

/// A literal.
pub const LITERAL: u64 = 1;
/// Reading a variable.
pub const READ: u64 = 1;
/// Giving a variable a value. *Open*: a loop's variable on each pass counts as one too; a parameter does not.
pub const ASSIGN: u64 = 1;
/// An operator, on top of its operands.
pub const OPERATOR: u64 = 1;
/// A call, on top of its arguments. *Open*: built-ins cost the same.
pub const CALL: u64 = 5;
/// `print`, on top of its argument.
pub const PRINT: u64 = 5;
/// `return`, on top of its value.
pub const RETURN: u64 = 1;
/// *Open*: a statement that is an expression, `print` among them, on top of it. The named pair needs it.
pub const EXPRESSION_STATEMENT: u64 = 1;
/// *Open*: a list or a map, on top of its elements; the keys of a map cost nothing.
pub const COLLECTION: u64 = 1;
