/**
 * Which lines (WebSockets) are open: usually one; for a moment two, when a fresh one takes over from one that comes near
 * API Gateway's two hours. React renders a <Line> for each; the sockets, and trying again, are react-use-websocket's.
 */
import type { Chat, Send } from "./chat";
import { backoff } from "./backoff";
import { Overlap } from "./overlap";
import { noticeIn } from "./wire";

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
/** API Gateway closes a connection after 10 idle minutes. */
export const KEEP_ALIVE_MS = 4 * MINUTE;
/** API Gateway closes every connection after 2 hours. */
export const RENEW_AFTER_MS = 100 * MINUTE;
export const RENEW_WITHIN_MS = 10 * MINUTE;
/** Longer than a broadcast that began before the fresh line was known may take. */
export const OVERLAP_MS = 30 * SECOND;
export const ANSWER_WITHIN_MS = 10 * SECOND;
export const OPEN_WITHIN_MS = 20 * SECOND;
/** Only a line that lived this long proves that the server is well again. */
export const SETTLED_AFTER_MS = 20 * SECOND;
export const HEARD_LATELY_MS = 10 * SECOND;
const HURRY_AT_MOST_EVERY_MS = SECOND;

export interface Condition {
  lines: readonly number[];
  state: "connecting" | "open" | "waiting";
  /** Handshakes that failed in a row. */
  refusals: number;
  everOpened: boolean;
}

interface Line {
  id: number;
  open: boolean;
  send: Send;
  pings: number;
  heardAt: number;
  timers: Map<string, ReturnType<typeof setTimeout>>;
}

export class Connection {
  private lines: Line[] = [];
  private lastId = 0;
  private failures = 0;
  private refusals = 0;
  private everOpened = false;
  private trying = true;
  private lastHurryAt = -Infinity;
  private overlap: Overlap | null = null;
  private readonly listeners = new Set<() => void>();
  private condition!: Condition;

  constructor(
    private readonly chat: Chat,
    private readonly random: () => number = Math.random,
  ) {
    this.add();
    this.changed();
  }

  current(): Condition {
    return this.condition;
  }

