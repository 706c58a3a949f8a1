//! The one build script of the crates that link libtorch (`build = "../../build.rs"`): it lets their
//! programs and tests find libtorch at run time. The shipped `libfiresteel.so` gets no rpath, because
//! the Java loader loads each file of libtorch itself; of that crate only the tests get one.

use std::env;

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
}
