//! `exchange-load`: how fast exchanges over loopback are, beside a plain socket echo of the same bytes.
//! The exchanger, its clients and the echo live in this one process. Prints one JSON line.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::ExitCode;
use std::sync::Arc;
use std::thread;
use std::time::Instant;

use clap::{Arg, Command, value_parser};
use firesteel_exchange::auth::Secret;
use firesteel_exchange::client::{self, ClientSpec, Contribution, Server};
use firesteel_exchange::clock::Consistency;
use firesteel_exchange::codec::Codec;
use firesteel_exchange::memory::{Purpose, filled};
use firesteel_exchange::message::Role;
use firesteel_exchange::program;
use firesteel_exchange::rules::RuleSpec;
use firesteel_exchange::server::{Budget, Exchanger, ExchangerSettings, Period, ServerLimits};
use firesteel_exchange::tls::TlsIdentity;
use firesteel_exchange::work::Work;
use firesteel_exchange::{Error, Result};
use serde_json::json;

#[derive(Clone, Copy)]
struct Load {
    clients: u32,
    floats: usize,
    exchanges: usize,
    shards: u32,
    tls: bool,
    codec: Codec,
}

fn main() -> ExitCode {
    program::log("RUST_LOG", "error");
    let number = |name, default, help| Arg::new(name).long(name).default_value(default).value_name("N").help(help);
    let command = Command::new("exchange-load")
        .version(env!("CARGO_PKG_VERSION"))
        .about("Measures elastic exchanges over loopback against a plain socket echo of the same bytes")
        .arg(number("clients", "1", "workers that exchange at once").value_parser(value_parser!(u32).range(1..)))
        .arg(number("floats", "567000", "weights of the center").value_parser(value_parser!(u32).range(1..)))
        .arg(
            number(
                "exchanges",
                "200",
                "exchanges of each worker that are measured, after a quarter as many for warm-up",
            )
            .value_parser(value_parser!(u32).range(4..)),
        )
        .arg(number("shards", "1", "shards, each with its channel").value_parser(value_parser!(u32).range(1..)))
        .arg(
            Arg::new("codec")
                .long("codec")
                .default_value("f32")
                .value_parser(["f32", "bf16", "int8"])
                .help("encoding of the weights in messages"),
        )
        .arg(Arg::new("tls").long("tls").num_args(0).help("encrypt"));
    let matches = program::arguments(command);
    let number = |name: &str| matches.get_one::<u32>(name).copied().unwrap_or(1);
    let load = Load {
        clients: number("clients"),
        floats: number("floats") as usize,
        exchanges: number("exchanges") as usize,
        shards: number("shards"),
        tls: matches.get_flag("tls"),
        codec: match matches.get_one::<String>("codec").map(String::as_str) {
            Some("bf16") => Codec::Bf16,
            Some("int8") => Codec::Int8,
            _ => Codec::F32,
        },
    };
    match measure(load) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            program::complain("exchange-load", &error);
            ExitCode::FAILURE
        }
    }
}

/// Seconds of every exchange, of all clients.
type Times = Vec<f64>;

fn measure(load: Load) -> Result<()> {
    let bytes = load.codec.encoded_len(load.floats);
    let mut echo = echoes(load, bytes)?;
    let (mut exchange, mut pull) = exchanges(load)?;
    let one_way = one_way(bytes, load.exchanges)?;
    program::say(&json!({
        "clients": load.clients, "shards": load.shards, "bytes": bytes, "exchanges": load.exchanges, "tls": load.tls,
        "codec": load.codec, "echo-seconds": median(&mut echo), "exchange-seconds": median(&mut exchange),
        "ratio": median(&mut exchange) / median(&mut echo), "plain-one-way-bytes-per-second": one_way,
        "pull-bytes-per-second": 4.0 * load.floats as f64 / median(&mut pull),
    }))
}

fn median(times: &mut [f64]) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

/// Runs `client` on one thread for each client, and answers what they measured after their warm-up.
fn together(load: Load, client: impl Fn(u32) -> Result<Times> + Sync) -> Result<Times> {
    thread::scope(|scope| {
        let clients: Vec<_> = (0..load.clients)
            .map(|worker| (worker, &client))
            .map(|(worker, client)| scope.spawn(move || client(worker)))
            .collect();
        let mut all = Vec::new();
        for client in clients {
            let times = client.join().map_err(|_| Error::Config("a client panicked".to_owned()))??;
            all.extend_from_slice(&times[load.exchanges / 4..]);
        }
        Ok(all)
    })
}

