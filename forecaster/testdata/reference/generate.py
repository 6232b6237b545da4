"""Writes the reference values that reference_values_test.go checks against.

    python -m venv venv && venv/bin/pip install numpy pandas statsmodels scikit-learn
    venv/bin/python forecaster/testdata/reference/generate.py

Every file says in its first line which versions made it. Inputs are random with
a fixed seed and stand in the files; numbers are written with all their digits.
"""

import csv
import math
import pathlib
import platform

import numpy as np
import pandas as pd
import sklearn
import statsmodels
from numpy.lib.stride_tricks import sliding_window_view
from sklearn.metrics import mean_pinball_loss
from statsmodels.tsa.api import Holt, SimpleExpSmoothing

HERE = pathlib.Path(__file__).parent
VERSIONS = (f"generate.py, Python {platform.python_version()}, numpy {np.__version__}, pandas {pd.__version__}, "
            f"statsmodels {statsmodels.__version__}, scikit-learn {sklearn.__version__}")


def write(name, what, columns):
    """Writes columns of equal length; None and NaN are empty."""
    def shown(v):
        return "" if v is None or math.isnan(v) else repr(float(v))

    with open(HERE / name, "w", newline="") as f:
        f.write(f"# {what}; {VERSIONS}\n")
        out = csv.writer(f, lineterminator="\n")
        out.writerow(columns)
        for row in zip(*columns.values(), strict=True):
            out.writerow([shown(v) for v in row])