  subscribe(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** A line's socket begins its handshake; `abort` ends one that hangs. */
  attempted(id: number, abort: () => void): void {
    const line = this.find(id);
    if (line === undefined) return;
    this.trying = true;
    this.after(line, "open", OPEN_WITHIN_MS, abort);
    this.changed();
  }

  opened(id: number, send: Send): void {
    const line = this.find(id);
    if (line === undefined) return;
    line.open = true;
    line.send = send;
    line.pings = 0;
    line.heardAt = Date.now();
    this.everOpened = true;
    this.refusals = 0;
    this.stop(line);
    this.after(line, "settled", SETTLED_AFTER_MS, () => (this.failures = 0));
    this.after(line, "renew", RENEW_AFTER_MS + this.random() * RENEW_WITHIN_MS, () => this.renew());
    this.keepAlive(line);
    if (this.lines.length > 1) this.after(line, "retire", OVERLAP_MS, () => this.retireElders(line));
    this.chat.opened(id, send);
    this.changed();
  }

  closed(id: number, code: number): void {
    const line = this.find(id);
    if (line === undefined) return;
    const wasOpen = line.open;
    line.open = false;
    this.stop(line);
    if (wasOpen) this.chat.lost(id, code);
    const other = this.lines.find((candidate) => candidate !== line);
    if (other !== undefined) {
      this.remove(line);
      // A fresh line that could not take over: the old one serves on, and asks again in a while.
      if (other.open && !wasOpen) {
        this.after(other, "renew", MINUTE + this.random() * MINUTE, () => this.renew());
      }
    } else {
      this.failures++;
      if (!wasOpen) this.refusals++;
      this.trying = false;
    }
    this.changed();
  }

  received(id: number, frame: string): void {
    const line = this.find(id);
    if (line === undefined) return;
    this.cancel(line, "answer");
    line.heardAt = Date.now();
    if (line.pings > 0 && (frame === "pong" || (this.chat.inFlight().length === 0 && noticeIn(frame) !== null))) {
      line.pings--;
      return;
    }
    if (this.overlap === null || this.overlap.accepts(id, frame)) this.chat.receive(frame);
  }

  /** Whether react-use-websocket should try this line again when it closes. */
  persists(id: number): boolean {
    return this.lines.length === 1 && this.find(id) !== undefined;
  }

  delay(): number {
    return backoff(this.failures, this.random);
  }

  /** Asks the open line for a sign of life, unless it gave one just now. */
  probe(): void {
    const line = this.newestOpen();
    if (line !== undefined && Date.now() - line.heardAt >= HEARD_LATELY_MS) this.ping(line);
  }

  /** The network is back, or the reader is: find out now, not after the next delay. */
  hurry(): void {
    if (this.newestOpen() !== undefined) this.probe();
    else if (!this.trying && Date.now() - this.lastHurryAt >= HURRY_AT_MOST_EVERY_MS) {
      this.lastHurryAt = Date.now();
      this.replace();
    }
  }

  /** Leaves every line for a new one. */
  replace(): void {
    for (const line of this.lines) {
      this.stop(line);
      if (line.open) this.chat.lost(line.id, 1006);
    }
    this.lines = [];
    this.overlap = null;
    this.add();
    this.changed();
  }

  /** A line that stays silent is replaced: closing it politely could take a minute. */
  private ping(line: Line): void {
    if (line.timers.has("answer")) return;
    if (!line.send("ping")) return;
    line.pings++;
    this.after(line, "answer", ANSWER_WITHIN_MS, () =>
      this.lines.length > 1 ? this.closed(line.id, 1006) : this.replace(),
    );
  }

  private renew(): void {
    if (this.lines.length > 1) return;
    // From now on, not from the new line's opening: a broadcast may reach the old line just before.
    this.overlap = new Overlap();
    this.add();
    this.changed();
  }

  private retireElders(heir: Line): void {
    for (const line of this.lines) {
      if (line === heir) continue;
      this.stop(line);
      this.chat.lost(line.id, 1000);
    }
    this.lines = [heir];
    this.overlap = null;
    this.changed();
  }

  private remove(line: Line): void {
    this.lines = this.lines.filter((candidate) => candidate !== line);
    if (this.lines.length === 1) this.overlap = null;
    const heir = this.newestOpen();
    if (heir !== undefined) this.chat.opened(heir.id, heir.send);
  }

  private keepAlive(line: Line): void {
    this.after(line, "keep alive", KEEP_ALIVE_MS, () => {
      // However much it hears: whether that counts as idle is not documented.
      this.ping(line);
      this.keepAlive(line);
    });
  }

  private add(): void {
    this.trying = true;
    const id = ++this.lastId;
    this.lines = [...this.lines, { id, open: false, send: () => false, pings: 0, heardAt: 0, timers: new Map() }];
  }

  private find(id: number): Line | undefined {
    return this.lines.find((line) => line.id === id);
  }

  private newestOpen(): Line | undefined {
    return this.lines.filter((line) => line.open).at(-1);
  }

  private after(line: Line, name: string, ms: number, then: () => void): void {
    this.cancel(line, name);
    const timer = setTimeout(() => {
      line.timers.delete(name);
      then();
    }, ms);
    line.timers.set(name, timer);
  }

  private cancel(line: Line, name: string): void {
    clearTimeout(line.timers.get(name));
    line.timers.delete(name);
  }

  private stop(line: Line): void {
    for (const timer of line.timers.values()) clearTimeout(timer);
    line.timers.clear();
  }

  private changed(): void {
    this.condition = {
      lines: this.lines.map((line) => line.id),
      state: this.newestOpen() !== undefined ? "open" : this.trying ? "connecting" : "waiting",
      refusals: this.refusals,
      everOpened: this.everOpened,
    };
    for (const listener of this.listeners) listener();
  }
}
