// Drawing by a GPU: a quad for each Gaussian, nearest first, then the plate, then the mark.
//
// The rules are those of the kernels (kernel/splat.c, kernel/mark.c), which project and sort. Textures
// hold the image's first row first; the last pass turns it over, as canvases want it.

import { turnOf } from "./mark.js";

const ACROSS = 256; // Gaussians in a row of their texture, three texels each

const HEADER = `#version 300 es
precision highp float; precision highp int; precision highp sampler2D;
`;
const WHOLE = `${HEADER}
void main() { gl_Position = vec4(vec2(gl_VertexID & 1, gl_VertexID >> 1) * 4. - 1., 0, 1); }`;

// A: half the conic's xx, xy, half its yy, ln of the opacity; the cut is at alpha 1 / 255.
const QUADS = `${HEADER}
uniform sampler2D records; uniform vec2 size; in uint index;
flat out vec2 centre; flat out vec4 A; flat out vec3 colour;
void main() {
  ivec2 at = ivec2(int(index) % ${ACROSS} * 3, int(index) / ${ACROSS});
  vec4 a = texelFetch(records, at, 0), b = texelFetch(records, at + ivec2(1, 0), 0);
  colour = texelFetch(records, at + ivec2(2, 0), 0).rgb;
  centre = a.xy;
  float limit = b.z, det = a.z * b.x - a.w * a.w;
  A = vec4(.5 * a.z, a.w, .5 * b.x, limit - log(255.));
  vec2 reach = sqrt(2. * limit * vec2(b.x, a.z) / det) + .01;
  vec2 p = centre + reach * (vec2(gl_VertexID & 1, gl_VertexID >> 1) * 2. - 1.);
  gl_Position = vec4(p / size * 2. - 1., 0, 1);
}`;
const BLENDED = `${HEADER}
flat in vec2 centre; flat in vec4 A; flat in vec3 colour; out vec4 made;
void main() {
  vec2 d = gl_FragCoord.xy - centre;
  float l = A.w - A.x * d.x * d.x - A.y * d.x * d.y - A.z * d.y * d.y;
  if (l < -log(255.)) discard;
  float alpha = min(exp(l), .999);
  made = vec4(colour * alpha, alpha);
}`;
// With the detail map: the mesh of kernel/detail.c and its texture, a vertex every eight pixels.
const PLAIN = `
float shade() { return 0.; }`;
const DETAILED = `
uniform sampler2D seen, detail; uniform vec2 size;
float shade() {
  vec2 cell = gl_FragCoord.xy / 8., part = fract(cell);
  ivec2 at = ivec2(cell), x = ivec2(1, 0), y = ivec2(0, 1);
  vec2 above = mix(texelFetch(seen, at, 0).xy, texelFetch(seen, at + x, 0).xy, part.x);
  vec2 below = mix(texelFetch(seen, at + y, 0).xy, texelFetch(seen, at + x + y, 0).xy, part.x);
  return texture(detail, (mix(above, below, part.y) + 1.) / (size + 2.)).r * 127. * .25 / 255.;
}`;
const OVER_PLATE = `
uniform sampler2D blended, plate; out vec4 made;
void main() {
  ivec2 at = ivec2(gl_FragCoord.xy);
  vec4 b = texelFetch(blended, at, 0);
  made = vec4(floor(min(255. * (b.rgb + b.a * shade() + (1. - b.a) * texelFetch(plate, at, 0).rgb), 255.) + .5) / 255., 1);
}`;
// Of each cell of the mark: strength by the slopes of green, and pixels that were looked at.
const STRENGTHS = `${HEADER}
uniform sampler2D image; uniform vec2 size; uniform float side; uniform int stride; out vec4 made;
float green(ivec2 at) { return floor(texelFetch(image, at, 0).g * 255. + .5); }
void main() {
  ivec2 cell = ivec2(gl_FragCoord.xy);
  ivec2 from = ivec2(ceil(vec2(cell) * side)), to = min(ivec2(ceil(vec2(cell + 1) * side)), ivec2(size) - 1);
  from += from % stride;
  float sum = 0., n = 0.;
  for (int y = from.y; y < to.y; y += stride)
    for (int x = from.x; x < to.x; x += stride) {
      float here = green(ivec2(x, y));
      sum += min(abs(green(ivec2(x + 1, y)) - here) + abs(green(ivec2(x, y + 1)) - here), 16.);
      n += 1.;
    }
  made = vec4(min(1.25 + .17 * sum / max(n, 1.), 3.), n, 0, 1);
}`;
// The mark's power, in two steps: of each row of cells, then of all.
const POWER = `${HEADER}
uniform sampler2D cells; uniform int count; uniform bool last; out vec4 made;
void main() {
  vec2 sum = vec2(0);
  for (int i = 0; i < count; i++) {
    vec2 c = texelFetch(cells, last ? ivec2(0, i) : ivec2(i, int(gl_FragCoord.y)), 0).xy;
    sum += last ? c : vec2(c.y * c.x * c.x, c.y);
  }
  made = vec4(sum, 0, 1);
}`;
const MARKED = `${HEADER}
uniform sampler2D image, waves, cells, power; uniform vec2 turn, size; uniform float side; out vec4 made;
void main() {
  ivec2 at = ivec2(gl_FragCoord.x, size.y - gl_FragCoord.y);
  vec2 sums = texelFetch(power, ivec2(0), 0).xy;
  float rms = sqrt(sums.x / max(sums.y, 1.)), gain = rms > 1.88 ? 1.88 / rms : 1.;
  float strength = gain * texelFetch(cells, ivec2(vec2(at) / side), 0).x;
  vec3 w = texelFetch(waves, at, 0).xyz;
  float change = floor(strength * dot(w.xy, turn) + w.z);
  vec3 bytes = floor(texelFetch(image, at, 0).rgb * 255. + .5);
  made = vec4(clamp(bytes + change, 0., 255.) / 255., 1);
}`;

