/* Projection, sorting, blending and compositing.

   The rules are those of audioplane/splat (constants.py, cpu_project.py, cpu_bands.py,
   cpu_blend.py); its blocks are of eight pixels of one row, here two vectors of four.

   Legend: sigma the Gaussian's exponent, alpha its opacity in a pixel, T transmittance before it. */

#include "head.h"

enum { SORT_BITS = 11, SORT_PASSES = 3, SORT_BINS = 1 << SORT_BITS };
static const float EPS2D = 0.3f, ALPHA_MAX = 0.999f, ALPHA_MIN = 1.0f / 255, T_MIN = 1e-4f;
static const float NEAR = 0.01f, FIELD_MARGIN = 0.15f;
static const float SH_C0 = 0.28209479177387814f, SH_C1 = 0.4886025119029199f;
static const float LOG_ALPHA_MIN = -5.541263545158426f, LOG2_E = 1.4426950408889634f;

/* ---- projection ---- */

static float clamp(float x, float low, float high) { return x < low ? low : x > high ? high : x; }

/* x, y, A, B, C, opacity, limit, _, r, g, b, _ of one Gaussian; of one that is not drawn x and y
   alone, and extents 0. */
static void project(Head *h, int i, const float *m, const float *q, const float *centre) {
  const float *V = h->view;
  float fx = V[12], fy = V[13], cx = V[14], cy = V[15], W = h->width, H = h->height;
  float *e = h->extents + 2 * i, *o = h->record + 12 * i;
  e[0] = e[1] = 0;
  float px = V[0] * m[0] + V[1] * m[1] + V[2] * m[2] + V[3];
  float py = V[4] * m[0] + V[5] * m[1] + V[6] * m[2] + V[7];
  float pz = V[8] * m[0] + V[9] * m[1] + V[10] * m[2] + V[11];
  float opacity = h->m_opacities[i];
  float rz = 1 / pz, mx = fx * px * rz + cx, my = fy * py * rz + cy;
  h->depths[i] = pz, o[0] = mx, o[1] = my;
  if (!(pz > NEAR) || !(opacity > ALPHA_MIN)) return;
  float w = q[0], x = q[1], y = q[2], z = q[3];
  float squared = w * w + x * x + y * y + z * z;
  if (squared > 0) {
    float inverse = 1 / __builtin_sqrtf(squared);
    w *= inverse, x *= inverse, y *= inverse, z *= inverse;
  }
  float R[3][3] = {{1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)},
                   {2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)},
                   {2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)}};
  float u = clamp(px * rz, (-cx - FIELD_MARGIN * W) / fx, (W - cx + FIELD_MARGIN * W) / fx);
  float v = clamp(py * rz, (-cy - FIELD_MARGIN * H) / fy, (H - cy + FIELD_MARGIN * H) / fy);
  float t0[3], t1[3], a = EPS2D, b = 0, c = EPS2D;
  for (int k = 0; k < 3; k++) {
    t0[k] = fx * rz * (V[k] - u * V[8 + k]);
    t1[k] = fy * rz * (V[4 + k] - v * V[8 + k]);
  }
  for (int k = 0; k < 3; k++) {
    float s = h->m_scales[3 * i + k];
    float u0 = (t0[0] * R[0][k] + t0[1] * R[1][k] + t0[2] * R[2][k]) * s;
    float u1 = (t1[0] * R[0][k] + t1[1] * R[1][k] + t1[2] * R[2][k]) * s;
    a += u0 * u0, b += u0 * u1, c += u1 * u1;
  }
  float det = a * c - b * b;
  if (!(det > 0)) return;
  float cut = 2 * h->m_limits[i], ex = __builtin_sqrtf(cut * a), ey = __builtin_sqrtf(cut * c);
  if (!(mx + ex > 0.5f && mx - ex < W - 0.5f && my + ey > 0.5f && my - ey < H - 0.5f)) return;
  e[0] = ex, e[1] = ey;
  o[2] = c / det, o[3] = -b / det, o[4] = a / det;
  o[5] = opacity, o[6] = h->m_limits[i];
  float dx = m[0] - centre[0], dy = m[1] - centre[1], dz = m[2] - centre[2];
  float unit = SH_C1 / __builtin_sqrtf(dx * dx + dy * dy + dz * dz);
  const float *sh = h->m_sh + SH * i;
  for (int k = 0; k < 3; k++) {
    float colour = SH_C0 * sh[k] + 0.5f;
    colour += unit * (dz * sh[6 + k] - dy * sh[3 + k] - dx * sh[9 + k]);
    o[8 + k] = colour > 0 ? colour : 0;
  }
}

