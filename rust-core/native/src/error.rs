//! How failures reach Java: every error and every panic becomes one `io.firesteel.jni.NativeException` with
//! a kind for programs and a text for people. The JVM is never aborted.

use std::any::Any;

use firesteel_engine::memory::panic_text;
use firesteel_engine::{Error, Kind};
use jni::errors::ErrorPolicy;
use jni::objects::{JString, JThrowable, JValue};
use jni::{Env, jni_sig, jni_str};

/// What a native call answers.
pub type Result<T> = std::result::Result<T, Failure>;

/// A failed native call.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    #[error(transparent)]
    Engine(#[from] Error),
    /// JNI itself failed, for instance for a null argument, or an exception is already pending.
    #[error(transparent)]
    Jni(#[from] jni::errors::Error),
}

impl From<firesteel_exchange::Error> for Failure {
    fn from(cause: firesteel_exchange::Error) -> Self {
        Self::Engine(cause.into())
    }
}

/// The policy of every native method: throw, and answer the type's default, which Java never sees.
pub struct Throw;

impl<T: Default> ErrorPolicy<T, Failure> for Throw {
    type Captures<'local: 'call, 'call> = ();

    fn on_error<'local: 'call, 'call>(env: &mut Env<'local>, _: &mut (), failure: Failure) -> jni::errors::Result<T> {
        let kind = match &failure {
            Failure::Engine(error) => error.kind(),
            Failure::Jni(_) => Kind::Internal,
        };
        throw(env, kind, &failure.to_string())
    }

    fn on_panic<'local: 'call, 'call>(
        env: &mut Env<'local>,
        _: &mut (),
        payload: Box<dyn Any + Send + 'static>,
    ) -> jni::errors::Result<T> {
        throw(env, Kind::Internal, &panic_text(&*payload)) // a lack of memory has become an error before
    }
}

fn throw<T: Default>(env: &mut Env<'_>, kind: Kind, message: &str) -> jni::errors::Result<T> {
    if env.exception_check() {
        return Ok(T::default()); // Java's own exception says more
    }
    let class = env.find_class(jni_str!("io/firesteel/jni/NativeException"))?;
    let kind = JString::from_str(env, kind.as_str())?;
    let message = JString::from_str(env, message)?;
    let arguments = [JValue::Object(&kind), JValue::Object(&message)];
    let exception = env.new_object(class, jni_sig!((java.lang.String, java.lang.String)), &arguments)?;
    let exception = JThrowable::cast_local(env, exception)?;
    match env.throw(exception) {
        // a successful throw is answered by `JavaException`
        Ok(()) | Err(jni::errors::Error::JavaException) => Ok(T::default()),
        Err(error) => Err(error),
    }
}
