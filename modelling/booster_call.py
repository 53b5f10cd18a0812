"""What a booster says of rows, by XGBoost's C interface: the Python one takes longer over a row than its trees do."""

from __future__ import annotations

import ctypes
from typing import Any, Final

import numpy as np
import xgboost
from numpy.typing import NDArray

from tqs.errors import ModelError

Float32 = NDArray[np.float32]

# All trees; the rows hold no missing values.
_PREDICT: Final = (
    b'{"type": %d, "training": false, "iteration_begin": 0, "iteration_end": 0, "missing": NaN, '
    b'"strict_shape": false, "cache_id": 0}'
)
_MARGINS, _CONTRIBUTIONS = _PREDICT % 1, _PREDICT % 2
_MATRIX: Final = b'{"missing": NaN, "nthread": 1}'


class BoosterCall:
    """A booster without the way there. Any thread may call.

    Source: https://xgboost.readthedocs.io/en/stable/c.html.
    """

    def __init__(self, booster: xgboost.Booster) -> None:
        self._booster = booster
        self._columns = booster.num_features()
        library = ctypes.CDLL(xgboost.build_info()["libxgboost"])
        self._predict_dense = library.XGBoosterPredictFromDense
        self._predict_matrix = library.XGBoosterPredictFromDMatrix
        self._create_matrix = library.XGDMatrixCreateFromDense
        self._free_matrix = library.XGDMatrixFree
        self._last_error = library.XGBGetLastError
        self._last_error.restype = ctypes.c_char_p

    def log_odds(self, rows: Float32) -> Float32:
        """What `inplace_predict(rows, predict_type="margin")` gives (n,).

        rows: scaled, (n, features), n > 0, in C order.

        Raises
        ------
        ModelError
            where they have another number of features, or XGBoost refuses them.
        """
        found = _Found()
        self._check(self._predict_dense(self._booster.handle, self._describe(rows), _MARGINS, None, *found.places))
        return found.read(len(rows))

    def contributions(self, rows: Float32) -> Float32:
        """What `predict(xgboost.DMatrix(rows), pred_contribs=True)` gives (n, features + 1).

        rows: as of `log_odds`.

        Raises
        ------
        ModelError
            where they have another number of features, or XGBoost refuses them.
        """
        matrix, found = ctypes.c_void_p(), _Found()
        self._check(self._create_matrix(self._describe(rows), _MATRIX, ctypes.byref(matrix)))
        try:
            self._check(self._predict_matrix(self._booster.handle, matrix, _CONTRIBUTIONS, *found.places))
            return found.read(len(rows), self._columns + 1)
        finally:
            self._free_matrix(matrix)

    def _describe(self, rows: Float32) -> bytes:
        count, columns = rows.shape
        if columns != self._columns:  # XGBoost would write the contributions of more past the end of its memory
            raise ModelError(f"the booster takes rows of {self._columns} features, not {count} of {columns}")
        described = b'{"data": [%d, true], "shape": [%d, %d], "typestr": "<f4", "version": 3}'
        return described % (rows.ctypes.data, count, columns)

    def _check(self, failed: int) -> None:
        if failed:
            reason = (self._last_error() or b"for no reason given").decode(errors="replace").splitlines()[0]
            raise ModelError(f"XGBoost did not answer: {reason}")


class _Found:
    """Where XGBoost says what it found; the thread's next call overwrites it."""

    def __init__(self) -> None:
        self._shape, self._dimensions = ctypes.POINTER(ctypes.c_uint64)(), ctypes.c_uint64()
        self._values = ctypes.POINTER(ctypes.c_float)()

    @property
    def places(self) -> tuple[Any, Any, Any]:
        return ctypes.byref(self._shape), ctypes.byref(self._dimensions), ctypes.byref(self._values)

    def read(self, *shape: int) -> Float32:
        found = tuple(self._shape[: self._dimensions.value])
        if found != shape:
            raise ModelError(f"XGBoost answered with numbers of shape {found}, not {shape}: no model of two classes")
        values = np.empty(shape, dtype=np.float32)
        ctypes.memmove(values.ctypes.data, self._values, values.nbytes)
        return values
