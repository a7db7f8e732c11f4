/* The invisible mark, in the last pass (audioplane/mark/embed.py). */

#include "head.h"

enum { GRID = 64 };
static const float REST = 1.25f, PER_SLOPE = 0.17f, STEEPEST = 16, STRONGEST = 3, RMS = 1.88f;

static float absolute(float x) { return x < 0 ? -x : x; }

/* The strength of the mark in each cell, by the slopes of `out`. */
static void find_strengths(Head *h, int across, int down, float side) {
  int step = side >= 4 ? 2 : 1;
  for (int i = 0; i < across * down; i++) h->strengths[i] = h->cell_counts[i] = 0;
  for (int y = 0; y < h->height - 1; y += step) {
    int row = (int)(y / side) * across;
    const uint8_t *p = h->out + 4 * y * h->width + 1;
    for (int x = 0; x < h->width - 1; x += step) {
      float here = p[4 * x], slope = absolute(p[4 * x + 4] - here);
      slope += absolute(p[4 * (x + h->width)] - here);
      int cell = row + (int)(x / side);
      h->strengths[cell] += slope < STEEPEST ? slope : STEEPEST;
      h->cell_counts[cell] += 1;
    }
  }
  float power = 0, seen = 0;
  for (int i = 0; i < across * down; i++) {
    float n = h->cell_counts[i];
    float s = REST + PER_SLOPE * h->strengths[i] / (n > 1 ? n : 1);
    s = s < STRONGEST ? s : STRONGEST;
    h->strengths[i] = s;
    power += n * s * s, seen += n;
  }
  float rms = __builtin_sqrtf(power / (seen > 1 ? seen : 1));
  if (rms > RMS)
    for (int i = 0; i < across * down; i++) h->strengths[i] *= RMS / rms;
}

/* out + strength * Re(wave * turn), rounded up where grain is large. */
void API(mark)(Head *h, float real, float imaginary) {
  int w = h->width, pixels = w * h->height;
  float side = (float)(w < h->height ? w : h->height) / GRID;
  int across = (int)((w - 1) / side) + 1, down = (int)((h->height - 1) / side) + 1;
  find_strengths(h, across, down, side);
  for (int y = 0; y < h->height; y++) {
    const float *strengths = h->strengths + (int)(y / side) * across;
    for (int x = 0; x < w; x++) {
      int at = y * w + x;
      float wave = h->waves[at] * real + h->waves[pixels + at] * imaginary;
      float level = strengths[(int)(x / side)] * wave + h->grain[at];
      int change = (int)(level + 64) - 64; /* cut off above 0, which is rounding down */
      for (int c = 0; c < 3; c++) {
        int value = h->out[4 * at + c] + change;
        h->out[4 * at + c] = value < 0 ? 0 : value > 255 ? 255 : value;
      }
    }
  }
}
