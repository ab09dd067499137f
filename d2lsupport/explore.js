/* Explorable figures: what the reader moves is computed and drawn here, with no library and no
   network. `explore.py` writes

     <explore-figure kind="line" data-config='{"x": [...], ...}'><img ...></explore-figure>

   and this script puts the live figure in the place of the picture. The book links the script once
   a page; in a notebook each output brings it along. Four parts: mathematics (tested under node
   against PyTorch), parts of a page, one function for each figure, the element. */
(() => {
  "use strict";

  // ---------------------------------------------------------------------------- mathematics

  const sum = (values) => values.reduce((total, value) => total + value, 0);
  const mean = (values) => sum(values) / values.length;

  /** Half the mean squared error of y ≈ w x + b, a quadratic bowl over (w, b). */
  function lineLoss(x, y) {
    const all = x.map((_, i) => i);
    const loss = (w, b) => mean(all.map((i) => (w * x[i] + b - y[i]) ** 2)) / 2;
    const gradient = (w, b, rows = all) => [
      mean(rows.map((i) => (w * x[i] + b - y[i]) * x[i])),
      mean(rows.map((i) => w * x[i] + b - y[i])),
    ];
    // The second derivatives are the matrix ((xx, mx), (mx, 1)).
    const [mx, my] = [mean(x), mean(y)];
    const xx = mean(x.map((v) => v * v));
    const w = (mean(all.map((i) => x[i] * y[i])) - mx * my) / (xx - mx * mx);
    const b = my - w * mx;
    const largest = (xx + 1) / 2 + Math.hypot((xx - 1) / 2, mx); // eigenvalue
    // Its Cholesky factor turns the unit circle into the ellipse of one excess loss.
    const [l11, l21] = [Math.sqrt(xx), mx / Math.sqrt(xx)];
    const l22 = Math.sqrt(1 - l21 * l21);
    const contour = (excess) =>
      Array.from({ length: 91 }, (_, k) => {
        const [angle, radius] = [(k * Math.PI) / 45, Math.sqrt(2 * excess)];
        const v = (radius * Math.sin(angle)) / l22;
        return [w + (radius * Math.cos(angle) - l21 * v) / l11, b + v];
      });
    return { loss, gradient, w, b, least: loss(w, b), limit: 2 / largest, contour };
  }

  /** Rows of minibatches, for ever; each epoch is shuffled anew. */
  function* minibatches(n, size, random) {
    const rows = Array.from({ length: n }, (_, i) => i);
    for (;;) {
      for (let i = n - 1; i > 0; i--) {
        const j = Math.floor(random() * (i + 1));
        [rows[i], rows[j]] = [rows[j], rows[i]];
      }
      for (let i = 0; i < n; i += size) yield rows.slice(i, i + size);
    }
  }

  /** The places of (w, b) in `steps` steps against the gradient of one minibatch each. */
  function descend({ gradient }, [w, b], lr, batches, steps) {
    const path = [[w, b]];
    while (path.length <= steps) {
      const [dw, db] = gradient(w, b, batches.next().value);
      [w, b] = [w - lr * dw, b - lr * db];
      path.push([w, b]);
    }
    return path;
  }

  /** Random numbers in [0, 1), the same for the same seed (mulberry32, by Tommy Ettinger). */
  function seeded(seed) {
    return () => {
      seed = (seed + 0x6d2b79f5) | 0;
      let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
      t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
      return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
    };
  }

  /** The nearest number of type float16: 11 binary digits, ties to even, at most 65504. */
  function toFloat16(value) {
    if (!Number.isFinite(value) || value === 0) return value;
    const unit = 2 ** (Math.max(-14, Math.floor(Math.log2(Math.abs(value)))) - 10);
    const [low, part] = [Math.floor(value / unit), (value / unit) % 1];
    const up = Math.abs(part) === 0.5 ? low % 2 !== 0 : value / unit - low > 0.5;
    const near = (low + (up ? 1 : 0)) * unit;
    return Math.abs(near) > 65504 ? Math.sign(near) * Infinity : near;
  }

  /** Softmax and log-sum-exp as a computer finds them: directly, and with the maximum out first. */
  function softmaxTwice(logits, temperature, shift, type) {
    const round = type === "float16" ? toFloat16 : Math.fround;
    const by = (exponents) => {
      const exps = exponents.map((v) => round(Math.exp(v)));
      const total = round(sum(exps));
      return { exps, total, p: exps.map((v) => round(v / total)), log: round(Math.log(total)) };
    };
    const z = logits.map((o) => round(round(o / temperature) + shift));
    const m = Math.max(...z);
    const [direct, stable] = [by(z), by(z.map((v) => round(v - m)))];
    stable.log = round(m + stable.log);
    return { z, direct, stable };
  }

  function softmax(logits) {
    const m = Math.max(...logits);
    const exps = logits.map((o) => Math.exp(o - m));
    return exps.map((e) => e / sum(exps));
  }

  const entropy = (p) => -sum(p.map((v) => (v > 0 ? v * Math.log(v) : 0)));

  const linear = (W, b, [x1, x2]) => b.map((bias, j) => x1 * W[0][j] + x2 * W[1][j] + bias);

  const crossEntropy = (W, b, points, labels) =>
    mean(points.map((point, i) => -Math.log(softmax(linear(W, b, point))[labels[i]])));

  /** One step of gradient descent on the mean cross-entropy of points in the plane. */
  function fitStep(W, b, points, labels, lr) {
    const errors = points.map((point, i) =>
      softmax(linear(W, b, point)).map((p, j) => p - (j === labels[i] ? 1 : 0)),
    );
    const slope = (j, feature) => mean(errors.map((error, i) => error[j] * feature(points[i])));
    return [
      W.map((row, r) => row.map((w, j) => w - lr * slope(j, (point) => point[r]))),
      b.map((bias, j) => bias - lr * slope(j, () => 1)),
    ];
  }

  /** Where, inside the square of half-width `half`, two classes share the largest logit: [j, k,
      one end, other end]. */
  function boundaries(W, b, half) {
    const found = [];
    for (const [j, k] of [[0, 1], [0, 2], [1, 2]]) {
      // The line n·x + c = 0, as its point nearest to the origin and its direction
      const [n1, n2, c] = [W[0][j] - W[0][k], W[1][j] - W[1][k], b[j] - b[k]];
      const square = n1 * n1 + n2 * n2;
      if (square < 1e-12) continue;
      const [start, along] = [[(-n1 * c) / square, (-n2 * c) / square], [-n2, n1]];
      // Each condition u + v t >= 0 cuts off a part of it.
      let [low, high] = [-Infinity, Infinity];
      const third = 3 - j - k;
      const lead = (x) => linear(W, b, x)[j] - linear(W, b, x)[third];
      const next = [start[0] + along[0], start[1] + along[1]];
      const conditions = [[lead(start), lead(next) - lead(start)]];
      for (const r of [0, 1]) conditions.push([half - start[r], -along[r]], [half + start[r], along[r]]);
      for (const [u, v] of conditions) {
        if (v > 0) low = Math.max(low, -u / v);
        else if (v < 0) high = Math.min(high, -u / v);
        else if (u < 0) high = -Infinity;
      }
      const at = (t) => [start[0] + t * along[0], start[1] + t * along[1]];
      if (low < high) found.push([j, k, at(low), at(high)]);
    }
    return found;
  }

  // ------------------------------------------------------------------------ parts of a page

  let counter = 0; // for names that are the only one of their kind in a page

  const maker = (space) => (tag, attributes, ...children) => {
    const node = document.createElementNS(space, tag);
    set(node, attributes);
    node.append(...children);
    return node;
  };
  const html = maker("http://www.w3.org/1999/xhtml");
  const svg = maker("http://www.w3.org/2000/svg");

  function set(node, attributes) {
    for (const [name, value] of Object.entries(attributes)) {
      if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
      else node.setAttribute(name, value);
    }
  }

  /** A number as the reader sees it: fixed decimals, a true minus, inf and nan as PyTorch has it. */
  function show(value, digits = 2) {
    if (Number.isNaN(value)) return "nan";
    if (!Number.isFinite(value)) return value > 0 ? "inf" : "−inf";
    const text = Math.abs(value) < 1e5 ? value.toFixed(digits) : value.toExponential(1);
    return (Number(text) === 0 ? text.replace("-", "") : text).replace("-", "−");
  }

  /** A positive number in at most seven letters, for a table. */
  function brief(value) {
    if (!Number.isFinite(value) || value === 0) return show(value, 0);
    if (value >= 1e4 || value < 0.005) return value.toExponential(1).replace("-", "−");
    return value.toFixed(value < 100 ? 2 : 0);
  }

  /** Call `draw` once before the next repaint, however often the result is called. */
  function beforeRepaint(draw) {
    let asked = 0;
    return () => {
      asked ||= requestAnimationFrame(() => {
        asked = 0;
        draw();
      });
    };
  }

  /** A line of text that is also read aloud, once the values have rested for half a second. */
  function statusLine() {
    const seen = html("p", { class: "say" });
    const heard = html("p", { class: "heard", role: "status" });
    let timer = 0;
    return {
      nodes: [seen, heard],
      say(text, alarming = false) {
        seen.textContent = text;
        seen.classList.toggle("alarming", alarming);
        this.tell(text);
      },
      tell(text) {
        clearTimeout(timer);
        timer = setTimeout(() => (heard.textContent = text), 500);
      },
    };
  }

  /** A slider with its value beside it; `mark` is a value to be seen below, `note` what it is. */
  function slider({ label, min, max, step, value, text = show, input, mark, note }) {
    const output = html("output", {});
    const range = html("input", { type: "range", min, max, step, "aria-label": label });
    const sync = () => {
      output.textContent = text(Number(range.value));
      range.setAttribute("aria-valuetext", output.textContent);
    };
    range.addEventListener("input", () => {
      sync();
      input(Number(range.value));
    });
    const node = html("label", { class: "control" }, html("span", {}, label), range, output);
    if (mark !== undefined) {
      const at = (mark - min) / (max - min);
      node.append(html("span", { class: "flag", style: `--at: ${at}` }, note));
    }
    node.set = (to) => {
      range.value = to;
      sync();
    };
    node.set(value);
    return node;
  }

  /** Radio buttons: one tab stop, arrow keys between them. `parts` are what each shows. */
  function choice(label, names, parts, chosen, input) {
    const group = `explore-${counter++}`;
    const radios = names.map((name, i) =>
      html("input", { type: "radio", name: group, "aria-label": name, onchange: () => input(i) }),
    );
    radios[chosen].checked = true;
    const labels = radios.map((radio, i) => html("label", {}, radio, ...parts[i]));
    const node = html("div", { class: "choice", role: "radiogroup", "aria-label": label }, ...labels);
    return { node, radios };
  }

  const controls = (...sliders) => html("div", { class: "controls" }, ...sliders);

  const button = (text, onclick, attributes = {}) =>
    html("button", { type: "button", onclick, ...attributes }, text);

  /** About four round numbers between `low` and `high`. */
  function ticks([low, high]) {
    const power = 10 ** Math.floor(Math.log10((high - low) / 4));
    const step = [1, 2, 5, 10].map((k) => k * power).find((s) => (high - low) / s <= 5);
    const first = Math.ceil(low / step);
    return Array.from({ length: Math.floor(high / step) - first + 1 }, (_, k) => (first + k) * step);
  }

  const tidy = (v) => String(Number(v.toPrecision(6))).replace("-", "−");

  /** Axes with round ticks. `X` and `Y` turn data into pixels, `data` turns a pointer into data. */
  function plot({ label, x, y, xlabel, ylabel, yticks = ticks(y), ytext = tidy, height = 240, role = "img" }) {
    const [width, left, right, top, bottom] = [340, 38, 8, 20, 34];
    const X = (v) => left + ((v - x[0]) / (x[1] - x[0])) * (width - left - right);
    const Y = (v) => height - bottom - ((v - y[0]) / (y[1] - y[0])) * (height - top - bottom);
    const root = svg("svg", { viewBox: `0 0 ${width} ${height}`, role, "aria-label": label });
    for (const v of ticks(x)) {
      root.append(
        svg("path", { class: "grid", d: `M${X(v)},${top}V${height - bottom}` }),
        svg("text", { x: X(v), y: height - bottom + 14, "text-anchor": "middle" }, tidy(v)),
      );
    }
    for (const v of yticks) {
      root.append(
        svg("path", { class: "grid", d: `M${left},${Y(v)}H${width - right}` }),
        svg("text", { x: left - 5, y: Y(v) + 4, "text-anchor": "end" }, ytext(v)),
      );
    }
    const id = `explore-${counter++}`; // marks are cut off at the axes
    const box = { x: left, y: top, width: width - left - right, height: height - top - bottom };
    const marks = svg("g", { "clip-path": `url(#${id})` });
    const middle = left + box.width / 2;
    root.append(
      svg("clipPath", { id }, svg("rect", box)),
      svg("text", { x: middle, y: height - 4, "text-anchor": "middle" }, xlabel),
      svg("text", { x: 4, y: 12 }, ylabel),
      marks,
    );
    const data = (event) => {
      const at = new DOMPoint(event.clientX, event.clientY);
      const p = at.matrixTransform(root.getScreenCTM().inverse());
      return [
        x[0] + ((p.x - left) / box.width) * (x[1] - x[0]),
        y[0] + ((height - bottom - p.y) / box.height) * (y[1] - y[0]),
      ];
    };
    return { root, marks, X, Y, data };
  }

  const clamp = (value, [low, high]) => Math.min(high, Math.max(low, value));

  /** The path of a list of [x, y]; what lies far outside is kept near, where it is cut off. */
  function polyline({ X, Y }, points) {
    const near = (v) => clamp(v, [-2000, 2000]).toFixed(1);
    return points.map(([x, y], i) => `${i ? "L" : "M"}${near(X(x))},${near(Y(y))}`).join("");
  }

  /** Contours of the loss around its minimum, each of three times the excess of the one within. */
  function drawContours(axes, bowl, smallest) {
    for (let k = 0; k < 9; k++) {
      const d = polyline(axes, bowl.contour(smallest * 3 ** k));
      axes.marks.append(svg("path", { class: "contour", d }));
    }
  }

  /** A mark to be dragged by mouse or finger; its see-through rim makes it large enough for one. */
  function handle(axes, move, mark = svg("circle", { r: 8 })) {
    const node = svg("g", { class: "handle" }, svg("circle", { class: "rim", r: 20 }), mark);
    node.addEventListener("pointerdown", (event) => {
      event.preventDefault();
      node.setPointerCapture(event.pointerId);
      node.onpointermove = (e) => move(axes.data(e));
    });
    // or the page scrolls away with the finger: Chromium knows no touch-action within an SVG
    node.addEventListener("touchstart", (event) => event.preventDefault(), { passive: false });
    node.onpointerup = node.onpointercancel = () => (node.onpointermove = null);
    node.at = (x, y) => node.setAttribute("transform", `translate(${axes.X(x)},${axes.Y(y)})`);
    axes.marks.append(node);
    return node;
  }

  // -------------------------------------------------------------------------------- figures

  const figures = {};

  /** Fit a line by hand: two parameters, squares on the residuals, the guess on the loss. */
  figures.line = (root, { x, y, w, b, range, xlabel, ylabel }) => {
    const bowl = lineLoss(x, y);
    const start = [w, b];
    let trail = [start];
    const line = plot({ label: "The data, the line, and a square on each error",
      x: range.x, y: range.y, xlabel, ylabel });
    const map = plot({ label: "Lines of equal loss over w and b, with the guesses so far",
      x: range.w, y: range.b, xlabel: "w", ylabel: "b" });
    drawContours(map, bowl, range.excess);

    const squares = x.map(() => svg("rect", { class: "square" }));
    const fit = svg("path", { class: "fit" });
    const dots = x.map((v, i) => svg("circle", { class: "dot", r: 3, cx: line.X(v), cy: line.Y(y[i]) }));
    line.marks.append(...squares, fit, ...dots);
    const path = svg("path", { class: "path" });
    map.marks.append(path);

    const ends = [0.06, 0.94].map((share) => range.x[0] + share * (range.x[1] - range.x[0]));
    const handles = ends.map((end, k) =>
      handle(line, ([, at]) => {
        const height = clamp(at, range.y);
        const other = w * ends[1 - k] + b;
        const slope = (height - other) / (end - ends[1 - k]);
        move(slope, height - slope * end);
      }),
    );
    const guess = handle(map, ([w, b]) => move(w, b));
    const status = statusLine();

    const draw = beforeRepaint(() => {
      x.forEach((v, i) => {
        const [here, there] = [line.Y(y[i]), line.Y(w * v + b)];
        const side = Math.abs(here - there);
        // towards the inner side of the line, so that no square hides the line
        const left = (there > here) === (w < 0) ? line.X(v) : line.X(v) - side;
        set(squares[i], { x: left, y: Math.min(here, there), width: side, height: side });
      });
      fit.setAttribute("d", polyline(line, range.x.map((v) => [v, w * v + b])));
      ends.forEach((end, k) => handles[k].at(end, w * end + b));
      path.setAttribute("d", polyline(map, trail));
      guess.at(w, b);
      const [loss, least] = [bowl.loss(w, b), bowl.least];
      status.say(`Loss ${show(loss, 3)}, ${show(loss / least)} times the least possible, ${show(least, 3)}.`);
    });
    function move(toW, toB) {
      // to two decimals, so that what is read is what is computed
      [w, b] = [clamp(toW, range.w), clamp(toB, range.b)].map((v) => Math.round(v * 100) / 100);
      trail = [...trail.slice(-400), [w, b]];
      sliders[0].set(w);
      sliders[1].set(b);
      draw();
    }
    const sliders = [
      slider({ label: "w", min: range.w[0], max: range.w[1], step: 0.01, value: w,
        input: (value) => move(value, b) }),
      slider({ label: "b", min: range.b[0], max: range.b[1], step: 0.01, value: b,
        input: (value) => move(w, value) }),
    ];
    root.append(
      html("div", { class: "plots" }, line.root, map.root),
      controls(...sliders),
      html("div", { class: "buttons" },
        button("Least squares", () => move(bowl.w, bowl.b)),
        button("Start again", () => { trail = []; move(...start); })),
      ...status.nodes,
    );
    draw();
  };

  /** Gradient descent: learning rate, batch size and steps; the path on the loss, the losses. */
  figures.descent = (root, { x, y, w, b, rate, rates, sizes, steps, seed, range, losses }) => {
    const bowl = lineLoss(x, y);
    const n = x.length;
    let [lr, size, taken, timer] = [rate, n, steps, 0];
    const map = plot({ label: "Lines of equal loss over w and b, with the path of the steps",
      x: range.w, y: range.b, xlabel: "w", ylabel: "b" });
    const powers = ticks(losses).filter(Number.isInteger);
    const chart = plot({ label: "The loss after each step", x: [0, 60], y: losses,
      xlabel: "step", ylabel: "loss", yticks: powers, ytext: (k) => String(10 ** k) });
    drawContours(map, bowl, range.excess);
    const lowest = [0, 60].map((t) => [t, Math.log10(bowl.least)]);
    chart.marks.append(svg("path", { class: "least", d: polyline(chart, lowest) }));
    const [path, curve] = [svg("path", { class: "path" }), svg("path", { class: "path" })];
    const spots = Array.from({ length: 61 }, () => svg("circle", { class: "spot", r: 2.5 }));
    const end = svg("circle", { class: "now", r: 6 });
    map.marks.append(path, ...spots, end);
    chart.marks.append(curve);
    const status = statusLine();

    const draw = beforeRepaint(() => {
      const places = descend(bowl, [w, b], lr, minibatches(n, size, seeded(seed)), taken);
      const values = places.map(([u, v]) => bowl.loss(u, v));
      path.setAttribute("d", polyline(map, places));
      curve.setAttribute("d", polyline(chart, values.map((v, t) => [t, Math.log10(v)])));
      spots.forEach((spot, t) => {
        const [u, v] = places[Math.min(t, taken)];
        set(spot, { cx: clamp(map.X(u), [-99, 999]), cy: clamp(map.Y(v), [-99, 999]) });
      });
      const [u, v] = places[taken];
      set(end, { cx: clamp(map.X(u), [-99, 999]), cy: clamp(map.Y(v), [-99, 999]) });
      const worse = values[taken] > values[0];
      status.say(
        `Step ${taken}: w = ${show(u)}, b = ${show(v)}, loss ${show(values[taken], 3)};` +
          ` least ${show(bowl.least, 3)}.${worse ? " It has grown since the start." : ""}`,
        worse,
      );
    });
    const stop = () => {
      clearInterval(timer);
      timer = 0;
      run.textContent = "Run";
    };
    const go = (to) => {
      taken = Math.min(60, to);
      if (taken === 60) stop();
      draw();
    };
    const run = button("Run", () => {
      if (timer) return stop();
      if (matchMedia("(prefers-reduced-motion: reduce)").matches) return go(60);
      if (taken === 60) taken = 0;
      run.textContent = "Pause";
      timer = setInterval(() => go(taken + 1), 100);
    });
    root.append(
      html("div", { class: "plots" }, map.root, chart.root),
      controls(
        slider({ label: "learning rate", min: rates[0], max: rates[1], step: 0.01,
          value: Math.log10(rate), text: (v) => show(10 ** v, 3), mark: Math.log10(bowl.limit),
          note: `2/λₘₐₓ = ${show(bowl.limit, 3)}`, input: (v) => { lr = 10 ** v; draw(); } }),
        slider({ label: "batch size", min: 0, max: sizes.length - 1, step: 1, value: sizes.length - 1,
          text: (k) => (sizes[k] === n ? `all ${n}` : `${sizes[k]}`),
          input: (k) => { size = sizes[k]; draw(); } }),
      ),
      html("div", { class: "buttons" },
        button("1 step", () => { stop(); go(taken + 1); }),
        button("10 steps", () => { stop(); go(taken + 10); }),
        run,
        button("Start again", () => { stop(); go(0); })),
      ...status.nodes,
    );
    draw();
  };

  // -- a classifier of pictures of 28 x 28 pixels

  const SIDE = 28;
  const bytes = (text) => Uint8Array.from(atob(text.split(",")[1]), (c) => c.charCodeAt(0));
  const square = (label) =>
    html("canvas", { width: SIDE, height: SIDE, role: "img", "aria-label": label });

  /** Colour a canvas, pixel by pixel; `color` gives red, green, blue and opacity, 0 to 255. */
  function paint(canvas, values, color) {
    const context = canvas.getContext("2d");
    const image = context.createImageData(SIDE, SIDE);
    values.forEach((v, i) => image.data.set(color(v), 4 * i));
    context.putImageData(image, 0, 0);
  }
  const gray = (v) => [v, v, v, 255];
  const signed = (limit) => (v) => // orange above zero, blue below, more of it further away
    [...(v > 0 ? [225, 110, 10] : [30, 130, 215]), 255 * Math.min(1, Math.abs(v) / limit) ** 0.7];

  /** The trained classifier: a picture to be changed, ten probabilities, ten templates. */
  figures.classifier = (root, { weights, scale, b, images, labels, classes, limit }) => {
    const W = Array.from(new Int16Array(bytes(weights).buffer), (v) => v * scale);
    const template = classes.map((_, j) => W.slice(j * SIDE ** 2, (j + 1) * SIDE ** 2));
    const all = bytes(images);
    const picture = (i) => Array.from(all.slice(i * SIDE ** 2, (i + 1) * SIDE ** 2));
    let [shown, pixels, pen, at] = [0, picture(0), 0, [14, 14]];
    let asked = -1; // the class whose map is shown; -1: the one predicted
    const status = statusLine();

    const pad = html("canvas", { width: SIDE, height: SIDE, class: "picture", tabindex: 0,
      role: "application", "aria-label": "picture; arrow keys move, space paints" });
    const cursor = html("i", { class: "cursor" });
    const map = square("pixel times weight");
    const about = html("p", { class: "about" });

    const thumbs = labels.map((label, i) => {
      const canvas = square(classes[label]);
      paint(canvas, picture(i), gray);
      return [canvas];
    });
    const titles = labels.map((j, i) => `image ${i + 1}, ${classes[j]}`);
    const pictures = choice("test images", titles, thumbs, 0, load);
    const rows = classes.map((name, j) => {
      const canvas = square(`template of ${name}`);
      paint(canvas, template[j], signed(limit));
      return [html("span", {}, name), canvas, html("b", {}), html("output", {})];
    });
    const templates = choice("class whose map is shown", classes, rows, labels[0], (j) => { asked = j; draw(); });

    const draw = beforeRepaint(() => {
      const x = pixels.map((v) => v / 255);
      const parts = template.map((w) => w.map((v, i) => v * x[i]));
      const logits = parts.map((part, j) => sum(part) + b[j]);
      const p = softmax(logits);
      const top = p.indexOf(Math.max(...p));
      rows.forEach(([, , bar, value], j) => {
        bar.style.width = `${100 * p[j]}%`;
        value.textContent = show(p[j], 3);
        templates.radios[j].setAttribute("aria-description", `probability ${show(p[j], 3)}`);
      });
      const j = asked < 0 ? top : asked;
      templates.radios[j].checked = true;
      paint(pad, pixels, gray);
      paint(map, parts[j], signed(limit));
      set(cursor, { style: `--x: ${at[0]}; --y: ${at[1]}` });
      about.textContent = `pixel × weight of ${classes[j]}: orange for it, blue against it; sum `
        + `${show(sum(parts[j]), 1)}, with the bias ${show(logits[j], 1)}`;
      const y = labels[shown];
      status.say(`Predicted: ${classes[top]}, ${show(p[top], 3)}. True: ${classes[y]}; `
        + `cross-entropy ${show(-Math.log(p[y]), 3)}.`, top !== y);
    });
    function load(i) {
      [shown, pixels, asked] = [i, picture(i), -1];
      draw();
    }
    /** Each pixel of the new picture is that of the old one at the place that `from` names. */
    const move = (from) => () => {
      pixels = pixels.map((_, i) => {
        const [x, y] = from(i % SIDE, Math.floor(i / SIDE));
        return x < 0 || x >= SIDE || y < 0 || y >= SIDE ? 0 : pixels[y * SIDE + x];
      });
      draw();
    };
    const brush = ([x, y]) => { // three pixels wide
      at = [clamp(x, [0, SIDE - 1]), clamp(y, [0, SIDE - 1])];
      pixels = pixels.map((v, i) =>
        Math.max(Math.abs((i % SIDE) - at[0]), Math.abs(Math.floor(i / SIDE) - at[1])) > 1 ? v : pen);
      draw();
    };
    const place = (event) => {
      const box = pad.getBoundingClientRect();
      return [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height]
        .map((share) => Math.floor(share * SIDE));
    };
    pad.addEventListener("pointerdown", (event) => {
      pad.setPointerCapture(event.pointerId);
      pad.onpointermove = (e) => brush(place(e));
      brush(place(event));
    });
    pad.onpointerup = pad.onpointercancel = () => (pad.onpointermove = null);
    const arrows = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    pad.addEventListener("keydown", (event) => {
      if (event.key === " ") brush(at);
      else if (event.key in arrows) {
        at = at.map((v, k) => clamp(v + arrows[event.key][k], [0, SIDE - 1]));
        draw();
        status.tell(`column ${at[0] + 1}, row ${at[1] + 1}`);
      } else return;
      event.preventDefault();
    });

    const pens = choice("pen", ["Erase", "Draw"], [["Erase"], ["Draw"]], 0, (k) => { pen = 255 * k; });
    pens.node.classList.add("joined");
    pictures.node.classList.add("thumbs");
    templates.node.classList.add("bars");
    const shift = (text, name, dx, dy) =>
      button(text, move((x, y) => [x - dx, y - dy]), { "aria-label": `Shift ${name}` });
    root.append(
      pictures.node,
      html("div", { class: "plots" },
        html("div", { class: "pads" },
          html("div", { class: "frame" }, pad, cursor),
          html("div", { class: "frame" }, map),
          about,
          html("div", { class: "buttons" },
            pens.node,
            shift("←", "left", -1, 0), shift("→", "right", 1, 0),
            shift("↑", "up", 0, -1), shift("↓", "down", 0, 1),
            button("Flip", move((x, y) => [SIDE - 1 - x, y])),
            button("Invert", () => { pixels = pixels.map((v) => 255 - v); draw(); }),
            button("Start again", () => load(shown)))),
        templates.node),
      ...status.nodes,
    );
    draw();
  };

  /** Softmax as a computer finds it: temperature, a shift, two types, with and without the cure. */
  figures.softmax = (root, { names, logits, temperature, shift, type }) => {
    const types = ["float16", "float32"];
    const state = { logits: [...logits], temperature, shift, type };
    const cells = [...names, "sum"].map(() => 
      ["", "", "share", "", "share"].map((kind) => html("td", { class: kind })));
    const status = statusLine();
    const head = ["", "z", "exp(z)", "direct", "exp(z−m)", "stable"];
    const table = html("table", {},
      html("thead", {}, html("tr", {}, ...head.map((t) => html(t ? "th" : "td", {}, t)))),
      html("tbody", {}, ...[...names, "sum"].map((name, i) =>
        html("tr", {}, html("th", { scope: "row" }, name), ...cells[i]))));

    const draw = beforeRepaint(() => {
      const { z, direct, stable } =
        softmaxTwice(state.logits, state.temperature, state.shift, state.type);
      names.forEach((_, i) => {
        cells[i][0].textContent = show(z[i], 1);
        [direct, stable].forEach((way, k) => {
          cells[i][2 * k + 1].textContent = brief(way.exps[i]);
          cells[i][2 * k + 2].textContent = show(way.p[i], 3);
          cells[i][2 * k + 2].style.setProperty("--share", way.p[i] || 0);
        });
        const wrong = !(Math.abs(direct.p[i] - stable.p[i]) < 0.005);
        cells[i][1].classList.toggle("alarming", !Number.isFinite(direct.exps[i]));
        cells[i][2].classList.toggle("alarming", wrong);
      });
      cells[names.length][1].textContent = brief(direct.total);
      cells[names.length][3].textContent = brief(stable.total);
      const off = !(Math.abs(direct.log - stable.log) < 0.1);
      status.say(
        `log Σ exp(z): direct ${show(direct.log, 2)}, stable ${show(stable.log, 2)}. Entropy ` +
          `${show(entropy(stable.p), 3)} of at most ${show(Math.log(names.length), 3)}.`,
        off,
      );
    });
    const control = (name, options) => slider({ ...options, input: (value) => {
      state[name] = options.to ? options.to(value) : value;
      draw();
    } });
    const kinds = choice("number type", types, types.map((t) => [t]), types.indexOf(type), (i) => {
      state.type = types[i];
      draw();
    });
    kinds.node.classList.add("joined");
    root.append(
      controls(
        ...names.map((name, i) =>
          slider({ label: name, min: -5, max: 5, step: 0.1, value: logits[i], text: (v) => show(v, 1),
            input: (value) => { state.logits[i] = value; draw(); } })),
        control("temperature", { label: "temperature", min: -1, max: 1, step: 0.02,
          value: Math.log10(temperature), text: (v) => show(10 ** v), to: (v) => 10 ** v }),
        control("shift", { label: "added to all", min: -120, max: 120, step: 1, value: shift,
          text: (v) => show(v, 0) }),
      ),
      kinds.node,
      table,
      ...status.nodes,
    );
    draw();
  };

  /** Three classes in the plane: points to be moved, boundaries to be turned, scaled and fitted. */
  figures.regions = (root, { W, b, points, labels, half, lr }) => {
    const [size, colors] = [60, [[0, 114, 178], [213, 94, 0], [0, 158, 115]]];
    const state = { W, b, points: points.map((p) => [...p]), turn: 0, scale: 0 };
    const axes = plot({ label: "The plane of two features: regions, boundaries and points",
      x: [-half, half], y: [-half, half], xlabel: "x₁", ylabel: "x₂", height: 300, role: "group" });
    const [canvas, ground] = [html("canvas", { width: size, height: size }), svg("image", {
      x: axes.X(-half), y: axes.Y(half), width: axes.X(half) - axes.X(-half),
      height: axes.Y(-half) - axes.Y(half), preserveAspectRatio: "none" })];
    const lines = svg("path", { class: "boundary" });
    axes.marks.append(ground, lines);
    const shapes = [() => svg("circle", { r: 7 }), () => svg("path", { d: "M-6-6H6V6H-6Z" }),
      () => svg("path", { d: "M0-8L8 6H-8Z" })];
    const status = statusLine();

    /** The weights that are shown: turned and scaled. */
    const current = () => {
      const [s, angle] = [10 ** state.scale, (state.turn * Math.PI) / 180];
      const [cos, sin] = [s * Math.cos(angle), s * Math.sin(angle)];
      return [
        [0, 1].map((r) => state.W[0].map((w, j) =>
          r ? sin * w + cos * state.W[1][j] : cos * w - sin * state.W[1][j])),
        state.b.map((bias) => s * bias),
      ];
    };
    const handles = points.map((_, i) => {
      const move = ([x, y]) => {
        state.points[i] = [x, y].map((v) => Math.round(10 * clamp(v, [-half, half])) / 10);
        draw();
      };
      const node = handle(axes, move, shapes[labels[i]]());
      const steps = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
      set(node, { tabindex: 0, role: "slider", "aria-label": `point ${i + 1} of class ${labels[i]}`,
        "aria-valuemin": -half, "aria-valuemax": half,
        onkeydown: (event) => {
          if (!(event.key in steps)) return;
          event.preventDefault();
          move(state.points[i].map((v, k) => v + 0.1 * steps[event.key][k]));
        } });
      node.classList.add(`class-${labels[i]}`);
      return node;
    });

    const draw = beforeRepaint(() => {
      const [W, b] = current();
      const context = canvas.getContext("2d");
      const image = context.createImageData(size, size);
      for (let i = 0; i < size * size; i++) {
        const at = [i % size, Math.floor(i / size)].map((v) => ((2 * v + 1) / size - 1) * half);
        const p = softmax(linear(W, b, [at[0], -at[1]]));
        for (const c of [0, 1, 2]) image.data[4 * i + c] = sum(p.map((v, j) => v * colors[j][c]));
        image.data[4 * i + 3] = 110;
      }
      context.putImageData(image, 0, 0);
      ground.setAttribute("href", canvas.toDataURL());
      const ends = boundaries(W, b, half).map(([, , from, to]) => polyline(axes, [from, to]));
      lines.setAttribute("d", ends.join(""));
      let wrong = 0;
      handles.forEach((node, i) => {
        const p = softmax(linear(W, b, state.points[i]));
        const misses = Math.max(...p) > p[labels[i]];
        wrong += misses;
        node.at(...state.points[i]);
        node.classList.toggle("missed", misses);
        const [x1, x2] = state.points[i].map((v) => show(v, 1));
        set(node, { "aria-valuenow": state.points[i][0],
          "aria-valuetext": `x₁ ${x1}, x₂ ${x2}, probability of its class ${show(p[labels[i]], 3)}` });
      });
      const loss = crossEntropy(W, b, state.points, labels);
      status.say(`Cross-entropy ${show(loss, 3)}; ${wrong} of ${points.length} points on the wrong side.`);
    });
    const sliders = [
      slider({ label: "turn", min: -180, max: 180, step: 5, value: 0, text: (v) => `${show(v, 0)}°`,
        input: (v) => { state.turn = v; draw(); } }),
      slider({ label: "scale", min: -1, max: 1, step: 0.05, value: 0, text: (v) => show(10 ** v),
        input: (v) => { state.scale = v; draw(); } }),
    ];
    const hold = (W, b) => { // these weights, not turned and not scaled
      Object.assign(state, { W, b, turn: 0, scale: 0 });
      sliders.forEach((node) => node.set(0));
      draw();
    };
    root.append(
      html("div", { class: "plots centred" }, axes.root),
      controls(...sliders),
      html("div", { class: "buttons" },
        button("Fit: 100 steps", () => {
          let [W, b] = current();
          for (let t = 0; t < 100; t++) [W, b] = fitStep(W, b, state.points, labels, lr);
          hold(W, b);
        }),
        button("Start again", () => {
          state.points = points.map((p) => [...p]);
          hold(W, b);
        })),
      ...status.nodes,
    );
    draw();
  };

  // ---------------------------------------------------------------------------- the element

  if (typeof module === "object") {
    module.exports = {
      boundaries, crossEntropy, descend, entropy, fitStep, lineLoss, minibatches, seeded,
      softmaxTwice, toFloat16,
    };
    return;
  }
  if (customElements.get("explore-figure")) return; // another output of the notebook brought it

  const ours = ["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown", "Home", "End", " ", "Enter"];
  customElements.define("explore-figure", class extends HTMLElement {
    connectedCallback() {
      if (this.querySelector(".live")) return;
      const config = JSON.parse(this.dataset.config);
      const root = html("div", { class: "live", role: "group", "aria-label": config.title });
      figures[this.getAttribute("kind")](root, config); // an error leaves the picture in its place
      // A notebook would move to another cell on these keys.
      root.addEventListener("keydown", (e) => ours.includes(e.key) && e.stopPropagation());
      this.append(root);
    }
  });
})();
