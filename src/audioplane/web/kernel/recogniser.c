/* The recogniser of phones along a sound: spectra in, probabilities of symbols out.

   The rules are those of audioplane/speech/recogniser.py, whose network this is: a chunk of SETTLED
   steps is computed together with AHEAD more, and attention sees PAST before them.

   Legend: a panel is eight columns of a matrix, [inputs, 8]. */

#include "head.h"

enum {
  SETTLED = 4, AHEAD = 6, PAST = 200, SEEN = SETTLED + AHEAD, KNOWN = PAST + SEEN,
  LAYERS = 4, WIDTH = 144, WIDE = 4 * WIDTH, HEADS = 4, SIZE = WIDTH / HEADS,
  REACH = 15, TAPS = 2 * REACH + 1, LINE = SEEN + 2 * REACH, SYMBOLS = 192,
  FFT = 400, BINS = 201, PARTS = 416, BANDS = 80,
};

typedef struct { float *w, *bias; } Pair;
typedef struct { Pair norm, up, down; } FeedForward;
typedef struct {
  FeedForward first, second;
  Pair attention_norm, qkv, mixed, convolution_norm, gate, taps, blend, norm;
  float *attended; /* keys and values of the steps before and of those seen [KNOWN, 2 WIDTH] */
  float *line;     /* inputs of the convolution [LINE, WIDTH]; zeros after the steps seen */
} Layer;

/* What JavaScript fills, then the sound that it gives and what it takes (recogniser.js). */
static struct { float *weights, *filters, *waves, *sound, *probabilities; } shared;
static Layer layers[LAYERS];
static Pair stem, out;
static float *mel, *embedded;
static int spectra, waiting, settled;

static inline float sum4(f4 x) {
  x = ADD(x, wasm_i32x4_shuffle(x, x, 2, 3, 0, 1));
  return wasm_f32x4_extract_lane(ADD(x, wasm_i32x4_shuffle(x, x, 1, 0, 3, 2)), 0);
}

static inline f4 sigmoid4(f4 x) {
  x = wasm_f32x4_pmin(SPLAT(80), wasm_f32x4_pmax(SPLAT(-80), x));
  return wasm_f32x4_div(SPLAT(1), ADD(SPLAT(1), exp4(wasm_f32x4_neg(x))));
}

/* ---- products ---- */

/* The compiler is asked for small code (build.py); these loops are quicker unrolled. */
#define UNROLLED _Pragma("clang loop unroll(full)")
#define UNROLLED_BY_4 _Pragma("clang loop unroll_count(4)")

static inline __attribute__((always_inline)) void rows_by_panel(
    int rows, const float *x, int stride, const float *w, f4 b0, f4 b1, float *y, int columns,
    int k) {
  f4 a[5][2];
  UNROLLED for (int r = 0; r < rows; r++) a[r][0] = b0, a[r][1] = b1;
  UNROLLED_BY_4 for (int i = 0; i < k; i++, w += 8) {
    f4 w0 = LOAD(w), w1 = LOAD(w + 4);
    UNROLLED for (int r = 0; r < rows; r++) {
      f4 v = wasm_v128_load32_splat(x + r * stride + i);
      a[r][0] = ADD(a[r][0], MUL(v, w0)), a[r][1] = ADD(a[r][1], MUL(v, w1));
    }
  }
  UNROLLED for (int r = 0; r < rows; r++)
    STORE(y + r * columns, a[r][0]), STORE(y + r * columns + 4, a[r][1]);
}

/* y [1 or a multiple of 5, columns] = x [., k] . panels + bias; columns a multiple of 8. */
static __attribute__((noinline)) void product(const float *x, int rows, Pair p, float *y, int k, int columns) {
  for (int c = 0; c < columns; c += 8) {
    const float *w = p.w + c * k;
    f4 b0 = p.bias ? LOAD(p.bias + c) : SPLAT(0), b1 = p.bias ? LOAD(p.bias + c + 4) : SPLAT(0);
    if (rows == 1) rows_by_panel(1, x, k, w, b0, b1, y + c, columns, k);
    else
      for (int r = 0; r < rows; r += 5)
        rows_by_panel(5, x + r * k, k, w, b0, b1, y + r * columns + c, columns, k);
  }
}

/* ---- a sound ---- */

static float *cursor;

static Pair pair(int weights, int biases) {
  Pair p = {cursor, cursor + weights};
  cursor += weights + biases;
  return p;
}

static FeedForward feed_forward(void) {
  FeedForward f;
  f.norm = pair(WIDTH, WIDTH);
  f.up = pair(WIDTH * WIDE, WIDE);
  f.down = pair(WIDE * WIDTH, WIDTH);
  return f;
}

