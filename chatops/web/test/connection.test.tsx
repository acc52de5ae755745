// @vitest-environment happy-dom
import { act } from "react";
import { createRoot, type Root } from "react-dom/client";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { App } from "../src/App";
import { Chat } from "../src/chat";
import { ANSWER_WITHIN_MS, Connection, KEEP_ALIVE_MS, OPEN_WITHIN_MS, OVERLAP_MS, RENEW_AFTER_MS, SETTLED_AFTER_MS } from "../src/connection";
import { storeOf } from "../src/storage";
import { stringsIn } from "../src/strings";

/** A WebSocket whose other end is the test. */
class Socket {
  static readonly CONNECTING = 0;
  static readonly OPEN = 1;
  static readonly CLOSING = 2;
  static readonly CLOSED = 3;
  static all: Socket[] = [];
  readyState = Socket.CONNECTING;
  sent: string[] = [];
  onopen: ((event: unknown) => void) | null = null;
  onclose: ((event: unknown) => void) | null = null;
  onmessage: ((event: unknown) => void) | null = null;

  constructor(readonly url: string) {
    Socket.all.push(this);
  }

  send(frame: string): void {
    this.sent.push(frame);
  }

  /** Asked to close, a socket in its handshake gives up at once; an open one waits for the other end. */
  close(): void {
    const gaveUp = this.readyState === Socket.CONNECTING;
    if (this.readyState < Socket.CLOSING) this.readyState = gaveUp ? Socket.CLOSED : Socket.CLOSING;
    if (gaveUp) queueMicrotask(() => this.onclose?.({ code: 1006 }));
  }

  opens(): Promise<void> {
    expect(this.readyState).toBe(Socket.CONNECTING);
    this.readyState = Socket.OPEN;
    return act(async () => this.onopen?.({ target: this }));
  }

  ends(code = 1006): Promise<void> {
    expect(this.readyState).not.toBe(Socket.CLOSED);
    this.readyState = Socket.CLOSED;
    return act(async () => this.onclose?.({ code }));
  }

  says(data: string): Promise<void> {
    return act(async () => this.onmessage?.({ data }));
  }
}

const noStore = () =>
  storeOf(() => {
    throw new Error("none");
  });
const newest = () => Socket.all.at(-1)!;
const pass = (ms: number) => act(() => vi.advanceTimersByTimeAsync(ms));
/** Lets time pass until there is another try; says how long that took. */
const nextTry = async () => {
  const before = Socket.all.length;
  let waited = 0;
  for (; Socket.all.length === before; waited += 50) await pass(50);
  return waited;
};
const shown = () => [...place.querySelectorAll("[role=log] .text")].map((text) => text.textContent);
const state = () => place.querySelector(".state")!.textContent;

let place: HTMLElement;
let root: Root;
let chat: Chat;
let connection: Connection;

beforeEach(async () => {
  vi.stubGlobal("IS_REACT_ACT_ENVIRONMENT", true);
  vi.stubGlobal("WebSocket", Socket);
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "setInterval", "clearInterval", "Date"] });
  Socket.all = [];
  place = document.createElement("div");
  document.body.append(place);
  root = createRoot(place);
  chat = new Chat(noStore(), "outbox");
  connection = new Connection(chat, () => 0.5);
  await act(async () =>
    root.render(
      <App
        chat={chat}
        connection={connection}
        url={() => "wss://chat.example/demo"}
        invited={() => false}
        firstNick="은정"
        onRename={() => {}}
        strings={stringsIn("en")}
        language="en"
      />,
    ),
  );
  await pass(1);
});

