"use strict";
(function () {
  const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const short = (v) => (v === null || v === undefined ? "–" : v === 0 ? "0" : Math.abs(v) >= 1000 ? v.toFixed(0) : Math.abs(v) >= 10 ? v.toFixed(1).replace(/\.0$/, "") : Number(v.toPrecision(3)).toString());
  const seconds = (v) => (!v ? "–" : v < 1 ? Math.round(v * 1000) + " ms" : short(v) + " s");
  const clock = (unix) => new Date(unix * 1000).toISOString().replace("T", " ").slice(0, 16);
  const cell = (row, text, tag) => { const c = document.createElement(tag || "td"); c.textContent = text; row.append(c); return c; };

  // Times on a 24-hour clock, days where they begin.
  const ticks = (_, splits) => splits.map((v) => {
    const t = new Date(v * 1000).toISOString();
    return t.slice(11, 16) === "00:00" ? t.slice(5, 10) : t.slice(11, v % 60 ? 19 : 16);
  });

  const most = 4; // Times the objective that the axis of latency reaches.

  // The quantities, from top to bottom. Each is a line for every policy.
  const quantities = [
    { key: "capacity", title: "Demand and capacity", note: "filled: demand; lines: what the ready pods serve at the objective", demand: true },
    { key: "replicas", title: "Replicas", note: "asked for", steps: true },
    { key: "size", title: "Size of a pod", note: "cores that a new pod requests", steps: true },
    { key: "cores", title: "Requested CPU", note: "cores of all pods", steps: true },
    { key: "memory", title: "Requested memory", note: "GiB of all pods", steps: true },
    { key: "latency", title: "Latency", note: "", goal: true },
  ];

  document.querySelectorAll("section.scenario").forEach((section) => {
    const data = JSON.parse(section.querySelector("script.data").textContent);
    const course = section.querySelector(".course");
    if (!data.demand || !data.demand.length) { course.remove(); return; }
    new IntersectionObserver((entries, observer) => {
      if (entries.some((e) => e.isIntersecting)) { observer.disconnect(); show(section, course, data); }
    }, { rootMargin: "600px" }).observe(section);
  });

  function show(section, course, data) {
    const times = data.demand.map((_, i) => data.start + i * data.step);
    const end = data.start + data.demand.length * data.step;
    const shown = data.policies.map(() => true);
    const host = course.querySelector(".charts");
    const reset = course.querySelector(".reset");
    const charts = [];
    // Where policies had to decide without metrics: pairs of first and last point.
    const dark = [];
    times.forEach((_, i) => {
      if (!data.policies.some((p) => p.blind && p.blind[i])) return;
      if (dark.length && dark[dark.length - 1][1] === i - 1) dark[dark.length - 1][1] = i; else dark.push([i, i]);
    });
    const sync = uPlot.sync(section.id);
    let zooming = false;

    function zoom(min, max) {
      if (zooming) return;
      zooming = true;
      charts.forEach((u) => u.setScale("x", { min, max }));
      zooming = false;
      reset.hidden = min <= times[0] && max >= times[times.length - 1];
    }

    function frame(title, note) {
      const div = document.createElement("div");
      div.className = "plot";
      div.setAttribute("role", "img");
      div.setAttribute("aria-label", title + " over time: " + note);
      const h = document.createElement("h3");
      h.textContent = title + " ";
      const small = document.createElement("small");
      small.textContent = note;
      h.append(small);
      div.append(h);
      host.append(div);
      return div;
    }

    // Shades the spans without metrics, below everything else.
    function shade(u) {
      const left = u.bbox.left, right = left + u.bbox.width;
      u.ctx.save();
      u.ctx.fillStyle = css("--dark");
      dark.forEach(([first, last]) => {
        const from = Math.max(left, u.valToPos(times[first], "x", true)), to = Math.min(right, u.valToPos(times[last] + data.step, "x", true));
        if (to > from) u.ctx.fillRect(from, u.bbox.top, to - from, u.bbox.height);
      });
      u.ctx.restore();
    }

    function add(div, series, values, height, extra) {
      const axis = { stroke: css("--soft"), grid: { stroke: css("--grid"), width: 1 }, ticks: { stroke: css("--grid"), width: 1 }, font: "11px system-ui" };
      const options = {
        width: Math.max(300, host.clientWidth), height, series, legend: { show: false }, padding: [8, 8, 0, 0],
        cursor: { sync: { key: sync.key, setSeries: false }, y: false, points: { show: false }, drag: { x: true, y: false, setScale: true } },
        tzDate: (ts) => uPlot.tzDate(new Date(ts * 1e3), "Etc/UTC"),
        scales: { x: { time: true }, y: { range: (_, lo, hi) => [0, hi > 0 ? hi * 1.08 : 1] } },
        axes: [Object.assign({ size: 26, gap: 4, space: 64, values: ticks }, axis), Object.assign({ size: 88, gap: 4, values: (_, splits) => splits.map(short) }, axis)],
        hooks: Object.assign({ drawClear: [shade], setScale: [(u, key) => { if (key === "x") zoom(u.scales.x.min, u.scales.x.max); }], setCursor: [(u) => read(u.cursor.idx)] }, extra && extra.hooks),
      };
      if (extra && extra.axes) options.axes = [options.axes[0], Object.assign(options.axes[1], extra.axes)];
      if (extra && extra.y) options.scales.y = extra.y;
      const u = new uPlot(options, [times].concat(values), div);
      u.over.addEventListener("dblclick", () => zoom(times[0], times[times.length - 1]));
      charts.push(u);
      return u;
    }

    const latencyNote = () => data.goalOf + " " + data.goalHow + ", the worst of a minute" + (data.goal ? "; dashed: the objective; cut off at " + most + " times it" : "");
    quantities.forEach((q) => {
      const has = (p) => p[q.key] && p[q.key].some((v) => v);
      if (!data.policies.some(has) && !q.demand) return;
      const note = q.demand ? data.unit + "; " + q.note : q.goal ? latencyNote() : q.note;
      const series = [{}], values = [];
      if (q.demand) {
        series.push({ stroke: css("--soft"), fill: css("--band"), width: 1 });
        values.push(data.demand);
      }
      const first = series.length;
      data.policies.forEach((p) => {
        series.push({ stroke: css("--s" + p.colour), width: 1.4, paths: q.steps ? uPlot.paths.stepped({ align: 1 }) : undefined });
        const own = (p[q.key] || []).map((v) => (q.key === "latency" && !v ? null : v));
        while (own.length < times.length) own.push(null);
        values.push(own.slice(0, times.length));
      });
      const extra = { hooks: {} };
      if (q.goal && data.goal) {
        extra.hooks.draw = [(u) => {
          const y = u.valToPos(data.goal, "y", true);
          u.ctx.save();
          u.ctx.strokeStyle = css("--bad");
          u.ctx.setLineDash([6, 4]);
          u.ctx.beginPath();
          u.ctx.moveTo(u.bbox.left, y);
          u.ctx.lineTo(u.bbox.left + u.bbox.width, y);
          u.ctx.stroke();
          u.ctx.restore();
        }];
        extra.y = { range: (_, lo, hi) => [0, Math.max(data.goal * 1.3, Math.min(hi || 0, data.goal * most))] };
      }
      const u = add(frame(q.title, note), series, values, q.demand ? 210 : 150, extra);
      u.firstPolicy = first;
    });
    strip();

    // One row for each policy, marked where the objective was missed.
    function strip() {
      if (!data.policies.some((p) => p.bad && p.bad.length)) return;
      const row = 16;
      const names = data.policies.map((p) => p.name);
      const u = add(frame("Violations", "minutes that miss the objective"), [{}, { show: false }], [data.demand], row * names.length + 42, {
        y: { range: () => [0, names.length] },
        axes: { splits: () => names.map((_, i) => names.length - i - 0.5), values: () => names, grid: { show: false } },
        hooks: {
          draw: [(v) => {
            const ctx = v.ctx;
            data.policies.forEach((p, i) => {
              if (!shown[i]) return;
              ctx.fillStyle = css("--s" + p.colour);
              const top = v.valToPos(names.length - i, "y", true) + 2, bottom = v.valToPos(names.length - i - 1, "y", true) - 2;
              (p.bad || []).forEach((bad, k) => {
                if (!bad || times[k] + data.step < v.scales.x.min || times[k] > v.scales.x.max) return;
                const from = Math.max(v.bbox.left, v.valToPos(times[k], "x", true));
                const to = Math.min(v.bbox.left + v.bbox.width, v.valToPos(times[k] + data.step, "x", true));
                ctx.fillRect(from, top, Math.max(1.5, to - from), bottom - top);
              });
            });
          }],
        },
      });
      u.firstPolicy = -1;
    }

    // Chips switch policies on and off; a click with a modifier shows one alone.
    const chips = course.querySelector(".chips");
    data.policies.forEach((p, i) => {
      const b = document.createElement("button");
      b.type = "button";
      b.setAttribute("aria-pressed", "true");
      const key = document.createElement("span");
      key.className = "key k" + p.colour;
      b.append(key, p.name);
      b.title = "click to hide or show, with Alt to show it alone";
      b.addEventListener("click", (e) => {
        if (e.altKey) shown.forEach((_, k) => { shown[k] = k === i; }); else shown[i] = !shown[i];
        Array.from(chips.children).forEach((c, k) => c.setAttribute("aria-pressed", String(shown[k])));
        charts.forEach((u) => {
          if (u.firstPolicy >= 0) shown.forEach((on, k) => u.setSeries(u.firstPolicy + k, { show: on })); else u.redraw();
        });
        read(last);
      });
      chips.append(b);
    });
    course.querySelector(".unseen").hidden = !dark.length;
    reset.addEventListener("click", () => zoom(times[0], times[times.length - 1]));

    // What was at an instant, and the last decision of each policy before it.
    const readout = course.querySelector(".readout");
    let last = null;
    function read(at) {
      last = at;
      readout.textContent = "";
      const p = document.createElement("p");
      if (at === null || at === undefined) {
        p.textContent = "Point at a chart to see its numbers and the decisions behind them. Drag to zoom, double-click for the whole span.";
        readout.append(p);
        return;
      }
      p.textContent = clock(times[at]) + " UTC, demand " + short(data.demand[at]) + " " + data.unit;
      const table = document.createElement("table");
      const head = table.createTHead().insertRow();
      ["", "pods", "ready", "cores each", "capacity", "latency"].forEach((t) => cell(head, t, "th"));
      const body = table.createTBody();
      const reasons = document.createElement("div");
      data.policies.forEach((policy, i) => {
        if (!shown[i]) return;
        const row = body.insertRow();
        const name = cell(row, "", "th");
        const key = document.createElement("span");
        key.className = "key k" + policy.colour;
        name.append(key, policy.name);
        cell(row, short(policy.replicas[at]));
        cell(row, short(policy.ready[at]));
        cell(row, short((policy.size || [])[at]));
        cell(row, short((policy.capacity || [])[at]));
        const late = cell(row, seconds((policy.latency || [])[at]));
        if (policy.bad && policy.bad[at]) late.className = "bad";
        if (policy.blind && policy.blind[at]) late.textContent += ", unseen";
        const change = before(policy.changes, at * data.step + data.step);
        if (change) {
          const line = document.createElement("p");
          const b = document.createElement("b");
          b.textContent = policy.name;
          line.append(b, " at " + clock(data.start + change.at).slice(5) + ": " + what(change));
          reasons.append(line);
          if (change.reasons) {
            const list = document.createElement("ul");
            change.reasons.forEach((r) => { const li = document.createElement("li"); li.textContent = r; list.append(li); });
            reasons.append(list);
          }
        }
      });
      readout.append(p, table, reasons);
    }

    function before(changes, at) {
      let lo = 0, hi = changes.length;
      while (lo < hi) { const mid = (lo + hi) >> 1; if (changes[mid].at < at) lo = mid + 1; else hi = mid; }
      return changes[lo - 1];
    }
    const arrow = (pair) => (pair[0] === pair[1] ? short(pair[0]) : short(pair[0]) + " → " + short(pair[1]));
    function what(c) {
      const parts = [];
      if (c.replicas[0] !== c.replicas[1]) parts.push("replicas " + arrow(c.replicas));
      if (c.cpu[0] !== c.cpu[1]) parts.push("cores " + arrow(c.cpu));
      if (c.memory[0] !== c.memory[1]) parts.push("GiB " + arrow(c.memory));
      if (c.resized) parts.push(c.resized + (c.resized === 1 ? " pod resized" : " pods resized"));
      if (c.evicted) parts.push(c.evicted + " evicted");
      return parts.join(", ");
    }
    const saw = (c) => "demand " + short(c.demand) + " " + data.unit + ", " + short(c.used) + " cores in use, " + c.ready + " ready";

    // The log is filled when it is opened, for one policy at a time.
    const log = course.querySelector(".log"), select = log.querySelector("select"), rows = log.querySelector("tbody");
    data.policies.forEach((p, i) => select.append(new Option(p.name + " (" + (p.changes.length + (p.more || 0)) + ")", String(i))));
    const wanted = data.policies.findIndex((p) => p.name === "rightsize");
    select.value = String(Math.max(0, wanted));
    function fill() {
      rows.textContent = "";
      const p = data.policies[Number(select.value)];
      if (!log.open || !p) return;
      const u = charts[0], from = u.scales.x.min - data.start, to = u.scales.x.max - data.start + data.step;
      const most = 500;
      p.changes.filter((c) => c.at >= from && c.at <= to).slice(0, most).forEach((c) => {
        const row = rows.insertRow();
        cell(row, clock(data.start + c.at));
        cell(row, arrow(c.replicas));
        cell(row, arrow(c.cpu));
        cell(row, arrow(c.memory));
        cell(row, saw(c));
        cell(row, (c.reasons || []).join("; ") || what(c));
      });
    }
    log.addEventListener("toggle", fill);
    select.addEventListener("change", fill);
    read(null);
    new ResizeObserver(() => charts.forEach((u) => { const w = Math.max(300, host.clientWidth); if (u.width !== w) u.setSize({ width: w, height: u.height }); })).observe(host);
    course.dataset.drawn = String(charts.length);
  }
})();
