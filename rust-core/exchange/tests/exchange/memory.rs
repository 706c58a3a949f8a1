//! Allocations that really fail. Each case runs in a process of its own, which lowers the limit of its address space
//! after the preparation. A failure must be an error that the process survives; nothing may abort.

use std::fs;
use std::process::{Command, Stdio};
use std::time::Duration;

use firesteel_exchange::codec::Codec;
use firesteel_exchange::message::{Channel, Identity, Reply, Request, Role};
use firesteel_exchange::rules::RuleSpec;
use firesteel_exchange::server::Snapshot;
use firesteel_exchange::work::Work;
use firesteel_exchange::{Error, Refusal};

use crate::common::{Job, settings};
use crate::hostile::handshake;

/// The environment variable with the name of a child process's case.
const CASE: &str = "FIRESTEEL_MEMORY_CASE";
/// Values of a vector of 64 MiB: malloc asks the system for memory of this size anew each time.
const LENGTH: usize = 16 << 20;
/// Bytes that a child process may still allocate: enough for threads and headers, not for a vector.
const LEFT: u64 = 16 << 20;

/// Runs the case of the test `name` in a child process, or here where this is the child.
fn in_a_child(name: &str, case: impl FnOnce()) {
    if std::env::var(CASE).is_ok_and(|case| case == name) {
        return case();
    }
    let test = format!("memory::{name}");
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", &test, "--nocapture"])
        .env(CASE, name)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&child.stdout);
    let ran_it = text.contains("test result: ok. 1 passed");
    assert!(child.status.success() && ran_it, "{}\n{text}{}", child.status, String::from_utf8_lossy(&child.stderr));
}

/// Sets the soft limit of this process's address space.
fn limit(bytes: &str) {
    let process = std::process::id().to_string();
    let set = Command::new("prlimit").args(["--pid", &process, &format!("--as={bytes}:")]).status();
    assert!(set.unwrap().success());
}

/// Limits the address space to [`LEFT`] bytes beyond what this process has now.
fn leave_little() {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let size = status.lines().find_map(|line| line.strip_prefix("VmSize:")).unwrap();
    let kib: u64 = size.trim().trim_end_matches("kB").trim().parse().unwrap();
    limit(&(kib * 1024 + LEFT).to_string());
}

const DOWNPOUR: RuleSpec = RuleSpec::Downpour { adagrad: None };

#[test]
fn a_center_without_memory_is_not_served() {
    in_a_child("a_center_without_memory_is_not_served", || {
        let (initial, secret) = (vec![0.5; LENGTH], firesteel_exchange::auth::Secret::random().unwrap());
        leave_little();
        let started = firesteel_exchange::server::Exchanger::start(settings(DOWNPOUR, 1), secret, None, &initial, None);
        assert_eq!(
            started.err().unwrap().to_string(),
            "no memory for 64.0 MiB of the center and the state of its rule: \
             raise exchangers, so that each holds less of it, or give the process more memory"
        );
    });
}

#[test]
fn a_message_without_memory_is_refused_as_busy_and_folded_when_it_comes_again() {
    in_a_child("a_message_without_memory_is_refused_as_busy_and_folded_when_it_comes_again", || {
        let job = Job::start(settings(DOWNPOUR, 1), &vec![0.0; LENGTH]);
        let attached = || {
            let identity = Identity {
                role: Role::Worker { worker: 0, attempt: 0 },
                channel: Channel::Shard(0),
                digest: "net".to_owned(),
            };
            let mut transport = handshake(&job, identity).unwrap();
            transport.within(Duration::from_secs(20));
            transport
        };
        let work = Work { steps: 1, samples: 100, loss: 1.0 };
        let request = Request::Exchange { sequence: 1, work, lr: 0.1, codec: Codec::F32 };
        let mut payload = 1.0f32.to_le_bytes().repeat(LENGTH);
        let mut transport = attached();
        leave_little();
        transport.send(&request, &payload).unwrap();
        let Reply::Refused { why, message } = transport.receive::<Reply>(0).unwrap().0 else { panic!("no refusal") };
        assert_eq!(why, Refusal::Busy);
        assert!(message.starts_with("no memory for 64.0 MiB of a message and its reply: "), "{message}");
        let snapshot = job.server.snapshot().err();
        assert!(matches!(snapshot, Some(Error::Memory { bytes: Some(67_108_864), .. })), "{snapshot:?}");
        limit("unlimited");
        let mut transport = attached();
        transport.send(&request, &payload).unwrap();
        let reply = transport.receive::<Reply>(payload.len() as u64).unwrap().0;
        assert_eq!(reply, Reply::Exchanged { version: 1, staleness: 0, repeated: false });
        transport.fill(&mut payload).unwrap();
        assert_eq!(payload[payload.len() - 4..], 1.0f32.to_le_bytes());
        assert_eq!(job.report()["exchanges"], 1);
    });
}

#[test]
fn a_snapshot_without_memory_is_refused() {
    in_a_child("a_snapshot_without_memory_is_refused", || {
        let bytes = Snapshot::fresh(&settings(DOWNPOUR, 1), &vec![0.0; LENGTH]).unwrap().encode().unwrap();
        leave_little();
        let refused = Snapshot::decode(&bytes, "x.snap").unwrap_err();
        assert!(matches!(refused, Error::Memory { bytes: Some(67_108_864), .. }), "{refused}");
    });
}
