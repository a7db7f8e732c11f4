// The mark's waves: the grid of cells, smoothed to the frame's pixels (audioplane/mark/embed.py).

const GRID = 64, RATE = 0.5, FPS = 25, SHARPNESS = -0.75;

/** Cosine and sine of the mark's turn in a frame. */
export function turnOf(index) {
  const angle = 2 * Math.PI * ((RATE * index) / FPS);
  return [Math.cos(angle), Math.sin(angle)];
}

/** Real and imaginary part [2, height, width]; rms 1 at its strongest. */
export function waves(cells, width, height) {
  const side = Math.min(width, height) / GRID;
  const across = taps(width, side), down = taps(height, side);
  const pixels = width * height, out = new Float32Array(2 * pixels);
  for (let part = 0; part < 2; part++) {
    const grid = cells.subarray(part * GRID * GRID, (part + 1) * GRID * GRID);
    const rows = new Float32Array(GRID * width);
    for (let y = 0; y < GRID; y++)
      for (let x = 0; x < width; x++) {
        const { at, weights } = across[x];
        let sum = 0;
        for (let k = 0; k < 4; k++) sum += weights[k] * grid[GRID * y + at[k]];
        rows[width * y + x] = sum;
      }
    for (let y = 0; y < height; y++) {
      const { at, weights } = down[y];
      for (let x = 0; x < width; x++) {
        let sum = 0;
        for (let k = 0; k < 4; k++) sum += weights[k] * rows[width * at[k] + x];
        out[part * pixels + width * y + x] = sum;
      }
    }
  }
  const strength = 1 / Math.sqrt(largest(out, pixels));
  return out.map((x) => x * strength);
}

/** The four cells around each pixel of a line, and their weights in a cubic interpolation. */
function taps(count, side) {
  return Array.from({ length: count }, (_, i) => {
    const where = (i + 0.5) / side - 0.5, first = Math.floor(where);
    const weights = [-1, 0, 1, 2].map((k) => cubic(Math.abs(where - first - k)));
    const at = [-1, 0, 1, 2].map((k) => (((first + k) % GRID) + GRID) % GRID);
    return { at, weights };
  });
}

function cubic(x) {
  const a = SHARPNESS;
  if (x <= 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  return x < 2 ? ((a * x - 5 * a) * x + 8 * a) * x - 4 * a : 0;
}

/** The larger eigenvalue of the parts' mean products. */
function largest(parts, pixels) {
  let rr = 0, ri = 0, ii = 0;
  for (let i = 0; i < pixels; i++) {
    const r = parts[i], m = parts[pixels + i];
    rr += r * r, ri += r * m, ii += m * m;
  }
  const mean = (rr + ii) / 2, away = Math.hypot((rr - ii) / 2, ri);
  return (mean + away) / pixels;
}
