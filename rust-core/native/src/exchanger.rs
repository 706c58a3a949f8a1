//! The exchanger of a run in the driver's process: its settings, computed from the run's
//! configuration, and what a task needs to join.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use firesteel_engine::{Result, TrainConfig};
use firesteel_exchange as exchange;
use firesteel_exchange::auth::Secret;
use firesteel_exchange::client::{self, ClientSpec, Server};
use firesteel_exchange::codec::Codec;
use firesteel_exchange::message::Role;
use firesteel_exchange::rules::RuleSpec;
use firesteel_exchange::server::{Exchanger, ExchangerSettings, Snapshot};
use firesteel_exchange::tls::TlsIdentity;
use firesteel_strategy::{TurnSpec, codec, settings};
use serde::{Deserialize, Serialize};

use crate::lifetime::Counted;

/// Seconds in which a part's host must answer before it counts as lost.
const ALIVE: u64 = 2;

/// What a task needs to join. It holds the job's secret.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct JoinInfo {
    /// The driver's, and those of the executors that host parts of the center.
    pub servers: Vec<Server>,
    pub secret: Secret,
    pub codec: Codec,
    /// Seconds, see [`ClientSpec::deadline`].
    pub deadline: u64,
    pub rule: RuleSpec,
    pub turns: TurnSpec,
    /// Whether local steps go on while an exchange is under way.
    pub overlap: bool,
    /// Whether the workers will continue in a later stage: then they do not leave at the end of this one.
    pub pauses: bool,
}

impl JoinInfo {
    /// What a client in `role` is told.
    pub fn spec(&self, role: Role) -> ClientSpec {
        ClientSpec {
            servers: self.servers.clone(),
            secret: self.secret.clone(),
            role,
            digest: self.turns.digest.clone(),
            codec: self.codec,
            deadline: self.deadline,
            wait_limit: None,
        }
    }
}

/// How often a snapshot of the parts is tried, a pause apart, until it is of one moment: parts fold a round within
/// milliseconds of each other.
const TRIES: u32 = 5;
const PAUSE: Duration = Duration::from_millis(20);

/// The last known state of the parts.
struct KnownParts {
    snapshot: Snapshot,
    /// Parts are being started from `snapshot`, which must not change until they are.
    hosting: bool,
}

/// A running exchanger, as Java holds it.
pub struct DriverExchanger {
    pub exchanger: Exchanger,
    own: Server,
    /// Executors that host the center in equal parts; 0 where this process holds it.
    parts: usize,
    join_info: Mutex<JoinInfo>,
    /// The state of the parts at some moment, from which the run goes on after a lost host.
    seen: Mutex<KnownParts>,
    _counted: Counted,
}

impl DriverExchanger {
    /// Serves `initial` to the workers of `config`, which is resolved; or goes on from `snapshot`, if it
    /// is not empty.
    pub fn start(config: &TrainConfig, initial: &[f32], snapshot: &[u8]) -> Result<Self> {
        let (settings, secret, parts) = (settings(config)?, Secret::random()?, config.exchangers);
        let tls = if config.tls == Some(true) { Some(TlsIdentity::generate()?) } else { None };
        let kept = (!snapshot.is_empty()).then(|| Snapshot::decode(snapshot, "of the checkpoint")).transpose()?;
        // with parts, executors host the center, and this process only coordinates turns
        let coordinator = ExchangerSettings { shards: 0, ..settings.clone() };
        let begin = |part| initial.len() * part / parts; // as Scala's Hosts
        let fresh = |part| Snapshot::fresh(&settings, &initial[begin(part)..begin(part + 1)]);
        let turns_alone = Snapshot::fresh(&coordinator, &[])?;
        let (exchanger, seen) = if parts > 0 {
            let seen = match kept {
                Some(snapshot) => snapshot,
                None => turns_alone.over((0..parts).map(fresh).collect::<exchange::Result<_>>()?),
            };
            let exchanger = Exchanger::start(coordinator, secret.clone(), tls.as_ref(), &[], None)?;
            exchanger.turn_back(&seen)?;
            (exchanger, seen)
        } else {
            let restored = kept.map(|snapshot| (snapshot, "of the checkpoint"));
            (Exchanger::start(settings.clone(), secret.clone(), tls.as_ref(), initial, restored)?, turns_alone)
        };
        let address = match &config.advertise {
            Some(host) => format!("{host}:{}", exchanger.address().port()),
            None => exchanger.address().to_string(),
        };
        let own = Server { address, tls: tls.as_ref().map(TlsIdentity::trust) };
        let join_info = JoinInfo {
            servers: vec![own.clone()],
            secret,
            codec: codec(config.codec),
            deadline: config.exchange_deadline,
            rule: settings.rule,
            turns: TurnSpec::new(config, settings.digest),
            overlap: config.overlap,
            pauses: false,
        };
        Ok(Self {
            exchanger,
            own,
            parts,
            join_info: Mutex::new(join_info),
            seen: Mutex::new(KnownParts { snapshot: seen, hosting: true }),
            _counted: Counted::default(),
        })
    }

