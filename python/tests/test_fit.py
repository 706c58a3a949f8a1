"""The estimator and its model, from Python."""

import pytest
from pyspark.ml import Pipeline, PipelineModel
from pyspark.ml.evaluation import MulticlassClassificationEvaluator
from pyspark.ml.tuning import CrossValidator, ParamGridBuilder
from pyspark.sql.functions import col

from firesteel import CnnClassificationModel, CnnClassifier

SMALL = {"featuresCol": "image", "batch": 10, "iterations": 4, "tau": 2, "workers": 2, "seed": 1, "lr": 0.001, "lrPolicy": "fixed"}


@pytest.fixture(scope="module")
def model(images):
    return CnnClassifier(**SMALL).fit(images)


def test_a_fit_gives_a_model_that_predicts(images, model):
    predicted = model.transform(images)
    assert set(predicted.columns) == {*images.columns, "rawPrediction", "probability", "prediction"}
    row = predicted.first()
    assert row.prediction == float(row.probability.argmax()) and abs(sum(row.probability) - 1) < 1e-6
    assert (model.numClasses, model.numFeatures, len(model.labels)) == (10, 3 * 32 * 32, 10)
    assert 0 <= MulticlassClassificationEvaluator(metricName="accuracy").evaluate(predicted) <= 1


def test_the_summary_tells_how_the_fit_went(images, model):
    summary = model.summary
    assert model.hasSummary and summary.totalIterations == 2 and len(summary.objectiveHistory) == 2
    assert summary.samples == 80 and summary.seconds > 0 and summary.endReason == "budget" and summary.faults == []
    assert summary.validationAccuracy is None and summary.predictions.count() == images.count()


def test_a_saved_model_predicts_the_same_and_has_no_summary(images, model, tmp_path):
    model.save(str(tmp_path / "model"))
    again = CnnClassificationModel.load(str(tmp_path / "model"))
    assert again.transform(images).select("rawPrediction").collect() == model.transform(images).select("rawPrediction").collect()
    assert again.uid == model.uid and again.getTau() == 2 and not again.hasSummary
    with pytest.raises(RuntimeError, match="has no summary"):
        again.summary


def test_a_saved_estimator_has_what_was_set(tmp_path):
    classifier = CnnClassifier(net="resnet20", stepvalue=[5, 9], testFlip=True, checkpointDir="/x", **{"lambda": 0.5})
    classifier.save(str(tmp_path / "estimator"))
    again = CnnClassifier.load(str(tmp_path / "estimator"))
    assert (again.getNet(), again.getStepvalue(), again.getTestFlip(), again.getLambda()) == ("resnet20", [5, 9], True, 0.5)
    assert again.getCheckpointDir() == "/x" and again.getTau() == 10 and not again.isSet(again.tau)


def test_the_same_settings_give_the_same_bits(images, model):
    raw = [CnnClassifier(**SMALL).fit(images).transform(images).select("rawPrediction").collect() for _ in range(2)]
    assert raw[0] == raw[1] == model.transform(images).select("rawPrediction").collect()


def test_it_is_a_stage_of_a_pipeline(images, tmp_path):
    fitted = Pipeline(stages=[CnnClassifier(**SMALL)]).fit(images)
    fitted.save(str(tmp_path / "pipeline"))
    again = PipelineModel.load(str(tmp_path / "pipeline"))
    assert isinstance(again.stages[0], CnnClassificationModel) and again.transform(images).count() == images.count()


def test_a_cross_validation_fits_side_by_side(images):
    classifier = CnnClassifier(**{**SMALL, "workers": 1})
    grid = ParamGridBuilder().addGrid(classifier.lr, [0.001, 0.01]).build()
    evaluator = MulticlassClassificationEvaluator(metricName="accuracy")
    search = CrossValidator(estimator=classifier, estimatorParamMaps=grid, evaluator=evaluator, numFolds=2, parallelism=2, seed=1)
    found = search.fit(images.withColumn("label", col("label").cast("double")))
    assert len(found.avgMetrics) == 2 and found.bestModel.summary.samples > 0


def test_what_is_wrong_is_said_before_and_by_the_engine(images):
    with pytest.raises(TypeError, match="no Param taus"):
        CnnClassifier(taus=2)
    with pytest.raises(TypeError):
        CnnClassifier(tau="ten")
    with pytest.raises(Exception, match="featuresCol is pixels, and there is no such column, only image"):
        CnnClassifier(**{**SMALL, "featuresCol": "pixels"}).fit(images)
    with pytest.raises(Exception, match="given invalid value lenet"):
        CnnClassifier(**SMALL, net="lenet").fit(images)
