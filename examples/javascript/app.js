// A chat with a published workflow, with nothing but kgnb's client.
//
// The client comes from the server that it talks to, so the two always fit together.

const given = new URLSearchParams(location.hash.slice(1));
const url = given.get("url") ?? "http://localhost:8888/";
const workflow = given.get("workflow") ?? "chat";
const token = given.get("token") ?? undefined;
history.replaceState(null, "", location.pathname); // the token is nobody's business

const at = (id) => document.getElementById(id);
const { connect, emptyView, reduce } = await import(
  new URL("kgnb/static/client.js", url)
).catch((error) => {
  at("state").value = `no kgnb at ${url}`;
  throw error;
});

const client = connect({ url, token, workflow });
client.onState((state) => {
  at("state").value = state.kind;
});

at("form").addEventListener("submit", async (event) => {
  event.preventDefault();
  const message = at("message").value;
  at("message").value = "";
  try {
    follow((await client.say(message)).runId);
  } catch (error) {
    at("status").value = `${error.code}: ${error.message}`;
  }
});

/** Draw a run until it ends: `reduce` makes a view of its events. */
async function follow(runId) {
  let view = emptyView();
  for await (const event of client.events(runId)) {
    // After a gap the whole view comes instead of the events that are gone.
    view = event.type === "snapshot" ? event.view : reduce(view, event);
    draw(view);
  }
}

function draw(view) {
  at("status").value = view.error ? `${view.status}: ${view.error.message}` : view.status;
  at("text").textContent = view.streams.map((stream) => stream.text).join("\n");
  const open = view.approvals.filter((approval) => approval.state === "open");
  at("questions").replaceChildren(...open.map(question));
}

function question({ approval_id, args_hash, message, options }) {
  const element = document.createElement("p");
  element.append(message, " ");
  for (const option of options ?? []) {
    const button = document.createElement("button");
    button.textContent = String(option);
    button.onclick = () => client.answer(approval_id, option, { argsHash: args_hash });
    element.append(button, " ");
  }
  return element;
}
