"""Compiles the loops over bytes with numba: once for a machine, then loaded from its cache.

A compiled function is in one module with all it calls, except for the functions here: its cache is renewed only when
its own file changes. For the same reason it uses no constant of other modules; they are passed in. After a change here,
delete the cache.

The loads take addresses; the caller must make sure that they are valid. Arrays would be reference-counted at each call
from function to function, which costs far more than the reading. Words are for little-endian machines, as all are for
which numba is built.
"""

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba
import numpy as np
from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

Function = TypeVar("Function", bound=Callable[..., Any])

WORD_BYTES = 8
_WORD = ir.IntType(8 * WORD_BYTES)


def compiled(signature: str) -> Callable[[Function], Function]:
    """Compile a function for one signature, when its module is imported, to run without the interpreter's lock.

    The cache is `__pycache__` next to the source; where that is read-only, the user's cache folder, or
    `NUMBA_CACHE_DIR`. Where none of them can be written, each process compiles again, which takes seconds.
    """

    def decorate(function: Function) -> Function:
        try:
            return cast(Function, numba.njit(signature, nogil=True, cache=True)(function))
        except RuntimeError as error:
            if "cannot cache" not in str(error):
                raise
            return cast(Function, numba.njit(signature, nogil=True)(function))

    return decorate


def inlined(function: Function) -> Function:
    """Mark a function that compiled functions of the same module call."""
    return cast(Function, numba.njit(nogil=True)(function))


def _load_byte(_: Any, address: Any) -> Any:
    def generate(_: Any, builder: Any, __: Any, arguments: Any) -> Any:
        byte = builder.load(builder.inttoptr(arguments[0], ir.IntType(8).as_pointer()))
        return builder.zext(byte, _WORD)

    return types.int64(types.int64), generate


def _load_word(_: Any, address: Any) -> Any:
    def generate(_: Any, builder: Any, __: Any, arguments: Any) -> Any:
        return builder.load(builder.inttoptr(arguments[0], _WORD.as_pointer()), align=1)

    return types.uint64(types.int64), generate


def _lowest_byte(_: Any, word: Any) -> Any:
    def generate(_: Any, builder: Any, __: Any, arguments: Any) -> Any:
        return builder.lshr(builder.cttz(arguments[0], ir.IntType(1)(1)), _WORD(3))

    return types.int64(types.uint64), generate


load_byte: Callable[[int], int] = cast(Any, intrinsic(_load_byte))
"""The byte at an address, as an int64."""

load_word: Callable[[int], np.uint64] = cast(Any, intrinsic(_load_word))
"""The eight bytes from an address on, as a uint64, the first of them lowest."""

lowest_byte: Callable[[np.uint64], int] = cast(Any, intrinsic(_lowest_byte))
"""Which byte of a uint64 that is not 0 is the lowest with a bit set: 0 to 7, an int64."""
