"""Eight float32 pixels at a time inside numba kernels.

LLVM vectorises loops only where it can prove that arrays do not overlap and that trip counts are
long; a Gaussian covers a dozen pixels of a row, so it gives up on the rasterizer's inner loops.
This module adds a numba type for one LLVM vector `<8 x float>` with arithmetic, loads and stores;
LLVM maps it to AVX, to two NEON registers, or to plain code, whatever the machine has.

Legend: `Lanes` one vector; addresses are `array.ctypes.data` plus a byte offset, as integers.
"""

import operator

from llvmlite import ir
from numba.core import types
from numba.core.cgutils import get_or_insert_function
from numba.core.datamodel import models
from numba.extending import intrinsic, overload, register_model

LANES = 8
"""Pixels in one vector."""
LANE_BYTES = 4 * LANES

_FLOAT = ir.FloatType()
_INT = ir.IntType(32)
_VECTOR = ir.VectorType(_FLOAT, LANES)
_INT_VECTOR = ir.VectorType(_INT, LANES)


class Lanes(types.Type):
    """Numba type of one vector of eight float32."""

    def __init__(self):
        super().__init__("f32x8")


lanes = Lanes()


@register_model(Lanes)
class _LanesModel(models.PrimitiveModel):
    def __init__(self, dmm, fe_type):
        super().__init__(dmm, fe_type, _VECTOR)


def _constant(value: float):
    return ir.Constant(_VECTOR, [value] * LANES)


def _broadcast(builder, value):
    zeros = ir.Constant(ir.VectorType(_INT, LANES), [0] * LANES)
    single = builder.insert_element(ir.Constant(_VECTOR, ir.Undefined), value, _INT(0))
    return builder.shuffle_vector(single, ir.Constant(_VECTOR, ir.Undefined), zeros)


def _as_vector(context, builder, typ, value):
    if isinstance(typ, Lanes):
        return value
    return _broadcast(builder, context.cast(builder, value, typ, types.float32))


def _muladd(builder, a, b, c):
    signature = ir.FunctionType(_VECTOR, [_VECTOR] * 3)
    fn = get_or_insert_function(builder.module, signature, f"llvm.fmuladd.v{LANES}f32")
    return builder.call(fn, [a, b, c])


def _binary(emit):
    """An intrinsic over two operands, each a vector or a number."""

    @intrinsic
    def operation(typingctx, a, b):
        def codegen(context, builder, signature, args):
            left, right = (
                _as_vector(context, builder, t, v)
                for t, v in zip(signature.args, args, strict=True)
            )
            return emit(builder, left, right)

        return lanes(a, b), codegen

    return operation


_add = _binary(lambda b, x, y: b.fadd(x, y))
_sub = _binary(lambda b, x, y: b.fsub(x, y))
_mul = _binary(lambda b, x, y: b.fmul(x, y))
_div = _binary(lambda b, x, y: b.fdiv(x, y))
smaller = _binary(lambda b, x, y: b.select(b.fcmp_ordered("<", x, y), x, y))
"""Elementwise minimum."""


def _overload_operator(op, operation):
    @overload(op)
    def implementation(a, b):
        if isinstance(a, Lanes) or isinstance(b, Lanes):
            return lambda a, b: operation(a, b)
        return None


for _op, _operation in (
    (operator.add, _add),
    (operator.sub, _sub),
    (operator.mul, _mul),
    (operator.truediv, _div),
):
    _overload_operator(_op, _operation)


@intrinsic
def muladd(typingctx, a, b, c):
    """a · b + c, fused where the machine can; operands are vectors or numbers."""

    def codegen(context, builder, signature, args):
        a, b, c = (
            _as_vector(context, builder, t, v) for t, v in zip(signature.args, args, strict=True)
        )
        return _muladd(builder, a, b, c)

    return lanes(a, b, c), codegen


