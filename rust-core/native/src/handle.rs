//! Handles: what Java holds of a Rust object is a number in a table, never a pointer. A number is given
//! out once, so one that was closed, or never given out, is refused.

use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};

use firesteel_engine::Error;

use crate::error::Result;

/// Numbers are shared by all tables, so that a center's handle is no worker's.
static NEXT: AtomicI64 = AtomicI64::new(1);

/// The objects of one type that Java holds.
pub struct Table<T> {
    what: &'static str,
    objects: LazyLock<Mutex<HashMap<i64, Arc<T>>>>,
}

impl<T> Table<T> {
    /// An empty table; `what` names its objects in error messages.
    pub const fn new(what: &'static str) -> Self {
        Self { what, objects: LazyLock::new(Mutex::default) }
    }

    /// Adds `object` and answers its handle, which is never 0.
    pub fn open(&self, object: T) -> i64 {
        let handle = NEXT.fetch_add(1, Ordering::Relaxed);
        self.lock().insert(handle, Arc::new(object));
        handle
    }

    /// The object behind `handle`, for the length of one call.
    pub fn get(&self, handle: i64) -> Result<Arc<T>> {
        let object = self.lock().get(&handle).cloned();
        object.ok_or_else(|| Error::closed(format!("{} handle {handle} is not open", self.what)).into())
    }

    /// Gives the handle back; the object goes when the last call on it has ended.
    pub fn close(&self, handle: i64) -> Result<()> {
        let object = self.lock().remove(&handle);
        object.map(drop).ok_or_else(|| Error::closed(format!("{} handle {handle} is not open", self.what)).into())
    }

    /// A panic cannot happen while the map is changed, so a poisoned lock still guards a whole map.
    fn lock(&self) -> MutexGuard<'_, HashMap<i64, Arc<T>>> {
        self.objects.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
