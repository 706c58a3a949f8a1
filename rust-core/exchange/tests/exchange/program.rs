//! The program `exchanger`: started, killed without a warning, started again.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, ChildStderr, Command, Stdio};

use firesteel_exchange::auth::Secret;
use firesteel_exchange::client::{ClientSpec, Server};
use firesteel_exchange::codec::Codec;
use firesteel_exchange::message::Role;

use crate::common::{attach, done, one_step};

const WEIGHTS: usize = 1000;

struct Program {
    child: Child,
    /// What it logs; each snapshot is a line.
    log: BufReader<ChildStderr>,
}

impl Program {
    /// Starts it in `directory` and reads the line that says where it listens.
    fn start(directory: &Path) -> (Self, serde_json::Value) {
        let mut child = Command::new(env!("CARGO_BIN_EXE_exchanger"))
            .current_dir(directory)
            .args(["settings.json", "--secret", "secret", "--length", &WEIGHTS.to_string()])
            .env("RUST_LOG", "firesteel_exchange=info")
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let log = BufReader::new(child.stderr.take().unwrap());
        (Self { child, log }, serde_json::from_str(&line).unwrap())
    }

    /// Reads the log up to a snapshot of `steps` steps, a minute's worth of its lines at most.
    fn await_snapshot(&mut self, steps: u64) {
        let line = format!("snapshot center.snapshot holds {steps} steps");
        let seen = self.log.by_ref().lines().take(60).any(|said| said.unwrap().ends_with(&line));
        assert!(seen, "no snapshot of {steps} steps came");
    }

    fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

/// A port that was free a moment ago: the restarted program must listen where the killed one did.
fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn write_settings(directory: &Path, port: u16) {
    let settings = serde_json::json!({
        "bind": format!("127.0.0.1:{port}"), "digest": "net", "offset": 0, "workers": 2, "shards": 2,
        "rule": { "rule": "downpour" }, "consistency": { "consistency": "async" },
        "budget": { "steps": 1_000_000, "tau": 1, "period": "constant" }, "limits": {},
        "snapshot": { "path": "center.snapshot", "every": 1 },
    });
    fs::write(directory.join("settings.json"), settings.to_string()).unwrap();
}

#[test]
fn a_killed_exchanger_goes_on_from_its_snapshot_and_its_workers_with_it() {
    let directory = tempfile::tempdir().unwrap();
    write_settings(directory.path(), free_port());
    let (mut first, said) = Program::start(directory.path());
    assert_eq!(said["restored"], false);
    let secret = Secret::try_from(fs::read_to_string(directory.path().join("secret")).unwrap()).unwrap();
    let spec = ClientSpec {
        servers: vec![Server { address: said["address"].as_str().unwrap().to_owned(), tls: None }],
        secret,
        role: Role::Worker { worker: 0, attempt: 0 },
        digest: "net".to_owned(),
        codec: Codec::F32,
        deadline: 20,
    };
    let (mut turns, mut exchanges) = attach(spec);
    let mut reply = vec![0.0; WEIGHTS];
    turns.next(done(0)).unwrap();
    for _ in 0..5 {
        exchanges.exchange(&[1.0; WEIGHTS], &mut reply, &one_step()).unwrap();
        turns.next(done(1)).unwrap();
    }
    first.await_snapshot(5);
    first.kill();
    let (second, said) = Program::start(directory.path());
    assert_eq!(said["restored"], true);
    exchanges.exchange(&[1.0; WEIGHTS], &mut reply, &one_step()).unwrap();
    assert_eq!(reply, [6.0; WEIGHTS]);
    assert_eq!(turns.next(done(1)).unwrap().data_step, 6);
    second.kill();
}

#[test]
fn what_the_program_cannot_use_it_names() {
    let directory = tempfile::tempdir().unwrap();
    let run = |arguments: &[&str]| {
        let program =
            Command::new(env!("CARGO_BIN_EXE_exchanger")).current_dir(directory.path()).args(arguments).output();
        let output = program.unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    let secret = ["--secret", "secret"];
    let (code, said) = run(&[&["missing.json"][..], &secret, &["--length", "5"]].concat());
    assert_eq!((code, said.as_str()), (Some(1), "exchanger: missing.json: No such file or directory (os error 2)\n"));
    write_settings(directory.path(), free_port());
    let (code, said) = run(&[&["settings.json"][..], &secret].concat());
    assert_eq!((code, said.as_str()), (Some(1), "exchanger: say either --weights or --length\n"));
    fs::write(directory.path().join("odd"), [0; 7]).unwrap();
    let (code, said) = run(&[&["settings.json"][..], &secret, &["--weights", "odd"]].concat());
    assert_eq!((code, said.as_str()), (Some(1), "exchanger: odd: 7 bytes are no f32 values\n"));
    fs::write(directory.path().join("secret"), "short").unwrap();
    let (code, said) = run(&[&["settings.json"][..], &secret, &["--length", "5"]].concat());
    assert_eq!((code, said.as_str()), (Some(1), "exchanger: secret: a secret is 64 hexadecimal digits\n"));
}
