import { beforeEach, describe, expect, it } from "vitest";
import {
  Chat,
  DOUBT_AFTER_MS,
  GIVE_UP_AFTER_MS,
  MOST_CHARACTERS,
  MOST_ENTRIES,
  MOST_ITEMS,
  NEXT_AFTER_MS,
  type Message,
} from "../src/chat";
import { storeOf, type Store } from "../src/storage";

let now: number;
let sent: string[];
let store: Store;
let chat: Chat;

const send = (frame: string) => {
  sent.push((JSON.parse(frame) as { message: string }).message);
  return true;
};
const states = () => chat.current().outbox.map((entry) => entry.state);
const texts = () => chat.current().items.map((item) => item.text);
const messages = () => chat.current().items as readonly Message[];

beforeEach(() => {
  now = 1_000_000;
  sent = [];
  store = storeOf(() => {
    throw new Error("none");
  });
  chat = new Chat(store, "outbox", () => now);
});

describe("what I say", () => {
  it("is sent, and becomes a message of mine when it comes back", () => {
    chat.opened(1, send);
    chat.say("은정", "안녕");
    expect(sent).toEqual(["<은정> 안녕"]);
    expect(states()).toEqual(["sent"]);
    chat.receive("<은정> 안녕");
    expect(states()).toEqual([]);
    expect(messages()).toMatchObject([{ author: "은정", text: "안녕", own: true, at: now }]);
  });

  it("is not somebody else's, however alike", () => {
    chat.opened(1, send);
    chat.say("은정", "안녕");
    chat.receive("<은정> 안녕!");
    expect(messages()[0]?.own).toBe(false);
    expect(states()).toEqual(["sent"]);
  });

  it("twice is twice", () => {
    chat.opened(1, send);
    chat.say("은정", "ㅋㅋ");
    chat.receive("<은정> ㅋㅋ");
    chat.say("은정", "ㅋㅋ");
    expect(states()).toEqual(["sent"]);
    chat.receive("<은정> ㅋㅋ");
    chat.receive("<은정> ㅋㅋ");
    expect(messages().map((message) => message.own)).toEqual([true, true, false]);
  });

  it("offline is kept, and sent once in order when there is a line", () => {
    for (const text of ["하나", "둘", "셋"]) chat.say("은정", text);
    expect(sent).toEqual([]);
    chat.opened(1, send);
    for (const text of ["하나", "둘", "셋"]) {
      expect(sent.at(-1)).toBe(`<은정> ${text}`);
      chat.receive(`<은정> ${text}`);
    }
    expect(sent).toHaveLength(3);
    expect(states()).toEqual([]);
  });

  it("waits for the last one's echo, but not for long", () => {
    chat.opened(1, send);
    chat.say("은정", "하나");
    chat.say("은정", "둘");
    expect(states()).toEqual(["sent", "waiting"]);
    now += NEXT_AFTER_MS;
    chat.tick();
    expect(states()).toEqual(["sent", "sent"]);
  });

  it("is not confirmed by somebody's same words before it was sent", () => {
    chat.say("은정", "안녕");
    chat.receive("<은정> 안녕");
    expect(states()).toEqual(["waiting"]);
    expect(messages()[0]?.own).toBe(false);
  });

  it("stays waiting when the socket does not take it", () => {
    chat.opened(1, () => false);
    chat.say("은정", "안녕");
    expect(states()).toEqual(["waiting"]);
  });
});

describe("what was sent and never came back", () => {
  beforeEach(() => {
    chat.opened(1, send);
    chat.say("은정", "안녕");
  });

  it("is unconfirmed once the line is lost, and is not sent again by itself", () => {
    chat.lost(1, 1006);
    chat.opened(2, send);
    now += GIVE_UP_AFTER_MS * 2;
    chat.tick();
    expect(states()).toEqual(["unconfirmed"]);
    expect(sent).toHaveLength(1);
  });

  it("is sent again when the reader says so", () => {
    chat.lost(1, 1006);
    chat.opened(2, send);
    chat.again(chat.current().outbox[0]!.id);
    expect(sent).toHaveLength(2);
    expect(states()).toEqual(["sent"]);
  });

  it("is forgotten when the reader says so", () => {
    chat.lost(1, 1006);
    chat.discard(chat.current().outbox[0]!.id);
    expect(states()).toEqual([]);
    expect(store.get("outbox")).toBeNull();
  });

  it("is confirmed by a late echo", () => {
    chat.lost(1, 1006);
    chat.receive("<은정> 안녕");
    expect(states()).toEqual([]);
    expect(messages()[0]?.own).toBe(true);
  });

  it("is not lost with another line", () => {
    chat.lost(7, 1006);
    expect(states()).toEqual(["sent"]);
  });

  it("is known to be too large when the server closed for that", () => {
    chat.lost(1, 1009);
    expect(chat.current().outbox[0]?.fate).toBe("too large");
  });

  it("makes the line doubtful, once in a while, and is given up in the end", () => {
    now += DOUBT_AFTER_MS;
    expect([chat.tick(), chat.tick()]).toEqual([true, false]);
    now += GIVE_UP_AFTER_MS;
    chat.tick();
    expect(states()).toEqual(["unconfirmed"]);
  });
});

