// The table of gateways: what waits in each spool by lane, what was given up, what it complains of.
function element(tag, text, className) {
  const made = document.createElement(tag);
  if (text !== undefined) made.textContent = text;
  if (className) made.className = className;
  return made;
}

export function row(cells, tag) {
  const tr = element("tr");
  for (const [text, name] of cells) tr.append(element(tag, text, name));
  return tr;
}

export function span(seconds) {
  if (seconds < 90) return `${Math.round(seconds)} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  return `${(seconds / 3600).toFixed(1)} h`;
}

function waits(lane) {
  if (!lane || !lane.batches) return "0";
  return `${lane.batches} (${Math.ceil(lane.bytes / 1024)} KiB, oldest ${span(lane.oldest_age_s)})`;
}

function troubles(said) {
  const out = [...said.trouble];
  if (said.kept_back) out.push(`day's bytes used up: ${said.kept_back} waits`);
  if (said.held_in_memory) out.push(`${said.held_in_memory} readings held in memory`);
  if (said.lost_to_full_disk) out.push(`${said.lost_to_full_disk} lost to a full disk`);
  return out.join("; ");
}

export function drawGateways(table, gateways) {
  const rows = gateways.map((g) => {
    const link = [g.online ? "link" : "no link", g.online ? "" : "fault"];
    const s = g.said;
    if (!s) return row([[g.id], link, ["unknown", "unknown"], ["unknown", "unknown"], ["unknown", "unknown"], [""], [String(g.refused)], [""]], "td");
    const given = s.thinned || s.dropped ? `${s.thinned} thinned, ${s.dropped} dropped` : "0";
    const lanes = ["alarm", "live", "history"].map((name) => [waits(s.lanes[name])]);
    return row([[g.id], link, ...lanes, [given, s.dropped ? "fault" : ""], [String(g.refused)], [troubles(s), "fault"]], "td");
  });
  const head = ["Gateway", "Link", "Alarms waiting", "Live waiting", "History waiting", "Given up", "Refused", "Says"];
  table.replaceChildren(row(head.map((h) => [h]), "th"), ...rows);
}
