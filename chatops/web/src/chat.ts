/**
 * The conversation as this page knows it: what arrived, in the order of arrival, and what the reader wrote that has not
 * come back yet. Knows neither React nor sockets.
 */
import { CLOSED_AS_TOO_LARGE, INCOMPLETE, bytesOf, compose, frameOf, noticeIn, spokenIn, type Notice } from "./wire";
import type { Store } from "./storage";

export interface Message {
  kind: "message";
  id: number;
  author: string | null;
  text: string;
  own: boolean;
  at: number;
}

export interface NoticeItem {
  kind: "notice";
  id: number;
  code: string;
  text: string;
  at: number;
}

export type Item = Message | NoticeItem;

/**
 * waiting: not sent yet. sent: on its way, its echo is due. unconfirmed: sent, but no echo came; whether anybody got it is
 * unknown, so that only the reader may send it again.
 */
export interface Entry {
  id: number;
  wire: string;
  state: "waiting" | "sent" | "unconfirmed";
  line: number;
  sentAt: number;
  /** What is known of one that is unconfirmed. */
  fate: "unknown" | "refused" | "too large";
}

export interface Conversation {
  items: readonly Item[];
  outbox: readonly Entry[];
}

export type Send = (frame: string) => boolean;

export const MOST_ITEMS = 500;
export const MOST_CHARACTERS = 1_000_000;
export const MOST_ENTRIES = 100;
/** API Gateway runs a connection's messages side by side: only one that waits for the last one's echo keeps its place. */
export const NEXT_AFTER_MS = 5_000;
export const DOUBT_AFTER_MS = 10_000;
export const GIVE_UP_AFTER_MS = 30_000;
const PAUSE_AFTER_ERROR_MS = 1_000;
const ERROR_EXPECTED_FOR_MS = 60_000;

export class Chat {
  private items: readonly Item[] = [];
  private outbox: readonly Entry[];
  private line: { id: number; send: Send } | null = null;
  private lastId = 0;
  private pausedUntil = 0;
  private lastSentAt = -Infinity;
  private doubtedAt = -Infinity;
  private readonly listeners = new Set<() => void>();
  private conversation: Conversation;

  constructor(
    private readonly store: Store,
    private readonly key: string,
    private readonly now: () => number = Date.now,
  ) {
    this.outbox = this.restored();
    this.save("held");
    this.conversation = { items: this.items, outbox: this.outbox };
  }

  current(): Conversation {
    return this.conversation;
  }

