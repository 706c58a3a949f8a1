//! The program `exchanger`: started, stopped with and without a warning, started again.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::process::{Child, ChildStderr, Command, Stdio};

use firesteel_exchange::auth::Secret;
use firesteel_exchange::client::{self, ClientSpec, Server};
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

    /// Sends it a signal by its name and answers its exit status, with the rest of its log.
    fn signal(mut self, name: &str) -> (Option<i32>, String) {
        let kill = format!("kill -{name} {}", self.child.id());
        assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
        let mut log = String::new();
        self.log.read_to_string(&mut log).unwrap();
        (self.child.wait().unwrap().code(), log)
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
    write_changed(directory, port, |_| ());
}

fn write_changed(directory: &Path, port: u16, change: impl FnOnce(&mut serde_json::Value)) {
    let mut settings = serde_json::json!({
        "bind": format!("127.0.0.1:{port}"), "digest": "net", "offset": 0, "workers": 2, "shards": 2,
        "rule": { "rule": "downpour" }, "consistency": { "consistency": "async" },
        "budget": { "steps": 1_000_000, "tau": 1, "period": "constant" }, "limits": {},
        "snapshot": { "path": "center.snapshot", "every": 1 },
    });
    change(&mut settings);
    fs::write(directory.join("settings.json"), settings.to_string()).unwrap();
}

fn write_secret(path: &Path, text: &str, mode: u32) {
    let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(mode).open(path).unwrap();
    file.write_all(text.as_bytes()).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap(); // whatever the umask is
}

/// What a worker needs of a program that said where it listens.
fn spec(directory: &Path, said: &serde_json::Value) -> ClientSpec {
    let secret = Secret::try_from(fs::read_to_string(directory.join("secret")).unwrap()).unwrap();
    ClientSpec {
        servers: vec![Server { address: said["address"].as_str().unwrap().to_owned(), tls: None }],
        secret,
        role: Role::Worker { worker: 0, attempt: 0 },
        digest: "net".to_owned(),
        codec: Codec::F32,
        deadline: 20,
        wait_limit: None,
    }
}

#[test]
fn a_killed_exchanger_goes_on_from_its_snapshot_and_its_workers_with_it() {
    let directory = tempfile::tempdir().unwrap();
    write_settings(directory.path(), free_port());
    let (mut first, said) = Program::start(directory.path());
    assert_eq!(said["restored"], false);
    let (mut turns, mut exchanges) = attach(spec(directory.path(), &said));
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
    write_secret(&directory.path().join("secret"), "short", 0o600);
    let (code, said) = run(&[&["settings.json"][..], &secret, &["--length", "5"]].concat());
    assert_eq!((code, said.as_str()), (Some(1), "exchanger: secret: a secret is 64 hexadecimal digits\n"));
    write_secret(&directory.path().join("secret"), &"0".repeat(64), 0o640);
    let (code, said) = run(&[&["settings.json"][..], &secret, &["--length", "5"]].concat());
    let expected = "exchanger: secret: mode 0640 lets others read the secret: chmod 600 secret\n";
    assert_eq!((code, said.as_str()), (Some(1), expected));
    write_secret(&directory.path().join("secret"), &"0".repeat(64), 0o600);
    write_changed(directory.path(), 0, |settings| settings["workers"] = u32::MAX.into());
    let (code, said) = run(&[&["settings.json"][..], &secret, &["--length", "5"]].concat());
    let expected = "exchanger: workers must be at most 65536, not 4294967295\n";
    assert_eq!((code, said.as_str()), (Some(1), expected));
    write_changed(directory.path(), 0, |settings| settings["limits"] = serde_json::json!({ "wait": u64::MAX }));
    let (code, said) = run(&[&["settings.json"][..], &secret, &["--length", "5"]].concat());
    let expected = "exchanger: wait must be at most 31536000, not 18446744073709551615\n";
    assert_eq!((code, said.as_str()), (Some(1), expected));
}

#[test]
fn a_signal_ends_the_program_with_a_last_snapshot_and_status_0() {
    for (name, steps) in [("TERM", 3), ("INT", 5)] {
        let directory = tempfile::tempdir().unwrap();
        write_changed(directory.path(), 0, |settings| settings["snapshot"]["every"] = 3600.into());
        let (first, said) = Program::start(directory.path());
        let (mut turns, mut exchanges) = attach(spec(directory.path(), &said));
        let mut reply = vec![0.0; WEIGHTS];
        turns.next(done(0)).unwrap();
        for _ in 0..steps {
            exchanges.exchange(&[1.0; WEIGHTS], &mut reply, &one_step()).unwrap();
            turns.next(done(1)).unwrap();
        }
        let (code, log) = first.signal(name);
        assert_eq!(code, Some(0), "{name}: {log}");
        let last = log.lines().next_back().unwrap();
        assert!(last.ends_with(&format!("snapshot center.snapshot holds {steps} steps")), "{name}: {log}");
        let (second, said) = Program::start(directory.path());
        assert_eq!(said["restored"], true);
        second.kill();
    }
}

#[test]
fn what_would_act_on_a_terminal_or_forge_a_line_is_shown_escaped() {
    let directory = tempfile::tempdir().unwrap();
    let run = |argument: &str| {
        let output = Command::new(env!("CARGO_BIN_EXE_exchanger"))
            .current_dir(directory.path())
            .args([argument, "--secret", "secret", "--length", "5"])
            .output()
            .unwrap();
        String::from_utf8(output.stderr).unwrap()
    };
    let shown = "no\\nexchanger: all is well\\u{1b}[31m\\u{202e}";
    let forged = "no\nexchanger: all is well\u{1b}[31m\u{202e}";
    assert_eq!(run(forged), format!("exchanger: {shown}: No such file or directory (os error 2)\n"));
    let complaint = run(&format!("--{forged}"));
    assert!(complaint.starts_with(&format!("error: unexpected argument '--{shown}' found\n")), "{complaint}");
}

#[test]
fn what_a_peer_says_cannot_forge_a_line_of_the_log() {
    let directory = tempfile::tempdir().unwrap();
    write_settings(directory.path(), 0);
    let (program, said) = Program::start(directory.path());
    let forged = ClientSpec { digest: "x\n[INFO] forged\u{1b}[31m".to_owned(), ..spec(directory.path(), &said) };
    let told = client::attach(forged, &Default::default()).err().unwrap().to_string();
    assert!(told.contains("layout digest x\n[INFO] forged"), "an error keeps what was said: {told}");
    let (_, log) = program.signal("TERM");
    assert!(log.contains("layout digest x\\n[INFO] forged\\u{1b}[31m where net was expected"), "{log}");
    assert!(!log.contains('\u{1b}') && !log.lines().any(|line| line.starts_with("[INFO] forged")), "{log}");
}
