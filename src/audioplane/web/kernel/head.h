/* A head in memory, and four numbers at a time. All numbers are float32. */

#ifndef AUDIOPLANE_HEAD
#define AUDIOPLANE_HEAD

#include <stdint.h>
#include <wasm_simd128.h>

#define API(name) __attribute__((export_name(#name))) name
typedef v128_t f4;
#define SPLAT wasm_f32x4_splat
#define ADD wasm_f32x4_add
#define SUB wasm_f32x4_sub
#define MUL wasm_f32x4_mul
#define LOAD wasm_v128_load
#define STORE wasm_v128_store

enum { SH = 12, BAND = 8 }; /* spherical harmonics of a colour; rows of a band */

/* A head and its canvas. JavaScript fills the arrays up to `origins` (engine.js knows their order). */
typedef struct {
  int n, moving, features, width, height;
  float *means, *quats, *log_scales, *logits, *sh;   /* raw [n, 3|4|3|1|12] */
  float *weights;                                    /* the body's [n], 0 where there is none */
  int *index;                                        /* of the moving Gaussians */
  float *S;                                          /* [moving rounded up to 4, features] */
  float *first, *first_bias, *second, *second_bias;  /* [features, 80], [80], [64, 64], [64] */
  float *third, *third_bias, *gate;                  /* [64, 24], [24], [17] */
  float *code;                                       /* [features] */
  float *view, *motion;                              /* [3, 4] + fx fy cx cy; [3, 4] + rotation */
  float *waves, *grain;                              /* of the mark [2, h, w], [h, w] */
  uint8_t *plate, *out;                              /* RGBA [h, w] */
  int8_t *texture;                                   /* of the detail map [h + 2, w + 2], or 0 */
  int *carriers;                                     /* of its mesh [rows, columns, carried] */
  float *shares, *origins;                           /* theirs, [rows, columns, 2] */
  /* from here on the kernels' own */
  float *m_means, *m_quats, *m_scales, *m_opacities, *m_limits, *m_sh;
  float *p_means, *p_quats, *scaled, *record, *extents, *depths, *ready;
  int *order, *other, *first_band, *pairs, *band_start, *reach, *counts, *listed;
  int drawn, room, tiles;
  float *strengths, *cell_counts;
  int carried;
  float *moved, *seen;
} Head;

/* Memory that is never given back. */
void *take(uint32_t bytes);

/* Means and quaternions where the body is (head/body_kernels.py). */
void follow_body(Head *h);

/* The detail map's part in a frame and in eight of its pixels (detail.c). */
void place_detail(Head *h);
void add_detail(const Head *h, int y, int tile, float *made);

/* 2^x, relative error 2.6e-6. */
static inline f4 exp2_4(f4 x) {
  const f4 rounder = SPLAT(12582912.0f);
  f4 shifted = ADD(x, rounder), r = SUB(x, SUB(shifted, rounder));
  f4 s = ADD(MUL(SPLAT(0.0095701019f), r), SPLAT(0.0559178618f));
  s = ADD(MUL(s, r), SPLAT(0.2402474484f));
  s = ADD(MUL(s, r), SPLAT(0.6931218146f));
  s = ADD(MUL(s, r), SPLAT(0.9999992614f));
  return wasm_i32x4_add(s, wasm_i32x4_shl(shifted, 23));
}

/* exp(x), relative error 3e-7 for |x| < 8; finite nonsense where |x| > 87. */
static inline f4 exp4(f4 x) {
  const f4 rounder = SPLAT(12582912.0f);
  f4 shifted = ADD(MUL(x, SPLAT(1.4426950408889634f)), rounder);
  f4 n = SUB(shifted, rounder);
  f4 r = SUB(x, MUL(n, SPLAT(0.6931471805599453f)));
  f4 s = ADD(MUL(SPLAT(0.008297619174693691f), r), SPLAT(0.0419156292343123f));
  s = ADD(MUL(s, r), SPLAT(0.16667576546141294f));
  s = ADD(MUL(s, r), SPLAT(0.49998892661382494f));
  s = ADD(MUL(s, r), SPLAT(0.9999996910686627f));
  s = ADD(MUL(s, r), SPLAT(1.0000000718663569f));
  return wasm_i32x4_add(s, wasm_i32x4_shl(shifted, 23));
}

static inline float exp1(float x) {
  x = x > 80 ? 80 : x < -80 ? -80 : x;
  return wasm_f32x4_extract_lane(exp4(SPLAT(x)), 0);
}

static inline float log1(float x) { /* x > 0 */
  union { float f; uint32_t u; } bits = {x};
  int e = (int)(bits.u >> 23) - 127;
  bits.u = (bits.u & 0x7fffffu) | 0x3f800000u;
  if (bits.f > 1.41421356f) bits.f *= 0.5f, e++;
  float t = (bits.f - 1) / (bits.f + 1), q = t * t;
  float series = 1 + q * (1.0f / 3 + q * (0.2f + q * (1.0f / 7 + q * (1.0f / 9))));
  return 2 * t * series + e * 0.6931471805599453f;
}

#endif
