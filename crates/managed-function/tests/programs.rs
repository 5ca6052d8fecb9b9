//! Programs and their receipts.

use hivemind_managed_function::{FailureCode, Limits, Outcome, Reins, Status, execute};

fn run(source: &str, input: &str) -> Outcome {
    execute(source, input, Limits::default(), &Reins::new())
}

fn code(outcome: &Outcome) -> &str {
    outcome.receipt.failure_code.unwrap_or("completed")
}

#[test]
fn the_pair_that_the_network_names_is_exact() {
    let outcome = run("let s = 40 + 2; print(s); s;", "");
    assert_eq!(outcome.output, "42\n");
    let receipt = &outcome.receipt;
    assert_eq!((receipt.executed_ops, receipt.output_bytes, receipt.price_cpt()), (13, 3, 3));
    assert_eq!(
        receipt.to_json(),
        "{\"runtime\":\"managed-function-v0\",\"status\":\"completed\",\"executed_ops\":13,\
         \"function_calls\":0,\"loop_iterations\":0,\"max_call_depth\":0,\"output_bytes\":3,\
         \"failure_code\":null,\"failure_message\":null}"
    );
}

/// Program, input, output, then operations, calls, passes and call depth.
const TABLE: &[(&str, &str, &str, u64, u64, u64, u32)] = &[
    ("", "", "null", 0, 0, 0, 0),
    ("7;", "", "7", 2, 0, 0, 0),
    ("\"a\\\"b\\\\\\n\";", "", "a\"b\\\n", 2, 0, 0, 0),
    ("input;", "", "null", 2, 0, 0, 0),
    ("input;", "{\"b\":[1,true,null],\"a\":\"é\"}", "{\"a\":\"é\",\"b\":[1,true,null]}", 2, 0, 0, 0),
    ("1 + 2 * 3;", "", "7", 6, 0, 0, 0),
    ("(1 + 2) * 3;", "", "9", 6, 0, 0, 0),
    ("10 - 3 - 2;", "", "5", 6, 0, 0, 0),
    ("7 / 2;", "", "3", 4, 0, 0, 0),
    ("-7 / 2;", "", "-3", 5, 0, 0, 0),
    ("1 < 2 == true;", "", "true", 6, 0, 0, 0),
    ("\"a\" + \"b\" == \"ab\";", "", "true", 6, 0, 0, 0),
    ("1 == \"1\";", "", "false", 4, 0, 0, 0),
    ("[1, [2]] != [1, [3]];", "", "true", 10, 0, 0, 0),
    ("if 1 < 2 { 10 } else { 1 / 0 };", "", "10", 5, 0, 0, 0),
    ("let m = { \"k\": 5, }; get(m, \"k\");", "", "5", 11, 1, 0, 0),
    ("get([1, 2], 5);", "", "null", 10, 1, 0, 0),
    ("contains([1, 2], 2);", "", "true", 10, 1, 0, 0),
    ("contains({\"a\": 1}, \"b\");", "", "false", 9, 1, 0, 0),
    ("contains(\"hive\", \"iv\");", "", "true", 8, 1, 0, 0),
    ("len(\"é!\");", "", "2", 7, 1, 0, 0),
    ("let s = 0; for x in input { let s = s + x; } s;", "[1,2,3]", "6", 20, 0, 3, 0),
    ("fn f(a, b) { return a + b; } f(1, 2);", "", "3", 12, 1, 0, 1),
    ("fn f(n) { return if n < 1 { 0 } else { f(n - 1) + 1 }; } f(2);", "", "2", 40, 3, 0, 3),
    ("let a = 1; fn f() { let a = 2; a; } f(); a;", "", "1", 14, 1, 0, 1),
    ("print(\"x\"); print([\"x\"]); 9;", "", "x\n[\"x\"]\n", 17, 0, 0, 0),
    ("return 5; print(1);", "", "5", 2, 0, 0, 0),
];

#[test]
fn programs_give_output_and_receipt() {
    for (source, input, output, ops, calls, passes, depth) in TABLE {
        let outcome = run(source, input);
        let receipt = &outcome.receipt;
        assert_eq!(receipt.status, Status::Completed, "{source}: {receipt:?}");
        assert_eq!(outcome.output, *output, "{source}");
        let counts =
            (receipt.executed_ops, receipt.function_calls, receipt.loop_iterations, receipt.max_call_depth);
        assert_eq!(counts, (*ops, *calls, *passes, *depth), "{source}");
        // What is rendered and not printed costs nothing.
        let printed = if source.contains("print(\"x\")") { output.len() as u64 } else { 0 };
        assert_eq!(receipt.output_bytes, printed, "{source}");
    }
}