/* ---- order and bands ---- */

/* The drawn Gaussians, nearest first, equal depths by index. */
static void sort(Head *h) {
  static int counts[SORT_PASSES][SORT_BINS];
  const uint32_t *bits = (const uint32_t *)h->depths;
  for (int d = 0; d < SORT_PASSES; d++)
    for (int v = 0; v < SORT_BINS; v++) counts[d][v] = 0;
  int n = 0;
  for (int i = 0; i < h->n; i++)
    if (h->extents[2 * i] > 0) {
      h->order[n++] = i;
      for (int d = 0; d < SORT_PASSES; d++)
        counts[d][(bits[i] >> (d * SORT_BITS)) & (SORT_BINS - 1)]++;
    }
  for (int d = 0; d < SORT_PASSES; d++) {
    int start = 0;
    for (int v = 0; v < SORT_BINS; v++) {
      int count = counts[d][v];
      counts[d][v] = start;
      start += count;
    }
    for (int k = 0; k < n; k++) {
      int v = (bits[h->order[k]] >> (d * SORT_BITS)) & (SORT_BINS - 1);
      h->other[counts[d][v]++] = h->order[k];
    }
    int *swap = h->order;
    h->order = h->other, h->other = swap;
  }
  h->drawn = n;
}

/* For each band the Gaussians that can touch it, in drawing order. */
static void fill_bands(Head *h) {
  int bands = (h->height + BAND - 1) / BAND, *start = h->band_start, longest = 0;
  for (int b = 0; b <= bands; b++) start[b] = 0;
  for (int k = 0; k < h->drawn; k++) {
    int i = h->order[k];
    float y = h->record[12 * i + 1], e = h->extents[2 * i + 1];
    float top = y - e - 0.5f, end = y + e - 0.5f;
    int first = top > 0 ? (int)__builtin_ceilf(top) / BAND : 0;
    int last = end < h->height - 1 ? (int)__builtin_floorf(end) : h->height - 1;
    last = (last + BAND) / BAND - 1;
    h->first_band[2 * k] = first, h->first_band[2 * k + 1] = last;
    for (int b = first; b <= last; b++) start[b + 1]++;
  }
  for (int b = 0; b < bands; b++) {
    if (start[b + 1] > longest) longest = start[b + 1];
    start[b + 1] += start[b];
  }
  if (start[bands] > h->room) { /* with room to spare, so that this ends after a few frames */
    h->room = start[bands] * 2;
    h->pairs = take(4 * h->room);
  }
  static int most;
  if (longest > most) {
    most = longest * 2;
    h->ready = take(4 * 24 * most), h->listed = take(4 * most);
    h->reach = take(4 * most * h->tiles);
  }
  for (int k = 0; k < h->drawn; k++)
    for (int b = h->first_band[2 * k]; b <= h->first_band[2 * k + 1]; b++)
      h->pairs[start[b]++] = h->order[k];
  for (int b = bands; b > 0; b--) start[b] = start[b - 1];
  start[0] = 0;
}

/* ---- blending ---- */

enum { READY = 24, ROWS_BDY = 4, ROWS_REST = 12 };
/* A ready record: x, -A/2, g, b; of the eight rows -B*dy, ln(opacity) - C/2*dy*dy; then r at 20.
   What makes the exponent is multiplied by LOG2_E: powers of two take fewer operations. */

/* Of a band's Gaussians what its eight rows need, and the tiles' lists of those that reach them:
   entries are 256 * the place in the band + a bit for each row. */
