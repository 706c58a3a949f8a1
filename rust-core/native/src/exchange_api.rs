//! Every native method of `io.firesteel.jni.NativeExchange`: the exchanger on the driver, the parts of a center that
//! executors host, the links of workers, and bytes that no Java array holds.

use std::sync::atomic::Ordering;
use std::sync::{Mutex, PoisonError};

use firesteel_engine::Error;
use jni::objects::{JByteArray, JClass, JLongArray, JString};
use jni::sys::{jint, jlong};
use jni::{Env, bind_java_type};

use crate::buffers::{bytes, long_array, values};
use crate::calls::{self, Attached, BYTES, EXCHANGERS, LINKS, WORKERS};
use crate::error::{Failure, Result, Throw};

bind_java_type! {
    NativeExchange => io.firesteel.jni.NativeExchange,
    native_methods_error_policy = Throw,
    native_methods {
        static extern fn exchanger_open(config: JString, initial: jbyte[], snapshot: jlong) -> jlong,
        static extern fn exchanger_client(exchanger: jlong) -> JString,
        static extern fn exchanger_report(exchanger: jlong) -> JString,
        static extern fn exchanger_release(exchanger: jlong, minibatches: jlong),
        static extern fn exchanger_center(exchanger: jlong) -> jbyte[],
        static extern fn exchanger_snapshot(exchanger: jlong) -> jlong,
        static extern fn bytes_open() -> jlong,
        static extern fn bytes_append(bytes: jlong, piece: jbyte[]),
        static extern fn bytes_length(bytes: jlong) -> jlong,
        static extern fn bytes_read(bytes: jlong, at: jlong, length: jint) -> jbyte[],
        static extern fn bytes_close(bytes: jlong),
        static extern fn exchanger_to_host(exchanger: jlong) -> jlong[],
        static extern fn exchanger_part(exchanger: jlong, part: jint) -> jbyte[],
        static extern fn exchanger_hosted(exchanger: jlong, servers: JString),
        static extern fn exchanger_host(request: JString, snapshot: jbyte[]) -> JString,
        static extern fn exchanger_close(exchanger: jlong),
        static extern fn link_open(request: JString) -> jlong,
        static extern fn link_turn(link: jlong, worker: jlong) -> JString,
        static extern fn link_cancel(link: jlong),
        static extern fn link_close(link: jlong),
    },
}

impl NativeExchangeNativeInterface for NativeExchangeAPI {
    type Error = Failure;