#[test]
fn every_failure_is_a_word_and_a_sentence() {
    let doubling = "let s = \"aaaaaaaaaaaaaaaa\"; let i = [0,0,0,0,0,0,0,0,0,0,0,0]; \
        for a in i { let s = s + s; } for a in i { let s = s + s; } 1;";
    let sharing = "let a = [0]; for x in input { let a = [a, a]; } 1;";
    let deep = "let a = 0; for x in input { let a = [a]; } 1;";
    let many = serde_json::to_string(&vec![0; 400]).expect("json");
    let long = "let s = input; for a in s { for b in s { 1; } }";
    let brackets = "(".repeat(100) + "1" + &")".repeat(100) + ";";
    let table: &[(&str, &str, FailureCode)] = &[
        ("1 +;", "", FailureCode::Parse),
        ("let 1a = 2;", "", FailureCode::Parse),
        ("let let = 2;", "", FailureCode::Parse),
        ("\"open", "", FailureCode::Parse),
        ("\"\\q\";", "", FailureCode::Parse),
        ("99999999999999999999;", "", FailureCode::Parse),
        ("fn f( { }", "", FailureCode::Parse),
        ("for x in 1 {", "", FailureCode::Parse),
        ("{ 1: 2 };", "", FailureCode::Parse),
        ("if true { 1 };", "", FailureCode::Parse),
        ("é;", "", FailureCode::Parse),
        (&brackets, "", FailureCode::Parse),
        ("1;", "{", FailureCode::Input),
        ("1;", "1.5", FailureCode::Input),
        ("1;", "18446744073709551615", FailureCode::Input),
        ("9223372036854775807 + 1;", "", FailureCode::Overflow),
        ("-9223372036854775807 - 2;", "", FailureCode::Overflow),
        ("(-9223372036854775807 - 1) / -1;", "", FailureCode::Overflow),
        ("-(-9223372036854775807 - 1);", "", FailureCode::Overflow),
        ("4611686018427387904 * 2;", "", FailureCode::Overflow),
        ("1 / 0;", "", FailureCode::DivisionByZero),
        ("1 + \"a\";", "", FailureCode::Type),
        ("true < false;", "", FailureCode::Type),
        ("if 1 { 1 } else { 2 };", "", FailureCode::Type),
        ("for x in 5 { 1; }", "", FailureCode::Type),
        ("len(1);", "", FailureCode::Type),
        ("get([1], \"a\");", "", FailureCode::Type),
        ("-true;", "", FailureCode::Type),
        ("x;", "", FailureCode::UnknownName),
        ("x();", "", FailureCode::UnknownName),
        ("fn f() { let own = 1; } f(); own;", "", FailureCode::UnknownName),
        ("len();", "", FailureCode::Arguments),
        ("fn f(a) { a; } f(1, 2);", "", FailureCode::Arguments),
        ("fn f() { return f(); } f();", "", FailureCode::CallDepth),
        (doubling, "", FailureCode::Work),
        (sharing, &many, FailureCode::Work),
        (deep, &many, FailureCode::Nesting),
        (long, &many, FailureCode::Loops),
        (
            "let t = input; for a in t { for b in t { let z = 1+1+1+1+1+1+1; } }",
            &serde_json::to_string(&vec![0; 300]).expect("json"),
            FailureCode::Ops,
        ),
    ];
    for (source, input, expected) in table {
        let outcome = run(source, input);
        assert_eq!(code(&outcome), expected.word(), "{source:.80}: {:?}", outcome.receipt);
        let sentence = outcome.receipt.failure_message.expect("a sentence");
        assert!(!sentence.is_empty() && !sentence.contains(char::is_control), "{sentence:?}");
    }
}

#[test]
fn a_run_stops_before_the_operation_that_would_pass_the_limit() {
    let limited = |ops| {
        let limits = Limits { ops, ..Limits::default() };
        execute("let s = 40 + 2; print(s); s;", "", limits, &Reins::new())
    };
    assert_eq!(code(&limited(13)), "completed");
    for ops in 0..13 {
        let outcome = limited(ops);
        assert_eq!(code(&outcome), "op_limit_exceeded", "{ops}");
        assert!(outcome.receipt.executed_ops <= ops);
    }
    // What was printed before counts.
    assert_eq!(limited(12).output, "42\n");
}

#[test]
fn output_ends_at_one_mebibyte() {
    let program = "let s = \"0123456789abcde\"; for x in input { print(s); }";
    let passes = |n: usize| serde_json::to_string(&vec![0; n]).expect("json");
    let full = run(program, &passes(65_536));
    assert_eq!((code(&full), full.receipt.output_bytes), ("completed", 1 << 20));
    let over = run(program, &passes(65_537));
    assert_eq!((code(&over), over.receipt.output_bytes), ("output_limit_exceeded", 1 << 20));
}

#[test]
fn calls_may_be_64_deep_and_a_long_sum_is_not_a_deep_one() {
    let deep =
        |n: u32| run("fn f(n) { return if n < 2 { 1 } else { f(n - 1) + 1 }; } f(input);", &n.to_string());
    assert_eq!((deep(64).output.as_str(), deep(64).receipt.max_call_depth), ("64", 64));
    assert_eq!(code(&deep(65)), "call_depth_exceeded");
    let sum = run(&(vec!["1"; 20_000].join("+") + ";"), "");
    assert_eq!(sum.output, "20000");
}