afterEach(async () => {
  await act(async () => root.unmount());
  place.remove();
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

describe("a line", () => {
  it("opens, and says so", async () => {
    expect(state()).toBe("Connecting");
    await newest().opens();
    expect(state()).toBe("Connected");
    expect(Socket.all).toHaveLength(1);
  });

  it("that is lost is tried again, later and later", async () => {
    const waits: number[] = [];
    for (let attempt = 0; attempt < 5; attempt++) {
      await newest().ends();
      waits.push(await nextTry());
    }
    expect(waits).toEqual([...waits].sort((a, b) => a - b));
    expect(waits[4]).toBeGreaterThan(waits[0]! * 5);
    expect(Socket.all).toHaveLength(6);
  });

  it("that opens and dies at once does not make the delays short again", async () => {
    for (let attempt = 0; attempt < 6; attempt++) {
      await newest().opens();
      await newest().ends();
      await nextTry();
    }
    await newest().opens();
    await newest().ends();
    expect(await nextTry()).toBeGreaterThan(10_000);
  });

  it("that lived for a while does", async () => {
    for (let attempt = 0; attempt < 6; attempt++) {
      await newest().ends();
      await nextTry();
    }
    await newest().opens();
    await pass(SETTLED_AFTER_MS);
    await newest().ends();
    expect(await nextTry()).toBeLessThan(1_000);
  });

  it("whose handshake hangs is given up", async () => {
    await pass(OPEN_WITHIN_MS + 2_000);
    expect(Socket.all).toHaveLength(2);
  });

  it("is tried at once when the reader asks", async () => {
    for (let attempt = 0; attempt < 5; attempt++) {
      await newest().ends();
      await nextTry();
    }
    await newest().ends();
    const before = Socket.all.length;
    await act(async () => {
      for (const button of place.querySelectorAll("button")) if (button.textContent === "Connect now") button.click();
    });
    expect(Socket.all).toHaveLength(before + 1);
  });

  it("says after several refusals that there is more to it", async () => {
    for (let attempt = 0; attempt < 3; attempt++) {
      await newest().ends();
      await nextTry();
    }
    expect(place.querySelector(".trouble")!.textContent).toContain("may need an invite");
  });
});

describe("a quiet line", () => {
  it("is kept awake, and its pong is nobody's message", async () => {
    await newest().opens();
    await pass(KEEP_ALIVE_MS);
    expect(newest().sent).toEqual(["ping"]);
    await newest().says("pong");
    expect(shown()).toEqual([]);
    await newest().says("pong");
    expect(shown()).toEqual(["pong"]);
    expect(Socket.all).toHaveLength(1);
  });

  it("shows somebody's pong once, though its own answer is due", async () => {
    await newest().opens();
    await pass(KEEP_ALIVE_MS);
    await newest().says("pong");
    await newest().says("pong");
    expect(shown()).toEqual(["pong"]);
  });

  it("is kept awake even if it is only quiet on this side", async () => {
    await newest().opens();
    await pass(KEEP_ALIVE_MS - 1_000);
    await newest().says("somebody talks");
    await pass(1_000);
    expect(newest().sent).toEqual(["ping"]);
  });

  it("that does not answer is replaced without waiting for its end", async () => {
    await newest().opens();
    await pass(KEEP_ALIVE_MS + ANSWER_WITHIN_MS);
    expect(Socket.all).toHaveLength(2);
    expect(Socket.all[0]!.readyState).toBe(Socket.CLOSING);
    await newest().opens();
    await Socket.all[0]!.ends(1006);
    await pass(1_000);
    expect(state()).toBe("Connected");
    expect(Socket.all).toHaveLength(2);
  });

  it("is alive as long as it says anything, even that it knows no ping", async () => {
    await newest().opens();
    await pass(KEEP_ALIVE_MS);
    await newest().says('{"message":"Forbidden","connectionId":"c","requestId":"r"}');
    await pass(ANSWER_WITHIN_MS * 2);
    expect(Socket.all).toHaveLength(1);
    expect(place.querySelector(".notice")).toBeNull();
    expect(shown()).toEqual([]);
  });
});

describe("before its two hours are over", () => {
  /** Lets time pass while the newest socket answers pings. */
  const live = async (ms: number) => {
    for (let passed = 0; passed < ms; passed += 60_000) {
      await pass(60_000);
      for (const socket of Socket.all) {
        if (socket.readyState === Socket.OPEN && socket.sent.at(-1) === "ping") {
          socket.sent.push("");
          await socket.says("pong");
        }
      }
    }
  };

  beforeEach(async () => {
    await newest().opens();
    await live(RENEW_AFTER_MS + 5 * 60_000);
  });

  it("a line gets an heir, and retires once that is open", async () => {
    expect(Socket.all).toHaveLength(2);
    const [old, heir] = Socket.all as [Socket, Socket];
    await old.says("only here");
    await heir.opens();
    await heir.says("both");
    await old.says("both");
    await old.says("late, only here");
    expect(shown()).toEqual(["only here", "both", "late, only here"]);
    await pass(OVERLAP_MS);
    expect(old.readyState).toBe(Socket.CLOSING);
    expect(heir.readyState).toBe(Socket.OPEN);
    expect(state()).toBe("Connected");
    await heir.says("both");
    expect(shown().at(-1)).toBe("both");
    expect(shown()).toHaveLength(4);
  });

  it("what I say goes out once, over the heir", async () => {
    const [old, heir] = Socket.all as [Socket, Socket];
    await heir.opens();
    await act(async () => chat.say("은정", "안녕"));
    expect(heir.sent).toHaveLength(1);
    expect(old.sent.filter((frame) => frame.includes("안녕"))).toEqual([]);
    await old.says("<은정> 안녕");
    await heir.says("<은정> 안녕");
    expect(shown()).toEqual(["안녕"]);
  });

  it("an heir that is refused leaves the old line in service, and is asked for again", async () => {
    await newest().ends();
    expect(state()).toBe("Connected");
    await act(async () => chat.say("은정", "안녕"));
    expect(Socket.all[0]!.sent.some((frame) => frame.includes("안녕"))).toBe(true);
    await Socket.all[0]!.says("<은정> 안녕");
    await live(2 * 60_000);
    expect(Socket.all).toHaveLength(3);
  });

  it("the old line's early end leaves the heir alone", async () => {
    await Socket.all[0]!.ends();
    await newest().opens();
    expect(state()).toBe("Connected");
    await pass(OVERLAP_MS * 2);
    expect(Socket.all).toHaveLength(2);
  });
});

describe("a line that falls silent while its heir is there", () => {
  it("goes alone", async () => {
    const spoken: string[] = [];
    // The heir comes six seconds before the old line is asked for a sign of life.
    const lines = new Connection(new Chat(noStore(), "outbox"), () => 0.79);
    const speak = (frame: string) => spoken.push(frame) > 0;
    lines.opened(1, speak);
    for (let minute = 0; minute < 107; minute++) {
      await pass(60_000);
      if (spoken.length > 0) lines.received(1, "pong");
    }
    await pass(54_000);
    expect(lines.current().lines).toEqual([1, 2]);
    lines.opened(2, speak);
    await pass(6_000 + ANSWER_WITHIN_MS);
    expect(lines.current()).toMatchObject({ lines: [2], state: "open" });
  });
});
