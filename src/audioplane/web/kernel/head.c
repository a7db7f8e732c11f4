/* A head's memory, the deformation of its Gaussians, and the body's motion.

   The rules are those of audioplane/head (deformation.py, body_kernels.py). */

#include "head.h"

enum { HIDDEN = 64, GATE = 16, FIRST = HIDDEN + GATE, DELTA = 24 };
static const float MEAN_UNIT = 0.01f;

extern unsigned char __heap_base;
static uint32_t taken;

void *take(uint32_t bytes) {
  if (!taken) taken = ((uint32_t)&__heap_base + 15) & ~15u;
  uint32_t at = taken;
  taken += (bytes + 15) & ~15u;
  uint32_t pages = (taken + 65535) >> 16, has = __builtin_wasm_memory_size(0);
  if (pages > has) __builtin_wasm_memory_grow(0, pages - has);
  return (void *)at;
}

static float sin_small(float x) { /* |x| < pi / 2 */
  float q = x * x;
  return x * (1 - q / 6 * (1 - q / 20 * (1 - q / 42 * (1 - q / 72))));
}

/* out [4, columns] = x [4, k] . w [k, columns] + bias; columns a multiple of 8. */
static void product4(const float *x, int stride, const float *w, const float *bias, float *out,
                     int k, int columns) {
  for (int c = 0; c < columns; c += 8) {
    f4 b0 = LOAD(bias + c), b1 = LOAD(bias + c + 4);
    f4 a00 = b0, a01 = b1, a10 = b0, a11 = b1, a20 = b0, a21 = b1, a30 = b0, a31 = b1;
    const float *p = w + c;
    for (int i = 0; i < k; i++, p += columns) {
      f4 w0 = LOAD(p), w1 = LOAD(p + 4);
      f4 x0 = wasm_v128_load32_splat(x + i), x1 = wasm_v128_load32_splat(x + stride + i);
      f4 x2 = wasm_v128_load32_splat(x + 2 * stride + i);
      f4 x3 = wasm_v128_load32_splat(x + 3 * stride + i);
      a00 = ADD(a00, MUL(x0, w0)), a01 = ADD(a01, MUL(x0, w1));
      a10 = ADD(a10, MUL(x1, w0)), a11 = ADD(a11, MUL(x1, w1));
      a20 = ADD(a20, MUL(x2, w0)), a21 = ADD(a21, MUL(x2, w1));
      a30 = ADD(a30, MUL(x3, w0)), a31 = ADD(a31, MUL(x3, w1));
    }
    STORE(out + c, a00), STORE(out + c + 4, a01);
    STORE(out + columns + c, a10), STORE(out + columns + c + 4, a11);
    STORE(out + 2 * columns + c, a20), STORE(out + 2 * columns + c + 4, a21);
    STORE(out + 3 * columns + c, a30), STORE(out + 3 * columns + c + 4, a31);
  }
}

static void relu(float *x, int n) {
  for (int i = 0; i < n; i += 4) STORE(x + i, wasm_f32x4_pmax(SPLAT(0), LOAD(x + i)));
}

/* ---- a head ---- */

Head *API(make)(int n, int moving, int features, int width, int height, int has_body) {
  Head *h = take(sizeof(Head));
  *h = (Head){.n = n, .moving = moving, .features = features, .width = width, .height = height};
  int padded = (moving + 3) & ~3, pixels = width * height;
  h->means = take(12 * n), h->quats = take(16 * n), h->log_scales = take(12 * n);
  h->logits = take(4 * n), h->sh = take(4 * SH * n);
  h->weights = has_body ? take(4 * n) : 0;
  h->index = take(4 * padded), h->S = take(4 * padded * features);
  h->first = take(4 * features * FIRST), h->first_bias = take(4 * FIRST);
  h->second = take(4 * HIDDEN * HIDDEN), h->second_bias = take(4 * HIDDEN);
  h->third = take(4 * HIDDEN * DELTA), h->third_bias = take(4 * DELTA), h->gate = take(4 * 20);
  h->code = take(4 * features), h->view = take(64), h->motion = take(64);
  h->waves = take(8 * pixels), h->grain = take(4 * pixels);
  h->plate = take(4 * pixels), h->out = take(4 * pixels);
  h->m_means = take(12 * n), h->m_quats = take(16 * n), h->m_scales = take(12 * n);
  h->m_opacities = take(4 * n), h->m_limits = take(4 * n), h->m_sh = take(4 * SH * n);
  h->p_means = take(12 * n), h->p_quats = take(16 * n), h->scaled = take(4 * features * FIRST);
  h->record = take(48 * n), h->extents = take(8 * n), h->depths = take(4 * n);
  h->order = take(4 * n), h->other = take(4 * n), h->first_band = take(8 * n);
  h->band_start = take(4 * (height / BAND + 3));
  h->tiles = (width + 7) / 8;
  h->counts = take(4 * h->tiles);
  h->strengths = take(4 * 64 * 64 * 16), h->cell_counts = take(4 * 64 * 64 * 16);
  return h;
}

