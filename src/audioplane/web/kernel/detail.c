/* The detail map (audioplane/head/detail.py): texture that the Gaussians carry. The rules are those
   of audioplane/head/detail_kernels.py; a tile of the image is as wide as the mesh's cells. */

#include "head.h"

/* Unrolled by the compiler these are 2 kB more and no faster. */
#define SMALL __attribute__((minsize))

enum { STEP = 8, ROUNDS = 4 };
static const float UNIT = 0.25f / 255; /* of the texture, where 1 is white */

/* The texture, in a ring of zeros, and a mesh whose vertices so many Gaussians carry. */
SMALL void API(carry)(Head *h, int carriers) {
  int vertices = (h->tiles + 1) * ((h->height + STEP - 1) / STEP + 1);
  h->carried = carriers;
  h->texture = take((h->width + 2) * (h->height + 2)); /* zeros, as all new memory */
  h->carriers = take(4 * carriers * vertices), h->shares = take(4 * carriers * vertices);
  h->origins = take(8 * vertices), h->moved = take(8 * vertices), h->seen = take(8 * vertices);
}

static float border(float x, float most) { return x < 0 ? 0 : x > most ? most : x; }

/* Where the vertices of the image are in the texture, by the frame's projected Gaussians. */
SMALL void place_detail(Head *h) {
  int columns = h->tiles + 1, rows = (h->height + STEP - 1) / STEP + 1, k = h->carried;
  for (int v = 0; v < rows * columns; v++)
    for (int a = 0; a < 2; a++) {
      float sum = -h->origins[2 * v + a];
      for (int j = k * v; j < k * v + k; j++) sum += h->shares[j] * h->record[12 * h->carriers[j] + a];
      h->moved[2 * v + a] = sum;
    }
  for (int v = 0; v < rows * columns; v++) {
    float own[2] = {STEP * (v % columns), STEP * (v / columns)}, *at = h->seen + 2 * v;
    at[0] = own[0], at[1] = own[1];
    for (int round = 0; round < ROUNDS; round++) {
      float x = border(at[0] / STEP, columns - 1), y = border(at[1] / STEP, rows - 1);
      int left = x < columns - 2 ? (int)x : columns - 2, top = y < rows - 2 ? (int)y : rows - 2;
      const float *p = h->moved + 2 * (top * columns + left), *q = p + 2 * columns;
      x -= left, y -= top;
      for (int a = 0; a < 2; a++) {
        float above = p[a] + x * (p[2 + a] - p[a]), below = q[a] + x * (q[2 + a] - q[a]);
        at[a] = own[a] - above - y * (below - above);
      }
    }
  }
}

float *API(seen)(Head *h) { return h->seen; }

static float texel(const Head *h, float x, float y) {
  int stride = h->width + 2;
  x += 0.5f, y += 0.5f;
  if (!(x >= 0 && x < h->width + 1 && y >= 0 && y < h->height + 1)) return 0;
  int left = x, top = y;
  const int8_t *p = h->texture + top * stride + left, *q = p + stride;
  float a = x - left, above = p[0] + a * (p[1] - p[0]), below = q[0] + a * (q[1] - q[0]);
  return above + (y - top) * (below - above);
}

/* Add it to eight pixels of row `y` as `blend_row` made them, as far as the head covers. */
SMALL void add_detail(const Head *h, int y, int tile, float *made) {
  const float *p = h->seen + 2 * (y / STEP * (h->tiles + 1) + tile), *q = p + 2 * (h->tiles + 1);
  float b = (y % STEP + 0.5f) / STEP, from[2], step[2];
  for (int a = 0; a < 2; a++) {
    from[a] = p[a] + b * (q[a] - p[a]);
    step[a] = (p[2 + a] + b * (q[2 + a] - p[2 + a]) - from[a]) / STEP;
  }
  for (int x = 0; x < 8; x++) {
    float *o = made + 16 * (x / 4) + x % 4, cover = 1 - o[12], at = x + 0.5f;
    if (!(cover > 0)) continue;
    float added = UNIT * cover * texel(h, from[0] + at * step[0], from[1] + at * step[1]);
    o[0] += added, o[4] += added, o[8] += added;
  }
}
