//! The layers of the crates: files and folders that lie in one folder must not depend on each other in a cycle.
//! The file of the folder itself, lib.rs or mod.rs, stands above them, and tests may use anything.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// For each module of one folder, the modules beside it that it names.
type Uses = BTreeMap<String, BTreeSet<String>>;

const ABOVE: [&str; 5] = ["lib", "mod", "main", "bin", "tests"];

fn entries(folder: &Path) -> Vec<PathBuf> {
    fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect()
}

fn stem(path: &Path) -> &str {
    path.file_stem().unwrap().to_str().unwrap()
}

/// The first name in `text`.
fn name(text: &str) -> String {
    text.trim().split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap().to_owned()
}

/// The items of a list that goes on with `list`, up to its closing brace.
fn items(list: &str) -> Vec<&str> {
    let (mut items, mut depth, mut start) = (vec![], 0, 0);
    for (at, c) in list.char_indices() {
        match c {
            ',' | '}' if depth == 0 => {
                items.push(&list[start..at]);
                start = at + 1;
            }
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => (),
        }
        if c == '}' && depth == 0 && start == at + 1 {
            break;
        }
    }
    items
}

/// The names that follow `prefix` in `code`, those of a list in braces too.
fn names_after(code: &str, prefix: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for (at, _) in code.match_indices(prefix) {
        // the second `super::` of `super::super::` is not the first one of a path
        if code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == ':') {
            continue;
        }
        let rest = &code[at + prefix.len()..];
        match rest.strip_prefix('{') {
            Some(list) => names.extend(items(list).into_iter().map(name)),
            None => drop(names.insert(name(rest))),
        }
    }
    names
}

/// Adds what the files below `path` name of the folder of modules `folder` (from the crate's root). `depth` folders lie
/// between that one and `path`.
fn collect(path: &Path, folder: &[String], depth: usize, names: &mut BTreeSet<String>) {
    if path.is_dir() {
        entries(path).iter().for_each(|entry| collect(entry, folder, depth + 1, names));
    } else if path.extension().is_some_and(|extension| extension == "rs") {
        let text = fs::read_to_string(path).unwrap();
        let code = text.split("#[cfg(test)]\nmod tests").next().unwrap();
        let code: Vec<&str> = code.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
        let code = code.join("\n");
        let from_root = ["crate"].into_iter().chain(folder.iter().map(String::as_str)).collect::<Vec<_>>().join("::");
        names.extend(names_after(&code, &format!("{from_root}::")));
        // the folder's own file names its folder one `super` earlier
        let up = if stem(path) == "mod" { depth } else { depth + 1 };
        if up > 0 {
            names.extend(names_after(&code, &"super::".repeat(up)));
        }
    }
}

/// The modules of each folder below `root` that depend on each other in a cycle, or on some that do.
fn cycles(root: &Path, folder: &[String], found: &mut Vec<String>) -> usize {
    let mut uses = Uses::new();
    for path in entries(root).iter().filter(|path| !ABOVE.contains(&stem(path))) {
        let mut names = BTreeSet::new();
        collect(path, folder, 0, &mut names);
        uses.insert(stem(path).to_owned(), names);
    }
    let mut seen = uses.len();
    for path in entries(root).iter().filter(|path| path.is_dir() && !ABOVE.contains(&stem(path))) {
        let below: Vec<String> = folder.iter().cloned().chain([stem(path).to_owned()]).collect();
        seen += cycles(path, &below, found);
    }
    // modules that depend on no remaining module are removed until none is left or a cycle is
    loop {
        let left: BTreeSet<String> = uses.keys().cloned().collect();
        let before = uses.len();
        uses.retain(|module, names| names.iter().any(|name| name != module && left.contains(name)));
        if uses.len() == before {
            break;
        }
    }
    found.extend(uses.into_keys().map(|module| format!("{}/{module}", root.display())));
    seen
}

#[test]
fn no_modules_depend_on_each_other_in_a_cycle() {
    for name in ["engine", "exchange", "image", "native", "simulation", "strategy"] {
        let mut found = Vec::new();
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(name).join("src");
        let seen = cycles(&root, &[], &mut found);
        assert!(seen > 2, "{name}: {seen} modules");
        assert!(found.is_empty(), "in a cycle, or dependent on one: {found:?}");
    }
}

#[test]
fn names_are_read_after_a_prefix_alone_and_in_a_list() {
    let code = "use super::{a, b::{c, d}, e};\nuse super::f::g;\nuse super::super::h;\nlet x = super::i(1);";
    assert_eq!(names_after(code, "super::").into_iter().collect::<Vec<_>>(), ["a", "b", "e", "f", "i", "super"]);
    assert_eq!(names_after(code, "super::super::").into_iter().collect::<Vec<_>>(), ["h"]);
}
