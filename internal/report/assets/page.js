"use strict";
(function () {
  const root = document.documentElement;
  const $ = (id) => document.getElementById(id);
  const fleet = $("fleet");
  const bodies = Array.from(fleet.querySelectorAll("tbody.w"));
  const live = new Map(); // tbody to the charts drawn in it

  // Sections: the name becomes a button that opens the row below.
  bodies.forEach((body) => {
    const name = body.querySelector(".name");
    const more = body.querySelector("tr.more");
    const button = document.createElement("button");
    button.type = "button";
    button.className = "name";
    button.textContent = name.textContent;
    more.id = "more-" + body.dataset.i;
    button.setAttribute("aria-expanded", "false");
    button.setAttribute("aria-controls", more.id);
    name.replaceWith(button);
    body.querySelector("tr.line").addEventListener("click", (e) => {
      if (e.target === button || getSelection().isCollapsed) toggle(body, button);
    });
  });

  function toggle(body, button) {
    const open = body.classList.toggle("open");
    button.setAttribute("aria-expanded", String(open));
    body.querySelector("tr.more details").open = open;
    if (open && !live.has(body)) live.set(body, draw(body));
  }

  // Sorting.
  const numeric = new Set(["replicas", "cpu", "memory", "cost", "saves", "confidence"]);
  const heads = Array.from(fleet.querySelectorAll("thead th[data-key]"));
  heads.forEach((head) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = head.textContent;
    head.replaceChildren(button);
    button.addEventListener("click", () => {
      const key = head.dataset.key;
      const now = head.getAttribute("aria-sort");
      const first = numeric.has(key) ? "descending" : "ascending";
      const other = first === "ascending" ? "descending" : "ascending";
      sort(key, now === first ? other : first);
    });
  });

  function sort(key, order) {
    heads.forEach((h) => (h.dataset.key === key ? h.setAttribute("aria-sort", order) : h.removeAttribute("aria-sort")));
    const sign = order === "ascending" ? 1 : -1;
    const value = numeric.has(key) ? (b) => Number(b.dataset[key]) : (b) => b.dataset[key];
    const rows = bodies.map((b) => [value(b), b]);
    rows.sort((a, b) => (a[0] < b[0] ? -sign : a[0] > b[0] ? sign : Number(a[1].dataset.i) - Number(b[1].dataset.i)));
    const all = document.createDocumentFragment();
    rows.forEach((r) => all.append(r[1]));
    fleet.append(all);
  }

  // Filters.
  const text = $("f-text"), ns = $("f-ns"), action = $("f-action"), problems = $("f-problems");
  const haystack = new Map(bodies.map((b) => [b, b.dataset.name.toLowerCase()]));
  function filter() {
    const words = text.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    bodies.forEach((b) => {
      const ok = words.every((w) => haystack.get(b).includes(w)) && (!ns.value || b.dataset.ns === ns.value) &&
        (!action.value || b.dataset.action === action.value) && (!problems.checked || b.dataset.problem === "1");
      b.hidden = !ok;
      if (ok) shown++;
    });
    $("shown").textContent = shown === bodies.length ? shown + " workloads" : shown + " of " + bodies.length;
    $("none").hidden = shown > 0 || bodies.length === 0;
  }
  $("filters").hidden = false;
  $("filters").addEventListener("submit", (e) => e.preventDefault());
  $("filters").addEventListener("input", filter);
  filter();

  // Colours: the system's, until the button says otherwise.
  const theme = $("theme");
  const system = matchMedia("(prefers-color-scheme: dark)");
  const dark = () => (root.dataset.theme ? root.dataset.theme === "dark" : system.matches);
  const themed = () => {
    theme.textContent = dark() ? "Light" : "Dark";
    theme.setAttribute("aria-label", "Switch to " + (dark() ? "light" : "dark") + " colours");
    live.forEach((charts) => charts.forEach((c) => c.redraw()));
  };
  theme.hidden = false;
  theme.addEventListener("click", () => { root.dataset.theme = dark() ? "light" : "dark"; themed(); });
  system.addEventListener("change", themed);
  themed();

  // Charts.
  const digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  const worth = {};
  for (let i = 0; i < 64; i++) worth[digits[i]] = i;
  const gap = 4095;

  function draw(body) {
    const data = body.querySelector("script.plots");
    const host = body.querySelector(".charts");
    if (!data) return [];
    return JSON.parse(data.textContent).map((plot) => chart(host, plot));
  }

  // decode gives [times, values]; two digits a value, in 4094ths of the scale.
  function decode(plot) {
    const xs = [], ys = [];
    (plot.segments || []).forEach(([start, step, code]) => {
      for (let i = 0; i < code.length; i += 2) {
        const v = worth[code[i]] * 64 + worth[code[i + 1]];
        xs.push(start + (i / 2) * step);
        ys.push(v === gap ? null : (v / 4094) * plot.scale);
      }
    });
    return [xs, ys];
  }

  // table puts history, forecast and lines on one axis of times.
  function table(plot) {
    const [xs, ys] = decode(plot);
    const f = plot.forecast;
    const used = ys.slice(), fans = [], asked = [], want = [];
    if (f) {
      for (let i = xs.length - 1; i >= 0 && xs[i] > f.origin; i--) { xs.pop(); used.pop(); }
      const joint = f.last;
      if (xs[xs.length - 1] !== f.origin) { xs.push(f.origin); used.push(joint); }
      f.horizons.forEach((h) => { xs.push(f.origin + h); used.push(null); });
      f.rows.forEach((row) => {
        const line = new Array(xs.length - f.horizons.length - 1).fill(null);
        fans.push(line.concat([joint], row));
      });
    }
    let c = -1;
    xs.forEach((x) => {
      while (plot.asked && c + 1 < plot.asked.length && plot.asked[c + 1][0] <= x) c++;
      asked.push(c >= 0 ? plot.asked[c][1] : plot.asked && plot.asked.length ? null : plot.requested || null);
      want.push(plot.recommended && (!f || x >= f.origin) ? plot.recommended : null);
    });
    return [xs, used, asked, want].concat(fans);
  }

  const MiB = 1048576, GiB = 1073741824;
  function short(x) {
    const a = Math.abs(x);
    if (a >= 1e9) return +(x / 1e9).toPrecision(3) + "G";
    if (a >= 1e6) return +(x / 1e6).toPrecision(3) + "M";
    if (a >= 1e4) return +(x / 1e3).toPrecision(3) + "k";
    return String(+x.toPrecision(3));
  }
  function amount(x, unit) {
    if (x == null) return "–";
    if (unit === "bytes") {
      if (x >= GiB) return +(x / GiB).toPrecision(3) + " GiB";
      return x >= MiB ? Math.round(x / MiB) + " MiB" : Math.round(x / 1024) + " KiB";
    }
    if (unit === "cores") return (x < 1 ? Math.round(x * 1000) + "m" : +x.toPrecision(3)) + (x < 1 ? "" : x === 1 ? " core" : " cores");
    return unit === "pods" ? short(x) : short(x) + " " + unit;
  }
  const months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
  const two = (n) => String(n).padStart(2, "0");
  const day = (d) => months[d.getUTCMonth()] + " " + d.getUTCDate();
  const hour = (d) => two(d.getUTCHours()) + ":" + two(d.getUTCMinutes());
  const ticks = (u, splits, axis, space, incr) => splits.map((s) => {
    const d = new Date(s * 1e3);
    return incr >= 86400 || hour(d) === "00:00" ? day(d) : hour(d);
  });
  function binary(max) { // distances between ticks of memory
    const out = [];
    for (let b = 1024; b < Math.max(max, 2048) * 4; b *= 2) out.push(b);
    return out;
  }

  function chart(host, plot) {
    const box = document.createElement("div");
    box.className = "chart";
    const data = table(plot);
    const xs = data[0];
    const f = plot.forecast;
    const first = xs[0], last = xs[xs.length - 1], now = f ? f.origin : last;
    const make = (tag, cls, content) => {
      const e = document.createElement(tag);
      if (cls) e.className = cls;
      if (content) e.textContent = content;
      return e;
    };
    const head = make("div", "head");
    const title = make("h4", "", plot.title + " ");
    title.append(make("small", "", plot.unit === "bytes" ? "" : plot.unit));
    head.append(title);
    const ranges = make("div", "ranges");
    head.append(ranges);
    const legend = make("div", "legend");
    const verb = plot.pods ? "ready" : plot.unit === "cores" || plot.unit === "bytes" ? "used" : "seen";
    const key = (cls, label) => {
      const k = make("span", "k-" + cls);
      k.append(make("i"), label);
      legend.append(k);
    };
    key("used", verb);
    if (f) { key("mid", "forecast, median"); key("fan", "90, 95, 99 %"); }
    if (data[2].some((v) => v != null)) key("asked", "requested");
    if (plot.recommended) key("want", "recommended");
    const canvas = make("div", "plot");
    const readout = make("div", "readout");
    box.append(head, legend, canvas, readout);
    host.append(box);

    const shown = ranges;
    const spans = [["6 h", 21600], ["1 d", 86400], ["3 d", 259200], ["8 d", 691200], ["all", Infinity]].filter((s) => s[1] === Infinity || now - first > s[1] * 1.05);
    // What repeats is shown at least once more than it takes to repeat.
    const enough = f && f.season > 172800 ? 691200 : 259200;
    let chosen = spans.find((s) => s[1] === enough) || spans[spans.length - 1];
    const ahead = (s) => (s[1] < 86400 ? Math.min(last, now + s[1]) : last);
    const window = (s) => ({ min: s[1] === Infinity ? first : now - s[1], max: Math.max(ahead(s), now + 60) });
    let u;
    const buttons = spans.map((s) => {
      const b = make("button", "", s[0]);
      b.type = "button";
      b.addEventListener("click", () => { chosen = s; u.setScale("x", window(s)); press(); });
      shown.append(b);
      return [s, b];
    });
    const press = () => buttons.forEach(([s, b]) => b.setAttribute("aria-pressed", String(s === chosen)));
    press();

    const at = (i) => data.map((d) => d[i]);
    const say = (i) => {
      const d = new Date(xs[i] * 1e3);
      const v = at(i);
      const parts = [day(d) + " " + hour(d) + " UTC"];
      if (v[1] != null) parts.push(verb + " " + amount(v[1], plot.unit));
      if (f && v[4] != null && xs[i] > now) {
        f.levels.forEach((level, j) => { if (level >= 0.5) parts.push(Math.round(level * 100) + " % " + amount(v[4 + j], plot.unit)); });
      }
      if (v[2] != null) parts.push("requested " + amount(v[2], plot.unit));
      if (v[3] != null) parts.push("recommended " + amount(v[3], plot.unit));
      return parts.join(" · ");
    };
    const newest = xs.findLastIndex((x, i) => x <= now && data[1][i] != null);
    const rest = newest >= 0 ? say(newest) : "";
    canvas.setAttribute("role", "img");
    canvas.setAttribute("aria-label", plot.title + ": " + rest + (f ? "; at the end of the forecast: " + say(xs.length - 1) : ""));
    readout.textContent = rest;

    function build() {
      const css = getComputedStyle(root);
      const colour = (name) => css.getPropertyValue(name).trim();
      const fan = (alpha) => "rgba(" + colour("--fan") + ", " + alpha + ")";
      const stepped = uPlot.paths.stepped({ align: 1 });
      const line = (name, width, extra) => Object.assign({ stroke: colour(name), width, points: { show: false } }, extra);
      const series = [{}, line("--used", 1.5, plot.pods ? { paths: stepped } : {}),
        line("--asked", 1.5, { paths: stepped, dash: [7, 4] }), line("--want", 2.5)];
      const bands = [];
      if (f) {
        const n = f.levels.length;
        f.levels.forEach((level) => series.push(level === 0.5 ? line("--used", 1.5, { dash: [2, 3] }) : { stroke: fan(0.25), width: 0.5, points: { show: false } }));
        for (let j = 0; j < Math.floor(n / 2); j++) bands.push({ series: [4 + n - 1 - j, 4 + j], fill: fan([0.13, 0.16, 0.2][j] || 0.2) });
      }
      const axis = { stroke: colour("--soft"), font: "12px system-ui, sans-serif", grid: { stroke: colour("--grid"), width: 1 }, ticks: { show: false } };
      const w = window(chosen);
      u = new uPlot({
        width: Math.max(280, canvas.clientWidth), height: 210, series, bands,
        padding: [10, 8, 0, 0],
        legend: { show: false },
        cursor: { y: false, points: { show: false }, drag: { x: true, y: false } },
        tzDate: (ts) => uPlot.tzDate(new Date(ts * 1e3), "Etc/UTC"),
        scales: { x: { time: true, min: w.min, max: w.max }, y: { range: (_, lo, hi) => [0, hi > 0 ? hi * 1.07 : 1] } },
        axes: [
          Object.assign({ values: ticks, size: 26, gap: 4, space: 62 }, axis),
          Object.assign({ size: 66, gap: 6, values: (_, splits) => splits.map((v) => (v === 0 ? "0" : plot.unit === "bytes" || plot.unit === "cores" ? amount(v, plot.unit).replace(/ cores?$/, "") : short(v))) },
            plot.unit === "bytes" ? { incrs: binary(plot.scale) } : {}, plot.pods ? { incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000] } : {}, axis),
        ],
        hooks: {
          setCursor: [(c) => { readout.textContent = c.cursor.idx == null ? rest : say(c.cursor.idx); }],
          drawAxes: [(c) => { // where the past ends
            const x = Math.round(c.valToPos(now, "x", true));
            if (x < c.bbox.left || x > c.bbox.left + c.bbox.width || last <= now) return;
            c.ctx.save();
            c.ctx.fillStyle = colour("--line");
            c.ctx.fillRect(x, c.bbox.top, Math.max(1, devicePixelRatio), c.bbox.height);
            c.ctx.restore();
          }],
        },
      }, data, canvas);
      u.setScale("x", w);
    }
    build();
    new ResizeObserver(() => {
      const width = Math.max(280, canvas.clientWidth);
      if (canvas.clientWidth > 0 && Math.abs(width - u.width) > 1) u.setSize({ width, height: 210 });
    }).observe(box);
    return { redraw() { u.destroy(); build(); } };
  }

  // A link to #w=namespace/Kind/name opens that workload.
  const linked = decodeURIComponent(location.hash).replace(/^#w=/, "");
  const target = linked && bodies.find((b) => b.dataset.name === linked);
  if (target) { toggle(target, target.querySelector("button.name")); target.scrollIntoView(); }
})();
