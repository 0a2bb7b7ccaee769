// Refused batches, with a button that puts one through the receiver's checks again.
import { FROM_PAGE, problemOf } from "/static/access.js";

const byId = (id) => document.getElementById(id);
const MOST_SHOWN = 50;

function cell(text, tag = "td") {
  const made = document.createElement(tag);
  made.textContent = text;
  return made;
}

async function release(batch, button) {
  button.disabled = true;
  let said = `Batch ${batch.id} of ${batch.gateway} is released.`;
  try {
    const answer = await fetch(`/v1/quarantine/${batch.id}/release`, { method: "POST", headers: FROM_PAGE });
    if (!answer.ok) said = `Batch ${batch.id}: ${await problemOf(answer)}`;
    else {
      const row = button.closest("tr");
      (row.nextElementSibling ?? row.previousElementSibling)?.querySelector("button")?.focus();
      row.remove();
    }
  } catch (error) {
    said = `Batch ${batch.id}: no answer from the cloud (${error.message}).`;
  }
  button.disabled = false;
  byId("quarantine-said").textContent = said;
}

// count: how many wait; session: whose scopes decide on the buttons.
export async function showQuarantine(count, session, ask, clockText) {
  const box = byId("quarantine-box");
  // What was said about the last one stays to be read.
  box.hidden = count === 0 && !byId("quarantine-said").textContent;
  if (box.hidden) return;
  const found = count ? await ask(`/v1/quarantine?limit=${MOST_SHOWN}`) : [];
  const mayRelease = session.scopes.includes("operate");
  const head = document.createElement("tr");
  head.append(...["Batch", "Gateway", "Received", "Reason", mayRelease ? "" : "Needs scope operate"].map((t) => cell(t, "th")));
  const rows = found.map((b) => {
    const row = document.createElement("tr");
    row.append(cell(b.id), cell(b.gateway || "unknown"), cell(clockText(b.received_ms)), cell(`${b.reason}: ${b.detail}`));
    const last = cell("");
    if (mayRelease) {
      const button = cell("Release", "button");
      button.type = "button";
      button.dataset.batch = b.id;
      button.setAttribute("aria-label", `Release batch ${b.id} of ${b.gateway}`);
      button.addEventListener("click", () => release(b, button));
      last.append(button);
    }
    row.append(last);
    return row;
  });
  const focused = box.contains(document.activeElement) ? document.activeElement.dataset.batch : undefined;
  byId("quarantine").replaceChildren(head, ...rows);
  if (focused) box.querySelector(`button[data-batch="${focused}"]`)?.focus();
  byId("quarantine-more").textContent = count > MOST_SHOWN ? `The newest ${MOST_SHOWN} of ${count}.` : "";
}
