//! Failures that are raised as panics: libtorch's exceptions and [`or_unwind`](super::or_unwind). Failed allocations
//! become errors of kind `memory`; the messages of others are cut to one line, without libtorch's C++ stack frames.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use firesteel_exchange::memory::Allocation;

use super::Purpose;
use crate::error::{Error, Result};

/// Runs `work`, which may allocate through libtorch. A panic with another cause than a failed allocation continues.
pub fn guarded<T>(purpose: Purpose, work: impl FnOnce() -> Result<T>) -> Result<T> {
    let panic = match catch_unwind(AssertUnwindSafe(work)) {
        Ok(result) => return result,
        Err(panic) => panic,
    };
    match panic.downcast::<Error>() {
        Ok(error) => Err(*error),
        Err(panic) => match missing_memory(text_of(&*panic)) {
            Some(wanted) => Err(purpose.refused(wanted)),
            None => resume_unwind(panic),
        },
    }
}

/// The message of a panic in one line.
pub fn panic_text(panic: &(dyn Any + Send)) -> String {
    one_line(text_of(panic))
}

fn text_of(panic: &(dyn Any + Send)) -> &str {
    match (panic.downcast_ref::<String>(), panic.downcast_ref::<&str>()) {
        (Some(text), _) => text,
        (None, Some(text)) => text,
        (None, None) => "a panic without a text",
    }
}

/// What tch adds before libtorch's message when it panics; it also escapes newlines as `\n`.
const WRAPPED: [&str; 2] = ["called `Result::unwrap()` on an `Err` value: ", "Torch(\""];

/// The first line of libtorch's message; C++ stack frames follow it.
pub fn one_line(text: &str) -> String {
    let text = WRAPPED.iter().fold(text, |text, wrapper| text.strip_prefix(wrapper).unwrap_or(text));
    let ends = ["\n", "\\n"].into_iter().filter_map(|end| text.find(end));
    let text = &text[..ends.min().unwrap_or(text.len())];
    text.trim_end_matches("\")").trim_end().to_owned()
}

/// Some if the message reports a failed allocation, with the number of bytes if the message has it.
fn missing_memory(text: &str) -> Option<Option<u64>> {
    const MESSAGES: [&str; 4] = ["can't allocate memory", "std::bad_alloc", "CUDA out of memory", "not enough memory"];
    const BYTES: &str = "you tried to allocate ";
    MESSAGES.iter().any(|message| text.contains(message)).then(|| {
        let digits = &text[text.find(BYTES)? + BYTES.len()..];
        digits[..digits.find(|c: char| !c.is_ascii_digit())?].parse().ok()
    })
}

/// Installs a panic hook that logs a panic in one line, and a failed allocation, which becomes an error, not at all.
pub fn quiet_panics() {
    std::panic::set_hook(Box::new(|info| {
        let text = text_of(info.payload());
        if missing_memory(text).is_none() {
            let place = info.location().map_or(String::new(), |place| format!("{}:{}: ", place.file(), place.line()));
            log::error!("panic at {place}{}", one_line(text));
        }
    }));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Kind;

    const TORCH: &str = "called `Result::unwrap()` on an `Err` value: Torch(\"[enforce fail at alloc_cpu.cpp:124] \
        err == 0. DefaultCPUAllocator: can't allocate memory: you tried to allocate 614400000 bytes. Error code 12 \
        (Cannot allocate memory)\\nframe #0: c10::ThrowEnforceNotMet(char const*)\\nframe #1: \")";

    #[test]
    fn a_failed_allocation_of_libtorch_is_an_error_with_its_size() {
        let error = guarded(Purpose::Minibatch, || -> Result<()> { panic!("{TORCH}") }).unwrap_err();
        assert_eq!(error.kind(), Kind::Memory);
        assert!(error.to_string().starts_with("no memory for 585.9 MiB of a local step"), "{error}");
        let error = guarded(Purpose::Weights, || -> Result<()> { panic!("std::bad_alloc") }).unwrap_err();
        assert!(error.to_string().starts_with("no memory for weights, gradients"), "{error}");
    }

    #[test]
    fn another_panic_continues() {
        let panic = catch_unwind(|| guarded(Purpose::Minibatch, || -> Result<()> { panic!("a defect") })).unwrap_err();
        assert_eq!(panic_text(&*panic), "a defect");
    }

    #[test]
    fn libtorchs_message_is_cut_to_one_line_with_and_without_wrapper() {
        for text in [
            "size mismatch\nException raised from check at x.cpp:1",
            "called `Result::unwrap()` on an `Err` value: Torch(\"size mismatch\\nException raised from check\")",
            "called `Result::unwrap()` on an `Err` value: Torch(\"size mismatch\")",
            "size mismatch",
        ] {
            assert_eq!(one_line(text), "size mismatch");
        }
    }
}
