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

  // ------------------------------------------------------------------------ parts of a page

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
        clearTimeout(timer);
        timer = setTimeout(() => (heard.textContent = text), 500);
      },
    };
  }

  function slider({ label, min, max, step, value, text = show, input }) {
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
    node.set = (to) => {
      range.value = to;
      sync();
    };
    node.set(value);
    return node;
  }

  const button = (text, onclick, attributes = {}) =>
    html("button", { type: "button", onclick, ...attributes }, text);

  /** About four round numbers between `low` and `high`. */
  function ticks([low, high]) {
    const power = 10 ** Math.floor(Math.log10((high - low) / 4));
    const step = [1, 2, 5, 10].map((k) => k * power).find((s) => (high - low) / s <= 5);
    const first = Math.ceil(low / step);
    return Array.from({ length: Math.floor(high / step) - first + 1 }, (_, k) => (first + k) * step);
  }

  /** Axes with round ticks. `X` and `Y` turn data into pixels, `data` turns a pointer into data. */
  function plot({ label, x, y, xlabel, ylabel, xticks = ticks(x), yticks = ticks(y), text = String }) {
    const [width, height, left, right, top, bottom] = [340, 240, 38, 8, 20, 34];
    const X = (v) => left + ((v - x[0]) / (x[1] - x[0])) * (width - left - right);
    const Y = (v) => height - bottom - ((v - y[0]) / (y[1] - y[0])) * (height - top - bottom);
    const root = svg("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": label });
    const tidy = (v) => text(Number(v.toPrecision(6))).replace("-", "−");
    for (const v of xticks) {
      root.append(
        svg("path", { class: "grid", d: `M${X(v)},${top}V${height - bottom}` }),
        svg("text", { x: X(v), y: height - bottom + 14, "text-anchor": "middle" }, tidy(v)),
      );
    }
    for (const v of yticks) {
      root.append(
        svg("path", { class: "grid", d: `M${left},${Y(v)}H${width - right}` }),
        svg("text", { x: left - 5, y: Y(v) + 4, "text-anchor": "end" }, tidy(v)),
      );
    }
    const id = `explore-${plot.count++}`; // marks are cut off at the axes
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
  plot.count = 0;

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

  /** A disc to be dragged by mouse or finger; its see-through rim makes it large enough for one. */
  function handle(axes, move) {
    const node = svg("g", { class: "handle" }, svg("circle", { r: 20 }), svg("circle", { r: 8 }));
    node.addEventListener("pointerdown", (event) => {
      event.preventDefault();
      node.setPointerCapture(event.pointerId);
      node.onpointermove = (e) => move(axes.data(e));
    });
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
    const { nodes, say } = statusLine();

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
      say(`Loss ${show(loss, 3)}, ${show(loss / least)} times the least possible, ${show(least, 3)}.`);
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
      html("div", { class: "row" }, line.root, map.root),
      ...sliders,
      html("div", { class: "buttons" },
        button("Least squares", () => move(bowl.w, bowl.b)),
        button("Start again", () => { trail = []; move(...start); })),
      ...nodes,
    );
    draw();
  };

  // ---------------------------------------------------------------------------- the element

  if (typeof module === "object") {
    module.exports = { lineLoss };
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