/// What all clients measured of exchanges and of pulls.
fn exchanges(load: Load) -> Result<(Times, Times)> {
    let (secret, tls) = (Secret::random()?, TlsIdentity::generate()?);
    let tls = Some(tls).filter(|_| load.tls);
    let settings = ExchangerSettings {
        bind: "127.0.0.1:0".to_owned(),
        digest: "load".to_owned(),
        offset: 0,
        rule: RuleSpec::Elastic { alpha: 0.1, server_alpha: None, decay: None },
        consistency: Consistency::Async,
        workers: load.clients,
        shards: load.shards,
        budget: Budget { steps: u64::MAX, tau: 1, period: Period::Constant },
        limits: ServerLimits::default(),
        snapshot: None,
    };
    let initial = filled(load.floats, 0.5, Purpose::Center)?;
    let server = Exchanger::start(settings, secret.clone(), tls.as_ref(), &initial, None)?;
    let attach = |worker| {
        let spec = ClientSpec {
            servers: vec![Server { address: server.address().to_string(), tls: tls.as_ref().map(TlsIdentity::trust) }],
            secret: secret.clone(),
            role: Role::Worker { worker, attempt: 0 },
            digest: "load".to_owned(),
            codec: load.codec,
            deadline: 60,
            wait_limit: None,
        };
        client::attach(spec, &Arc::default()).map(|(_, exchanges)| exchanges)
    };
    let times = load.exchanges + load.exchanges / 4;
    let (message, about) = (
        filled(load.floats, 1.0, Purpose::Message)?,
        Contribution { work: Work { steps: 1, samples: 100, loss: 1.0 }, lr: 0.1 },
    );
    let exchanged = together(load, |worker| {
        let (mut exchanges, mut reply) = (attach(worker)?, filled(load.floats, 0.0, Purpose::Message)?);
        timed(times, || exchanges.exchange(&message, &mut reply, &about).map(|_| ()))
    })?;
    let pulled = together(load, |worker| {
        let (mut exchanges, mut center) = (attach(worker)?, filled(load.floats, 0.0, Purpose::Message)?);
        timed(times, || exchanges.pull(&mut center))
    })?;
    Ok((exchanged, pulled))
}

fn timed(times: usize, mut once: impl FnMut() -> Result<()>) -> Result<Times> {
    (0..times)
        .map(|_| {
            let start = Instant::now();
            once()?;
            Ok(start.elapsed().as_secs_f64())
        })
        .collect()
}

fn failed(e: std::io::Error) -> Error {
    Error::io("plain socket", &e)
}

/// An echo server with one thread for each connection: it reads a whole message and sends it back.
fn echoes(load: Load, bytes: usize) -> Result<Times> {
    let listener = TcpListener::bind("127.0.0.1:0").map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    thread::scope(|scope| {
        scope.spawn(|| {
            for socket in listener.incoming().take(load.clients as usize).flatten() {
                scope.spawn(move || {
                    let mut socket = socket;
                    let Ok(mut message) = filled(bytes, 0, Purpose::Message) else { return }; // its client sees that
                    while socket.read_exact(&mut message).and_then(|()| socket.write_all(&message)).is_ok() {}
                });
            }
        });
        together(load, |_| {
            let mut socket = TcpStream::connect(address).map_err(failed)?;
            socket.set_nodelay(true).map_err(failed)?;
            let (message, mut reply) = (filled(bytes, 1, Purpose::Message)?, filled(bytes, 0, Purpose::Message)?);
            timed(load.exchanges + load.exchanges / 4, || {
                socket.write_all(&message).and_then(|()| socket.read_exact(&mut reply)).map_err(failed)
            })
        })
    })
}

/// Bytes a second that one plain socket sends without waiting for replies.
fn one_way(bytes: usize, times: usize) -> Result<f64> {
    let listener = TcpListener::bind("127.0.0.1:0").map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    thread::scope(|scope| {
        let reader = scope.spawn(move || {
            let (mut socket, _) = listener.accept()?;
            let mut message = filled(bytes, 0, Purpose::Message).map_err(std::io::Error::other)?;
            (0..times).try_for_each(|_| socket.read_exact(&mut message))
        });
        let start = Instant::now();
        let mut socket = TcpStream::connect(address).map_err(failed)?;
        let message = filled(bytes, 1, Purpose::Message)?;
        (0..times).try_for_each(|_| socket.write_all(&message)).map_err(failed)?;
        let read = reader.join().map_err(|_| Error::Config("the reader panicked".to_owned()))?;
        read.map_err(failed)?;
        Ok((bytes * times) as f64 / start.elapsed().as_secs_f64())
    })
}