static void activate(Head *h, int i, float logit) {
  h->m_opacities[i] = 1 / (1 + exp1(-logit));
  h->m_limits[i] = log1(h->m_opacities[i] * 255);
}

/* Gaussians that nothing moves are made ready once. */
void API(start)(Head *h) {
  for (int i = 0; i < 3 * h->n; i++) {
    h->m_means[i] = h->means[i];
    h->m_scales[i] = exp1(h->log_scales[i]);
  }
  for (int i = 0; i < 4 * h->n; i++) h->m_quats[i] = h->quats[i];
  for (int i = 0; i < SH * h->n; i++) h->m_sh[i] = h->sh[i];
  for (int i = 0; i < h->n; i++) activate(h, i, h->logits[i]);
}

/* Eq. 7 for the moving Gaussians [from, to) under `code`: G' = G + d * dG. */
void API(deform)(Head *h, int from, int to) {
  static float hidden[4 * FIRST], split[4 * HIDDEN], next[4 * HIDDEN], delta[4 * DELTA];
  for (int k = 0; k < h->features; k++) {
    f4 c = SPLAT(h->code[k]);
    for (int j = 0; j < FIRST; j += 4)
      STORE(h->scaled + k * FIRST + j, MUL(c, LOAD(h->first + k * FIRST + j)));
  }
  for (int row = from; row < to; row += 4) {
    /* The last rows again rather than those of the other code. */
    int base = row + 4 > to && to - 4 >= from ? to - 4 : row;
    product4(h->S + base * h->features, h->features, h->scaled, h->first_bias, hidden, h->features,
             FIRST);
    relu(hidden, 4 * FIRST);
    for (int r = 0; r < 4; r++)
      for (int j = 0; j < HIDDEN; j += 4)
        STORE(split + r * HIDDEN + j, LOAD(hidden + r * FIRST + j));
    product4(split, HIDDEN, h->second, h->second_bias, next, HIDDEN, HIDDEN);
    relu(next, 4 * HIDDEN);
    product4(next, HIDDEN, h->third, h->third_bias, delta, HIDDEN, DELTA);
    for (int r = 0; r < 4 && base + r < to; r++) {
      float gate = h->gate[GATE];
      for (int j = 0; j < GATE; j++) gate += hidden[r * FIRST + HIDDEN + j] * h->gate[j];
      float d = 1 / (1 + exp1(-gate));
      const float *x = delta + r * DELTA;
      int i = h->index[base + r];
      for (int a = 0; a < 3; a++) {
        h->m_means[3 * i + a] = h->means[3 * i + a] + d * MEAN_UNIT * x[a];
        h->m_scales[3 * i + a] = exp1(h->log_scales[3 * i + a] + d * x[7 + a]);
      }
      for (int a = 0; a < 4; a++) h->m_quats[4 * i + a] = h->quats[4 * i + a] + d * x[3 + a];
      activate(h, i, h->logits[i] + d * x[10]);
      for (int a = 0; a < SH; a++) h->m_sh[SH * i + a] = h->sh[SH * i + a] + d * x[11 + a];
    }
  }
}

void follow_body(Head *h) {
  const float *m = h->motion, *turn = h->motion + 12;
  float angle = __builtin_sqrtf(turn[0] * turn[0] + turn[1] * turn[1] + turn[2] * turn[2]);
  if (angle < 1e-8f) angle = 1e-8f;
  float ux = turn[0] / angle, uy = turn[1] / angle, uz = turn[2] / angle;
  for (int i = 0; i < h->n; i++) {
    float w = h->weights[i];
    const float *p = h->m_means + 3 * i, *q = h->m_quats + 4 * i;
    for (int a = 0; a < 3; a++) {
      const float *r = m + 4 * a;
      h->p_means[3 * i + a] = p[a] + w * (r[0] * p[0] + r[1] * p[1] + r[2] * p[2] + r[3]);
    }
    float s = sin_small(0.5f * w * angle), c = __builtin_sqrtf(1 - s * s);
    float x = s * ux, y = s * uy, z = s * uz, *o = h->p_quats + 4 * i;
    o[0] = c * q[0] - x * q[1] - y * q[2] - z * q[3];
    o[1] = c * q[1] + x * q[0] + y * q[3] - z * q[2];
    o[2] = c * q[2] + y * q[0] + z * q[1] - x * q[3];
    o[3] = c * q[3] + z * q[0] + x * q[2] - y * q[1];
  }
}