def load(rng, n):
    """A level that wanders, with noise and a jump."""
    return 10 + np.cumsum(0.2 * rng.standard_normal(n)) + rng.standard_normal(n) + 5 * (np.arange(n) > n // 2)


def smoothing():
    """Exponentially weighted means: pandas' adjusted ones, whose weights add up
    to one from the start; and statsmodels' simple exponential smoothing, from
    where these have settled, with their mean as its initial level."""
    rng = np.random.default_rng(1)
    y, settled, columns = load(rng, 400), 200, {}
    columns["y"] = y
    for half in (1, 4, 5):
        mean = pd.Series(y).ewm(halflife=half, adjust=True).mean().to_numpy()
        fit = SimpleExpSmoothing(y[settled:], initialization_method="known", initial_level=mean[settled - 1]).fit(
            smoothing_level=1 - 2 ** (-1 / half), optimized=False)
        columns[f"mean_{half}"] = mean
        columns[f"ses_{half}"] = [None] * settled + list(fit.level)
    write("smoothing.csv", "exponentially weighted means by half-life", columns)


def damped_trend():
    """statsmodels' Holt with a damped trend, fixed parameters, started at the first
    value without a slope."""
    rng = np.random.default_rng(2)
    y = load(rng, 200)
    columns = {"y": y, "level": [y[0]], "slope": [0.0], "ahead_1": [], "ahead_12": []}
    fit = Holt(y[1:], damped_trend=True, initialization_method="known", initial_level=y[0], initial_trend=0.0).fit(
        smoothing_level=0.4, smoothing_trend=0.05, damping_trend=0.97, optimized=False)
    columns["level"] += list(fit.level)
    columns["slope"] += list(fit.trend)
    for n in range(len(y)):
        if n < 2:
            columns["ahead_1"].append(None)
            columns["ahead_12"].append(None)
            continue
        # Forecasts by the library itself, from the first n+1 values.
        part = Holt(y[1:n + 1], damped_trend=True, initialization_method="known", initial_level=y[0], initial_trend=0.0).fit(
            smoothing_level=0.4, smoothing_trend=0.05, damping_trend=0.97, optimized=False)
        ahead = part.forecast(12)
        columns["ahead_1"].append(ahead[0])
        columns["ahead_12"].append(ahead[11])
    write("damped_trend.csv", "Holt, alpha 0.4, beta 0.05, phi 0.97", columns)


def intermittent():
    """Teunter, Syntetos and Babai (2011), equations for p and z: with gains for a
    half-life, from where the weighted means of the start have settled; before
    that the weighted means themselves, as sums over the whole past."""
    rng = np.random.default_rng(3)
    n, settled = 1300, 1000
    y = np.where(rng.random(n) < 0.4, rng.exponential(5, n), 0.0)
    alpha, beta = 1 - 2 ** (-1 / 12), 1 - 2 ** (-1 / 24)
    rate, p, z = [], None, None
    for t in range(n):
        seen = y[:t + 1]
        if t < settled:
            weights = 2.0 ** (-np.arange(t, -1, -1) / 24)
            p = np.sum(weights * (seen != 0)) / np.sum(weights)
            sizes = seen[seen != 0]
            z = 0.0
            if len(sizes):
                weights = 2.0 ** (-np.arange(len(sizes) - 1, -1, -1) / 12)
                z = np.sum(weights * sizes) / np.sum(weights)
        elif y[t] == 0:
            p = p + beta * (0 - p)
        else:
            p = p + beta * (1 - p)
            z = z + alpha * (y[t] - z)
        rate.append(p * z)
    write("intermittent.csv", "demand by Teunter, Syntetos and Babai", {"y": y, "rate": rate})


def ridge():
    """(X'WX + lambda D) beta = X'Wy, D = diag(X'WX) + mean(diag) I. The last two
    features are nearly equal. Row 0 of beta and lambda hold for all rows."""
    rng = np.random.default_rng(4)
    n, k, penalty = 60, 6, 0.01
    x = rng.standard_normal((n, k)) * [1, 10, 0.1, 1, 1, 1]
    x[:, 0] = 1
    x[:, 5] = x[:, 4] + 1e-4 * rng.standard_normal(n)
    y, w = rng.standard_normal(n), rng.exponential(1, n)
    gram = x.T @ (w[:, None] * x)
    diagonal = np.diag(np.diag(gram)) + np.mean(np.diag(gram)) * np.eye(k)
    beta = np.linalg.solve(gram + penalty * diagonal, x.T @ (w * y))
    columns = {f"x{i}": x[:, i] for i in range(k)} | {"y": y, "weight": w, "lambda": [penalty] + [None] * (n - 1)}
    columns["beta"] = list(beta) + [None] * (n - k)
    write("ridge.csv", "ridge regression by numpy.linalg.solve", columns)


def quantiles():
    """Weighted quantiles: each value in the middle of its weight, linear between,
    constant outside, by numpy.interp."""
    rng = np.random.default_rng(5)
    n = 300
    v, w = rng.standard_normal(n), rng.exponential(1, n)
    levels = np.linspace(0.001, 0.999, n)
    order = np.argsort(v)
    middles = np.cumsum(w[order]) - w[order] / 2
    write("quantiles.csv", "weighted quantiles by numpy.interp",
          {"value": v, "weight": w, "level": levels, "quantile": np.interp(levels * np.sum(w), middles, v[order])})


def pinball():
    rng = np.random.default_rng(6)
    n = 100
    y, q, level = rng.standard_normal(n), rng.standard_normal(n), rng.uniform(0.01, 0.99, n)
    y[:5] = q[:5]
    write("pinball.csv", "pinball loss by sklearn.metrics.mean_pinball_loss", {
        "y": y, "quantile": q, "level": level,
        "loss": [mean_pinball_loss([a], [b], alpha=c) for a, b, c in zip(y, q, level, strict=True)]})


def naive():
    """Seasonal naive at steps of an hour with gaps: the target (value at h, maximum
    of the h hours up to it) one or more whole days earlier, plus numpy.quantile
    of its errors on targets of the 168 hours up to the origin."""
    rng = np.random.default_rng(7)
    n = 300
    y = 20 + 10 * np.sin(2 * np.pi * np.arange(n) / 24) + rng.standard_normal(n)
    y[rng.random(n) < 0.05] = np.nan
    y[100:130] = np.nan
    columns = {"y": y}
    for h in (1, 3, 30):
        lag = 24 * math.ceil(h / 24)
        top = np.full(n, np.nan)
        windows = sliding_window_view(y, h)
        filled = np.where(np.isnan(windows), -np.inf, windows).max(axis=1)
        top[h - 1:] = np.where(np.isinf(filled), np.nan, filled)
        for kind, target in (("value", y), ("max", top)):
            errors = np.full(n, np.nan)
            errors[lag:] = target[lag:] - target[:-lag]
            for level in (0.1, 0.5, 0.95):
                out = []
                for origin in range(n):
                    t = origin + h - lag
                    known = errors[max(0, origin - 167):origin + 1]
                    known = known[~np.isnan(known)]
                    if t < 0 or np.isnan(target[t]) or len(known) == 0:
                        out.append(None)
                        continue
                    out.append(target[t] + np.quantile(known, level))
                columns[f"{kind}_{h}_{level}"] = out
    write("naive.csv", "seasonal naive quantiles by horizon in hours and level", columns)


def sliding():
    rng = np.random.default_rng(8)
    y = rng.integers(-20, 20, 200).astype(float)
    write("sliding.csv", "sliding maxima by pandas", {"y": y} | {
        f"max_{k}": pd.Series(y).rolling(k, min_periods=1).max() for k in (1, 2, 7, 12, 199, 500)})


def cusum():
    """Page's two-sided cumulative sums of (y - mean)/volatility with slack 0.75 and
    threshold 5; the mean of what came since the last alarm. Written as
    segments: every alarm starts a new one at the value that raised it."""
    rng = np.random.default_rng(9)
    y = np.concatenate([rng.normal(10, 1, 80), rng.normal(16, 1, 60), rng.normal(16.5, 0.3, 40), rng.normal(2, 1, 70),
                        np.full(20, 4.0)])
    volatility = 0.5 + rng.random(len(y))
    volatility[0] = 0
    start, high, low, means, counts = 0, 0.0, 0.0, [], []
    for t in range(len(y)):
        if t > start:
            u = (y[t] - np.mean(y[start:t])) / volatility[t]
            high, low = max(0.0, high + u - 0.75), max(0.0, low - u - 0.75)
            if max(high, low) > 5:
                start, high, low = t, 0.0, 0.0
        means.append(np.mean(y[start:t + 1]))
        counts.append(t - start + 1)
    write("cusum.csv", "means since the last change by cumulative sums",
          {"y": y, "volatility": volatility, "mean": means, "count": counts})


for make in (smoothing, damped_trend, intermittent, ridge, quantiles, pinball, naive, sliding, cusum):
    make()
