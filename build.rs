//! The one build script of the crates that link libtorch (`build = "../../build.rs"`): it lets their
//! programs and tests find libtorch at run time, and compiles the engine's operators in C++. The shipped
//! `libfiresteel.so` gets no rpath, because the Java loader loads each file of libtorch itself; of that crate
//! only the tests get one.

use std::env;
use std::path::Path;

fn main() {
    println!("cargo:rerun-if-changed=../../build.rs");
    let Ok(lib) = env::var("DEP_TCH_LIBTORCH_LIB") else {
        panic!(
            "torch-sys did not say where libtorch is: run scripts/setup, which writes LIBTORCH into .cargo/config.toml"
        )
    };
    let ships = env::var("CARGO_PKG_NAME").as_deref() == Ok("firesteel-native");
    let target = if ships { "-tests" } else { "" };
    println!("cargo:rustc-link-arg{target}=-Wl,-rpath,{lib}");
    if env::var("CARGO_PKG_NAME").as_deref() == Ok("firesteel-engine") {
        println!("cargo:rerun-if-changed=src/aten.cpp");
        let mut build = cc::Build::new();
        build.cpp(true).std("c++17").file("src/aten.cpp").include(Path::new(&lib).with_file_name("include"));
        // headers of libtorch do not pass our compiler's warnings
        build.warnings(false).flag("-fopenmp").compile("firesteel_aten");
        println!("cargo:rustc-link-lib=gomp"); // of the same name as libtorch's, which is the one that is loaded
    }
}
