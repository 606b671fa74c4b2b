/**
 * The token of a share link: it comes in the URL's fragment, which no server ever sees,
 * and is taken out of the address bar and the history at once. The tab keeps it for
 * reloads of the same page.
 */

const KEY = "kgnb.token";

/** @returns {string | undefined} this page's token, if it was opened by a link */
export function credential() {
  const found = new URLSearchParams(location.hash.slice(1)).get("token");
  const query = new URLSearchParams(location.search);
  const isInQuery = query.has("token"); // Jupyter's own: its cookie goes on from here
  query.delete("token");
  if (found !== null || isInQuery) {
    const rest = query.size ? `?${query}` : "";
    history.replaceState(history.state, "", `${location.pathname}${rest}`);
  }
  try {
    if (found) sessionStorage.setItem(keyHere(), found);
    return found ?? sessionStorage.getItem(keyHere()) ?? undefined;
  } catch {
    return found ?? undefined; // a browser that keeps nothing: a reload needs the link
  }
}

/** Go on without the link, by one's own sign-in. */
export function forgetCredential() {
  try {
    sessionStorage.removeItem(keyHere());
  } catch {
    // It kept nothing.
  }
}

function keyHere() {
  return `${KEY} ${location.pathname}`;
}

/**
 * @param {string} baseUrl
 * @param {string | undefined} token goes along, or the next page would not open
 * @returns {(path: string) => string} the address of another page of ours
 */
export function linking(baseUrl, token) {
  const fragment = token ? `#token=${encodeURIComponent(token)}` : "";
  return (path) => `${baseUrl}${path}${fragment}`;
}
