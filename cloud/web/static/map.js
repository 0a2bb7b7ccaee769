// A schematic map: zones as polygons, stations as shapes by kind, colour by state.
import { placeWords } from "./labels.js";

const SVG = "http://www.w3.org/2000/svg";
// A level is never told by colour alone: its letter stands in the mark, and its word beside the value.
export const LETTERS = { normal: "", blue: "B", yellow: "Y", orange: "O", red: "R", unknown: "?" };
const WIDTH = 640, HEIGHT = 520, MARGIN = 36;

export function make(parent, tag, attributes = {}, text) {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  if (text !== undefined) made.textContent = text;
  parent.append(made);
  return made;
}

function projection(state) {
  const points = [...state.zones.flatMap((z) => z.area), ...state.stations.map((s) => [s.lat, s.lon])];
  const lat = points.map((p) => p[0]), lon = points.map((p) => p[1]);
  const squeeze = Math.cos((Math.min(...lat) * Math.PI) / 180);
  const west = Math.min(...lon), north = Math.max(...lat);
  const scale = Math.min((WIDTH - 2 * MARGIN) / ((Math.max(...lon) - west) * squeeze), (HEIGHT - 2 * MARGIN) / (north - Math.min(...lat)));
  return ([la, lo]) => [MARGIN + (lo - west) * squeeze * scale, MARGIN + (north - la) * scale];
}

function shape(group, kind, colour) {
  const dot = `dot ${colour}`;
  if (kind === "underpass") make(group, "rect", { x: -11, y: -11, width: 22, height: 22, rx: 3, class: dot });
  else if (kind === "rain") make(group, "path", { d: "M0 -11 C6 -2 8 1 8 5 A8 8 0 0 1 -8 5 C-8 1 -6 -2 0 -11z", class: dot });
  else if (kind === "river") make(group, "path", { d: "M-11 8 L0 -11 L11 8z", class: dot });
  else make(group, "circle", { r: 9, class: dot });
}

function ago(s) {
  if (s < 90) return `${Math.round(s)} s`;
  if (s < 5400) return `${Math.round(s / 60)} min`;
  return s < 172800 ? `${Math.round(s / 3600)} h` : `${Math.round(s / 86400)} d`;
}

// What an incomplete count says: a gauge that was reset lost a part, a silence leaves open when it fell.
function rainFigure(station) {
  const mm = `${station.value.toFixed(1)} mm in 1 h`;
  if (station.sure === "at least") return `at least ${mm}`;
  return station.sure ? `${mm} (${station.sure})` : mm;
}

// A value that is no longer known to hold is not shown as one: first the question mark, then what it was, and when.
function figure(station) {
  const unknown = station.state === "unknown";
  const heard = station.age_s !== null;
  if (station.value === null || station.value === undefined) return heard ? `? last heard ${ago(station.age_s)} ago` : "? never heard";
  const value = station.quantity === "rain_total" ? rainFigure(station) : `${station.value.toFixed(2)} m`;
  if (!unknown) return station.state === "normal" ? value : `${station.state} ${value}`;
  return heard ? `? ${value} ${ago(station.age_s)} ago` : `? ${value}`;
}

export function drawMap(svg, state, chosen, choose) {
  const at = projection(state);
  const focused = document.activeElement?.dataset?.station;
  svg.replaceChildren();
  const zones = [], labels = [];
  for (const zone of state.zones) {
    const ring = zone.area.map(at);
    make(svg, "polygon", { points: ring.map((p) => p.map((v) => v.toFixed(1)).join(",")).join(" "), class: "zone" });
    const xs = ring.map((p) => p[0]), ys = ring.map((p) => p[1]);
    const text = make(svg, "text", { class: "zone-name" }, zone.name);
    zones.push({ text, left: Math.min(...xs), right: Math.max(...xs), top: Math.min(...ys), bottom: Math.max(...ys) });
  }
  for (const station of state.stations) {
    const [x, y] = at([station.lat, station.lon]);
    const group = make(svg, "g", { transform: `translate(${x.toFixed(1)} ${y.toFixed(1)})`, class: `station ${station.id === chosen ? "chosen" : ""}`, tabindex: 0, role: "button" });
    group.dataset.station = station.id;
    make(group, "title", {}, `${station.name}: ${station.state}${station.state === "unknown" && station.level !== "normal" ? `, was ${station.level}` : ""}`);
    shape(group, station.kind, station.state === "unknown" ? `unknown held-${station.level}` : station.state);
    const light = station.state === "yellow" || station.state === "orange";
    make(group, "text", { x: 0, y: 4, class: light ? "query on-light" : "query" }, LETTERS[station.state]);
    const lines = [make(group, "text", {}, station.name), make(group, "text", { class: station.state === "unknown" ? "stale" : "soft" }, figure(station))];
    const worst = station.state === "unknown" && station.level !== "normal" ? station.level : station.state;
    labels.push({ id: station.id, x, y, colour: worst, chosen: station.id === chosen, lines });
    group.addEventListener("click", () => choose(station.id));
    group.addEventListener("keydown", (event) => { if (event.key === "Enter" || event.key === " ") choose(station.id); });
    if (station.id === focused) group.focus();
  }
  placeWords(labels, zones);
}
