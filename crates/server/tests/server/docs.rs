//! The operators' guide says what the program says of itself, and names tests that exist.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use herenow_protocol::CloseCode;

use crate::binary::{output, program};

const GUIDE: &str = include_str!("../../../../docs/operations.md");

/// Options and their defaults, as `--help` has them.
fn helped(help: &str) -> BTreeMap<String, String> {
    let blocks = help.split("\n      --").skip(1);
    let option = |block: &str| {
        let name = block.split([' ', '\n']).next()?;
        let text = block.split_whitespace().collect::<Vec<_>>().join(" ");
        let default = text.split("[default: ").nth(1)?.split(']').next()?;
        Some((format!("--{name}"), default.to_owned()))
    };
    blocks.filter_map(option).collect()
}

/// The rows of the table of options.
fn documented() -> BTreeMap<String, String> {
    let section = GUIDE.split("## Options").nth(1).unwrap().split("\n## ").next().unwrap();
    let rows = section.lines().filter_map(|line| line.strip_prefix("| `--"));
    let option = |row: &str| {
        let mut cells = row.split(" | ");
        let (name, default) = (cells.next().unwrap(), cells.next().unwrap());
        (format!("--{}", name.trim_end_matches('`')), default.trim_matches('`').to_owned())
    };
    rows.map(option).collect()
}

#[tokio::test]
async fn every_option_is_in_the_guide_with_its_default() {
    let help = output(program(&["--help"])).await;
    let helped = helped(&String::from_utf8(help.stdout).unwrap());
    assert!(helped.len() > 20, "{helped:?}");
    assert_eq!(documented(), helped);
}

#[test]
fn every_close_code_is_in_the_guide() {
    for code in CloseCode::ALL {
        assert!(GUIDE.contains(&code.number().to_string()), "{code:?}");
    }
}

#[test]
fn every_threat_names_a_test_that_exists() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let table = GUIDE.split("## Threats").nth(1).unwrap();
    let mut named = 0;
    for word in table.split('`').skip(1).step_by(2) {
        if let Some((file, test)) = word.split_once("::") {
            let text = fs::read_to_string(folder.join(format!("tests/server/{file}.rs"))).expect(word);
            assert!(text.contains(&format!("fn {test}()")), "{word}");
            named += 1;
        } else if word.ends_with(".test.mjs") {
            assert!(folder.join("../../tests/e2e").join(word).exists(), "{word}");
            named += 1;
        }
    }
    assert!(named > 20, "{named}");
}
