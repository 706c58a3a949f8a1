//! A server and its peers for these tests; everything listens on loopback.

use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use firesteel_exchange::auth::Secret;
use firesteel_exchange::client::{self, ClientSpec, Contribution, Exchanges, Server, Turns};
use firesteel_exchange::clock::Consistency;
use firesteel_exchange::codec::Codec;
use firesteel_exchange::message::{Done, Role};
use firesteel_exchange::rules::RuleSpec;
use firesteel_exchange::server::{Budget, Exchanger, ExchangerSettings, Period, ServerLimits};
use firesteel_exchange::tls::TlsIdentity;
use firesteel_exchange::work::Work;

/// ExchangerSettings for `workers` workers without an end of the budget.
pub fn settings(rule: RuleSpec, workers: u32) -> ExchangerSettings {
    ExchangerSettings {
        bind: "127.0.0.1:0".to_owned(),
        digest: "net".to_owned(),
        offset: 0,
        rule,
        consistency: Consistency::Async,
        workers,
        shards: 1,
        budget: Budget { steps: u64::MAX, tau: 1, period: Period::Constant },
        limits: ServerLimits::default(),
        snapshot: None,
    }
}

pub struct Job {
    pub server: Exchanger,
    pub secret: Secret,
    pub tls: Option<TlsIdentity>,
}

impl Job {
    pub fn start(settings: ExchangerSettings, initial: &[f32]) -> Self {
        let secret = Secret::random().unwrap();
        let server = Exchanger::start(settings, secret.clone(), None, initial, None).unwrap();
        Self { server, secret, tls: None }
    }

    pub fn encrypted(settings: ExchangerSettings, initial: &[f32]) -> Self {
        let (secret, tls) = (Secret::random().unwrap(), TlsIdentity::generate().unwrap());
        let server = Exchanger::start(settings, secret.clone(), Some(&tls), initial, None).unwrap();
        Self { server, secret, tls: Some(tls) }
    }

    pub fn spec(&self, role: Role) -> ClientSpec {
        ClientSpec {
            servers: vec![self.place()],
            secret: self.secret.clone(),
            role,
            digest: "net".to_owned(),
            codec: Codec::F32,
            deadline: 20,
            wait_limit: None,
        }
    }

    pub fn place(&self) -> Server {
        Server { address: self.server.address().to_string(), tls: self.tls.as_ref().map(TlsIdentity::trust) }
    }

    pub fn worker(&self, worker: u32, attempt: u64) -> (Turns, Exchanges) {
        attach(self.spec(Role::Worker { worker, attempt }))
    }

    pub fn socket(&self) -> TcpStream {
        TcpStream::connect(self.server.address()).unwrap()
    }

    pub fn report(&self) -> serde_json::Value {
        serde_json::from_str(&self.server.report().unwrap()).unwrap()
    }
}

pub fn attach(spec: ClientSpec) -> (Turns, Exchanges) {
    client::attach(spec, &Arc::new(AtomicBool::new(false))).unwrap()
}

pub fn one_step() -> Contribution {
    Contribution { work: Work { steps: 1, samples: 100, loss: 1.0 }, lr: 0.1 }
}

pub fn done(steps: u64) -> Done {
    Done { work: Work { steps, samples: 100 * steps, loss: 1.0 }, ..Done::default() }
}

/// A small generator of numbers for tests that need many and the same (xorshift64*, Vigna 2016).
pub struct Numbers(pub u64);

impl Numbers {
    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    pub fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }
}
