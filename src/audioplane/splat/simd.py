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


def _unary(name: str):
    """LLVM's elementwise function of one vector."""

    @intrinsic
    def operation(typingctx, x):
        def codegen(context, builder, signature, args):
            function = ir.FunctionType(_VECTOR, [_VECTOR])
            name_of_type = f"llvm.{name}.v{LANES}f32"
            return builder.call(
                get_or_insert_function(builder.module, function, name_of_type), args
            )

        return lanes(x), codegen

    return operation


square_root = _unary("sqrt")
round_up = _unary("ceil")
round_down = _unary("floor")


@intrinsic
def overlap_bits(typingctx, low, high, first, last):
    """Bit i is set where low[i] ≤ last and high[i] ≥ first: the spans that meet [first, last]."""

    def codegen(context, builder, signature, args):
        first, last = (_as_vector(context, builder, types.float32, x) for x in args[2:])
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
            undefined = ir.Constant(_VECTOR, ir.Undefined)
            vector = args[0]
            for width in (4, 2, 1):
                index = [i + width if i < width else i for i in range(LANES)]
                order = ir.Constant(_INT_VECTOR, index)
                vector = emit(builder, vector, builder.shuffle_vector(vector, undefined, order))
            return builder.extract_element(vector, _INT(0))

        return types.float32(value), codegen

    return operation


lane_sum = _fold(lambda b, x, y: b.fadd(x, y))
lane_min = _fold(lambda b, x, y: b.select(b.fcmp_ordered("<", x, y), x, y))
lane_max = _fold(lambda b, x, y: b.select(b.fcmp_ordered(">", x, y), x, y))


@intrinsic
def broadcast(typingctx, value):
    """The same number eight times."""

    def codegen(context, builder, signature, args):
        return _as_vector(context, builder, signature.args[0], args[0])

    return lanes(value), codegen


@intrinsic
def make_lanes(typingctx, a, b, c):
    """a, b, c and zeros."""

    def codegen(context, builder, signature, args):
        vector = _constant(0.0)
        for i, value in enumerate(args):
            vector = builder.insert_element(vector, value, _INT(i))
        return vector

    return lanes(types.float32, types.float32, types.float32), codegen


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

    def codegen(context, builder, signature, args):
        rounder = _constant(_ROUNDER)
        shifted = _muladd(builder, args[0], _constant(1.4426950408889634), rounder)
        n = builder.fsub(shifted, rounder)
        r = _muladd(builder, n, _constant(-0.6931471805599453), args[0])
        series = _constant(_EXP_COEFFICIENTS[0])
        for coefficient in _EXP_COEFFICIENTS[1:]:
            series = _muladd(builder, series, r, _constant(coefficient))
        power = builder.shl(
            builder.bitcast(shifted, _INT_VECTOR), ir.Constant(_INT_VECTOR, [23] * LANES)
        )
        return builder.bitcast(builder.add(builder.bitcast(series, _INT_VECTOR), power), _VECTOR)

    return lanes(x), codegen


def _broadcast_load(builder, address, index: int):
    pointer = builder.inttoptr(address, _FLOAT.as_pointer())
    return _broadcast(builder, builder.load(builder.gep(pointer, [_INT(index)])))


def _elements(builder, count: int, value):
    return [builder.extract_value(value, i) for i in range(count)]


def _tuple(context, builder, typ, elements):
    return context.make_tuple(builder, typ, elements)


@intrinsic
def zeros_like(typingctx, template):
    """A tuple of zero vectors, as long as the tuple `template`."""
    many = types.UniTuple(lanes, len(template))

    def codegen(context, builder, signature, args):
        return _tuple(context, builder, many, [_constant(0.0)] * many.count)

    return many(template), codegen


@intrinsic
def load_planes(typingctx, template, address, stride):
    """As many vectors as `template` is long, `stride` bytes apart."""
    many = types.UniTuple(lanes, len(template))

    def codegen(context, builder, signature, args):
        at, vectors = args[1], []
        for _ in range(many.count):
            vectors.append(builder.load(_pointer(builder, at), align=4))
            at = builder.add(at, args[2])
        return _tuple(context, builder, many, vectors)

    return many(template, types.intp, types.intp), codegen


