"""Several vectors at once inside numba kernels: an image's channels, and sums over lanes.

A tuple of vectors is as long as the tuple of numbers given as its template, for which a kernel is
compiled; it stays in registers. Legend as in `simd`; *planes* lie a constant number of bytes apart.
"""

from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

from audioplane.simd import (
    FLOAT,
    INT,
    INT_VECTOR,
    LANE_BYTES,
    LANES,
    Lanes,
    constant,
    fused_multiply_add,
    lanes,
    pair,
    spread_number,
    vector_pointer,
)


def _broadcast_load(builder, address, index: int, like: Lanes = lanes):
    pointer = builder.inttoptr(address, FLOAT.as_pointer())
    return spread_number(builder, builder.load(builder.gep(pointer, [INT(index)])), like)


def _elements(builder, count: int, value):
    return [builder.extract_value(value, i) for i in range(count)]


def _tuple(context, builder, typ, elements):
    return context.make_tuple(builder, typ, elements)


@intrinsic
def zero_pairs(typingctx, template):
    """A tuple of pairs of zeros, as long as the tuple `template`."""
    many = types.UniTuple(pair, len(template))

    def codegen(context, builder, signature, args):
        return _tuple(context, builder, many, [constant(0.0, pair)] * many.count)

    return many(template), codegen


def _row(which: int):
    """The eight pixels of one row of each pair in a tuple."""

    @intrinsic
    def operation(typingctx, pairs):
        many = types.UniTuple(lanes, pairs.count)

        def codegen(context, builder, signature, args):
            order = ir.Constant(INT_VECTOR, list(range(which * LANES, (which + 1) * LANES)))
            undefined = ir.Constant(pair.vector, ir.Undefined)
            rows = [
                builder.shuffle_vector(x, undefined, order)
                for x in _elements(builder, many.count, args[0])
            ]
            return _tuple(context, builder, many, rows)

        return many(pairs), codegen

    return operation


first_row, second_row = _row(0), _row(1)


@intrinsic
def load_planes(typingctx, template, address, stride):
    """As many vectors as `template` is long, `stride` bytes apart."""
    many = types.UniTuple(lanes, len(template))

    def codegen(context, builder, signature, args):
        at, vectors = args[1], []
        for _ in range(many.count):
            vectors.append(builder.load(vector_pointer(builder, at), align=4))
            at = builder.add(at, args[2])
        return _tuple(context, builder, many, vectors)

    return many(template, types.intp, types.intp), codegen


@intrinsic
def store_planes(typingctx, many, address, stride):
    """Store each vector of a tuple, `stride` bytes apart."""

    def codegen(context, builder, signature, args):
        at = args[1]
        for vector in _elements(builder, many.count, args[0]):
            builder.store(vector, vector_pointer(builder, at), align=4)
            at = builder.add(at, args[2])
        return context.get_dummy_value()

    return types.void(many, types.intp, types.intp), codegen


@intrinsic
def muladd_many(typingctx, many, weight, address):
    """Each vector of a tuple plus weight times the number at its place in memory."""

    def codegen(context, builder, signature, args):
        like = many.dtype
        vectors = [
            fused_multiply_add(builder, args[1], _broadcast_load(builder, args[2], i, like), vector)
            for i, vector in enumerate(_elements(builder, many.count, args[0]))
        ]
        return _tuple(context, builder, many, vectors)

    return many(many, many.dtype, types.intp), codegen


@intrinsic
def muladd_apart(typingctx, many, weight, address, stride):
    """Each vector of a tuple plus weight times the number at its place in memory, `stride` bytes
    apart."""

    def codegen(context, builder, signature, args):
        at, like, vectors = args[2], many.dtype, []
        for vector in _elements(builder, many.count, args[0]):
            number = _broadcast_load(builder, at, 0, like)
            vectors.append(fused_multiply_add(builder, args[1], number, vector))
            at = builder.add(at, args[3])
        return _tuple(context, builder, many, vectors)

    return many(many, many.dtype, types.intp, types.intp), codegen


@intrinsic
def dot_many(typingctx, start, many, address):
    """start + Σ over a tuple of each vector times the number at its place in memory."""

    def codegen(context, builder, signature, args):
        total = args[0]
        for i, vector in enumerate(_elements(builder, many.count, args[1])):
            total = fused_multiply_add(builder, vector, _broadcast_load(builder, args[2], i), total)
        return total

    return lanes(lanes, many, types.intp), codegen


@intrinsic
def dot_planes(typingctx, start, many, address, stride):
    """start + Σ over a tuple of each vector times the vector in memory, `stride` bytes apart."""

    def codegen(context, builder, signature, args):
        total, at = args[0], args[2]
        for vector in _elements(builder, many.count, args[1]):
            other = builder.load(vector_pointer(builder, at), align=4)
            total = fused_multiply_add(builder, vector, other, total)
            at = builder.add(at, args[3])
        return total

    return lanes(lanes, many, types.intp, types.intp), codegen


def _merge(builder, first, second, low, high):
    """Sum of two picks of eight lanes out of two vectors."""
    picks = (
        builder.shuffle_vector(first, second, ir.Constant(INT_VECTOR, index))
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
    at = vector_pointer(builder, builder.add(address, ir.Constant(address.type, offset)))
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
        vectors += [constant(0.0)] * (-len(vectors) % LANES)
        for start in range(0, len(vectors), LANES):
            sums = _sum_eight(builder, vectors[start : start + LANES])
            _add_to(builder, args[0], LANE_BYTES + 4 * start, sums)
            if start == 0:
                alternate = ir.Constant(INT_VECTOR, (0, 1, 0, 1, 4, 5, 4, 5))
                pair = builder.shuffle_vector(sums, sums, alternate)
                _add_to(builder, args[0], 0, builder.fmul(pair, args[6]))
        return context.get_dummy_value()

    return types.void(types.intp, lanes, lanes, lanes, lanes, many, lanes), codegen
