//! The keys of the exchange: published values as defaults, and a message for a key that the strategy does not read.

use super::super::*;
use super::Facts;

const ASYNCHRONOUS: [&str; 8] =
    ["deepspark", "easgd-async", "eamsgd", "downpour", "adag", "dynsgd", "dcasgd", "async-nesterov"];

fn resolve(json: &str) -> Result<TrainConfig> {
    TrainConfig::from_json(json)?.resolve(Some(Facts { rows: 50_000, classes: 10, encoded: false }))
}

fn with(strategy: &str, more: &str) -> Result<TrainConfig> {
    resolve(&format!(r#"{{"strategy": "{strategy}"{more}}}"#))
}

#[test]
fn a_strategy_says_whether_it_runs_in_one_stage_and_who_waits() {
    for strategy in ASYNCHRONOUS {
        let config = with(strategy, "").unwrap();
        assert_eq!((config.in_stage(), config.consistency), (true, Some(Consistency::Async)), "{strategy}");
        assert_eq!(config.staleness, None, "{strategy}");
        let bounded = with(strategy, r#", "consistency": "ssp""#).unwrap();
        assert_eq!((bounded.in_stage(), bounded.staleness), (true, Some(4)), "{strategy}");
        assert!(with(strategy, r#", "consistency": "bsp""#).unwrap().in_stage());
    }
    let easgd = with("easgd", "").unwrap();
    assert_eq!((easgd.in_stage(), easgd.consistency), (true, Some(Consistency::Bsp)));
    let rounds = with("sparknet", "").unwrap();
    assert_eq!((rounds.in_stage(), rounds.consistency), (false, None));
    assert!(with("sparknet", r#", "consistency": "bsp""#).unwrap().in_stage());
    for strategy in ["sequential", "hogwild"] {
        let alone = with(strategy, r#", "threads": 2"#).unwrap();
        assert_eq!((alone.in_stage(), alone.consistency, alone.workers), (false, None, Some(1)), "{strategy}");
    }
}

#[test]
fn what_is_left_out_gets_its_published_value() {
    let alpha = |strategy| with(strategy, r#", "workers": 3"#).unwrap().alpha;
    assert_eq!(alpha("deepspark"), Some(0.1));
    for strategy in ["easgd", "easgd-async", "eamsgd"] {
        assert!((alpha(strategy).unwrap() - 0.3).abs() < 1e-12, "{strategy}");
    }
    for strategy in ["sparknet", "downpour", "adag", "dynsgd", "dcasgd", "async-nesterov"] {
        assert_eq!(alpha(strategy), None, "{strategy}");
    }
    assert_eq!(with("dcasgd", "").unwrap().lambda, Some(0.04));
    assert_eq!(with("eamsgd", "").unwrap().momentum, Some(0.99));
    assert_eq!(with("easgd-async", "").unwrap().momentum, Some(0.9));
    let nesterov = with("async-nesterov", "").unwrap();
    assert_eq!((nesterov.outer_lr, nesterov.outer_momentum), (Some(0.7), Some(0.9)));
}

#[test]
fn outer_optimisers_follow_the_number_of_workers() {
    let rows = [
        ("none", 8, None, None),
        ("nesterov", 8, Some(0.7), Some(0.9)),
        ("slowmo", 3, Some(1.0), Some(0.0)),
        ("slowmo", 4, Some(1.0), Some(0.2)),
        ("slowmo", 8, Some(1.0), Some(0.5)),
        ("slowmo", 16, Some(1.0), Some(0.6)),
        ("bmuf", 1, Some(1.0), Some(0.0)),
        ("bmuf", 4, Some(1.0), Some(0.75)),
    ];
    for (outer, workers, lr, momentum) in rows {
        let config = resolve(&format!(r#"{{"outer": "{outer}", "workers": {workers}}}"#)).unwrap();
        assert_eq!((config.outer_lr, config.outer_momentum), (lr, momentum), "{outer} {workers}");
    }
    let given = resolve(r#"{"outer": "nesterov", "outer-lr": 1, "outer-momentum": 0}"#).unwrap();
    assert_eq!((given.outer_lr, given.outer_momentum), (Some(1.0), Some(0.0)));
}

#[test]
fn what_depends_on_the_workers_waits_for_their_number() {
    let early = TrainConfig::from_json(r#"{"strategy": "easgd"}"#).unwrap().resolve(None).unwrap();
    assert_eq!(early.alpha, None);
    let late = TrainConfig { workers: Some(2), ..early }.resolve(None).unwrap();
    assert_eq!(late.alpha, Some(0.45));
}

#[test]
fn resolving_twice_changes_nothing_for_any_strategy() {
    for strategy in Strategy::NAMES {
        let once = with(strategy, "").unwrap();
        let text = Value::Object(once.to_map()).to_string();
        assert_eq!(resolve(&text).unwrap(), once, "{strategy}");
    }
}

#[test]
fn every_key_is_taken_where_it_is_read() {
    let wire = r#", "codec": "int8", "shards": 4, "tls": true, "bind": "0.0.0.0", "advertise": "host",
        "exchange-deadline": 5, "exchange-wait": 9"#;
    let rows = [
        ("deepspark", r#", "alpha": 0, "server-alpha": 1, "alpha-decay": 0.5, "alpha-every": 10, "overlap": true"#),
        ("easgd", r#", "alpha": 1, "consistency": "bsp", "period": "post-local", "post-local-step": 9"#),
        ("downpour", r#", "adagrad-lr": 0.1, "period": "adaptive""#),
        ("dcasgd", r#", "lambda": 2, "consistency": "ssp", "staleness": 0"#),
        ("async-nesterov", r#", "outer-lr": 0.5, "outer-momentum": 0.5"#),
        ("sparknet", r#", "consistency": "bsp", "outer": "slowmo", "solver-state": "reset", "exchangers": 2"#),
    ];
    for (strategy, more) in rows {
        with(strategy, &format!("{more}{wire}")).unwrap_or_else(|error| panic!("{strategy}{more}: {error}"));
    }
}

#[test]
fn an_outer_optimiser_makes_sparknet_one_stage_and_momentum_cannot_travel_there() {
    let outer = with("sparknet", r#", "outer": "nesterov""#).unwrap();
    assert_eq!((outer.consistency, outer.in_stage()), (Some(Consistency::Bsp), true));
    let refused = with("sparknet", r#", "outer": "nesterov", "solver-state": "average""#).unwrap_err().to_string();
    assert!(refused.starts_with("solver-state average travels with rounds that are Spark jobs"), "{refused}");
}

#[test]
fn the_cluster_decides_how_sparknet_runs_unless_a_key_needs_one_of_the_two() {
    let decided = |more: &str| with("sparknet", more).map(|config| config.consistency);
    for free in
        ["", r#", "solver-state": "reset""#, r#", "tls": false"#, r#", "period": "post-local", "post-local-step": 9"#]
    {
        assert_eq!(decided(free).unwrap(), None, "{free}");
    }
    let wired = [
        r#", "codec": "bf16""#,
        r#", "shards": 2"#,
        r#", "exchangers": 1"#,
        r#", "tls": true"#,
        r#", "bind": "0.0.0.0:9""#,
        r#", "advertise": "host""#,
        r#", "exchange-deadline": 5"#,
        r#", "exchange-wait": 9"#,
        r#", "outer": "bmuf""#,
    ];
    for key in wired {
        assert_eq!(decided(key).unwrap(), Some(Consistency::Bsp), "{key}");
        let rounds = decided(&format!(r#"{key}, "consistency": "rounds""#)).unwrap_err().to_string();
        assert!(rounds.contains("means nothing to strategy sparknet") || rounds.contains("one long stage"), "{rounds}");
        let average = decided(&format!(r#"{key}, "solver-state": "average""#)).unwrap_err().to_string();
        let name = key.split('"').nth(1).unwrap();
        assert!(average.contains(&format!("{name} means one long stage")), "{average}");
    }
    assert_eq!(decided(r#", "solver-state": "average""#).unwrap(), Some(Consistency::Rounds));
    assert_eq!(decided(r#", "consistency": "rounds""#).unwrap(), Some(Consistency::Rounds));
    assert!(!with("sparknet", r#", "consistency": "rounds""#).unwrap().in_stage());
}

#[test]
fn a_key_that_the_strategy_does_not_read_is_refused_by_name() {
    let refused = [
        (
            "hogwild",
            r#""consistency": "async""#,
            "consistency means nothing to strategy hogwild; leave it out or choose",
        ),
        ("sequential", r#""consistency": "bsp""#, "consistency means nothing to strategy sequential"),
        ("sparknet", r#""consistency": "ssp""#, "consistency ssp cannot be for strategy sparknet"),
        ("easgd", r#""consistency": "rounds""#, "consistency rounds cannot be for strategy easgd"),
        ("adag", r#""consistency": "rounds""#, "consistency rounds cannot be for strategy adag"),
        ("hogwild", r#""consistency": "rounds""#, "consistency means nothing to strategy hogwild"),
        ("easgd", r#""consistency": "async""#, "consistency async cannot be for strategy easgd"),
        ("adag", r#""staleness": 2"#, "staleness means nothing without consistency ssp"),
        ("sparknet", r#""alpha": 0.1"#, "alpha means nothing to strategy sparknet; leave it out or choose deepspark"),
        ("easgd", r#""server-alpha": 0.1"#, "server-alpha means nothing to strategy easgd"),
        ("adag", r#""alpha-decay": 0.5, "alpha-every": 2"#, "alpha-decay means nothing to strategy adag"),
        ("eamsgd", r#""alpha-decay": 0.5"#, "alpha-decay and alpha-every belong together"),
        ("eamsgd", r#""alpha-every": 5"#, "alpha-decay and alpha-every belong together"),
        (
            "dynsgd",
            r#""adagrad-lr": 0.5"#,
            "adagrad-lr means nothing to strategy dynsgd; leave it out or choose downpour",
        ),
        ("dynsgd", r#""lambda": 0.5"#, "lambda means nothing to strategy dynsgd; leave it out or choose dcasgd"),
        ("easgd", r#""outer": "nesterov""#, "outer means nothing to strategy easgd; leave it out or choose sparknet"),
        ("sparknet", r#""outer-lr": 0.5"#, "outer-lr means nothing to strategy sparknet; leave it out or choose async"),
        ("downpour", r#""outer-momentum": 0.5"#, "outer-momentum means nothing to strategy downpour"),
        (
            "easgd",
            r#""overlap": true"#,
            "overlap means nothing to strategy easgd; leave it out or choose an asynchronous",
        ),
        ("sparknet", r#""period": "adaptive""#, "period adaptive means nothing to strategy sparknet"),
        (
            "hogwild",
            r#""period": "post-local", "post-local-step": 1"#,
            "period post-local means nothing to strategy hogwild",
        ),
        ("adag", r#""period": "post-local""#, "period post-local needs post-local-step"),
        (
            "adag",
            r#""post-local-step": 5"#,
            "post-local-step means nothing to period constant; leave it out or choose post",
        ),
        ("adag", r#""period": "qsr""#, "period qsr needs qsr-alpha"),
        ("adag", r#""qsr-alpha": 5"#, "qsr-alpha means nothing to period constant; leave it out or choose qsr"),
        (
            "sequential",
            r#""period": "qsr", "qsr-alpha": 1"#,
            "period qsr means nothing to strategy sequential; leave it out or choose a strategy of several workers",
        ),
        (
            "sparknet",
            r#""period": "qsr", "qsr-alpha": 1, "gamma": 2"#,
            "gamma 2 raises the learning rate, which must fall for period qsr",
        ),
        (
            "sequential",
            r#""codec": "bf16""#,
            "codec means nothing to strategy sequential; leave it out or choose an asynchronous",
        ),
        ("hogwild", r#""shards": 2"#, "shards means nothing to strategy hogwild"),
        ("sequential", r#""tls": true"#, "tls means nothing to strategy sequential"),
        ("sequential", r#""bind": "a""#, "bind means nothing to strategy sequential"),
        ("sequential", r#""advertise": "a""#, "advertise means nothing to strategy sequential"),
        ("sequential", r#""exchange-deadline": 5"#, "exchange-deadline means nothing to strategy sequential"),
        ("sequential", r#""exchange-wait": 5"#, "exchange-wait means nothing to strategy sequential"),
        ("hogwild", r#""workers": 2"#, "strategy hogwild has one worker"),
        ("hogwild", r#""solver-state": "average""#, "solver-state average means nothing to strategy hogwild"),
        ("easgd", r#""solver-state": "reset""#, "solver-state reset means nothing to strategy easgd"),
    ];
    for (strategy, json, expected) in refused {
        let error = with(strategy, &format!(", {json}")).expect_err(json);
        assert_eq!(error.kind(), crate::error::Kind::Config, "{json}");
        assert!(error.to_string().starts_with(expected), "{strategy} {json}: {error}");
    }
}

#[test]
fn tls_is_undecided_until_somebody_says_so_and_no_strategy_minds_its_absence() {
    assert_eq!(with("deepspark", "").unwrap().tls, None);
    assert_eq!(with("deepspark", r#", "tls": true"#).unwrap().tls, Some(true));
    assert_eq!(with("sparknet", r#", "tls": false"#).unwrap().tls, Some(false));
}

#[test]
fn numbers_of_the_exchange_have_limits() {
    let rows = [
        ("alpha", "1.5", "alpha must be 0 to 1, not 1.5"),
        ("server-alpha", "-1", "server-alpha must be 0 to 1, not -1"),
        ("alpha-decay", "0", "alpha-decay must be above 0 and at most 1, not 0"),
        ("alpha-every", "0", "alpha-every must be at least 1, not 0"),
        ("adagrad-lr", "0", "adagrad-lr must be above 0, not 0"),
        ("qsr-alpha", "0", "qsr-alpha must be above 0, not 0"),
        ("lambda", "-0.1", "lambda must be at least 0, not -0.1"),
        ("outer-lr", "0", "outer-lr must be above 0, not 0"),
        ("outer-momentum", "1", "outer-momentum must be at least 0 and below 1, not 1"),
        ("post-local-step", "0", "post-local-step must be at least 1, not 0"),
        ("shards", "0", "shards must be at least 1, not 0"),
        ("exchange-deadline", "0", "exchange-deadline must be at least 1, not 0"),
        (
            "exchange-deadline",
            "9223372036854775807",
            "exchange-deadline must be at most 31536000, not 9223372036854775807",
        ),
        ("exchange-wait", "31536001", "exchange-wait must be at most 31536000, not 31536001"),
    ];
    for (key, value, expected) in rows {
        let error = resolve(&format!(r#"{{"{key}": {value}}}"#)).expect_err(key);
        assert_eq!(error.to_string(), expected);
    }
}

#[test]
fn what_a_net_has_no_use_for_is_refused_with_its_name() {
    for (json, expected) in [
        (
            r#"{"update-bn": 5}"#,
            "update-bn means nothing to net cifar10_quick, which has no batch normalisation; leave it out",
        ),
        (r#"{"net": "resnet20", "update-bn": 0}"#, "update-bn must be at least 1, not 0"),
        (
            r#"{"net": "resnet20", "update-bn": 5, "patience": 3}"#,
            "update-bn computes the statistics of the last weights, which with patience need not be the model's; leave one \
             of them out",
        ),
        (
            r#"{"net": "resnet20", "update-bn": 5, "restore-best-weights": true}"#,
            "update-bn computes the statistics of the last weights, which with restore-best-weights need not be the \
             model's; leave one of them out",
        ),
        (r#"{"patience": 0}"#, "patience must be at least 1, not 0"),
        (
            r#"{"net": "airbench_32_64_64"}"#,
            "net airbench_32_64_64 whitens images that are normalised by channel; set normalize to channel",
        ),
        (r#"{"net": "alexnet"}"#, "net alexnet needs images of at least 63 x 63, not 32 x 32; set size or resize"),
        (
            r#"{"net": "cifar10_quick", "resize": 64}"#,
            "net cifar10_quick is of images of 32 x 32, not of 64 x 64; leave resize out",
        ),
        (r#"{"net": "alexnet", "resize": 4096}"#, "resize must be at most 1024 pixels, not 4096"),
    ] {
        assert_eq!(resolve(json).expect_err(json).to_string(), expected);
    }
    assert_eq!(resolve(r#"{"net": "resnet20", "update-bn": 5}"#).unwrap().update_bn, Some(5));
    assert_eq!(resolve(r#"{"net": "alexnet", "resize": 224}"#).unwrap().resize, Some(224));
    assert!(resolve(r#"{"net": "cifar10_quick", "resize": 32}"#).is_ok());
}

#[test]
fn the_size_of_images_is_what_the_net_takes() {
    for (json, expected) in [
        (
            r#"{"net": "cifar10_quick", "size": 64}"#,
            "net cifar10_quick is of images of 32 x 32, not of 64 x 64; leave size out",
        ),
        (
            r#"{"net": "resnet20", "size": 16}"#,
            "net resnet20 needs images of at least 32 x 32, not 16 x 16; set size or resize",
        ),
        (
            r#"{"net": "resnet20", "size": 64, "resize": 48}"#,
            "resize enlarges images, and 48 is less than their side of 64; set size to 48 instead",
        ),
        (r#"{"augment": "crop:32"}"#, "augment crop:32: the size must be below 32, the side of the images"),
    ] {
        assert_eq!(resolve(json).expect_err(json).to_string(), expected);
    }
    assert_eq!(resolve(r#"{"net": "resnet20", "size": 64, "augment": "crop:40"}"#).unwrap().shape().height, 64);
    assert_eq!(resolve(r#"{"net": "resnet20", "size": 16, "resize": 32}"#).unwrap().shape().height, 16);
    let files = |json| {
        let facts = Facts { rows: 50_000, classes: 10, encoded: true };
        TrainConfig::from_json(json).unwrap().resolve(Some(facts)).unwrap().size
    };
    assert_eq!(files(r#"{"net": "resnet18"}"#), Some(224), "image files have the size that the net was published for");
    assert_eq!(files(r#"{"net": "resnet18", "size": 64}"#), Some(64));
    assert_eq!(files(r#"{"net": "resnet20"}"#), None, "that of CIFAR's");
}