@intrinsic
def store_planes(typingctx, many, address, stride):
    """Store each vector of a tuple, `stride` bytes apart."""

    def codegen(context, builder, signature, args):
        at = args[1]
        for vector in _elements(builder, many.count, args[0]):
            builder.store(vector, _pointer(builder, at), align=4)
            at = builder.add(at, args[2])
        return context.get_dummy_value()

    return types.void(many, types.intp, types.intp), codegen


@intrinsic
def muladd_many(typingctx, many, weight, address):
    """Each vector of a tuple plus weight times the number at its place in memory."""

    def codegen(context, builder, signature, args):
        vectors = [
            _muladd(builder, args[1], _broadcast_load(builder, args[2], i), vector)
            for i, vector in enumerate(_elements(builder, many.count, args[0]))
        ]
        return _tuple(context, builder, many, vectors)

    return many(many, lanes, types.intp), codegen


@intrinsic
def dot_many(typingctx, start, many, address):
    """start + Σ over a tuple of each vector times the number at its place in memory."""

    def codegen(context, builder, signature, args):
        total = args[0]
        for i, vector in enumerate(_elements(builder, many.count, args[1])):
            total = _muladd(builder, vector, _broadcast_load(builder, args[2], i), total)
        return total

    return lanes(lanes, many, types.intp), codegen


@intrinsic
def dot_planes(typingctx, start, many, address, stride):
    """start + Σ over a tuple of each vector times the vector in memory, `stride` bytes apart."""

    def codegen(context, builder, signature, args):
        total, at = args[0], args[2]
        for vector in _elements(builder, many.count, args[1]):
            other = builder.load(_pointer(builder, at), align=4)
            total = _muladd(builder, vector, other, total)
            at = builder.add(at, args[3])
        return total

    return lanes(lanes, many, types.intp, types.intp), codegen


def _merge(builder, first, second, low, high):
    """Sum of two picks of eight lanes out of two vectors."""
    picks = (
        builder.shuffle_vector(first, second, ir.Constant(_INT_VECTOR, index))
        for index in (low, high)
    )
    return builder.fadd(*picks)


def _sum_eight(builder, v):
    """The sums over the lanes of eight vectors, as one vector, by shuffles of one instruction."""
    pairs = ((0, 1, 8, 9, 4, 5, 12, 13), (2, 3, 10, 11, 6, 7, 14, 15))
    neighbours = ((0, 2, 8, 10, 4, 6, 12, 14), (1, 3, 9, 11, 5, 7, 13, 15))
    halves = ((0, 1, 2, 3, 8, 9, 10, 11), (4, 5, 6, 7, 12, 13, 14, 15))
    for low, high in (pairs, neighbours, halves):
        v = [_merge(builder, a, b, low, high) for a, b in zip(v[::2], v[1::2], strict=True)]
    return v[0]


def _add_to(builder, address, offset: int, value):
    at = _pointer(builder, builder.add(address, ir.Constant(address.type, offset)))
    builder.store(builder.fadd(builder.load(at, align=4), value), at, align=4)


@intrinsic
def add_lane_sums(typingctx, address, first, second, third, weight, many, row):
    """Add lane sums to memory: of three vectors and of weight · each of a tuple.

    They go to address + 32 bytes on, in whole vectors. To the eight numbers at the address goes
    row · (first, second, first, second, …).
    """

    def codegen(context, builder, signature, args):
        vectors = [*args[1:4]]
        vectors += [builder.fmul(args[4], v) for v in _elements(builder, many.count, args[5])]
        vectors += [_constant(0.0)] * (-len(vectors) % LANES)
        for start in range(0, len(vectors), LANES):
            sums = _sum_eight(builder, vectors[start : start + LANES])
            _add_to(builder, args[0], LANE_BYTES + 4 * start, sums)
            if start == 0:
                alternate = ir.Constant(_INT_VECTOR, (0, 1, 0, 1, 4, 5, 4, 5))
                pair = builder.shuffle_vector(sums, sums, alternate)
                _add_to(builder, args[0], 0, builder.fmul(pair, args[6]))
        return context.get_dummy_value()

    return types.void(types.intp, lanes, lanes, lanes, lanes, many, lanes), codegen


@intrinsic
def pick(typingctx, address, index):
    """The float32 that lies `index` places after an address."""

    def codegen(context, builder, signature, args):
        pointer = builder.inttoptr(args[0], _FLOAT.as_pointer())
        index = context.cast(builder, args[1], signature.args[1], types.intp)
        return builder.load(builder.gep(pointer, [index]))

    return types.float32(types.intp, index), codegen
