//! The list of guards does not rot. That each guard's test fails without it is proved by `bench -- guards`.

use tidy::guards::{LIST, MODEL, breaches, table_breaches};
use tidy::root;
use tidy::sources::{Source, read};

fn guard(name: &str, file: &str, find: &str, replace: &str, test: &str) -> String {
    format!(
        "[[guard]]\nname = {name:?}\nattack = \"a loop\"\nfile = {file:?}\nfind = {find:?}\nreplace = {replace:?}\n\
         test = [\"x\", \"--test\", \"y\", {test:?}]\n"
    )
}

#[test]
fn each_guard_of_the_list_is_where_it_says_and_its_test_is_there() {
    let list = std::fs::read_to_string(root().join(LIST)).unwrap();
    let found = breaches(&list, &read(&root()));
    assert!(found.is_empty(), "{found:#?}");
    assert!(list.contains("[[guard]]"), "{LIST} is empty");
}

#[test]
fn an_entry_that_would_prove_nothing_is_found() {
    let source = |path: &str, text: &str| Source { path: path.to_owned(), text: text.to_owned() };
    let sources = [
        source("host/x/src/a.rs", "if used > most {\n    stop();\n}\nif more {}\nif more {}"),
        source("tests/x/tests/y.rs", "fn it_is_stopped() {}"),
    ];
    let good = guard("a", "host/x/src/a.rs", "used > most", "false", "y::it_is_stopped");
    assert_eq!(breaches(&good, &sources), Vec::<String>::new());
    for (bad, why) in [
        (good.clone() + &good, "not its own"),
        (guard("a", "host/x/src/b.rs", "used > most", "false", "it_is_stopped"), "no file"),
        (guard("a", "host/x/src/a.rs", "used >= most", "false", "it_is_stopped"), "0 times"),
        (guard("a", "host/x/src/a.rs", "if more", "if false", "it_is_stopped"), "2 times"),
        (guard("a", "host/x/src/a.rs", "used > most", "used > most", "it_is_stopped"), "changes nothing"),
        (guard("a", "host/x/src/a.rs", "used > most", "false", "it_is_not_there"), "no test"),
        (guard("a", "host/x/src/a.rs", "used > most", "false", "--nocapture"), "no test"),
        ("[[guard]".to_owned(), "does not parse"),
    ] {
        let found = breaches(&bad, &sources);
        assert!(found.len() == 1 && found[0].contains(why), "{why}: {found:?}");
    }
}

#[test]
fn every_test_that_the_threat_model_names_is_there_and_no_row_has_none() {
    let model = std::fs::read_to_string(root().join(MODEL)).unwrap();
    let found = table_breaches(&model, &read(&root()));
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn a_row_without_a_test_that_is_there_is_found() {
    let source = |path: &str, text: &str| Source { path: path.to_owned(), text: text.to_owned() };
    let sources = [
        source("tests/x/tests/y.rs", "fn it_is_stopped() {}"),
        source("docs/z.md", "fn it_is_told_about() {}"),
    ];
    let table = |row: &str| format!("# X\n\n| guard | file | test |\n|---|---|---|\n{row}\n\n| a | b |\n");
    let good = table("| cpu | `a.rs` | y.rs `it_is_stopped`, `x/tests/y.rs`; and words |");
    assert_eq!(table_breaches(&good, &sources), Vec::<String>::new());
    for (bad, why) in [
        (table("| cpu | `a.rs` | its tests |"), "names no test"),
        (table("| cpu | `a.rs` | `tests/y.rs` |"), "names no test"),
        (table("| cpu | `a.rs` | `it_is_stopped`, `it_is_not_there` |"), "no test `it_is_not_there`"),
        (table("| cpu | `a.rs` | `it_is_stopped`, `it_is_told_about` |"), "no test `it_is_told_about`"),
        (table("| cpu | `a.rs` | `other.rs` `it_is_stopped` |"), "no file `other.rs`"),
        (table("| cpu | `it_is_stopped` |"), "not three columns"),
        ("# X".to_owned(), "no table"),
    ] {
        let found = table_breaches(&bad, &sources);
        assert!(found.len() == 1 && found[0].contains(why), "{why}: {found:?}");
    }
}
