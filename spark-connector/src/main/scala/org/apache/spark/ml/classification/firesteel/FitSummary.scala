// The trait of a summary, which Spark ML shows to its own packages only.
package org.apache.spark.ml.classification.firesteel

import org.apache.spark.ml.classification.TrainingSummary

/** What of a summary the server of Spark Connect tells its clients: `objectiveHistory` and `totalIterations`. */
trait FitSummary extends TrainingSummary
