// Asks for the district every second and a half; asks for the chosen station's hydrograph every fifth time.
import { drawChart } from "/static/chart.js";
import { drawGateways } from "/static/gateways.js";
import { drawMap, LETTERS } from "/static/map.js";
import { session } from "/static/access.js";
import { showQuarantine } from "/static/quarantine.js";
import { drawSinks } from "/static/sinks.js";

const RANK = ["normal", "blue", "yellow", "orange", "red"];
const WORDS = { normal: "normal", blue: "blue", yellow: "yellow", orange: "orange", red: "red", unknown: "unknown" };
const byId = (id) => document.getElementById(id);
let chosen = location.hash.slice(1);
let lastHeard = 0;
let beats = 0;
let me = null; // the session; null: ask again

function clockText(ms, zone, seconds = true) {
  const options = { timeZone: zone, hour: "2-digit", minute: "2-digit", hour12: false };
  if (seconds) Object.assign(options, { year: "numeric", month: "short", day: "numeric", second: "2-digit" });
  return new Intl.DateTimeFormat("en-GB", options).format(ms);
}

function element(tag, text, className) {
  const made = document.createElement(tag);
  if (text !== undefined) made.textContent = text;
  if (className) made.className = className;
  return made;
}

function showHead(state) {
  byId("district").textContent = state.district;
  byId("clock").textContent = `${clockText(Date.parse(state.now), state.time_zone)} ${state.time_zone}`;
  const watched = state.stations.filter((s) => s.kind === "underpass" || s.kind === "street");
  const worst = watched.reduce((a, s) => Math.max(a, RANK.indexOf(s.level)), 0);
  const silent = watched.filter((s) => s.state === "unknown").length;
  const colour = worst === 0 && silent ? "unknown" : RANK[worst];
  byId("worst").className = `badge ${colour}`;
  byId("worst").textContent = `${RANK[worst]}${silent ? `, ${silent} unknown` : ""}`;
  byId("gateways").replaceChildren(...state.gateways.map((g) =>
    element("span", `${g.id} ${g.online ? "●" : "○ no link"}`, g.online ? "link" : "link down")));
}

function showBanner(state) {
  const said = [];
  if (!state.ready) said.push(`The cloud is not well: ${state.why}`);
  for (const trouble of state.troubles) said.push(`Warnings do not reach a consumer: ${trouble}`);
  if (state.quarantined) said.push(`${state.quarantined} refused batches are kept in quarantine`);
  byId("banner").hidden = said.length === 0;
  byId("banner").textContent = said.join(" · ");
}

function showWarnings(state) {
  const boxes = state.warnings.map((w) => {
    const box = element("article", undefined, `warning ${w.blind ? "blind" : w.closed_ms ? w.peak_level : w.level} ${w.closed_ms ? "closed" : ""}`);
    const title = w.closed_ms
      ? `${w.zone_name}: ended ${clockText(w.closed_ms, state.time_zone, false)}, ${w.blind ? "sensors had been silent" : `peak ${w.peak_level}`}`
      : `${w.zone_name}: ${w.blind ? "sensors silent" : w.level}: ${w.headline}`;
    box.append(element("strong", title));
    if (!w.closed_ms) box.append(element("p", w.instruction));
    const said = [...w.messages].reverse().map((m) => `${clockText(Date.parse(m.sent), state.time_zone, false)} ${m.msgType} ${m.level ?? m.why}`);
    box.append(element("small", said.slice(-8).join(" → ")));
    return box;
  });
  byId("warnings").replaceChildren(...(boxes.length ? boxes : [element("p", "No warning has been issued.")]));
  announce(state.warnings);
}

// For a screen reader: what is new or has altered since the last beat, once.
let announced;
function announce(warnings) {
  const now = new Map(warnings.map((w) => [w.id, w.closed_ms ? `${w.zone_name}: ended` : `${w.zone_name}: ${w.blind ? "sensors silent" : w.level}: ${w.headline}`]));
  const said = [...now].filter(([id, text]) => announced && announced.get(id) !== text).map(([, text]) => text);
  if (said.length) byId("announced").textContent = said.join(". ");
  announced = now;
}

function showPumps(state) {
  const row = (cells, tag) => {
    const tr = element("tr");
    for (const [text, name] of cells) tr.append(element(tag, text, name));
    return tr;
  };
  const pump = (p) => {
    if (p.fault) return ["fault", "fault"];
    if (p.running === null) return ["unknown", "unknown"];
    return p.running ? ["running", "run"] : ["stopped", ""];
  };
  const most = Math.max(0, ...state.pumps.map((s) => s.pumps.length));
  const nth = [...Array(most).keys()];
  const rows = state.pumps.map((s) => row([
    [s.name], s.wet_well_m === null ? ["unknown", "unknown"] : [`${s.wet_well_m.toFixed(2)} m`],
    ...nth.map((i) => (s.pumps[i] ? pump(s.pumps[i]) : [""])),
    s.mains === null ? ["unknown", "unknown"] : s.mains ? ["on"] : ["LOST", "fault"],
  ], "td"));
  const head = [["Station"], ["Wet well"], ...nth.map((i) => [`Pump ${i + 1}`]), ["Mains"]];
  byId("pumps").replaceChildren(row(head, "th"), ...rows);
}

async function ask(path) {
  const answer = await fetch(path, { cache: "no-store", signal: AbortSignal.timeout(8000) });
  if (answer.status === 401) me = null; // it ended: the next beat asks for a login
  if (!answer.ok) throw new Error(`HTTP ${answer.status}`);
  return answer.json();
}

async function showChart(zone) {
  if (!chosen) return;
  const series = await ask(`/page/station/${encodeURIComponent(chosen)}?hours=${byId("hours").value}`);
  byId("chart-name").textContent = series.name;
  drawChart(byId("chart"), series, (ms) => clockText(ms, zone, false));
}

async function beat() {
  try {
    me ??= await session();
    const state = await ask("/page/state");
    lastHeard = Date.now();
    chosen ||= state.stations.find((s) => s.kind === "underpass")?.id ?? state.stations[0]?.id;
    showHead(state); showBanner(state); showWarnings(state); showPumps(state);
    drawGateways(byId("links"), state.gateways);
    drawSinks(byId("sinks-box"), byId("sinks"), state.sinks, (ms) => clockText(ms, state.time_zone));
    drawMap(byId("map"), state, chosen, (id) => { chosen = id; location.hash = id; beats = 0; beat(); });
    if (beats % 5 === 0) await showChart(state.time_zone);
    if (beats++ % 5 === 0) await showQuarantine(state.quarantined, me, ask, (ms) => clockText(ms, state.time_zone));
    document.body.dataset.ready = "yes";
  } catch (error) {
    byId("banner").hidden = false;
    const age = lastHeard ? `${Math.round((Date.now() - lastHeard) / 1000)} s old` : "nothing was heard yet";
    byId("banner").textContent = `No answer from the cloud: what you see is ${age}. (${error.message})`;
  }
}

async function forever() {
  for (;;) {
    await beat();
    await new Promise((go) => setTimeout(go, 1500));
  }
}

byId("legend").innerHTML = Object.keys(WORDS).map((k) =>
  `<li><svg viewBox="0 0 12 12"><circle class="dot ${k}" cx="6" cy="6" r="6"/><text x="6" y="9" class="query${k === "yellow" || k === "orange" ? " on-light" : ""}">${LETTERS[k]}</text></svg>${WORDS[k]}</li>`).join("");
byId("hours").addEventListener("change", () => { beats = 0; });
forever();