describe("a reload", () => {
  it("keeps what waits, and does not trust what was on its way", () => {
    chat.opened(1, send);
    chat.say("은정", "보낸 것");
    chat.say("은정", "기다리는 것");
    chat.left();
    chat = new Chat(store, "outbox", () => now);
    expect(states()).toEqual(["unconfirmed", "waiting"]);
    chat.opened(1, send);
    expect(sent).toEqual(["<은정> 보낸 것", "<은정> 기다리는 것"]);
  });

  it("after a reload still keeps what waits", () => {
    chat.say("은정", "기다리는 것");
    for (let i = 0; i < 2; i++) {
      chat.left();
      chat = new Chat(store, "outbox", () => now);
    }
    expect(states()).toEqual(["waiting"]);
  });

  it("survives nonsense in the storage", () => {
    for (const nonsense of ["{", "5", "null", '[["a"],[5,6],null]']) {
      store.set("outbox", nonsense);
      expect(() => new Chat(store, "outbox")).not.toThrow();
    }
  });
});

describe("a duplicated tab", () => {
  const duplicated = (copied: Chat) => {
    const copy = storeOf(() => {
      throw new Error("none");
    });
    copy.set("outbox", store.get("outbox") ?? "[]");
    expect(copied.current().outbox).not.toEqual([]);
    return new Chat(copy, "outbox", () => now);
  };

  it("does not send what waits in the first one, but shows it", () => {
    chat.say("은정", "기다리는 것");
    const copy = duplicated(chat);
    copy.opened(1, send);
    expect(sent).toEqual([]);
    expect(copy.current().outbox).toMatchObject([{ state: "unconfirmed", fate: "unknown" }]);
    chat.opened(1, send);
    expect(sent).toEqual(["<은정> 기다리는 것"]);
    copy.receive("<은정> 기다리는 것");
    expect(copy.current().outbox).toEqual([]);
  });

  it("does not send what waits in one that was reloaded", () => {
    chat.say("은정", "기다리는 것");
    chat.left();
    duplicated(new Chat(store, "outbox", () => now)).opened(1, send);
    expect(sent).toEqual([]);
  });
});

describe("an error frame", () => {
  const forbidden = '{"message":"Forbidden","connectionId":"c","requestId":"r"}';

  it("is a notice to who just sent something, whose message is then in doubt", () => {
    chat.opened(1, send);
    chat.say("은정", "안녕");
    chat.receive(forbidden);
    expect(chat.current().items).toMatchObject([{ kind: "notice", code: "Forbidden" }]);
    expect(chat.current().outbox).toMatchObject([{ state: "unconfirmed", fate: "refused" }]);
  });

  it("of a broadcast that ended early leaves the message on its way: its echo may still come", () => {
    chat.opened(1, send);
    chat.say("은정", "안녕");
    chat.receive('{"error":"Incomplete","message":"5 were not reached.","unreached":5,"requestId":"r"}');
    expect(chat.current().items).toMatchObject([{ kind: "notice", code: "Incomplete" }]);
    expect(chat.current().outbox).toMatchObject([{ state: "sent" }]);
    chat.receive("<은정> 안녕");
    expect(chat.current().outbox).toEqual([]);
  });

  it("is somebody's message to who sent nothing", () => {
    chat.opened(1, send);
    chat.receive(forbidden);
    expect(chat.current().items).toMatchObject([{ kind: "message", text: forbidden }]);
  });

  it("is shown once, however often it comes", () => {
    chat.opened(1, send);
    chat.say("은정", "안녕");
    for (let i = 0; i < 5; i++) chat.receive(forbidden);
    expect(chat.current().items).toHaveLength(1);
  });

  it("holds up nothing while nothing is on its way, for anybody can type it", () => {
    chat.opened(1, send);
    chat.say("은정", "하나");
    chat.receive("<은정> 하나");
    for (let i = 0; i < 3; i++) chat.receive('{"error":"Busy","message":"x","requestId":"r"}');
    chat.say("은정", "둘");
    expect(states()).toEqual(["sent"]);
  });

  it("that comes again and again makes what waits wait no longer than the first one", () => {
    chat.opened(1, send);
    chat.say("은정", "하나");
    chat.say("은정", "둘");
    for (let passed = 0; passed <= 1200; passed += 400, now += 400) {
      chat.receive(forbidden);
      chat.tick();
    }
    expect(sent).toEqual(["<은정> 하나", "<은정> 둘"]);
  });

  it("makes the next message wait a moment", () => {
    chat.opened(1, send);
    chat.say("은정", "하나");
    chat.say("은정", "둘");
    chat.receive(forbidden);
    expect(states()).toEqual(["unconfirmed", "waiting"]);
    now += 1000;
    chat.tick();
    expect(states()).toEqual(["unconfirmed", "sent"]);
  });
});

describe("memory", () => {
  it("holds a bounded number of messages", () => {
    for (let i = 0; i < MOST_ITEMS + 50; i++) chat.receive(`message ${i}`);
    expect(texts()).toHaveLength(MOST_ITEMS);
    expect(texts().at(-1)).toBe(`message ${MOST_ITEMS + 49}`);
  });

  it("holds a bounded number of characters", () => {
    for (let i = 0; i < 20; i++) chat.receive("x".repeat(100_000));
    expect(texts().join("").length).toBeLessThanOrEqual(MOST_CHARACTERS);
    expect(texts().length).toBeGreaterThan(5);
  });

  it("holds a bounded outbox", () => {
    for (let i = 0; i < MOST_ENTRIES; i++) chat.say("은정", `${i}`);
    expect(chat.isFull()).toBe(true);
  });
});
