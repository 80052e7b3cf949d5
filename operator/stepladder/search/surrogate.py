"""Gaussian-process models of what trials have shown: the objective, and where it exists at all."""

import numpy as np
from scipy.linalg import solve_triangular
from scipy.optimize import minimize
from scipy.special import log_ndtr
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import ConstantKernel, Matern, WhiteKernel

from stepladder.search.axis import Floats

_TIED = 32
"""More columns than this share one length scale: the gradient over separate ones would cost more than it tells."""
_NOISE_FLOOR = 1e-7


class ObjectiveModel:
    """Gaussian process with a Matern 5/2 kernel, a length scale per column, and noise; values to be minimised.

    The hyperparameters are the most probable ones under weak priors: lengths log-normal around sqrt(2) + log(d)/2
    (Hvarfner et al., 2402.02229), noise log-normal and small.
    Posterior: mean k^T (K + s I)^-1 y, variance k** - k^T (K + s I)^-1 k.
    """

    def __init__(self, points: Floats, values: Floats) -> None:
        self._center, self._scale = float(values.mean()), float(values.std()) or 1.0
        scaled = (values - self._center) / self._scale
        kernel = _kernel(points.shape[1])
        self._gp = GaussianProcessRegressor(kernel, optimizer=None).fit(points, scaled)
        self._gp = _refit(kernel.clone_with_theta(_most_probable(self._gp, kernel.bounds)), points, scaled)

    def predict(self, points: Floats) -> tuple[Floats, Floats]:
        """Mean and standard deviation of the objective at each point, noise not included."""
        kernel = self._gp.kernel_
        cross = kernel(points, self._gp.X_train_)
        mean = cross @ self._gp.alpha_
        solved = solve_triangular(self._gp.L_, cross.T, lower=True, check_finite=False)
        variance = kernel.k1(points[:1])[0, 0] - np.einsum("ij,ij->j", solved, solved)
        return mean * self._scale + self._center, np.sqrt(np.maximum(variance, 1e-12)) * self._scale

    def believing(self, points: Floats) -> "ObjectiveModel":
        """The model after `points` have come out as it predicts (kriging believer, Ginsbourger et al. 2010)."""
        if not len(points):
            return self
        believed = (self.predict(points)[0] - self._center) / self._scale
        model = object.__new__(ObjectiveModel)
        model._center, model._scale = self._center, self._scale
        model._gp = _refit(
            self._gp.kernel_, np.vstack([self._gp.X_train_, points]), np.append(self._gp.y_train_, believed)
        )
        return model


class FeasibilityModel:
    """Where trials can be trained at all: the sign of a Gaussian process (Gelbart et al., 1403.5607).

    It is fitted to +1 and -1 by least squares (Rasmussen & Williams, section 6.5). A logistic likelihood would stay in
    doubt however many have failed at a place, so that a great promised improvement outweighs it again and again.
    """

    def __init__(self, feasible: Floats, infeasible: Floats) -> None:
        labels = np.append(np.ones(len(feasible)), -np.ones(len(infeasible)))
        self._margin = ObjectiveModel(np.vstack([feasible, infeasible]), labels)

    def log_probability(self, points: Floats) -> Floats:
        """Log of the probability that a trial there can be trained."""
        mean, deviation = self._margin.predict(points)
        return np.asarray(log_ndtr(mean / deviation))


def _kernel(columns: int) -> ConstantKernel:
    lengths = np.ones(columns) if columns <= _TIED else 1.0
    return ConstantKernel(1.0, (1e-2, 1e2)) * Matern(lengths, (1e-2, 1e2), nu=2.5) + WhiteKernel(
        1e-3, (_NOISE_FLOOR, 1.0)
    )


def _refit(kernel: ConstantKernel, points: Floats, values: Floats) -> GaussianProcessRegressor:
    return GaussianProcessRegressor(kernel, optimizer=None).fit(points, values)


def _most_probable(gp: GaussianProcessRegressor, bounds: Floats) -> Floats:
    """Maximum a posteriori log-hyperparameters: amplitude, lengths, noise. sklearn's own search knows no priors."""
    columns = gp.X_train_.shape[1]
    start = gp.kernel_.theta
    center = np.concatenate([[0.0], np.full(len(start) - 2, np.sqrt(2) + 0.5 * np.log(columns)), [-11.0]])
    width = np.concatenate([[1.0], np.full(len(start) - 2, np.sqrt(3)), [3.0]])

    def loss(theta: Floats) -> tuple[float, Floats]:
        likelihood, gradient = gp.log_marginal_likelihood(theta, eval_gradient=True)
        away = (theta - center) / width
        return -likelihood + 0.5 * float(away @ away), -gradient + away / width

    fit = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": 40})
    return np.asarray(fit.x)