/* Room for the weights, in the order of audioplane/web/recogniser.py. */
void *API(recogniser_make)(int weights) {
  shared.weights = take(4 * weights), shared.filters = take(4 * BINS * BANDS);
  shared.waves = take(4 * FFT * PARTS), shared.sound = take(4 * FFT);
  shared.probabilities = take(4 * SEEN * SYMBOLS);
  mel = take(4 * 3 * BANDS), embedded = take(4 * SEEN * WIDTH);
  cursor = shared.weights;
  stem = pair(3 * BANDS * WIDTH, WIDTH), out = pair(WIDTH * SYMBOLS, SYMBOLS);
  for (int i = 0; i < LAYERS; i++) {
    Layer *l = layers + i;
    l->first = feed_forward();
    l->attention_norm = pair(WIDTH, WIDTH), l->qkv = pair(3 * WIDTH * WIDTH, 3 * WIDTH);
    l->mixed = pair(WIDTH * WIDTH, WIDTH), l->convolution_norm = pair(WIDTH, WIDTH);
    l->gate = pair(2 * WIDTH * WIDTH, 2 * WIDTH), l->taps = pair(TAPS * WIDTH, WIDTH);
    l->blend = pair(WIDTH * WIDTH, WIDTH);
    l->second = feed_forward();
    l->norm = pair(WIDTH, WIDTH);
    l->attended = take(4 * KNOWN * 2 * WIDTH), l->line = take(4 * LINE * WIDTH);
  }
  return &shared;
}

/* Begin another sound. */
void API(recogniser_begin)(void) {
  spectra = waiting = settled = 0;
  for (int i = 0; i < LAYERS; i++) __builtin_memset(layers[i].line, 0, 4 * LINE * WIDTH);
}

/* ---- the layers ---- */

static __attribute__((noinline)) void normalise(const float *x, Pair p, float *y) {
  for (int r = 0; r < SEEN; r++, x += WIDTH, y += WIDTH) {
    f4 total = SPLAT(0), squares = SPLAT(0);
    for (int i = 0; i < WIDTH; i += 4) total = ADD(total, LOAD(x + i));
    f4 mean = SPLAT(sum4(total) / WIDTH);
    for (int i = 0; i < WIDTH; i += 4) {
      f4 away = SUB(LOAD(x + i), mean);
      squares = ADD(squares, MUL(away, away));
    }
    f4 scale = SPLAT(1 / __builtin_sqrtf(sum4(squares) / WIDTH + 1e-5f));
    for (int i = 0; i < WIDTH; i += 4)
      STORE(y + i, ADD(MUL(MUL(SUB(LOAD(x + i), mean), scale), LOAD(p.w + i)), LOAD(p.bias + i)));
  }
}

static void add(float *x, const float *y, float share) {
  for (int i = 0; i < SEEN * WIDTH; i += 4)
    STORE(x + i, ADD(LOAD(x + i), MUL(SPLAT(share), LOAD(y + i))));
}

static float inner[SEEN * WIDTH], made[SEEN * WIDTH], wide[SEEN * WIDE];

static void forward(float *x, const FeedForward *f) {
  normalise(x, f->norm, inner);
  product(inner, SEEN, f->up, wide, WIDTH, WIDE);
  for (int i = 0; i < SEEN * WIDE; i += 4) {
    f4 v = LOAD(wide + i);
    STORE(wide + i, MUL(v, sigmoid4(v)));
  }
  product(wide, SEEN, f->down, made, WIDE, WIDTH);
  add(x, made, 0.5f);
}

/* What one head of one step takes from the steps from `first` on. */
static void attend_to(const float *query, const float *known, int first, float *y) {
  static float scores[KNOWN];
  float top = -1e30f, total = 0;
  for (int k = first; k < KNOWN; k++) {
    f4 dot = SPLAT(0);
    UNROLLED for (int i = 0; i < SIZE; i += 4)
      dot = ADD(dot, MUL(LOAD(query + i), LOAD(known + k * 2 * WIDTH + i)));
    scores[k] = sum4(dot) / 6; /* the root of SIZE */
    if (scores[k] > top) top = scores[k];
  }
  f4 sums[SIZE / 4];
  UNROLLED for (int i = 0; i < SIZE / 4; i++) sums[i] = SPLAT(0);
  for (int k = first; k < KNOWN; k++) {
    float away = scores[k] - top;
    f4 share = exp4(SPLAT(away < -80 ? -80 : away));
    total += wasm_f32x4_extract_lane(share, 0);
    UNROLLED for (int i = 0; i < SIZE / 4; i++)
      sums[i] = ADD(sums[i], MUL(share, LOAD(known + k * 2 * WIDTH + WIDTH + 4 * i)));
  }
  UNROLLED for (int i = 0; i < SIZE / 4; i++) STORE(y + 4 * i, MUL(sums[i], SPLAT(1 / total)));
}

