import type { Frame } from "../wire.d.ts";

/** What a channel tells its connection. */
export interface ChannelEvents {
  /** A frame came; frames come in the order in which they were sent. */
  onFrame(frame: Frame): void;
  /** The other end is there, though it had nothing to say. */
  onActivity(): void;
  /** The other end owes an answer; nothing is lost yet. */
  onStale(reason: string): void;
  /** The channel is gone; called at most once, and never after `close()`. */
  onClose(code: number, reason: string): void;
}

/** One way to the broker while it stands. */
export interface Channel {
  send(frame: object): void;
  close(): void;
}

/** A way to the broker. */
export interface Transport {
  readonly name: "websocket" | "control" | "comm";
  /** Milliseconds to wait for the first frame, or null to wait as long as it takes. */
  readonly patience: number | null;
  /** Resolves when frames can be sent; rejects when this way is not there. */
  open(events: ChannelEvents): Promise<Channel>;
}

/** The part of JupyterLab's kernel connection that is used here; all of it tested for. */
export interface Kernel {
  readonly id?: string;
  readonly clientId?: string;
  readonly username?: string;
  sendControlMessage?(message: object, expectReply: boolean, disposeOnDone: boolean): {
    onReply: (message: any) => void;
    dispose(): void;
  };
  createComm?(target: string): {
    onMsg: (message: any) => void;
    onClose: (message: any) => void;
    open(data: object): unknown;
    send(data: object): unknown;
    close(): unknown;
    readonly isDisposed?: boolean;
    readonly subshellStarted?: Promise<unknown>;
  };
  readonly supportsSubshells?: boolean;
}

/** anywidget's model, as far as it is used here. */
export interface WidgetModel {
  get(name: string): any;
  on(name: string, callback: (...args: any[]) => void): void;
  off(name: string, callback: (...args: any[]) => void): void;
  send(content: object): void;
  widget_manager?: { kernel?: Kernel | null };
}