  subscribe(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  isFull(): boolean {
    return this.outbox.length >= MOST_ENTRIES;
  }

  inFlight(): readonly Entry[] {
    return this.outbox.filter((entry) => entry.state === "sent");
  }

  say(nick: string, text: string): void {
    const wire = compose(nick, text);
    this.outbox = [...this.outbox, this.entry(wire, "waiting")];
    this.flush();
    this.changed();
  }

  again(id: number): void {
    const found = this.outbox.find((entry) => entry.id === id);
    if (found === undefined) return;
    this.outbox = [...this.outbox.filter((entry) => entry !== found), this.entry(found.wire, "waiting")];
    this.flush();
    this.changed();
  }

  discard(id: number): void {
    this.outbox = this.outbox.filter((entry) => entry.id !== id);
    this.flush();
    this.changed();
  }

  opened(line: number, send: Send): void {
    this.line = { id: line, send };
    this.flush();
    this.changed();
  }

  lost(line: number, code: number): void {
    if (this.line?.id === line) this.line = null;
    const fate = code === CLOSED_AS_TOO_LARGE ? "too large" : "unknown";
    this.outbox = this.outbox.map((entry) =>
      entry.state === "sent" && entry.line === line ? { ...entry, state: "unconfirmed", fate } : entry,
    );
    this.changed();
  }

  receive(frame: string): void {
    const own = this.outbox.find((entry) => entry.state !== "waiting" && entry.wire === frame);
    const notice = own === undefined && this.expectsErrors() ? noticeIn(frame) : null;
    if (own !== undefined) this.outbox = this.outbox.filter((entry) => entry !== own);
    if (notice !== null) this.noted(notice);
    else this.add({ kind: "message", id: this.nextId(), ...spokenIn(frame), own: own !== undefined, at: this.now() });
    this.flush();
    this.changed();
  }

  /** The page goes away: what waits is now for the next one in this tab. */
  left(): void {
    this.save("waiting");
  }

  /** Called about once a second while something is in flight or waits; says whether the line deserves a doubt. */
  tick(): boolean {
    const now = this.now();
    const late = (ms: number) => (entry: Entry) => entry.state === "sent" && now - entry.sentAt >= ms;
    const doubtful = this.outbox.some(late(DOUBT_AFTER_MS)) && now - this.doubtedAt >= DOUBT_AFTER_MS;
    if (doubtful) this.doubtedAt = now;
    if (this.outbox.some(late(GIVE_UP_AFTER_MS))) {
      this.outbox = this.outbox.map((entry) =>
        late(GIVE_UP_AFTER_MS)(entry) ? { ...entry, state: "unconfirmed" } : entry,
      );
      this.flush();
      this.changed();
    } else if (this.flush()) {
      this.changed();
    }
    return doubtful;
  }

  /** Only who sent something gets an error frame: anything that looks like one at another time is somebody's message. */
  private expectsErrors(): boolean {
    return this.now() - this.lastSentAt < ERROR_EXPECTED_FOR_MS;
  }

  private noted(notice: Notice): void {
    const flying = this.inFlight();
    // With nothing on its way it may be what somebody typed, who must not hold up what waits.
    if (flying.length > 0) this.pausedUntil = this.now() + PAUSE_AFTER_ERROR_MS;
    if (flying.length === 1 && notice.code !== INCOMPLETE) {
      const fate = notice.refused ? "refused" : "unknown";
      this.outbox = this.outbox.map((entry) => (entry === flying[0] ? { ...entry, state: "unconfirmed", fate } : entry));
    }
    const last = this.items.at(-1);
    if (last?.kind === "notice" && last.code === notice.code && last.text === notice.text) {
      this.items = this.items.slice(0, -1);
    }
    this.add({ kind: "notice", id: this.nextId(), code: notice.code, text: notice.text, at: this.now() });
  }

  private flush(): boolean {
    let moved = false;
    for (const entry of this.outbox) {
      if (entry.state !== "waiting" || this.line === null) continue;
      const now = this.now();
      const ahead = this.outbox.some((other) => other.state === "sent" && now - other.sentAt < NEXT_AFTER_MS);
      if (ahead || now < this.pausedUntil || !this.line.send(frameOf(entry.wire))) break;
      this.lastSentAt = now;
      const sent: Entry = { ...entry, state: "sent", line: this.line.id, sentAt: now };
      this.outbox = this.outbox.map((other) => (other === entry ? sent : other));
      moved = true;
    }
    return moved;
  }

  private add(item: Item): void {
    let items = [...this.items, item].slice(-MOST_ITEMS);
    let characters = items.reduce((sum, { text }) => sum + text.length, 0);
    while (characters > MOST_CHARACTERS && items.length > 1) {
      characters -= (items[0] as Item).text.length;
      items = items.slice(1);
    }
    this.items = items;
  }

  private entry(wire: string, state: Entry["state"]): Entry {
    return { id: this.nextId(), wire, state, line: 0, sentAt: 0, fate: "unknown" };
  }

  private nextId(): number {
    return ++this.lastId;
  }

  private changed(): void {
    if (this.conversation.outbox !== this.outbox) this.save("held");
    this.conversation = { items: this.items, outbox: this.outbox };
    for (const listener of this.listeners) listener();
  }

  /** A duplicated tab begins with a copy of this storage while this page lives on: what waits is held until it goes. */
  private save(waiting: "held" | "waiting"): void {
    const entries = this.outbox.map(({ wire, state }) => [wire, state === "waiting" ? waiting : state]);
    if (entries.length === 0) this.store.remove(this.key);
    else this.store.set(this.key, JSON.stringify(entries));
  }

  /** What an earlier page of this tab left behind. Its echoes went to a connection that is gone. */
  private restored(): readonly Entry[] {
    try {
      const saved = JSON.parse(this.store.get(this.key) ?? "[]") as [string, string][];
      return saved
        .slice(0, MOST_ENTRIES)
        .filter(([wire]) => typeof wire === "string")
        .map(([wire, state]) => this.entry(wire, state === "waiting" ? "waiting" : "unconfirmed"));
    } catch {
      return [];
    }
  }
}

/** Whether a message with this text fits into one frame, and how many bytes it takes. */
export function sizeOf(nick: string, text: string): number {
  return bytesOf(frameOf(compose(nick, text)));
}