export class WebGL {
  /** A GPU's drawing of an engine's head; undefined where there is none, or one that cannot do it.
   * `slow`: software will do. */
  static of(engine, slow = false) {
    const { width, height } = engine.size, canvas = new OffscreenCanvas(width, height);
    const wanted = { alpha: false, antialias: false, depth: false, failIfMajorPerformanceCaveat: !slow };
    const gl = canvas.getContext("webgl2", wanted);
    try {
      return gl?.getExtension("EXT_color_buffer_float") ? new WebGL(engine, canvas, gl) : undefined;
    } catch {
      return undefined;
    }
  }

  constructor(engine, canvas, gl) {
    const { width, height } = engine.size, rows = Math.ceil(engine.count / ACROSS);
    this.engine = engine, this.canvas = canvas, this.gl = gl;
    this.side = Math.min(width, height) / 64;
    this.across = Math.floor((width - 1) / this.side) + 1;
    this.down = Math.floor((height - 1) / this.side) + 1;
    this.padded = new Float32Array(12 * ACROSS * rows);
    this.records = this.texture(gl.RGBA32F, 3 * ACROSS, rows);
    this.plate = this.texture(gl.RGBA8, width, height);
    this.waves = this.texture(gl.RGBA32F, width, height);
    this.blended = this.target(gl.RGBA16F, width, height);
    this.image = this.target(gl.RGBA8, width, height);
    this.cells = this.target(gl.RG32F, this.across, this.down);
    this.sums = this.target(gl.RG32F, 1, this.down);
    this.power = this.target(gl.RG32F, 1, 1);
    this.quads = this.program(QUADS, BLENDED);
    this.over = this.program(WHOLE, HEADER + (engine.mesh ? DETAILED : PLAIN) + OVER_PLATE);
    this.strengths = this.program(WHOLE, STRENGTHS);
    this.adding = this.program(WHOLE, POWER);
    this.marking = this.program(WHOLE, MARKED);
    this.indices = gl.createBuffer();
    this.instanced = gl.createVertexArray(), this.plain = gl.createVertexArray();
    gl.bindVertexArray(this.instanced);
    gl.bindBuffer(gl.ARRAY_BUFFER, this.indices);
    gl.bufferData(gl.ARRAY_BUFFER, 4 * engine.count, gl.DYNAMIC_DRAW);
    const place = gl.getAttribLocation(this.quads.program, "index");
    gl.enableVertexAttribArray(place);
    gl.vertexAttribIPointer(place, 1, gl.UNSIGNED_INT, 0, 0);
    gl.vertexAttribDivisor(place, 1);
    this.fill(this.waves, gl.RGBA, gl.FLOAT, this.wavesAndGrain());
    if (engine.mesh) this.setDetail();
  }