@intrinsic
def where_above(typingctx, a, b, yes, no):
    """`yes` where a > b, else `no`; false for NaN."""

    def codegen(context, builder, signature, args):
        a, b, yes, no = (
            _as_vector(context, builder, t, v) for t, v in zip(signature.args, args, strict=True)
        )
        return builder.select(builder.fcmp_ordered(">", a, b), yes, no)

    return lanes(a, b, yes, no), codegen


@intrinsic
def any_above(typingctx, a, limit):
    """True if any of the eight exceeds `limit`."""

    def codegen(context, builder, signature, args):
        limit = _as_vector(context, builder, signature.args[1], args[1])
        mask = builder.bitcast(builder.fcmp_ordered(">", args[0], limit), ir.IntType(LANES))
        return builder.icmp_unsigned("!=", mask, ir.IntType(LANES)(0))

    return types.boolean(a, limit), codegen


@intrinsic
def broadcast(typingctx, value):
    """The same number eight times."""

    def codegen(context, builder, signature, args):
        return _as_vector(context, builder, signature.args[0], args[0])

    return lanes(value), codegen


@intrinsic
def count_up(typingctx, start):
    """start, start + 1, …, start + 7."""

    def codegen(context, builder, signature, args):
        steps = ir.Constant(_VECTOR, [float(i) for i in range(LANES)])
        return builder.fadd(_as_vector(context, builder, signature.args[0], args[0]), steps)

    return lanes(start), codegen


def _pointer(builder, address):
    return builder.inttoptr(address, _VECTOR.as_pointer())


@intrinsic
def load(typingctx, address):
    """Eight float32 from an address."""

    def codegen(context, builder, signature, args):
        return builder.load(_pointer(builder, args[0]), align=4)

    return lanes(types.intp), codegen


@intrinsic
def store(typingctx, address, value):
    """Eight float32 to an address."""

    def codegen(context, builder, signature, args):
        builder.store(args[1], _pointer(builder, args[0]), align=4)
        return context.get_dummy_value()

    return types.void(types.intp, value), codegen


@intrinsic
def lane_sum(typingctx, value):
    """Sum of the eight, always in the same order."""

    def codegen(context, builder, signature, args):
        undefined = ir.Constant(_VECTOR, ir.Undefined)
        vector = args[0]
        for width in (4, 2, 1):
            index = [i + width if i < width else i for i in range(LANES)]
            order = ir.Constant(_INT_VECTOR, index)
            vector = builder.fadd(vector, builder.shuffle_vector(vector, undefined, order))
        return builder.extract_element(vector, _INT(0))

    return types.float32(value), codegen


_EXP_COEFFICIENTS = (1 / 720, 1 / 120, 1 / 24, 1 / 6, 1 / 2, 1.0, 1.0)


@intrinsic
def exp_negative(typingctx, x):
    """exp(−x) for x ≥ 0, relative error 2e-7; below 1e-38 it is zero."""

    def codegen(context, builder, signature, args):
        limit = _constant(87.0)
        clamped = builder.select(builder.fcmp_ordered("<", args[0], limit), args[0], limit)
        log2 = builder.fmul(clamped, _constant(-1.4426950408889634))
        whole = builder.fptosi(builder.fsub(log2, _constant(0.5)), _INT_VECTOR)
        n = builder.sitofp(whole, _VECTOR)
        # ln 2 in two parts keeps the remainder exact in float32.
        r = _muladd(builder, n, _constant(-0.693359375), builder.fneg(clamped))
        r = _muladd(builder, n, _constant(2.12194440e-4), r)
        series = _constant(_EXP_COEFFICIENTS[0])
        for coefficient in _EXP_COEFFICIENTS[1:]:
            series = _muladd(builder, series, r, _constant(coefficient))
        bits = builder.shl(
            builder.add(whole, ir.Constant(_INT_VECTOR, [127] * LANES)),
            ir.Constant(_INT_VECTOR, [23] * LANES),
        )
        return builder.fmul(series, builder.bitcast(bits, _VECTOR))

    return lanes(x), codegen
