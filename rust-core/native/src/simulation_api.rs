//! Every native method of `io.firesteel.jni.NativeSimulation`: runs that are simulated in this process.

use std::sync::atomic::Ordering;

use jni::objects::{JByteBuffer, JClass, JString};
use jni::sys::{jboolean, jint, jlong};
use jni::{Env, bind_java_type};

use crate::buffers::{sizes, with_direct};
use crate::calls;
use crate::error::{Failure, Result, Throw};
use crate::simulations::{self, SIMULATIONS};

bind_java_type! {
    NativeSimulation => io.firesteel.jni.NativeSimulation,
    native_methods_error_policy = Throw,
    native_methods {
        static extern fn defaults() -> JString,
        static extern fn decided(config: JString) -> JString,
        static extern fn cluster(config: JString, cluster: JString) -> JString,
        static extern fn open(spec: JString) -> jlong,
        static extern fn append(simulation: jlong, test: jboolean, records: JByteBuffer, length: jint, rows: jint),
        static extern fn bad_images(simulation: jlong, test: jboolean) -> JString,
        static extern fn run(simulation: jlong) -> JString,
        static extern fn cancel(simulation: jlong),
        static extern fn close(simulation: jlong),
    },
}

impl NativeSimulationNativeInterface for NativeSimulationAPI {
    type Error = Failure;

    fn defaults<'l>(env: &mut Env<'l>, _: JClass<'l>) -> Result<JString<'l>> {
        Ok(JString::from_str(env, simulations::defaults()?)?)
    }

    fn decided<'l>(env: &mut Env<'l>, _: JClass<'l>, config: JString<'l>) -> Result<JString<'l>> {
        Ok(JString::from_str(env, simulations::decided(&config.to_string())?)?)
    }

    fn cluster<'l>(env: &mut Env<'l>, _: JClass<'l>, config: JString<'l>, cluster: JString<'l>) -> Result<JString<'l>> {
        Ok(JString::from_str(env, simulations::cluster(&config.to_string(), &cluster.to_string())?)?)
    }

    fn open<'l>(_: &mut Env<'l>, _: JClass<'l>, spec: JString<'l>) -> Result<jlong> {
        Ok(simulations::open(&spec.to_string())?)
    }

    fn append<'l>(
        env: &mut Env<'l>,
        _: JClass<'l>,
        simulation: jlong,
        test: jboolean,
        records: JByteBuffer<'l>,
        length: jint,
        rows: jint,
    ) -> Result<()> {
        let simulation = SIMULATIONS.get(simulation)?;
        let (rows, length) = sizes(rows, length)?;
        with_direct(env, &records, length, |bytes| Ok(simulation.append(test, bytes, rows)?))
    }

    fn bad_images<'l>(env: &mut Env<'l>, _: JClass<'l>, simulation: jlong, test: jboolean) -> Result<JString<'l>> {
        let bad = calls::render(&SIMULATIONS.get(simulation)?.bad_images(test)?)?;
        Ok(JString::from_str(env, bad)?)
    }

    fn run<'l>(env: &mut Env<'l>, _: JClass<'l>, simulation: jlong) -> Result<JString<'l>> {
        let summary = SIMULATIONS.get(simulation)?.run()?;
        Ok(JString::from_str(env, calls::render(&summary)?)?)
    }

    fn cancel<'l>(_: &mut Env<'l>, _: JClass<'l>, simulation: jlong) -> Result<()> {
        SIMULATIONS.get(simulation)?.cancel.store(true, Ordering::Relaxed);
        Ok(())
    }

    fn close<'l>(_: &mut Env<'l>, _: JClass<'l>, simulation: jlong) -> Result<()> {
        SIMULATIONS.close(simulation)
    }
}
