"""Random forests as models of what trials have shown (SMAC: Hutter, Hoos & Leyton-Brown, LION 2011)."""

import numpy as np
from sklearn.ensemble import ExtraTreesRegressor

from stepladder.search.axis import Floats

TREES = 16


class Forest:
    """A regression forest that says how sure it is.

    Each tree sees a bootstrap of the data, and draws its splits at random (Geurts et al. 2006), as SMAC's do between
    two neighbouring values: the mean is then smoother, and doubt grows with the distance from the data.
    """

    def __init__(self, points: Floats, values: Floats, seed: int) -> None:
        forest = ExtraTreesRegressor(TREES, bootstrap=True, random_state=seed, n_jobs=1).fit(points, values)
        self._trees = [estimator.tree_ for estimator in forest.estimators_]

    def predict(self, points: Floats) -> tuple[Floats, Floats]:
        """Mean and standard deviation at each point, by the law of total variance: the mean over trees of the variance
        in a leaf, and the variance of the leaves' means (Hutter et al., Artificial Intelligence 206, 2014, section
        4.3.2)."""
        rows = points.astype(np.float32)
        leaves = [tree.apply(rows) for tree in self._trees]
        means = np.array([tree.value[leaf, 0, 0] for tree, leaf in zip(self._trees, leaves, strict=True)])
        within = np.array([tree.impurity[leaf] for tree, leaf in zip(self._trees, leaves, strict=True)])
        # A leaf of equal values may have a variance of -1e-17.
        return means.mean(axis=0), np.sqrt(np.maximum(within.mean(axis=0) + means.var(axis=0), 0.0))