  /** Whether it can draw no more: the browser took the GPU away. */
  get lost() {
    return this.gl.isContextLost();
  }

  /** The detail map's texture, which is nothing beyond its ring of zeros. */
  setDetail() {
    const { gl, engine } = this, { width, height } = engine.size;
    this.seen = this.texture(gl.RG32F, engine.mesh.width, engine.mesh.height);
    this.detail = this.texture(gl.R8_SNORM, width + 2, height + 2);
    gl.pixelStorei(gl.UNPACK_ALIGNMENT, 1);
    this.fill(this.detail, gl.RED, gl.BYTE, engine.texture());
    for (const name of [gl.TEXTURE_MIN_FILTER, gl.TEXTURE_MAG_FILTER])
      gl.texParameteri(gl.TEXTURE_2D, name, gl.LINEAR);
    for (const name of [gl.TEXTURE_WRAP_S, gl.TEXTURE_WRAP_T])
      gl.texParameteri(gl.TEXTURE_2D, name, gl.CLAMP_TO_EDGE);
  }

  texture(format, width, height) {
    const { gl } = this, texture = gl.createTexture();
    gl.bindTexture(gl.TEXTURE_2D, texture);
    gl.texStorage2D(gl.TEXTURE_2D, 1, format, width, height);
    gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MIN_FILTER, gl.NEAREST);
    gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MAG_FILTER, gl.NEAREST);
    return { texture, width, height };
  }

  target(format, width, height) {
    const { gl } = this, made = this.texture(format, width, height);
    made.buffer = gl.createFramebuffer();
    gl.bindFramebuffer(gl.FRAMEBUFFER, made.buffer);
    gl.framebufferTexture2D(gl.FRAMEBUFFER, gl.COLOR_ATTACHMENT0, gl.TEXTURE_2D, made.texture, 0);
    return made;
  }

  fill({ texture, width, height }, format, type, data) {
    const { gl } = this;
    gl.bindTexture(gl.TEXTURE_2D, texture);
    gl.texSubImage2D(gl.TEXTURE_2D, 0, 0, 0, width, height, format, type, data);
  }

  wavesAndGrain() {
    const { width, height } = this.engine.size, n = width * height, out = new Float32Array(4 * n);
    const waves = this.engine.floats("waves", 2 * n), grain = this.engine.floats("grain", n);
    for (let i = 0; i < n; i++) out.set([waves[i], waves[n + i], grain[i]], 4 * i);
    return out;
  }

  program(vertex, fragment) {
    const { gl } = this, program = gl.createProgram();
    for (const [type, source] of [[gl.VERTEX_SHADER, vertex], [gl.FRAGMENT_SHADER, fragment]]) {
      const shader = gl.createShader(type);
      gl.shaderSource(shader, source);
      gl.compileShader(shader);
      gl.attachShader(program, shader);
    }
    gl.linkProgram(program);
    if (!gl.getProgramParameter(program, gl.LINK_STATUS)) throw new Error(gl.getProgramInfoLog(program));
    return { program, at: (name) => gl.getUniformLocation(program, name) };
  }

  /** Run a program over a target (none is the canvas) with textures by their names; it, to set more. */
  begin({ program, at }, target, textures) {
    const { gl } = this, { width, height } = target ?? this.engine.size;
    gl.bindFramebuffer(gl.FRAMEBUFFER, target?.buffer ?? null);
    gl.viewport(0, 0, width, height);
    gl.useProgram(program);
    Object.entries(textures).forEach(([name, { texture }], unit) => {
      gl.activeTexture(gl.TEXTURE0 + unit);
      gl.bindTexture(gl.TEXTURE_2D, texture);
      gl.uniform1i(at(name), unit);
    });
    gl.activeTexture(gl.TEXTURE0);
    gl.uniform2f(at("size"), this.engine.size.width, this.engine.size.height);
    gl.uniform1f(at("side"), this.side);
    return at;
  }

  /** Draw a pose with the audio's code, marked as frame `index`, on `canvas`. */
  draw(code, pose, index) {
    const { gl } = this;
    this.compose(code, pose);
    let at = this.begin(this.strengths, this.cells, { image: this.image });
    gl.uniform1i(at("stride"), this.side >= 4 ? 2 : 1);
    gl.drawArrays(gl.TRIANGLE_STRIP, 0, 3);
    for (const [from, to, count] of [[this.cells, this.sums, this.across], [this.sums, this.power, this.down]]) {
      at = this.begin(this.adding, to, { cells: from });
      gl.uniform1i(at("count"), count);
      gl.uniform1i(at("last"), to === this.power ? 1 : 0);
      gl.drawArrays(gl.TRIANGLE_STRIP, 0, 3);
    }
    const { image, waves, cells, power } = this;
    at = this.begin(this.marking, null, { image, waves, cells, power });
    gl.uniform2f(at("turn"), ...turnOf(index));
    gl.drawArrays(gl.TRIANGLE_STRIP, 0, 3);
  }

  /** The pixels of a pose before the mark, in `image`. */
  compose(code, pose) {
    const { gl, engine } = this, { width, height } = engine.size;
    const { records, order } = engine.ordered(code, pose);
    this.padded.set(records);
    this.fill(this.records, gl.RGBA, gl.FLOAT, this.padded);
    if (this.plateNumber !== engine.plateNumber) {
      this.fill(this.plate, gl.RGBA, gl.UNSIGNED_BYTE, engine.bytes("plate", 4 * width * height));
      this.plateNumber = engine.plateNumber;
    }
    gl.bindVertexArray(this.instanced);
    gl.bindBuffer(gl.ARRAY_BUFFER, this.indices);
    gl.bufferSubData(gl.ARRAY_BUFFER, 0, order);
    this.begin(this.quads, this.blended, { records: this.records });
    gl.clearColor(0, 0, 0, 0);
    gl.clear(gl.COLOR_BUFFER_BIT);
    gl.enable(gl.BLEND);
    gl.blendFunc(gl.ONE_MINUS_DST_ALPHA, gl.ONE);
    gl.drawArraysInstanced(gl.TRIANGLE_STRIP, 0, 4, order.length);
    gl.disable(gl.BLEND);
    gl.bindVertexArray(this.plain);
    const { blended, plate, seen, detail } = this;
    if (seen) this.fill(seen, gl.RG, gl.FLOAT, engine.seen());
    this.begin(this.over, this.image, { blended, plate, ...(seen && { seen, detail }) });
    gl.drawArrays(gl.TRIANGLE_STRIP, 0, 3);
  }

  /** RGBA of a target, or of the canvas, whose rows come last first; waits until it is drawn. */
  pixels(target, width = this.canvas.width, height = this.canvas.height) {
    const { gl } = this, out = new Uint8Array(4 * width * height);
    gl.bindFramebuffer(gl.FRAMEBUFFER, target?.buffer ?? null);
    gl.readPixels(0, 0, width, height, gl.RGBA, gl.UNSIGNED_BYTE, out);
    return out;
  }
}
