//! Extreme values of every numeric key: each is either refused with a message that names the key, or works.

use serde_json::{Map, Value, json};

use super::super::*;
use super::Facts;
use crate::nets::NetName;

/// Together these configurations read every key.
const BASES: [&str; 13] = [
    r#"{}"#,
    r#"{"epochs": 2, "workers": 2}"#,
    r#"{"strategy": "deepspark", "workers": 3, "alpha-decay": 0.5, "alpha-every": 3}"#,
    r#"{"strategy": "dcasgd", "consistency": "ssp"}"#,
    r#"{"strategy": "downpour", "period": "post-local", "post-local-step": 3}"#,
    r#"{"workers": 2, "period": "qsr", "qsr-alpha": 0.01, "lr-policy": "cosine", "lr-scale": "linear"}"#,
    r#"{"outer": "nesterov", "workers": 2}"#,
    r#"{"strategy": "hogwild"}"#,
    r#"{"solver": "adam", "lookahead-every": 5, "warm-up": 3}"#,
    r#"{"solver": "muon", "lr-policy": "triangular"}"#,
    r#"{"lr-policy": "step", "gamma": 0.1, "stepsize": 5}"#,
    r#"{"lr-policy": "inv", "gamma": 0.1, "power": 0.75}"#,
    r#"{"net": "resnet18", "resize": 64, "update-bn": 3, "lr-policy": "poly", "power": 1}"#,
];

fn extremes() -> Vec<Value> {
    let whole =
        [0, 1, 10, 64, i32::MAX as u64, 1 << 31, u64::from(u32::MAX), 1 << 53, i64::MAX as u64, 1 << 63, u64::MAX];
    let below = [-1, i64::from(i32::MIN), i64::MIN];
    let real = [0.0, -0.0, 5e-324, 3e-43, 1e-40, f64::MIN_POSITIVE, 0.1, 1.0 - 1e-16, 1e39, 1e300, f64::MAX, f64::MIN];
    let whole = whole.into_iter().map(|x| json!(x)).chain(below.into_iter().map(|x| json!(x)));
    whole.chain(real.into_iter().map(|x| json!(x))).collect()
}

/// Whether a JSON number may be the key's value.
fn is_numeric(key: &str) -> bool {
    let takes = |value: Value| TrainConfig::from_map(Map::from_iter([(key.to_owned(), value)])).is_ok();
    takes(json!(1)) || takes(json!([1]))
}

#[test]
fn a_number_at_its_extremes_is_refused_by_name_or_works() {
    let facts = Facts { rows: 50_000, classes: 10, encoded: false };
    let net = NetName::Cifar10Quick.build(10);
    let keys: Vec<String> = TrainConfig::keys().into_iter().filter(|key| is_numeric(key)).collect();
    assert!(keys.len() > 35, "{keys:?}");
    let mut taken = std::collections::BTreeSet::new();
    for key in &keys {
        for value in extremes() {
            let value = if key == "stepvalue" { json!([value]) } else { value };
            let mut built = false;
            for base in BASES {
                let mut map: Map<String, Value> = serde_json::from_str(base).unwrap();
                map.insert(key.clone(), value.clone());
                let shown = Value::Object(map.clone());
                let config = match TrainConfig::from_map(map).and_then(|config| config.resolve(Some(facts))) {
                    Ok(config) => config,
                    Err(error) => {
                        let text = error.to_string();
                        assert!(text.contains(key.as_str()) && !text.contains('\n'), "{shown}: {text}");
                        assert_eq!(error.kind(), crate::error::Kind::Config, "{shown}");
                        continue;
                    }
                };
                taken.insert(key.clone());
                let text = Value::Object(config.to_map()).to_string();
                let again = TrainConfig::from_json(&text).unwrap();
                assert_eq!(again, config, "{shown}: JSON keeps every bit");
                assert_eq!(again.resolve(Some(facts)).unwrap(), config, "{shown}");
                // the JVM computes these in 64 and 32 bits
                let (iterations, workers) = (config.iterations.unwrap(), config.workers.unwrap() as u64);
                assert!(iterations.checked_mul(workers).is_some_and(|all| i64::try_from(all).is_ok()), "{shown}");
                assert!(i32::try_from(iterations).is_ok() && i32::try_from(config.tau).is_ok(), "{shown}");
                let periods = config.periods().unwrap();
                assert!(periods[0].from == 0 && periods.iter().all(|period| period.steps > 0), "{shown}");
                assert!(periods.is_sorted_by(|a, b| a.from < b.from) && periods.len() < 100_000, "{shown}");
                if !built {
                    let solver = config.build_solver(&net).unwrap();
                    for step in [0, 1, iterations - 1, u64::MAX] {
                        assert!(!solver.rate(step).is_nan(), "{shown}: the rate of step {step}");
                    }
                    built = true;
                }
            }
        }
    }
    let never: Vec<_> = keys.iter().filter(|key| !taken.contains(*key)).collect();
    assert!(never.is_empty(), "no base takes any value of {never:?}");
}

#[test]
fn a_learning_rate_outside_the_range_of_f32_keeps_its_bits() {
    for text in ["3e-43", "2.9999999999999996e-43", "1.7976931348623157e308", "5e-324", "0.1", "0.30000000000000004"] {
        let config = TrainConfig::from_json(&format!(r#"{{"lr": {text}}}"#)).unwrap();
        assert_eq!(config.lr, Some(text.parse().unwrap()), "{text}");
        let resolved = config.resolve(None).unwrap();
        let json = Value::Object(resolved.to_map()).to_string();
        assert_eq!(TrainConfig::from_json(&json).unwrap().lr, resolved.lr, "{text}");
    }
}