    fn exchanger_open<'l>(
        env: &mut Env<'l>,
        _: JClass<'l>,
        config: JString<'l>,
        initial: JByteArray<'l>,
        snapshot: jlong,
    ) -> Result<jlong> {
        let (initial, snapshot) = (values(env, initial)?, BYTES.get(snapshot)?);
        let snapshot = snapshot.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(calls::open_exchanger(&config.to_string(), &initial, &snapshot)?)
    }

    fn exchanger_client<'l>(env: &mut Env<'l>, _: JClass<'l>, exchanger: jlong) -> Result<JString<'l>> {
        Ok(JString::from_str(env, calls::render(&EXCHANGERS.get(exchanger)?.join_info())?)?)
    }

    fn exchanger_report<'l>(env: &mut Env<'l>, _: JClass<'l>, exchanger: jlong) -> Result<JString<'l>> {
        Ok(JString::from_str(env, EXCHANGERS.get(exchanger)?.exchanger.report()?)?)
    }

    fn exchanger_release<'l>(_: &mut Env<'l>, _: JClass<'l>, exchanger: jlong, minibatches: jlong) -> Result<()> {
        let wrong = |_| Error::config(format!("{minibatches} minibatches cannot be released"));
        EXCHANGERS.get(exchanger)?.exchanger.release(u64::try_from(minibatches).map_err(wrong)?);
        Ok(())
    }

    fn exchanger_center<'l>(env: &mut Env<'l>, _: JClass<'l>, exchanger: jlong) -> Result<JByteArray<'l>> {
        Ok(env.byte_array_from_slice(bytemuck::cast_slice(&EXCHANGERS.get(exchanger)?.center()?))?)
    }

    fn exchanger_snapshot<'l>(_: &mut Env<'l>, _: JClass<'l>, exchanger: jlong) -> Result<jlong> {
        Ok(BYTES.open(Mutex::new(EXCHANGERS.get(exchanger)?.snapshot()?)))
    }

    fn bytes_open<'l>(_: &mut Env<'l>, _: JClass<'l>) -> Result<jlong> {
        Ok(BYTES.open(Mutex::default()))
    }

    fn bytes_append<'l>(env: &mut Env<'l>, _: JClass<'l>, handle: jlong, piece: JByteArray<'l>) -> Result<()> {
        let piece = bytes(env, &piece)?;
        let all = BYTES.get(handle)?;
        Ok(calls::append(&mut all.lock().unwrap_or_else(PoisonError::into_inner), &piece)?)
    }

    fn bytes_length<'l>(_: &mut Env<'l>, _: JClass<'l>, handle: jlong) -> Result<jlong> {
        Ok(BYTES.get(handle)?.lock().unwrap_or_else(PoisonError::into_inner).len() as jlong)
    }

    fn bytes_read<'l>(
        env: &mut Env<'l>,
        _: JClass<'l>,
        handle: jlong,
        at: jlong,
        length: jint,
    ) -> Result<JByteArray<'l>> {
        let all = BYTES.get(handle)?;
        let all = all.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(env.byte_array_from_slice(calls::piece(&all, at, length)?)?)
    }

    fn bytes_close<'l>(_: &mut Env<'l>, _: JClass<'l>, handle: jlong) -> Result<()> {
        BYTES.close(handle)
    }

    fn exchanger_to_host<'l>(env: &mut Env<'l>, _: JClass<'l>, exchanger: jlong) -> Result<JLongArray<'l>> {
        let parts: Vec<i64> = EXCHANGERS.get(exchanger)?.to_host()?.into_iter().map(|part| part as i64).collect();
        long_array(env, &parts)
    }

    fn exchanger_part<'l>(env: &mut Env<'l>, _: JClass<'l>, exchanger: jlong, part: jint) -> Result<JByteArray<'l>> {
        let part = usize::try_from(part).map_err(|_| Error::layout(format!("part {part} of a center")))?;
        Ok(env.byte_array_from_slice(&EXCHANGERS.get(exchanger)?.part(part)?)?)
    }

    fn exchanger_hosted<'l>(_: &mut Env<'l>, _: JClass<'l>, exchanger: jlong, servers: JString<'l>) -> Result<()> {
        Ok(calls::name_hosts(&*EXCHANGERS.get(exchanger)?, &servers.to_string())?)
    }

    fn exchanger_host<'l>(
        env: &mut Env<'l>,
        _: JClass<'l>,
        request: JString<'l>,
        snapshot: JByteArray<'l>,
    ) -> Result<JString<'l>> {
        let snapshot = bytes(env, &snapshot)?;
        Ok(JString::from_str(env, calls::host_part(&request.to_string(), &snapshot)?)?)
    }

    fn exchanger_close<'l>(_: &mut Env<'l>, _: JClass<'l>, exchanger: jlong) -> Result<()> {
        EXCHANGERS.close(exchanger)
    }

    fn link_open<'l>(_: &mut Env<'l>, _: JClass<'l>, request: JString<'l>) -> Result<jlong> {
        Ok(calls::open_link(&request.to_string())?)
    }

    fn link_turn<'l>(env: &mut Env<'l>, _: JClass<'l>, link: jlong, worker: jlong) -> Result<JString<'l>> {
        let (linked, attached) = (LINKS.get(link)?, WORKERS.get(worker)?);
        let broken = |_| Error::internal("this link failed in an earlier call");
        let Attached { resident, cancel } = &*attached;
        let turn = linked.link.lock().map_err(broken)?.turn(&mut *resident.lock()?, &resident.parked, cancel)?;
        Ok(JString::from_str(env, calls::render(&turn)?)?)
    }

    fn link_cancel<'l>(_: &mut Env<'l>, _: JClass<'l>, link: jlong) -> Result<()> {
        LINKS.get(link)?.cancel.store(true, Ordering::Relaxed);
        Ok(())
    }

    fn link_close<'l>(_: &mut Env<'l>, _: JClass<'l>, link: jlong) -> Result<()> {
        LINKS.close(link)
    }
}
