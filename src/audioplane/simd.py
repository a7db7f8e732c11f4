"""Eight float32 pixels at a time inside numba kernels.

LLVM vectorises loops only where it can prove that arrays do not overlap and that trip counts are
long; a Gaussian covers a dozen pixels of a row, so it gives up on the rasterizer's inner loops.
This module adds a numba type for one LLVM vector `<8 x float>` with arithmetic, loads and stores;
LLVM maps it to AVX, to two NEON registers, or to plain code, whatever the machine has.

Legend: `Lanes` one vector; a *pair* one of sixteen, the same eight pixels of two rows: one register
where a machine has AVX-512, else two. Addresses are `array.ctypes.data` plus a byte offset, as
integers. What takes a `builder` writes LLVM code and is no function of a kernel.
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

FLOAT = ir.FloatType()
INT = ir.IntType(32)
INT_VECTOR = ir.VectorType(INT, LANES)


class Lanes(types.Type):
    """Numba type of one vector of `count` float32."""

    def __init__(self, count: int):
        super().__init__(f"f32x{count}")
        self.count = count
        self.vector = ir.VectorType(FLOAT, count)
        """LLVM's type."""


lanes, pair = Lanes(LANES), Lanes(2 * LANES)


@register_model(Lanes)
class _LanesModel(models.PrimitiveModel):
    def __init__(self, dmm, fe_type):
        super().__init__(dmm, fe_type, fe_type.vector)


def constant(value: float, like: Lanes = lanes):
    """The same number in all lanes, known when a kernel is compiled."""
    return ir.Constant(like.vector, [value] * like.count)


def spread_number(builder, value, like: Lanes = lanes):
    """The same number in all lanes."""
    zeros = ir.Constant(ir.VectorType(INT, like.count), [0] * like.count)
    nothing = ir.Constant(like.vector, ir.Undefined)
    single = builder.insert_element(nothing, value, INT(0))
    return builder.shuffle_vector(single, nothing, zeros)


def _common(*operands: types.Type) -> Lanes:
    """The type of the vectors among operands; of numbers alone, `lanes`."""
    return next((t for t in operands if isinstance(t, Lanes)), lanes)


def _as_vector(context, builder, typ, value, like: Lanes):
    if isinstance(typ, Lanes):
        return value
    return spread_number(builder, context.cast(builder, value, typ, types.float32), like)


def _vectors(context, builder, signature, args, like: Lanes):
    """All operands as vectors."""
    return (
        _as_vector(context, builder, t, v, like) for t, v in zip(signature.args, args, strict=True)
    )


def fused_multiply_add(builder, a, b, c):
    """a · b + c of vectors."""
    signature = ir.FunctionType(a.type, [a.type] * 3)
    fn = get_or_insert_function(builder.module, signature, f"llvm.fmuladd.v{a.type.count}f32")
    return builder.call(fn, [a, b, c])


def _binary(emit):
    """An intrinsic over two operands, each a vector or a number."""

    @intrinsic
    def operation(typingctx, a, b):
        made = _common(a, b)

        def codegen(context, builder, signature, args):
            return emit(builder, *_vectors(context, builder, signature, args, made))

        return made(a, b), codegen

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
    made = _common(a, b, c)

    def codegen(context, builder, signature, args):
        return fused_multiply_add(builder, *_vectors(context, builder, signature, args, made))

    return made(a, b, c), codegen


@intrinsic
def where_above(typingctx, a, b, yes, no):
    """`yes` where a > b, else `no`; false for NaN."""
    made = _common(a, b, yes, no)

    def codegen(context, builder, signature, args):
        a, b, yes, no = _vectors(context, builder, signature, args, made)
        return builder.select(builder.fcmp_ordered(">", a, b), yes, no)

    return made(a, b, yes, no), codegen


@intrinsic
def any_above(typingctx, a, limit):
    """True if any of the lanes exceeds `limit`."""
    bits = ir.IntType(a.count)

    def codegen(context, builder, signature, args):
        limit = _as_vector(context, builder, signature.args[1], args[1], a)
        mask = builder.bitcast(builder.fcmp_ordered(">", args[0], limit), bits)
        return builder.icmp_unsigned("!=", mask, bits(0))

    return types.boolean(a, limit), codegen


def _unary(name: str):
    """LLVM's elementwise function of one vector."""

    @intrinsic
    def operation(typingctx, x):
        def codegen(context, builder, signature, args):
            function = ir.FunctionType(x.vector, [x.vector])
            name_of_type = f"llvm.{name}.v{x.count}f32"
            return builder.call(
                get_or_insert_function(builder.module, function, name_of_type), args
            )

        return x(x), codegen

    return operation


square_root = _unary("sqrt")
round_up = _unary("ceil")
round_down = _unary("floor")


@intrinsic
def overlap_bits(typingctx, low, high, first, last):
    """Bit i is set where low[i] ≤ last and high[i] ≥ first: the spans that meet [first, last]."""

    def codegen(context, builder, signature, args):
        first, last = (_as_vector(context, builder, types.float32, x, lanes) for x in args[2:])
        meets = builder.and_(
            builder.fcmp_ordered("<=", args[0], last), builder.fcmp_ordered(">=", args[1], first)
        )
        bits = builder.bitcast(meets, ir.IntType(LANES))
        return builder.zext(bits, ir.IntType(32))

    return types.int32(low, high, types.float32, types.float32), codegen


