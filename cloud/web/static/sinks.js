// The table of consumers: how each sink is, what waits for it, what it did not get and why.
import { row, span } from "/static/gateways.js";

const WORDS = { working: "", failing: "fault", gone: "fault", off: "fault" };
const count = (n) => (n === null || n === undefined ? ["unknown", "unknown"] : [String(n)]);

export function drawSinks(box, table, sinks, clock) {
  box.hidden = sinks.length === 0;
  const rows = sinks.map((s) => row([
    [s.name],
    [s.state, WORDS[s.state]],
    s.waiting ? [`${s.waiting} (oldest ${span(s.oldest_waiting_s ?? 0)})`] : count(s.waiting),
    count(s.delivered),
    [s.last_success ? clock(Date.parse(s.last_success)) : "never"],
    count(s.superseded), count(s.expired), count(s.untold),
    [s.aside.length ? `${s.set_aside}: ${s.aside.join(", ")}` : String(s.set_aside ?? ""), s.aside.length ? "fault" : ""],
    [s.trouble, "fault"],
  ], "td"));
  const head = ["Consumer", "State", "Waiting", "Delivered", "Last", "Superseded", "Expired", "Untold", "Set aside", "Trouble"];
  table.replaceChildren(row(head.map((h) => [h]), "th"), ...rows);
}