    /// What a task needs now.
    pub fn join_info(&self) -> JoinInfo {
        JoinInfo { pauses: self.exchanger.is_held_back(), ..self.lock().clone() }
    }

    /// Names the executors' servers that host the parts of the center.
    pub fn hosted(&self, servers: Vec<Server>) {
        self.lock().servers = [vec![self.own.clone()], servers].concat();
        self.seen().hosting = false;
    }

    /// Numbers of the parts whose host does not answer.
    fn lost(&self) -> Vec<usize> {
        let join_info = self.join_info();
        let (_, hosts) = join_info.servers.split_at(1);
        let answers = |host: &Server| {
            let observer = join_info.spec(Role::Observer);
            client::answers(ClientSpec { deadline: ALIVE, ..observer }, host)
        };
        (0..hosts.len()).filter(|&part| !answers(&hosts[part])).collect()
    }

    /// The center now, read from the executors that host its parts, if there are any.
    pub fn center(&self) -> Result<Vec<f32>> {
        if self.parts == 0 {
            return Ok(self.exchanger.center()?);
        }
        self.refresh()?;
        Ok(self.seen().snapshot.center()?)
    }

    /// The bytes of a snapshot to open another exchanger from; with parts, of the moment that was seen last.
    pub fn snapshot(&self) -> Result<Vec<u8>> {
        Ok(if self.parts == 0 { self.exchanger.snapshot()?.encode()? } else { self.seen().snapshot.encode()? })
    }

    /// Reads the state of the parts, from which the run goes on after a lost host. If the parts of a gathering rule are
    /// not of one moment, the state that is known already is kept.
    pub fn refresh(&self) -> Result<()> {
        let most = self.seen().snapshot.bytes().saturating_mul(2); // a rule's state does not grow, records do a little
        for _ in 0..TRIES {
            if self.seen().hosting {
                return Ok(());
            }
            // the turns first: an exchange that is folded and not recorded is recorded by the worker's next attempt
            let turns = self.exchanger.snapshot()?;
            let join_info = self.join_info();
            // a short limit, because the run waits for this
            let spec = ClientSpec { wait_limit: Some(ALIVE), ..join_info.spec(Role::Observer) };
            let (mut controls, _) = client::attach(spec, &Arc::default())?;
            let parts = controls.snapshots(most)?;
            let read = |bytes: &Vec<u8>| Snapshot::decode(bytes, "of a host");
            let snapshot = turns.over(parts.iter().map(read).collect::<exchange::Result<_>>()?);
            if !join_info.rule.gathers() || snapshot.is_one_moment() {
                let mut seen = self.seen();
                if !seen.hosting {
                    seen.snapshot = snapshot;
                }
                return Ok(());
            }
            std::thread::sleep(PAUSE);
        }
        Ok(())
    }

    /// A part as it was seen last, as the bytes of a snapshot.
    pub fn part(&self, part: usize) -> Result<Vec<u8>> {
        Ok(self.seen().snapshot.part(part, self.parts)?.encode()?)
    }

    /// Numbers of the parts that must be hosted anew. With a gathering rule these are all
    /// parts, and the turns go back to the same moment: the workers do again what they did since then. No worker may
    /// be running meanwhile.
    pub fn to_host(&self) -> Result<Vec<usize>> {
        let unhosted = self.join_info().servers.len() == 1;
        let lost = if unhosted { (0..self.parts).collect() } else { self.lost() };
        if lost.is_empty() {
            return Ok(lost);
        }
        let mut seen = self.seen();
        seen.hosting = true;
        if !self.join_info().rule.gathers() {
            return Ok(lost);
        }
        self.exchanger.turn_back(&seen.snapshot)?;
        Ok((0..self.parts).collect())
    }

    fn seen(&self) -> MutexGuard<'_, KnownParts> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner) // no code panics while it holds the lock
    }

    fn lock(&self) -> MutexGuard<'_, JoinInfo> {
        self.join_info.lock().unwrap_or_else(PoisonError::into_inner) // no code panics while it holds the lock
    }
}
