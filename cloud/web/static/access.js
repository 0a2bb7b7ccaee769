// Who is logged in; the login form; logging out.
const byId = (id) => document.getElementById(id);
// A browser sends this header only from our own origin: the cloud takes no change without it.
export const FROM_PAGE = { "x-headwater-page": "1" };

async function whoAmI() {
  const answer = await fetch("/v1/session", { cache: "no-store", signal: AbortSignal.timeout(8000) });
  if (!answer.ok) throw new Error(`HTTP ${answer.status}`);
  return answer.json();
}

async function problemOf(answer) {
  try {
    return (await answer.json()).detail;
  } catch {
    return `HTTP ${answer.status}`;
  }
}

function show(session) {
  const inside = session.scopes.includes("read");
  // The session ended while the page was up: nothing that it showed stays behind the form.
  if (!inside && document.body.dataset.ready) location.reload();
  byId("login").hidden = inside;
  byId("content").hidden = !inside;
  byId("who").textContent = session.name ? `${session.name} (${session.role})` : "";
  byId("logout").hidden = !session.name;
  document.body.dataset.session = inside ? session.name ?? session.mode : "none";
}

async function askForLogin() {
  const form = byId("login"), said = byId("login-said");
  form.elements.name.select();
  await new Promise((done) => {
    form.onsubmit = async (event) => {
      event.preventDefault();
      const button = form.querySelector("button");
      button.disabled = true;
      said.textContent = "";
      try {
        const body = JSON.stringify({ name: form.elements.name.value, password: form.elements.password.value });
        const headers = { ...FROM_PAGE, "content-type": "application/json" };
        const answer = await fetch("/v1/session", { method: "POST", headers, body });
        form.elements.password.value = "";
        if (answer.ok) return done();
        const wait = answer.headers.get("retry-after");
        said.textContent = `${await problemOf(answer)}${wait ? ` (${wait} s)` : ""}`;
        form.elements.password.focus();
      } catch (error) {
        said.textContent = `No answer from the cloud (${error.message}).`;
      } finally {
        button.disabled = false;
      }
    };
  });
}

// The session of somebody who may read; shows the form until there is one.
export async function session() {
  for (;;) {
    const found = await whoAmI();
    show(found);
    if (found.scopes.includes("read")) return found;
    await askForLogin();
  }
}

byId("logout").addEventListener("click", async () => {
  await fetch("/v1/session", { method: "DELETE", headers: FROM_PAGE });
  location.reload();
});

export { problemOf };
