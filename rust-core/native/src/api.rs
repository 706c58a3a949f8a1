//! Every native method of `io.firesteel.jni.Native`, one table and bodies of a few lines; those about exchanges are in
//! `exchange_api.rs`. The exported
//! symbols carry the arguments' types, so a Java class of another version fails to link instead of
//! passing garbage.

use std::path::Path;
use std::sync::atomic::Ordering;

use firesteel_engine::{Error, Round};
use firesteel_exchange::layout::check_length;
use jni::objects::{JByteArray, JByteBuffer, JClass, JFloatArray, JLongArray, JObjectArray, JString};
use jni::sys::{jint, jlong};
use jni::{Env, bind_java_type};

use crate::buffers::{bytes, float_array, floats, long_array, longs, set_strings, sizes, values, with_direct};
use crate::calls::{self, Attached, PREDICTORS, WORKERS};
use crate::error::{Failure, Result, Throw};
use crate::java_vector::{JavaValues, JavaVector};
use crate::{hosts, lifetime, logging, registry, sweep};

bind_java_type! {
    Native => io.firesteel.jni.Native,
    native_methods_error_policy = Throw,
    native_methods {
        static extern fn version() -> JString,
        static extern fn load_cuda(directory: JString),
        static extern fn schema() -> JString,
        static extern fn resolve(request: JString) -> JString,
        static extern fn describe(config: JString) -> JString,
        static extern fn machine(config: JString) -> JString,
        static extern fn inspect(config: JString) -> JString,
        static extern fn memory(config: JString, rows: jlong, record: JString) -> JString,
        static extern fn initial_weights(config: JString, statistics: jlong[]) -> jfloat[],
        static extern fn average(vectors: jbyte[][], samples: jlong[], mean: jbyte[]),
        static extern fn normalizer(config: JString, statistics: jlong[]) -> jfloat[],
        static extern fn tensors_header(layout: JString) -> jbyte[],
        static extern fn read_tensors_header(header: jbyte[], file_bytes: jlong) -> JString,
        static extern fn worker_open(spec: JString) -> jlong,
        static extern fn worker_append(worker: jlong, records: JByteBuffer, length: jint, rows: jint),
        static extern fn worker_bad_images(worker: jlong) -> JString,
        static extern fn worker_statistics(worker: jlong) -> jlong[],
        static extern fn worker_prepare(worker: jlong, normalizer: jfloat[]),
        static extern fn worker_round(worker: jlong, given: jbyte[][], round: JString, wanted: jbyte[][]) -> JString,
        static extern fn worker_evaluate(worker: jlong, weights: jbyte[], digest: JString) -> JString,
        static extern fn worker_evaluate_classes(worker: jlong, weights: jbyte[], digest: JString) -> jlong[],
        static extern fn worker_device(worker: jlong) -> JString,
        static extern fn worker_cancel(worker: jlong),
        static extern fn worker_keep(worker: jlong, run: JString, partition: jint),
        static extern fn worker_find(run: JString, partition: jint) -> jlong,
        static extern fn worker_close(worker: jlong),
        static extern fn predictor_open(config: JString, weights: jfloat[], normalizer: jfloat[]) -> jlong,
        static extern fn predictor_predict(predictor: jlong, format: JString, records: JByteBuffer, length: jint, refusals: JString[]) -> jfloat[],
        static extern fn predictor_close(predictor: jlong),
        static extern fn retain(run: JString, partitions: jlong[]),
        static extern fn end_run(run: JString),
        static extern fn live() -> jlong,
    },
}

impl NativeNativeInterface for NativeAPI {
    type Error = Failure;

    fn version<'l>(env: &mut Env<'l>, _: JClass<'l>) -> Result<JString<'l>> {
        logging::init();
        firesteel_engine::device::keep_memory();
        firesteel_engine::device::warn_of_a_slow_processor();
        firesteel_engine::memory::quiet_panics();
        Ok(JString::from_str(env, calls::version())?)
    }

