// A consumer of Headwater's webhook in Node, without packages: checks signatures (Standard Webhooks 1.0.0), takes each
// message once, and raises an alarm when no heartbeat comes. Run: node consumer.mjs KEYFILE [PORT] [ALARM_AFTER_S]
import { createHmac, timingSafeEqual } from "node:crypto";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";

const [keyFile, port = "8090", alarmAfterS = "180"] = process.argv.slice(2);
const key = Buffer.from(readFileSync(keyFile, "ascii").trim().replace(/^whsec_/, ""), "base64");
const seen = new Set(); // keep it on disk, and forget what is older than a day
const say = (line) => console.log(JSON.stringify(line));

function signed(headers, body) {
  const { "webhook-id": id, "webhook-timestamp": at, "webhook-signature": given = "" } = headers;
  if (!id || Math.abs(Date.now() / 1000 - Number(at)) > 300) return false;
  const right = createHmac("sha256", key).update(`${id}.${at}.${body}`).digest();
  return given.split(" ").some((one) => {
    const found = Buffer.from(one.replace(/^v1,/, ""), "base64");
    return one.startsWith("v1,") && found.length === right.length && timingSafeEqual(found, right);
  });
}

let lastNumber = null;
let alarm = null;
function heard() {
  clearTimeout(alarm);
  alarm = setTimeout(() => say({ alarm: "no heartbeat: nobody would tell us of a flood now" }), Number(alarmAfterS) * 1000);
}

function take(message) {
  if (message.type === "heartbeat") {
    heard();
    const missed = lastNumber === null ? 0 : Math.max(message.number - lastNumber - 1, 0);
    lastNumber = message.number;
    say({ heartbeat: message.number, missed, warningsAsOf: message.warnings_as_of });
  } else if (!seen.has(message.id)) {
    seen.add(message.id);
    say({ [message.type]: message.id, incident: message.incident, msgType: message.msgType, level: message.level });
  }
}

const server = createServer((request, response) => {
  const parts = [];
  request.on("data", (part) => parts.push(part));
  request.on("end", () => {
    const body = Buffer.concat(parts).toString("utf8");
    const good = signed(request.headers, body);
    if (good) take(JSON.parse(body)); // before the answer: what is answered by 2xx does not come again
    else say({ forged: request.headers["webhook-id"] ?? null });
    response.writeHead(good ? 204 : 401).end();
  });
});
server.listen(Number(port), "127.0.0.1", () => say({ listening: server.address().port }));
heard();