static void attend(float *x, Layer *l) {
  static float qkv[SEEN * 3 * WIDTH];
  int first = settled < PAST ? PAST - settled : 0;
  normalise(x, l->attention_norm, inner);
  product(inner, SEEN, l->qkv, qkv, WIDTH, 3 * WIDTH);
  for (int r = 0; r < SEEN; r++)
    __builtin_memcpy(l->attended + (PAST + r) * 2 * WIDTH, qkv + r * 3 * WIDTH + WIDTH, 8 * WIDTH);
  for (int r = 0; r < SEEN; r++)
    for (int h = 0; h < WIDTH; h += SIZE)
      attend_to(qkv + r * 3 * WIDTH + h, l->attended + h, first, inner + r * WIDTH + h);
  __builtin_memmove(l->attended, l->attended + SETTLED * 2 * WIDTH, PAST * 8 * WIDTH);
  product(inner, SEEN, l->mixed, made, WIDTH, WIDTH);
  add(x, made, 1);
}

static void convolve(float *x, Layer *l) {
  static float both[SEEN * 2 * WIDTH];
  normalise(x, l->convolution_norm, inner);
  product(inner, SEEN, l->gate, both, WIDTH, 2 * WIDTH);
  for (int r = 0; r < SEEN; r++)
    for (int i = 0; i < WIDTH; i += 4) {
      const float *b = both + r * 2 * WIDTH + i;
      STORE(l->line + (REACH + r) * WIDTH + i, MUL(LOAD(b), sigmoid4(LOAD(b + WIDTH))));
    }
  for (int r = 0; r < SEEN; r++)
    for (int i = 0; i < WIDTH; i += 4) {
      f4 y = LOAD(l->taps.bias + i);
      UNROLLED for (int t = 0; t < TAPS; t++)
        y = ADD(y, MUL(LOAD(l->taps.w + t * WIDTH + i), LOAD(l->line + (r + t) * WIDTH + i)));
      STORE(inner + r * WIDTH + i, MUL(y, sigmoid4(y)));
    }
  __builtin_memmove(l->line, l->line + SETTLED * WIDTH, REACH * 4 * WIDTH);
  product(inner, SEEN, l->blend, made, WIDTH, WIDTH);
  add(x, made, 1);
}

/* Probabilities of the steps that wait, of which the first `SETTLED` are settled. */
static void recognise(void) {
  static float x[SEEN * WIDTH];
  __builtin_memcpy(x, embedded, sizeof x);
  for (int i = 0; i < LAYERS; i++) {
    forward(x, &layers[i].first);
    attend(x, layers + i);
    convolve(x, layers + i);
    forward(x, &layers[i].second);
    normalise(x, layers[i].norm, x);
  }
  product(x, SEEN, out, shared.probabilities, WIDTH, SYMBOLS);
  for (int r = 0; r < SEEN; r++) {
    float *p = shared.probabilities + r * SYMBOLS, top = p[0], total = 0;
    for (int i = 1; i < SYMBOLS - 1; i++) top = p[i] > top ? p[i] : top;
    for (int i = 0; i < SYMBOLS - 1; i++) total += p[i] = exp1(p[i] - top);
    for (int i = 0; i < SYMBOLS - 1; i++) p[i] /= total;
  }
  __builtin_memmove(embedded, embedded + SETTLED * WIDTH, AHEAD * 4 * WIDTH);
  waiting -= SETTLED, settled += SETTLED;
}

/* ---- spectra ---- */

/* x (1 + erf(x / sqrt 2)) / 2; erf by Abramowitz and Stegun 7.1.26, to 1.5e-7. */
static float gelu(float x) {
  float z = __builtin_fabsf(x) * 0.70710678f, t = 1 / (1 + 0.3275911f * z);
  float series = 1.421413741f + t * (-1.453152027f + t * 1.061405429f);
  series = t * (0.254829592f + t * (-0.284496736f + t * series));
  float erf = 1 - series * exp1(-z * z);
  return 0.5f * x * (1 + (x < 0 ? -erf : erf));
}

/* Hear the next 400 samples, 160 after the last ones; how many steps are settled by that. */
int API(recogniser_hear)(void) {
  static float parts[PARTS], power[BINS], taken[3 * BANDS];
  __builtin_memmove(mel, mel + BANDS, 8 * BANDS);
  product(shared.sound, 1, (Pair){shared.waves, 0}, parts, FFT, PARTS);
  for (int k = 0; k < BINS; k++)
    power[k] = parts[k] * parts[k] + parts[PARTS / 2 + k] * parts[PARTS / 2 + k];
  product(power, 1, (Pair){shared.filters, 0}, mel + 2 * BANDS, BINS, BANDS);
  for (int b = 2 * BANDS; b < 3 * BANDS; b++) mel[b] = log1(mel[b] > 1e-10f ? mel[b] : 1e-10f);
  if (++spectra < 3 || spectra % 2 == 0) return 0;
  __builtin_memcpy(taken, mel, sizeof taken);
  float *x = embedded + waiting * WIDTH;
  product(taken, 1, stem, x, 3 * BANDS, WIDTH);
  for (int i = 0; i < WIDTH; i++) x[i] = gelu(x[i]);
  if (++waiting < SEEN) return 0;
  recognise();
  return SETTLED;
}
