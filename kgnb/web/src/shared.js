/**
 * What the pages take from kgnb.js, so that it is downloaded and runs once: the entry of
 * the panel exports it, and build.mjs points the pages' imports of this module there.
 */

export { CommandError, Connection } from "./connect.js";
export { randomId } from "./ids.js";
export { mountLive, mountRecord } from "./mount.js";
export { serverConnection } from "./pool.js";
export { recordMetadata, recordView, staticRecord } from "./record.js";
export { ENDED, emptyView, reduce } from "./reduce.js";
export { Card, decision, keyOf } from "./views/approvals.js";
export { Bar } from "./views/bar.js";
export { Call, callState } from "./views/call.js";
export { labelOf, pageContext } from "./views/context.js";
export { Chip, breakable, h, headingOf, icon, setAttribute, setText } from "./views/elements.js";
export { CONNECTION, duration, moment, plural, told, usageOf } from "./views/format.js";
export { Inbox, bearing } from "./views/inbox.js";
export { GrowingText } from "./views/text.js";
export { valueBox } from "./views/value.js";
export { visible } from "./views/visible.js";