static void ready_band(Head *h, const int *items, int count, int top, int stride) {
  for (int t = 0; t < h->tiles; t++) h->counts[t] = 0;
  f4 rows0 = ADD(SPLAT(top + 0.5f), wasm_f32x4_make(0, 1, 2, 3)), rows1 = ADD(rows0, SPLAT(4));
  for (int j = 0; j < count; j++) {
    const float *g = h->record + 12 * items[j];
    float *o = h->ready + READY * j, low[8], high[8];
    float inverse = 1 / g[2], first = 1e9f, last = -1e9f;
    f4 centre0 = SPLAT(g[0] - 0.5f);
    for (int half = 0; half < 2; half++) {
      f4 dy = SUB(half ? rows1 : rows0, SPLAT(g[1])), bdy = MUL(dy, SPLAT(g[3]));
      f4 rest = MUL(MUL(dy, dy), SPLAT(0.5f * g[4]));
      f4 inside = ADD(MUL(bdy, bdy), MUL(SUB(SPLAT(g[6]), rest), SPLAT(2 * g[2])));
      f4 reached = wasm_f32x4_gt(inside, SPLAT(0));
      f4 centre = SUB(centre0, MUL(bdy, SPLAT(inverse)));
      f4 wide = MUL(wasm_f32x4_sqrt(wasm_f32x4_pmax(SPLAT(0), inside)), SPLAT(inverse));
      f4 left = wasm_v128_bitselect(wasm_f32x4_ceil(SUB(centre, wide)), SPLAT(1e9f), reached);
      f4 right = wasm_v128_bitselect(wasm_f32x4_floor(ADD(centre, wide)), SPLAT(-1e9f), reached);
      STORE(low + 4 * half, left), STORE(high + 4 * half, right);
      STORE(o + ROWS_BDY + 4 * half, MUL(bdy, SPLAT(-LOG2_E)));
      STORE(o + ROWS_REST + 4 * half, MUL(SUB(SPLAT(g[6] + LOG_ALPHA_MIN), rest), SPLAT(LOG2_E)));
    }
    for (int r = 0; r < 8; r++) {
      first = low[r] < first ? low[r] : first;
      last = high[r] > last ? high[r] : last;
    }
    first = first > 0 ? first : 0, last = last < h->width - 1 ? last : h->width - 1;
    if (!(first <= last)) continue;
    o[0] = g[0], o[1] = -0.5f * LOG2_E * g[2], o[2] = g[9], o[3] = g[10], o[20] = g[8];
    for (int t = (int)first / 8; t <= (int)last / 8; t++) {
      f4 l = SPLAT(8 * t), r = SPLAT(8 * t + 7);
      int bits = 0;
      for (int half = 0; half < 2; half++) {
        f4 hit = wasm_v128_and(wasm_f32x4_le(LOAD(low + 4 * half), r),
                               wasm_f32x4_ge(LOAD(high + 4 * half), l));
        bits |= wasm_i32x4_bitmask(hit) << (4 * half);
      }
      h->reach[t * stride + h->counts[t]++] = j * 256 + bits;
    }
  }
}

/* Eight pixels of one row: colours over black and transmittance, four vectors of each half. */
static void blend_row(const float *ready, const int *listed, int count, int row, int left,
                      float *out) {
  f4 x0 = ADD(SPLAT(left + 0.5f), wasm_f32x4_make(0, 1, 2, 3)), x1 = ADD(x0, SPLAT(4));
  f4 T0 = SPLAT(1), T1 = T0, F0 = T0, F1 = T0;
  f4 r0 = SPLAT(0), r1 = r0, g0 = r0, g1 = r0, b0 = r0, b1 = r0;
  const f4 least = SPLAT(LOG2_E * LOG_ALPHA_MIN), most = SPLAT(ALPHA_MAX), end = SPLAT(T_MIN);
  for (int n = 0; n < count; n++) {
    const float *o = ready + READY * listed[n];
    f4 x = wasm_v128_load32_splat(o), A = wasm_v128_load32_splat(o + 1);
    f4 bdy = wasm_v128_load32_splat(o + ROWS_BDY + row);
    f4 rest = wasm_v128_load32_splat(o + ROWS_REST + row);
    f4 d0 = SUB(x0, x), d1 = SUB(x1, x);
    f4 l0 = ADD(MUL(ADD(MUL(d0, A), bdy), d0), rest), l1 = ADD(MUL(ADD(MUL(d1, A), bdy), d1), rest);
    f4 a0 = wasm_v128_and(wasm_f32x4_pmin(exp2_4(l0), most), wasm_f32x4_ge(l0, least));
    f4 a1 = wasm_v128_and(wasm_f32x4_pmin(exp2_4(l1), most), wasm_f32x4_ge(l1, least));
    f4 w0 = MUL(a0, T0), w1 = MUL(a1, T1);
    T0 = SUB(T0, w0), T1 = SUB(T1, w1);
    f4 alive0 = wasm_f32x4_gt(T0, end), alive1 = wasm_f32x4_gt(T1, end);
    w0 = wasm_v128_and(w0, alive0), w1 = wasm_v128_and(w1, alive1);
    F0 = SUB(F0, w0), F1 = SUB(F1, w1);
    f4 r = wasm_v128_load32_splat(o + 20), g = wasm_v128_load32_splat(o + 2);
    f4 b = wasm_v128_load32_splat(o + 3);
    r0 = ADD(r0, MUL(w0, r)), r1 = ADD(r1, MUL(w1, r));
    g0 = ADD(g0, MUL(w0, g)), g1 = ADD(g1, MUL(w1, g));
    b0 = ADD(b0, MUL(w0, b)), b1 = ADD(b1, MUL(w1, b));
    if ((n & 15) == 15 && !wasm_v128_any_true(wasm_v128_or(alive0, alive1))) break;
  }
  STORE(out, r0), STORE(out + 4, g0), STORE(out + 8, b0), STORE(out + 12, F0);
  STORE(out + 16, r1), STORE(out + 20, g1), STORE(out + 24, b1), STORE(out + 28, F1);
}

