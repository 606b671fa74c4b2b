/** What a reader is told of a kernel that does not hear its comm. */

/** Milliseconds after which a click that is not confirmed is told of. */
export const UNCONFIRMED = 2000;

/** Shown when a click over a comm is not confirmed in time. */
export const KERNEL_BUSY =
  "The kernel is busy and cannot hear this click over the widget channel; it will be " +
  "delivered when the cell ends. Or interrupt the cell, or enable the kgnb server " +
  "extension.";

/** Shown when a comm stays unheard before the run could be read. */
export const KERNEL_DEAF =
  "The kernel is busy and cannot hear this panel over the widget channel: the run " +
  "shows here when the cell ends, and no click reaches it before. To answer while a " +
  "cell waits, enable the kgnb server extension; without it, start the run in one " +
  "cell and take its result in a later one, after the click.";
