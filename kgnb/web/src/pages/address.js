/** The session of a chat in the page's address: a bookmark, or another browser, goes on with it. */

const NAME = "session";

/** @returns {string | null} */
export function sessionHere() {
  return new URLSearchParams(location.search).get(NAME);
}

/** @param {string | null} sessionId null where there is nothing to come back to */
export function nameSession(sessionId) {
  if (sessionId === sessionHere()) return;
  const query = new URLSearchParams(location.search);
  if (sessionId === null) query.delete(NAME);
  else query.set(NAME, sessionId);
  const rest = query.size ? `?${query}` : "";
  history.replaceState(history.state, "", `${location.pathname}${rest}${location.hash}`);
}
