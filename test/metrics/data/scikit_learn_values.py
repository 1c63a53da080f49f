"""Writes scikit-learn.json: what scikit-learn says about the predictions of make-predictions.cjs, in float64.

    python scikit_learn_values.py > scikit-learn.json
"""

import gzip
import json
import math
import pathlib

import numpy as np
import sklearn
from sklearn import metrics as m

folder = pathlib.Path(__file__).parent
sizes = json.loads((folder / "parts.json").read_text())
flat = np.frombuffer(gzip.decompress((folder / "predictions.f32.gz").read_bytes()), dtype="<f4").astype(np.float64)
data, at = {}, 0
for name, (rows, width) in sizes.items():
    data[name] = flat[at : at + rows * width].reshape((rows, width) if width > 1 else (rows,))
    at += rows * width


def binary(weight):
    y, p = data["diagnosis"], data["diagnosisProbability"]
    said = p > 0.5
    w = {"sample_weight": weight}
    precision, recall, _ = m.precision_recall_curve(y, p, **w)
    return {
        "binaryAccuracy": m.accuracy_score(y, said, **w),
        "precision": m.precision_score(y, said, **w),
        "recall": m.recall_score(y, said, **w),
        "f1Score": m.f1_score(y, said, **w),
        "fBeta2": m.fbeta_score(y, said, beta=2, **w),
        "precisionAt0.3": m.precision_score(y, p > np.float32(0.3), **w),
        "rocAuc": m.roc_auc_score(y, p, **w),
        "averagePrecision": m.average_precision_score(y, p, **w),
        "prTrapezoid": m.auc(recall, precision),
        "logLoss": m.log_loss(y, np.stack([1 - p, p], 1), **w),
        "brier": m.brier_score_loss(y, p, **w),
        "hinge": m.hinge_loss(2 * y - 1, p, **w),
    }


def regression(weight):
    y, p = data["bmi"], data["bmiPrediction"]
    w = {"sample_weight": weight}
    return {
        "meanSquaredError": m.mean_squared_error(y, p, **w),
        "rootMeanSquaredError": m.root_mean_squared_error(y, p, **w),
        "meanAbsoluteError": m.mean_absolute_error(y, p, **w),
        "meanAbsolutePercentageError": 100 * m.mean_absolute_percentage_error(y[y > 0], p[y > 0], sample_weight=None if weight is None else weight[y > 0]),
        "meanSquaredLogarithmicError": m.mean_squared_log_error(y, p, **w),
        "r2Score": m.r2_score(y, p, **w),
    }


def classes(weight):
    y, p = data["digit"].astype(int), data["digitProbability"]
    said = p.argmax(1)
    w = {"sample_weight": weight}
    onehot = np.eye(10)[y]
    cosine = m.pairwise.cosine_similarity(onehot, p).diagonal()
    loss = m.log_loss(y, p / p.sum(1, keepdims=True), labels=list(range(10)), **w)
    result = {
        "sparseCategoricalAccuracy": m.accuracy_score(y, said, **w),
        "top2": m.top_k_accuracy_score(y, p, k=2, labels=list(range(10)), **w),
        "top3": m.top_k_accuracy_score(y, p, k=3, labels=list(range(10)), **w),
        "confusionMatrix": m.confusion_matrix(y, said, **w).flatten().tolist(),
        "meanIoU": m.jaccard_score(y, said, average="macro", **w),
        "logLoss": loss,
        "perplexity": math.exp(loss),
        "cosineSimilarity": float(np.average(cosine, weights=weight)),
        "rocAucMicro": m.roc_auc_score(onehot.ravel(), p.ravel(), sample_weight=None if weight is None else np.repeat(weight, 10)),
    }
    for average in ("micro", "macro", "weighted"):
        result[f"precision.{average}"] = m.precision_score(y, said, average=average, **w)
        result[f"recall.{average}"] = m.recall_score(y, said, average=average, **w)
        result[f"f1Score.{average}"] = m.f1_score(y, said, average=average, **w)
        result[f"fBeta0.5.{average}"] = m.fbeta_score(y, said, beta=0.5, average=average, **w)
    result["f1Score.none"] = m.f1_score(y, said, average=None, **w).tolist()
    return result


values = {
    "version": sklearn.__version__,
    "binary": binary(None),
    "binaryWeighted": binary(data["patientWeight"]),
    "regression": regression(None),
    "regressionWeighted": regression(data["patientWeight"]),
    "classes": classes(None),
    "classesWeighted": classes(data["digitWeight"]),
}
print(json.dumps(values, separators=(",", ":"), default=float))
