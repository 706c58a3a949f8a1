//! Tries every order of events from a state on, depth first; a state that was seen before is not explored again.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use super::case::{Case, Event};
use super::world::World;

/// What is wrong, and the events that lead there.
#[derive(Debug)]
pub struct Found {
    pub what: String,
    pub path: Vec<Event>,
}

/// How much there was.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Explored {
    pub states: usize,
    /// Of them those in which every worker has left.
    pub ends: usize,
}

struct Frame {
    world: World,
    events: Vec<Event>,
    key: u128,
}

/// Goes through every state that `case` can reach.
pub fn explore(case: Case) -> Result<Explored, Found> {
    let case = Arc::new(case);
    let mut open: HashMap<u128, bool> = HashMap::new(); // whether a state is on the path
    let (mut stack, mut path, mut explored) = (Vec::new(), Vec::new(), Explored::default());
    let mut world = World::new(&case);
    loop {
        let key = key(&world);
        let wrong = |what: String, path: &Vec<Event>| Found { what, path: path.clone() };
        match open.get(&key) {
            Some(true) => return Err(wrong("the same state again: events can go on for ever".to_owned(), &path)),
            Some(false) => {
                path.pop();
            }
            None => {
                world.check().map_err(|what| wrong(what, &path))?;
                let events = world.events();
                let stuck = events.iter().all(|event| event.is_chance());
                if stuck && !world.is_over() {
                    return Err(wrong("nothing can happen any more: somebody waits for ever".to_owned(), &path));
                }
                explored.states += 1;
                explored.ends += usize::from(world.is_over());
                open.insert(key, true);
                stack.push(Frame { world, events, key });
            }
        }
        // the next event that was not tried
        world = loop {
            let Some(Frame { world, events, key }) = stack.last_mut() else { return Ok(explored) };
            let Some(event) = events.pop() else {
                open.insert(*key, false);
                stack.pop();
                path.pop();
                continue;
            };
            let mut next = world.clone();
            path.push(event);
            next.happen(event).map_err(|error| wrong(error.to_string(), &path))?;
            break next;
        };
    }
}

fn key(world: &World) -> u128 {
    let half = |salt: u8| {
        let mut hasher = DefaultHasher::new();
        salt.hash(&mut hasher);
        world.hash(&mut hasher);
        u128::from(hasher.finish())
    };
    half(0) << 64 | half(1)
}
