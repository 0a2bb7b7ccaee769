// A hydrograph as hydrologists draw it: rain hangs from the top, the level rises from below, thresholds across.
import { make } from "/static/map.js";

const LEFT = 48, RIGHT = 700, TOP = 18, RAIN_BOTTOM = 120, LEVEL_TOP = 140, BOTTOM = 370;
const STEPS = [0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100];

function ticks(low, high) {
  const step = STEPS.find((s) => (high - low) / s <= 5) ?? 200;
  const out = [];
  for (let v = Math.ceil(low / step) * step; v <= high + 1e-9; v += step) out.push(v);
  return out;
}

function drawTime(svg, start, end, x, label) {
  const span = end - start;
  const step = [900e3, 1800e3, 3600e3, 7200e3, 14400e3, 43200e3].find((s) => span / s <= 8) ?? 86400e3;
  for (let t = Math.ceil(start / step) * step; t <= end; t += step) {
    make(svg, "line", { x1: x(t), x2: x(t), y1: TOP, y2: BOTTOM, class: "axis" });
    make(svg, "text", { x: x(t), y: BOTTOM + 16, "text-anchor": "middle", class: "soft" }, label(t));
  }
}

function drawRain(svg, series, x) {
  const perHour = 3600 / series.rain_step_s;
  const most = Math.max(10, ...series.rain.map((r) => r[1] * perHour));
  const y = (mm) => TOP + (mm / most) * (RAIN_BOTTOM - TOP);
  for (const v of ticks(0, most)) {
    make(svg, "line", { x1: LEFT, x2: RIGHT, y1: y(v), y2: y(v), class: "axis" });
    make(svg, "text", { x: LEFT - 6, y: y(v) + 4, "text-anchor": "end", class: "soft" }, v);
  }
  const uncertain = new Set(series.rain_uncertain);
  for (const [t, mm] of series.rain) {
    const from = Math.max(x(t), LEFT), to = Math.min(x(t + series.rain_step_s * 1000), RIGHT);
    if (to > from) make(svg, "rect", { x: from, y: TOP, width: Math.max(to - from - 0.4, 0.6), height: y(mm * perHour) - TOP, class: uncertain.has(t) ? "bar unsure" : "bar" });
  }
  make(svg, "text", { x: LEFT, y: 12, class: "soft" }, series.rain_from ? `rain, mm/h (${series.rain_from})` : "no rain gauge in this zone");
}

function drawLevel(svg, series, x) {
  const values = series.points.map((p) => p[1]).filter((v) => v !== null);
  const marks = Object.values(series.thresholds);
  if (!values.length) {
    make(svg, "text", { x: (LEFT + RIGHT) / 2, y: (LEVEL_TOP + BOTTOM) / 2, "text-anchor": "middle", class: "soft" },
      series.quantity === "rain_total" ? "a rain gauge has no level" : "unknown: no reading in this time");
    return;
  }
  const low = series.quantity === "stage" ? Math.min(...values) - 0.2 : 0;
  const high = Math.max(...values, ...marks, low + 0.5) * (series.quantity === "stage" ? 1.002 : 1.08);
  const y = (v) => BOTTOM - ((v - low) / (high - low)) * (BOTTOM - LEVEL_TOP);
  for (const v of ticks(low, high)) {
    make(svg, "line", { x1: LEFT, x2: RIGHT, y1: y(v), y2: y(v), class: "axis" });
    make(svg, "text", { x: LEFT - 6, y: y(v) + 4, "text-anchor": "end", class: "soft" }, Number(v.toFixed(2)));
  }
  for (const run of unbroken(series)) {
    const line = run.map(([t, v], i) => `${i ? `H${x(t).toFixed(1)}V` : `M${x(t).toFixed(1)} `}${y(v).toFixed(1)}`).join("");
    make(svg, "path", { d: `${line}V${BOTTOM}H${x(run[0][0]).toFixed(1)}Z`, class: "water" });
    make(svg, "path", { d: line, class: "stage" });
  }
  for (const [level, v] of Object.entries(series.thresholds)) {
    make(svg, "line", { x1: LEFT, x2: RIGHT, y1: y(v), y2: y(v), class: `threshold ${level}` });
  }
  make(svg, "text", { x: LEFT, y: LEVEL_TOP - 5, class: "soft" }, `${series.quantity.replace("_", " ")}, ${series.unit}`);
}

// A missing reading breaks the line; the last value holds to the end only when it is still being heard.
function unbroken(series) {
  const runs = [];
  let run = [];
  for (const [t, v] of series.points) {
    if (v === null) { if (run.length) runs.push(run); run = []; } else run.push([t, v]);
  }
  if (run.length) {
    if (series.level_to) run.push([Date.parse(series.level_to), run.at(-1)[1]]);
    runs.push(run);
  }
  return runs;
}

export function drawChart(svg, series, label) {
  svg.replaceChildren();
  const start = Date.parse(series.start), end = Date.parse(series.end);
  const x = (t) => LEFT + ((t - start) / (end - start)) * (RIGHT - LEFT);
  drawTime(svg, start, end, x, label);
  drawRain(svg, series, x);
  drawLevel(svg, series, x);
}
