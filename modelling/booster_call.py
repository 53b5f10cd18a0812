"""A booster's log odds by XGBoost's C interface: the Python one takes longer over a row than all its trees do."""

from __future__ import annotations

import ctypes
from typing import Final

import numpy as np
import xgboost
from numpy.typing import NDArray
from xgboost.libpath import find_lib_path

from tqs.errors import ModelError

Float32 = NDArray[np.float32]

# Margins (type 1) of all trees; the rows hold no missing values.
_CONFIG: Final = (
    b'{"type": 1, "training": false, "iteration_begin": 0, "iteration_end": 0, "missing": NaN, '
    b'"strict_shape": false, "cache_id": 0}'
)


class BoosterCall:
    """What `booster.inplace_predict(rows, predict_type="margin")` gives, without the way there. Any thread may call.

    Source: https://xgboost.readthedocs.io/en/stable/c.html, XGBoosterPredictFromDense.
    """

    def __init__(self, booster: xgboost.Booster) -> None:
        self._booster = booster
        library = ctypes.CDLL(find_lib_path()[0])
        self._predict = library.XGBoosterPredictFromDense
        self._last_error = library.XGBGetLastError
        self._last_error.restype = ctypes.c_char_p

    def __call__(self, rows: Float32) -> Float32:
        """Log odds (n,) for scaled rows (n, features), n > 0, in C order.

        Raises
        ------
        ModelError
            where XGBoost refuses them.
        """
        count, columns = rows.shape
        described = b'{"data": [%d, true], "shape": [%d, %d], "typestr": "<f4", "version": 3}'
        shape, dimensions = ctypes.POINTER(ctypes.c_uint64)(), ctypes.c_uint64()
        found = ctypes.POINTER(ctypes.c_float)()
        failed = self._predict(
            self._booster.handle,
            described % (rows.ctypes.data, count, columns),
            _CONFIG,
            None,
            ctypes.byref(shape),
            ctypes.byref(dimensions),
            ctypes.byref(found),
        )
        if failed:
            reason = (self._last_error() or b"for no reason given").decode(errors="replace").splitlines()[0]
            raise ModelError(f"XGBoost did not predict {count} rows of {columns} features: {reason}")
        log_odds = np.empty(count, dtype=np.float32)
        ctypes.memmove(log_odds.ctypes.data, found, log_odds.nbytes)  # the thread's next call overwrites what it found
        return log_odds