def _fold(emit):
    """A reduction of the lanes to one number, always in the same order."""

    @intrinsic
    def operation(typingctx, value):
        def codegen(context, builder, signature, args):
            undefined = ir.Constant(lanes.vector, ir.Undefined)
            vector = args[0]
            for width in (4, 2, 1):
                index = [i + width if i < width else i for i in range(LANES)]
                order = ir.Constant(INT_VECTOR, index)
                vector = emit(builder, vector, builder.shuffle_vector(vector, undefined, order))
            return builder.extract_element(vector, INT(0))

        return types.float32(value), codegen

    return operation


lane_sum = _fold(lambda b, x, y: b.fadd(x, y))
lane_min = _fold(lambda b, x, y: b.select(b.fcmp_ordered("<", x, y), x, y))
lane_max = _fold(lambda b, x, y: b.select(b.fcmp_ordered(">", x, y), x, y))


@intrinsic
def broadcast(typingctx, value):
    """The same number eight times."""

    def codegen(context, builder, signature, args):
        return _as_vector(context, builder, signature.args[0], args[0], lanes)

    return lanes(value), codegen


@intrinsic
def make_lanes(typingctx, a, b, c):
    """a, b, c and zeros."""

    def codegen(context, builder, signature, args):
        vector = constant(0.0)
        for i, value in enumerate(args):
            vector = builder.insert_element(vector, value, INT(i))
        return vector

    return lanes(types.float32, types.float32, types.float32), codegen


@intrinsic
def count_up(typingctx, start):
    """start, start + 1, …, start + 7."""

    def codegen(context, builder, signature, args):
        steps = ir.Constant(lanes.vector, [float(i) for i in range(LANES)])
        start = _as_vector(context, builder, signature.args[0], args[0], lanes)
        return builder.fadd(start, steps)

    return lanes(start), codegen


def vector_pointer(builder, address, like: Lanes = lanes):
    """An address as where a vector lies."""
    return builder.inttoptr(address, like.vector.as_pointer())


def _load(made: Lanes):
    """A load of as many float32 as the type has."""

    @intrinsic
    def operation(typingctx, address):
        def codegen(context, builder, signature, args):
            return builder.load(vector_pointer(builder, args[0], made), align=4)

        return made(types.intp), codegen

    return operation


load = _load(lanes)
load_pair = _load(pair)


@intrinsic
def store(typingctx, address, value):
    """All lanes to an address."""

    def codegen(context, builder, signature, args):
        builder.store(args[1], vector_pointer(builder, args[0], value), align=4)
        return context.get_dummy_value()

    return types.void(types.intp, value), codegen


# Least largest relative error (8e-8) of a polynomial of degree 5 on ±ln(2)/2, highest power first.
_EXP_COEFFICIENTS = (
    0.008297619174693691,
    0.0419156292343123,
    0.16667576546141294,
    0.49998892661382494,
    0.9999996910686627,
    1.0000000718663569,
)
_ROUNDER = 1.5 * 2**23
"""Added to a small number it leaves the nearest integer in the lowest bits."""


@intrinsic
def exp_bounded(typingctx, x):
    """exp(x), relative error 3e-7 for |x| < 8; finite nonsense where |x| > 87."""

    bits = ir.VectorType(INT, x.count)

    def codegen(context, builder, signature, args):
        rounder = constant(_ROUNDER, x)
        shifted = fused_multiply_add(builder, args[0], constant(1.4426950408889634, x), rounder)
        n = builder.fsub(shifted, rounder)
        r = fused_multiply_add(builder, n, constant(-0.6931471805599453, x), args[0])
        series = constant(_EXP_COEFFICIENTS[0], x)
        for coefficient in _EXP_COEFFICIENTS[1:]:
            series = fused_multiply_add(builder, series, r, constant(coefficient, x))
        power = builder.shl(builder.bitcast(shifted, bits), ir.Constant(bits, [23] * x.count))
        return builder.bitcast(builder.add(builder.bitcast(series, bits), power), x.vector)

    return x(x), codegen


@intrinsic
def pick(typingctx, address, index):
    """The float32 that lies `index` places after an address."""

    def codegen(context, builder, signature, args):
        pointer = builder.inttoptr(args[0], FLOAT.as_pointer())
        index = context.cast(builder, args[1], signature.args[1], types.intp)
        return builder.load(builder.gep(pointer, [index]))

    return types.float32(types.intp, index), codegen


@intrinsic
def pick_pair(typingctx, address, index):
    """The float32 that lies `index` places after an address for the first row, the next one for the
    second."""

    def codegen(context, builder, signature, args):
        two = ir.VectorType(FLOAT, 2)
        pointer = builder.inttoptr(args[0], FLOAT.as_pointer())
        index = context.cast(builder, args[1], signature.args[1], types.intp)
        at = builder.bitcast(builder.gep(pointer, [index]), two.as_pointer())
        found = builder.load(at, align=4)
        rows = ir.Constant(ir.VectorType(INT, pair.count), [0] * LANES + [1] * LANES)
        return builder.shuffle_vector(found, ir.Constant(two, ir.Undefined), rows)

    return pair(types.intp, index), codegen


@intrinsic
def on_both_rows(typingctx, value):
    """The same eight pixels twice."""

    def codegen(context, builder, signature, args):
        order = ir.Constant(ir.VectorType(INT, pair.count), 2 * list(range(LANES)))
        return builder.shuffle_vector(args[0], ir.Constant(lanes.vector, ir.Undefined), order)

    return pair(lanes), codegen