    fn load_cuda<'l>(_: &mut Env<'l>, _: JClass<'l>, directory: JString<'l>) -> Result<()> {
        firesteel_engine::libtorch::load_cuda(Path::new(&directory.to_string()));
        Ok(())
    }

    fn schema<'l>(env: &mut Env<'l>, _: JClass<'l>) -> Result<JString<'l>> {
        Ok(JString::from_str(env, firesteel_engine::config::schema().to_string())?)
    }

    fn resolve<'l>(env: &mut Env<'l>, _: JClass<'l>, request: JString<'l>) -> Result<JString<'l>> {
        Ok(JString::from_str(env, calls::resolve(&request.to_string())?)?)
    }

    fn describe<'l>(env: &mut Env<'l>, _: JClass<'l>, config: JString<'l>) -> Result<JString<'l>> {
        Ok(JString::from_str(env, calls::describe(&config.to_string())?)?)
    }

    fn machine<'l>(env: &mut Env<'l>, _: JClass<'l>, config: JString<'l>) -> Result<JString<'l>> {
        Ok(JString::from_str(env, calls::machine(&config.to_string())?)?)
    }

    fn inspect<'l>(env: &mut Env<'l>, _: JClass<'l>, config: JString<'l>) -> Result<JString<'l>> {
        Ok(JString::from_str(env, calls::inspect(&config.to_string())?)?)
    }

    fn memory<'l>(
        env: &mut Env<'l>,
        _: JClass<'l>,
        config: JString<'l>,
        rows: jlong,
        record: JString<'l>,
    ) -> Result<JString<'l>> {
        let rows = u64::try_from(rows).map_err(|_| Error::layout(format!("{rows} rows")))?;
        Ok(JString::from_str(env, calls::memory(&config.to_string(), rows, &record.to_string())?)?)
    }

    fn initial_weights<'l>(
        env: &mut Env<'l>,
        _: JClass<'l>,
        config: JString<'l>,
        statistics: JLongArray<'l>,
    ) -> Result<JFloatArray<'l>> {
        let statistics = longs(env, &statistics)?;
        float_array(env, &calls::initial_weights(&config.to_string(), &statistics)?)
    }

    fn average<'l>(
        env: &mut Env<'l>,
        _: JClass<'l>,
        vectors: JObjectArray<'l, JByteArray<'l>>,
        samples: JLongArray<'l>,
        mean: JByteArray<'l>,
    ) -> Result<()> {
        let wrong = |_| Error::layout("a negative number of samples");
        let samples = longs(env, &samples)?.into_iter().map(|samples| u64::try_from(samples).map_err(wrong));
        let samples: Vec<u64> = samples.collect::<firesteel_engine::Result<_>>()?;
        let (vectors, mean) = (JavaValues::all(env, &vectors)?, JavaValues::new(env, mean)?);
        if vectors.len() != samples.len() {
            return Err(Error::layout(format!("{} vectors of {} workers", vectors.len(), samples.len())).into());
        }
        vectors.iter().try_for_each(|vector| check_length(mean.length(), vector.length()))?;
        Ok(firesteel_strategy::average(
            mean.length(),
            &samples,
            |worker, from, into| vectors[worker].read(env, from, into),
            |from, values| mean.write(env, from, values),
        )?)
    }

    fn normalizer<'l>(
        env: &mut Env<'l>,
        _: JClass<'l>,
        config: JString<'l>,
        statistics: JLongArray<'l>,
    ) -> Result<JFloatArray<'l>> {
        let statistics = longs(env, &statistics)?;
        float_array(env, &calls::normalizer(&config.to_string(), &statistics)?)
    }

    fn tensors_header<'l>(env: &mut Env<'l>, _: JClass<'l>, layout: JString<'l>) -> Result<JByteArray<'l>> {
        Ok(env.byte_array_from_slice(&calls::tensors_header(&layout.to_string())?)?)
    }

    fn read_tensors_header<'l>(
        env: &mut Env<'l>,
        _: JClass<'l>,
        header: JByteArray<'l>,
        file_bytes: jlong,
    ) -> Result<JString<'l>> {
        let header = bytes(env, &header)?;
        Ok(JString::from_str(env, calls::read_tensors_header(&header, file_bytes)?)?)
    }

    fn worker_open<'l>(_: &mut Env<'l>, _: JClass<'l>, spec: JString<'l>) -> Result<jlong> {
        Ok(calls::open_worker(&spec.to_string())?)
    }

    fn worker_append<'l>(
        env: &mut Env<'l>,
        _: JClass<'l>,
        worker: jlong,
        records: JByteBuffer<'l>,
        length: jint,
        rows: jint,
    ) -> Result<()> {
        let attached = WORKERS.get(worker)?;
        let mut worker = attached.resident.lock()?;
        let (rows, length) = sizes(rows, length)?;
        with_direct(env, &records, length, |bytes| Ok(worker.append(bytes, rows)?))
    }

    fn worker_bad_images<'l>(env: &mut Env<'l>, _: JClass<'l>, worker: jlong) -> Result<JString<'l>> {
        let bad = calls::render(WORKERS.get(worker)?.resident.lock()?.bad_images())?;
        Ok(JString::from_str(env, bad)?)
    }

    fn worker_statistics<'l>(env: &mut Env<'l>, _: JClass<'l>, worker: jlong) -> Result<JLongArray<'l>> {
        let statistics = WORKERS.get(worker)?.resident.lock()?.statistics();
        long_array(env, &statistics.to_vec())
    }

    fn worker_prepare<'l>(env: &mut Env<'l>, _: JClass<'l>, worker: jlong, normalizer: JFloatArray<'l>) -> Result<()> {
        let normalizer = floats(env, &normalizer)?;
        Ok(WORKERS.get(worker)?.resident.lock()?.prepare(&normalizer)?)
    }

    fn worker_round<'l>(
        env: &mut Env<'l>,
        _: JClass<'l>,
        worker: jlong,
        given: JObjectArray<'l, JByteArray<'l>>,
        round: JString<'l>,
        wanted: JObjectArray<'l, JByteArray<'l>>,
    ) -> Result<JString<'l>> {
        let attached = WORKERS.get(worker)?;
        let round: Round = calls::parse("round", &round.to_string())?;
        let (given, wanted) = (JavaValues::all(env, &given)?, JavaValues::all(env, &wanted)?);
        let mut vector = JavaVector { env, given, wanted };
        let report = attached.resident.lock()?.round(&mut vector, &round, &attached.cancel)?;
        Ok(JString::from_str(env, calls::render(&report)?)?)
    }

    fn worker_evaluate<'l>(
        env: &mut Env<'l>,
        _: JClass<'l>,
        worker: jlong,
        weights: JByteArray<'l>,
        digest: JString<'l>,
    ) -> Result<JString<'l>> {
        let attached = WORKERS.get(worker)?;
        let weights = values(env, weights)?;
        let evaluation = attached.resident.lock()?.evaluate(&weights, &digest.to_string(), &attached.cancel)?;
        Ok(JString::from_str(env, calls::render(&evaluation)?)?)
    }

    fn worker_evaluate_classes<'l>(
        env: &mut Env<'l>,
        _: JClass<'l>,
        worker: jlong,
        weights: JByteArray<'l>,
        digest: JString<'l>,
    ) -> Result<JLongArray<'l>> {
        let attached = WORKERS.get(worker)?;
        let weights = values(env, weights)?;
        let counted = attached.resident.lock()?.evaluate_classes(&weights, &digest.to_string(), &attached.cancel)?;
        long_array(env, &calls::class_counts(&counted)?)
    }

    fn worker_device<'l>(env: &mut Env<'l>, _: JClass<'l>, worker: jlong) -> Result<JString<'l>> {
        Ok(JString::from_str(env, WORKERS.get(worker)?.resident.lock()?.device())?)
    }

    fn worker_cancel<'l>(_: &mut Env<'l>, _: JClass<'l>, worker: jlong) -> Result<()> {
        WORKERS.get(worker)?.cancel.store(true, Ordering::Relaxed);
        Ok(())
    }

    fn worker_keep<'l>(_: &mut Env<'l>, _: JClass<'l>, worker: jlong, run: JString<'l>, partition: jint) -> Result<()> {
        sweep::start();
        registry::keep(run.to_string(), partition, WORKERS.get(worker)?.resident.clone());
        Ok(())
    }

    fn worker_find<'l>(_: &mut Env<'l>, _: JClass<'l>, run: JString<'l>, partition: jint) -> Result<jlong> {
        let resident = registry::find(run.to_string(), partition);
        Ok(resident.map_or(0, |resident| WORKERS.open(Attached::new(resident))))
    }

    fn worker_close<'l>(_: &mut Env<'l>, _: JClass<'l>, worker: jlong) -> Result<()> {
        WORKERS.close(worker)
    }

    fn predictor_open<'l>(
        env: &mut Env<'l>,
        _: JClass<'l>,
        config: JString<'l>,
        weights: JFloatArray<'l>,
        normalizer: JFloatArray<'l>,
    ) -> Result<jlong> {
        let (weights, normalizer) = (floats(env, &weights)?, floats(env, &normalizer)?);
        Ok(calls::open_predictor(&config.to_string(), &weights, &normalizer)?)
    }

    fn predictor_predict<'l>(
        env: &mut Env<'l>,
        _: JClass<'l>,
        predictor: jlong,
        format: JString<'l>,
        records: JByteBuffer<'l>,
        length: jint,
        refusals: JObjectArray<'l, JString<'l>>,
    ) -> Result<JFloatArray<'l>> {
        let (predictors, format, rows) = (PREDICTORS.get(predictor)?, format.to_string(), refusals.len(env)?);
        let length = usize::try_from(length).map_err(|_| Error::layout(format!("{length} bytes")))?;
        let prediction =
            with_direct(env, &records, length, |bytes| Ok(calls::predict(&predictors, &format, bytes, rows)?))?;
        set_strings(env, &refusals, &prediction.refusals)?;
        float_array(env, &prediction.logits)
    }

    fn predictor_close<'l>(_: &mut Env<'l>, _: JClass<'l>, predictor: jlong) -> Result<()> {
        PREDICTORS.close(predictor)
    }

    fn retain<'l>(env: &mut Env<'l>, _: JClass<'l>, run: JString<'l>, partitions: JLongArray<'l>) -> Result<()> {
        registry::retain(&run.to_string(), &longs(env, &partitions)?);
        Ok(())
    }

    fn end_run<'l>(_: &mut Env<'l>, _: JClass<'l>, run: JString<'l>) -> Result<()> {
        let run = run.to_string();
        registry::end(&run);
        hosts::end(&run);
        Ok(())
    }

    fn live<'l>(_: &mut Env<'l>, _: JClass<'l>) -> Result<jlong> {
        Ok(lifetime::LIVE.load(Ordering::Relaxed))
    }
}
