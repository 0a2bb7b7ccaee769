// Where the words of the map go. A station's two lines stand beside its mark, where they cover nothing; where there is
// no such place they are hidden until the station is pointed at or chosen. The mark with its colour always stays.
// A zone's name takes what room is left.
const WIDTH = 640, HEIGHT = 520, ABOVE = 10, LINE = 13, DESCENT = 3, MARK = 12;
const WORST_FIRST = ["red", "orange", "yellow", "blue", "unknown", "normal"];
// text-anchor, x and y of the first line's foot: right, left, below, above, the first two a little shifted, the corners.
const PLACES = [
  ["start", 14, -1], ["end", -14, -1], ["middle", 0, 24], ["middle", 0, -28],
  ["start", 14, -9], ["start", 14, 7], ["end", -14, -9], ["end", -14, 7],
  ["start", 9, 20], ["start", 9, -24], ["end", -9, 20], ["end", -9, -24],
];
const stood = new Map(); // station -> its last place: a label stays where it is while it fits

const within = (b) => b.left >= 0 && b.top >= 0 && b.right <= WIDTH && b.bottom <= HEIGHT;
const meet = (a, b) => a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;

function boxOf([anchor, x, y], label) {
  const left = label.x + x - (anchor === "end" ? label.width : anchor === "middle" ? label.width / 2 : 0);
  return { left, right: left + label.width, top: label.y + y - ABOVE, bottom: label.y + y + LINE + DESCENT };
}

function put(label, [anchor, x, y]) {
  for (const [line, text] of label.lines.entries()) {
    text.setAttribute("text-anchor", anchor);
    text.setAttribute("x", x);
    text.setAttribute("y", y + line * LINE);
  }
}

// labels: {id, x, y, colour, chosen, lines: [text, text]}. Returns what is taken, marks included.
function placeStations(labels) {
  for (const label of labels) label.width = Math.max(...label.lines.map((t) => t.getComputedTextLength()));
  const marks = labels.map(({ id, x, y }) => ({ id, left: x - MARK, right: x + MARK, top: y - MARK, bottom: y + MARK }));
  const taken = [];
  const rank = (l) => (l.chosen ? -1 : WORST_FIRST.indexOf(l.colour));
  for (const label of [...labels].sort((a, b) => rank(a) - rank(b))) {
    const free = (place) => {
      const box = boxOf(place, label);
      return within(box) && !taken.some((t) => meet(t, box)) && !marks.some((m) => m.id !== label.id && meet(m, box));
    };
    const before = stood.get(label.id);
    const place = before && free(before) ? before : PLACES.find(free);
    put(label, place ?? PLACES[0]);
    for (const text of label.lines) text.classList.toggle("crowded", !place);
    if (place) { stood.set(label.id, place); taken.push(boxOf(place, label)); } else stood.delete(label.id);
  }
  return [...taken, ...marks];
}

// zones: {text, left, right, top, bottom}: along the top edge of the zone, then along the bottom one.
function placeZones(zones, taken) {
  for (const { text, left, right, top, bottom } of zones) {
    const half = text.getComputedTextLength() / 2;
    const xs = [(left + right) / 2, left + half + 6, right - half - 6];
    const places = [top + 16, bottom - 7].flatMap((y) => xs.map((x) => [x, y]));
    const boxAt = ([x, y]) => ({ left: x - half, right: x + half, top: y - ABOVE, bottom: y + DESCENT });
    const place = places.find((p) => !taken.some((t) => meet(t, boxAt(p))));
    const [x, y] = place ?? places[0];
    text.setAttribute("x", x);
    text.setAttribute("y", y);
    text.classList.toggle("crowded", !place);
    if (place) taken.push(boxAt(place));
  }
}

export function placeWords(labels, zones) {
  placeZones(zones, placeStations(labels));
}