#[test]
fn loops_may_run_100000_times_all_together() {
    let twice = "for a in input { 1; } for b in input { 2; }";
    let passes = |n: usize| serde_json::to_string(&vec![0; n]).expect("json");
    let full = run(twice, &passes(50_000));
    assert_eq!((code(&full), full.receipt.loop_iterations), ("completed", 100_000));
    let over = run(twice, &passes(50_001));
    assert_eq!((code(&over), over.receipt.loop_iterations), ("loop_limit_exceeded", 100_000));
}

#[test]
fn texts_may_have_a_mebibyte_each() {
    let padded = |text: &str, bytes: usize| format!("{text}{}", " ".repeat(bytes - text.len()));
    let most = 1 << 20;
    let whole = run(&padded("len(input);", most), &padded("[1]", most));
    assert_eq!((code(&whole), whole.output.as_str()), ("completed", "1"));
    assert_eq!(code(&run(&padded("1;", most + 1), "")), "parse_error");
    assert_eq!(code(&run("1;", &padded("1", most + 1))), "invalid_input");
}

#[test]
fn names_are_bounded() {
    let many: String = (0..100_001).map(|n| format!("let v{n:x}=1;")).collect();
    let limits = Limits { source_bytes: 4 << 20, ..Limits::default() };
    let outcome = execute(&many, "", limits, &Reins::new());
    assert_eq!(code(&outcome), "work_limit_exceeded");
    assert_eq!(outcome.receipt.failure_message.as_deref(), Some("the program has too many variables"));
}

#[test]
fn a_failed_receipt_counts_what_was_done_before() {
    let outcome = run("fn f(x) { print(x); return 1 / x; } for x in [1, 0, 2] { f(x); }", "");
    assert_eq!(outcome.output, "1\n0\n");
    assert_eq!(
        outcome.receipt.to_json(),
        "{\"runtime\":\"managed-function-v0\",\"status\":\"failed\",\"executed_ops\":42,\
         \"function_calls\":2,\"loop_iterations\":2,\"max_call_depth\":1,\"output_bytes\":4,\
         \"failure_code\":\"division_by_zero\",\"failure_message\":\"a number is divided by zero\"}"
    );
}

#[test]
fn what_breaks_here_is_told_as_such() {
    let broken = Outcome::broken("no thread\nfor it");
    assert_eq!((code(&broken), broken.receipt.status), ("internal_error", Status::Failed));
    assert_eq!(broken.receipt.failure_message.as_deref(), Some("no thread for it"));
}

/// A program that would run for hours.
const ENDLESS: &str = "fn f(n) { return if n < 1 { 0 } else { f(n - 1) + f(n - 1) }; } f(60);";

#[test]
fn a_held_program_waits_goes_on_and_can_be_ended() {
    let endless = Limits { ops: u64::MAX, ..Limits::default() };
    let reins = Reins::new();
    let second = std::time::Duration::from_millis(300);
    std::thread::scope(|scope| {
        let running = scope.spawn(|| execute(ENDLESS, "", endless, &reins));
        std::thread::sleep(second);
        reins.hold();
        assert!(reins.is_held() && !running.is_finished());
        std::thread::sleep(second);
        reins.release();
        assert!(!reins.is_held());
        std::thread::sleep(second);
        reins.hold();
        reins.end();
        reins.release();
        let outcome = running.join().expect("a program");
        assert_eq!(code(&outcome), "stopped");
        assert!(outcome.receipt.executed_ops > 1000, "it ran: {:?}", outcome.receipt);
    });
    assert!(reins.is_ended());
    // What is held before it begins computes nothing at all.
    let reins = Reins::new();
    reins.hold();
    std::thread::scope(|scope| {
        let running = scope.spawn(|| execute("1 + 1;", "", endless, &reins));
        std::thread::sleep(second);
        assert!(!running.is_finished(), "a held program ended");
        reins.release();
        assert_eq!(running.join().expect("a program").output, "2");
    });
}

#[test]
fn a_program_can_be_stopped_from_outside() {
    let ended = Reins::new();
    ended.end();
    let outcome = execute("1;", "", Limits::default(), &ended);
    assert_eq!(code(&outcome), "stopped");
}

#[test]
fn a_million_operations_are_carried_out_to_the_limit() {
    let passes = serde_json::to_string(&vec![1; 300]).expect("json");
    let outcome =
        run("let s = 0; for a in input { for b in input { let s = s + a * b - b + 1 - 1; } }", &passes);
    assert_eq!(code(&outcome), "op_limit_exceeded");
    assert_eq!(outcome.receipt.executed_ops, 1_000_000);
}
