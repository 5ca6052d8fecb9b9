//! What a million operations cost this computer: processor time of a thread that carries one program out, for programs
//! that are meant to cost as much as the limits let them. Of each program the best of seven runs, so that what else
//! goes on here counts as little as it can; prints all of them as one line of JSON, in seconds.

#![expect(clippy::print_stdout, reason = "this is what it is for")]

use hivemind_managed_function::{Limits, Outcome, Reins, STACK_BYTES, execute_here};
use std::collections::BTreeMap;

const RUNS: usize = 7;

fn ones(count: usize) -> String {
    format!("[{}]", vec!["1"; count].join(","))
}

/// Name, program, input; whether the whole million is carried out.
fn programs() -> Vec<(&'static str, String, String, bool)> {
    let nested = |body: &str| format!("let s = 0; for a in input {{ for b in input {{ {body} }} }}");
    let long = "x".repeat(150);
    let names: String = (0..30_000).map(|n| format!("let v{n}={n};")).collect();
    let reads: String =
        (0..30_000).map(|n| format!("v{}+v{};", n * 7919 % 30_000, n * 104_729 % 30_000)).collect();
    let deep = "fn f(n) { return if n < 1 { 0 } else { f(n - 1) + 1 }; } for a in input { f(60); }";
    let pairs: Vec<String> = (0..2000).map(|n| format!("\"key-{n}\":{n}")).collect();
    let much = |unit: &str, count: usize| format!("[{}]", vec![unit; count].join(","));
    vec![
        ("loops", nested("let s = s + a * b - b + 1 - 1;"), ones(300), true),
        ("calls", deep.to_owned(), ones(3000), true),
        ("arguments", "fn f(a,b,c,d,e,f,g,h) { return a; } for x in input { f(x,x,x,x,x,x,x,x); f(x,x,x,x,x,x,x,x); }".into(), ones(50_000), true),
        ("strings", format!("let t = \"{long}\"; {}", nested("let s = t + \"y\"; let s = t + \"z\"; let s = t + \"w\";")), ones(316), true),
        ("comparisons", format!("let t = \"{long}\"; let u = \"{long}\"; {}", nested("t == u; t == u; t < u;")), ones(316), true),
        ("lists", nested("let s = [a, b, a, b, a, b, a, b, a];"), ones(316), true),
        ("maps", nested("let s = { \"a\": a, \"b\": b, \"c\": a, \"d\": a }; let s = { \"e\": a, \"f\": b };"), ones(316), true),
        ("lookups", "let s = 0; for a in get(input, \"list\") { for b in get(input, \"list\") { get(input, \"key-1999\"); get(input, \"key-7\"); } }".into(), format!("{{\"list\":{},{}}}", ones(300), pairs.join(",")), true),
        ("prints", "for a in input { print(a); print(a); }".into(), ones(90_000), true),
        ("names", format!("{names}{reads}"), String::new(), false),
        ("lengths", "let s = get(input, 0); for a in get(input, 1) { len(s); }".into(), format!("[\"{}\",{}]", "é".repeat(400_000), ones(100)), false),
        ("comparing lists", "let a = get(input, 0); let b = get(input, 1); for x in a { a == b; }".into(), format!("[{0},{0}]", ones(250_000)), false),
        ("searching", "for x in input { contains(input, 2); }".into(), ones(520_000), false),
        ("rendering", "for x in get(input, 1) { print(get(input, 0)); }".into(), format!("[{},[1]]", ones(500_000)), false),
        ("reading the program", "1;".repeat(500_000), String::new(), true),
        ("reading the input", "1;".into(), much("[]", 340_000), false),
    ]
}

/// Seconds of processor time, and what came of it.
fn measured(source: &str, input: &str) -> Result<(f64, Outcome), Box<dyn std::error::Error>> {
    let thread = || {
        let outcome = execute_here(source, input, Limits::default(), &Reins::new());
        (spent(), outcome)
    };
    std::thread::scope(|scope| {
        let running = std::thread::Builder::new().stack_size(STACK_BYTES).spawn_scoped(scope, thread)?;
        running.join().map_err(|_| "the interpreter broke".into())
    })
}

/// Seconds of this thread so far.
#[cfg(unix)]
fn spent() -> f64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

/// Nothing tells it without `unsafe`; the measurements are Linux's.
#[cfg(not(unix))]
fn spent() -> f64 {
    f64::NAN
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut best: BTreeMap<&str, f64> = BTreeMap::new();
    for (name, source, input, whole) in programs() {
        for _ in 0..RUNS {
            let (seconds, outcome) = measured(&source, &input)?;
            let refused = matches!(outcome.receipt.failure_code, Some("parse_error" | "invalid_input"));
            if refused || (whole && outcome.receipt.executed_ops < 999_000) {
                return Err(format!("{name}: {:?}", outcome.receipt).into());
            }
            let known = best.entry(name).or_insert(seconds);
            *known = known.min(seconds);
        }
    }
    println!("{}", serde_json::to_string(&best)?);
    Ok(())
}
