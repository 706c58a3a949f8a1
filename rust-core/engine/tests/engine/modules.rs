//! The layers of this crate: its top-level modules must not depend on each other in a cycle.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// For each top-level module, the names that its files import by `crate::name`.
type Uses = BTreeMap<String, BTreeSet<String>>;

fn collect(directory: &Path, module: Option<&str>, uses: &mut Uses) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap();
        let module = module.unwrap_or(name);
        if path.is_dir() {
            collect(&path, Some(module), uses);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            let code: Vec<&str> = text.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
            let names = uses.entry(module.to_owned()).or_default();
            for rest in code.join("\n").split("crate::").skip(1) {
                let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
                assert!(end > 0, "{}: write crate::module, which this test can read", path.display());
                names.insert(rest[..end].to_owned());
            }
        }
    }
}

#[test]
fn no_modules_depend_on_each_other_in_a_cycle() {
    let mut uses = Uses::new();
    collect(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src")), None, &mut uses);
    // lib.rs and the programs stand above all modules
    uses.retain(|module, _| module != "lib" && module != "bin");
    assert!(uses.len() > 15 && uses["worker"].contains("nets"), "{uses:?}");
    // modules that depend on no remaining module are removed until none is left or a cycle is
    loop {
        let left: BTreeSet<String> = uses.keys().cloned().collect();
        let before = uses.len();
        uses.retain(|module, names| names.iter().any(|name| name != module && left.contains(name)));
        if uses.len() == before {
            break;
        }
    }
    assert!(uses.is_empty(), "in a cycle, or dependent on one: {:?}", uses.keys());
}