#define OPAQUE wasm_i32x4_splat((int)0xff000000)

/* The first `pixels` of four, of which the image's right edge may leave fewer. */
static void put(uint8_t *out, v128_t made, int pixels) {
  if (pixels >= 4) {
    STORE(out, made);
    return;
  }
  uint32_t four[4];
  STORE(four, made);
  __builtin_memcpy(out, four, 4 * pixels);
}

/* Four pixels over the plate, as bytes; of them the first `pixels`. */
static void composite4(const float *c, const uint8_t *plate, uint8_t *out, int pixels) {
  v128_t p = LOAD(plate), made = SPLAT(0);
  for (int k = 0; k < 3; k++) {
    v128_t byte = wasm_v128_and(wasm_u32x4_shr(p, 8 * k), wasm_i32x4_splat(255));
    f4 value = ADD(MUL(LOAD(c + 4 * k), SPLAT(255)),
                   MUL(LOAD(c + 12), wasm_f32x4_convert_i32x4(byte)));
    value = ADD(wasm_f32x4_pmin(value, SPLAT(255)), SPLAT(0.5f)); /* below 0 it will be 0 */
    made = wasm_v128_or(made, wasm_i32x4_shl(wasm_u32x4_trunc_sat_f32x4(value), 8 * k));
  }
  put(out, wasm_v128_or(made, OPAQUE), pixels);
}

/* Project and sort all Gaussians of the frame: for each in `ordered`, 12 numbers in `records`. */
void API(order)(Head *h) {
  const float *V = h->view, *means = h->m_means, *quats = h->m_quats;
  if (h->weights) follow_body(h), means = h->p_means, quats = h->p_quats;
  float centre[3];
  for (int a = 0; a < 3; a++) centre[a] = -(V[a] * V[3] + V[4 + a] * V[7] + V[8 + a] * V[11]);
  for (int i = 0; i < h->n; i++) project(h, i, means + 3 * i, quats + 4 * i, centre);
  sort(h);
  if (h->texture) place_detail(h);
}

int API(drawn)(Head *h) { return h->drawn; }
int *API(ordered)(Head *h) { return h->order; }
float *API(records)(Head *h) { return h->record; }

/* The same, and sort them into the bands of `blend`. */
void API(arrange)(Head *h) {
  order(h);
  fill_bands(h);
}

/* Blend the bands [from, to) over the plate into `out`. */
void API(blend)(Head *h, int from, int to) {
  float made[32];
  for (int band = from; band < to; band++) {
    int top = band * BAND, count = h->band_start[band + 1] - h->band_start[band];
    ready_band(h, h->pairs + h->band_start[band], count, top, count);
    int rows = h->height - top < BAND ? h->height - top : BAND;
    for (int t = 0; t < h->tiles; t++)
      for (int row = 0; row < rows; row++) {
        int n = 0, *listed = h->listed;
        const int *reach = h->reach + t * count;
        for (int k = 0; k < h->counts[t]; k++) {
          listed[n] = reach[k] >> 8;
          n += (reach[k] >> row) & 1;
        }
        int at = 4 * ((top + row) * h->width + 8 * t), pixels = h->width - 8 * t;
        const uint8_t *plate = h->plate + at;
        uint8_t *out = h->out + at;
        if (!n) {
          for (int x = 0; x < 8 && x < pixels; x += 4)
            put(out + 4 * x, wasm_v128_or(LOAD(plate + 4 * x), OPAQUE), pixels - x);
          continue;
        }
        blend_row(h->ready, listed, n, row, 8 * t, made);
        if (h->texture) add_detail(h, top + row, t, made);
        composite4(made, plate, out, pixels);
        if (pixels > 4) composite4(made + 16, plate + 16, out + 16, pixels - 4);
      }
  }
}
