import { describe, expect, it } from "vitest";
import { backoff } from "../src/backoff";
import { inviteIn, invitedTo, takeInvite } from "../src/invite";
import { sends, type KeyPress } from "../src/keyboard";
import { inventedNick, rememberNick, rememberedNick } from "../src/nick";
import { Overlap } from "../src/overlap";
import { isAtEnd } from "../src/scroll";
import { detail, shortState } from "../src/StateLine";
import { storeOf } from "../src/storage";
import { fill, languageFor, noticeText, stringsIn } from "../src/strings";
import { cleanNick } from "../src/text";

describe("backoff", () => {
  it("doubles up to half a minute, and never waits less than a quarter of a second", () => {
    expect([1, 2, 3, 4, 5, 6, 7, 1000].map((failures) => backoff(failures, () => 1))).toEqual([
      1000, 2000, 4000, 8000, 16000, 30000, 30000, 30000,
    ]);
    expect(backoff(1000, () => 0)).toBe(250);
    expect(backoff(0, () => 1)).toBe(1000);
  });

  it("spreads pages that lost their connection together", () => {
    const delays = Array.from({ length: 1000 }, () => backoff(6));
    const buckets = new Set(delays.map((delay) => Math.floor(delay / 3000)));
    expect(buckets.size).toBe(10);
  });
});

describe("Enter", () => {
  const press = (more: Partial<KeyPress> = {}): KeyPress => ({
    key: "Enter",
    keyCode: 13,
    shiftKey: false,
    altKey: false,
    ctrlKey: false,
    metaKey: false,
    isComposing: false,
    ...more,
  });

  it("sends", () => expect(sends(press())).toBe(true));
  it("does not send while a syllable is being composed", () => expect(sends(press({ isComposing: true, keyCode: 229 }))).toBe(false));
  it("does not send when Safari reports it after the composition ended", () => expect(sends(press({ keyCode: 229 }))).toBe(false));
  it("with Shift starts a new line", () => expect(sends(press({ shiftKey: true }))).toBe(false));
  it("is not any other key", () => expect(sends(press({ key: "a", keyCode: 65 }))).toBe(false));
});

describe("the end of the list", () => {
  const box = (scrollTop: number) => ({ scrollTop, scrollHeight: 1000, clientHeight: 400 });
  it("is kept to by who is there", () => {
    expect(isAtEnd(box(600))).toBe(true);
    expect(isAtEnd(box(599.5))).toBe(true);
    expect(isAtEnd(box(560))).toBe(true);
    expect(isAtEnd({ scrollTop: 0, scrollHeight: 300, clientHeight: 400 })).toBe(true);
  });
  it("is not forced on who scrolled up", () => expect(isAtEnd(box(500))).toBe(false));
});

describe("an invite", () => {
  const query = "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=A%2F20250101%2Fr&X-Amz-Signature=ab12";

  it("is a presigned query and nothing else", () => {
    expect(inviteIn(`#${query}`)).toBe(query);
    for (const other of ["", "#", "#section", "#a=b", `#${query}&token=1`, `#x&${query}`, `#${query} <`, "#X-Amz-Date=1"]) {
      expect(inviteIn(other)).toBeNull();
    }
  });

  it("leaves the address bar, and is kept for a reload", () => {
    const store = storeOf(() => {
      throw new Error("no storage");
    });
    const addresses: unknown[] = [];
    const history = { state: null, replaceState: (...args: unknown[]) => addresses.push(args[2]) } as unknown as History;
    const page = (hash: string) => ({ hash, pathname: "/", search: "?x=1" }) as Location;
    expect(takeInvite(page(`#${query}`), history, store, "key")).toBe(query);
    expect(addresses).toEqual(["/?x=1"]);
    expect(takeInvite(page(""), history, store, "key")).toBe(query);
    expect(addresses).toHaveLength(1);
  });

  it("becomes the WebSocket URL's query", () => {
    expect(invitedTo("wss://a/demo", query)).toBe(`wss://a/demo?${query}`);
    expect(invitedTo("wss://a/demo", null)).toBe("wss://a/demo");
  });
});

describe("storage", () => {
  it("that is forbidden still lasts as long as the page", () => {
    const store = storeOf(() => {
      throw new DOMException("denied", "SecurityError");
    });
    store.set("a", "1");
    expect(store.get("a")).toBe("1");
    store.remove("a");
    expect(store.get("a")).toBeNull();
  });
});

describe("a nick", () => {
  const store = () => storeOf(() => { throw new Error("none"); });

  it("is invented, fits, and stays", () => {
    for (const language of ["ko", "en"] as const) {
      for (const edge of [0, 0.999999]) {
        const nick = inventedNick(language, () => edge);
        expect(cleanNick(nick, 32)).toBe(nick);
        expect(nick).not.toContain("undefined");
      }
    }
    const kept = store();
    expect(rememberedNick(kept, "ko")).toBe(rememberedNick(kept, "ko"));
  });

  it("is remembered, and cleaned again when it comes back", () => {
    const kept = store();
    rememberNick(kept, "은정");
    expect(rememberedNick(kept, "en")).toBe("은정");
    rememberNick(kept, "<evil>\n");
    expect(rememberedNick(kept, "en")).toBe("evil");
  });
});

describe("two lines that overlap", () => {
  it("show a broadcast once, whichever brings it first", () => {
    const overlap = new Overlap();
    expect(overlap.accepts(1, "a")).toBe(true);
    expect(overlap.accepts(2, "a")).toBe(false);
    expect(overlap.accepts(2, "b")).toBe(true);
    expect(overlap.accepts(1, "b")).toBe(false);
  });

  it("show what only one of them brings", () => {
    const overlap = new Overlap();
    expect(overlap.accepts(1, "a")).toBe(true);
    expect(overlap.accepts(2, "b")).toBe(true);
  });

  it("show the same words as often as they were said", () => {
    const overlap = new Overlap();
    const shown = [1, 1, 2, 2, 2, 1].filter((line) => overlap.accepts(line, "ㅋㅋ"));
    expect(shown).toHaveLength(3);
  });
});

describe("the page's language", () => {
  it("is the first of the reader's that it speaks", () => {
    expect(languageFor(["ja", "ko-KR", "en"])).toBe("ko");
    expect(languageFor(["en-GB", "ko"])).toBe("en");
    expect(languageFor(["fr"])).toBe("en");
    expect(languageFor([])).toBe("en");
  });

  it("says everything in both, with the same blanks", () => {
    const [ko, en] = [stringsIn("ko"), stringsIn("en")];
    expect(Object.keys(ko)).toEqual(Object.keys(en));
    for (const key of Object.keys(ko) as (keyof typeof ko)[]) {
      expect(ko[key].trim(), key).not.toBe("");
      expect(ko[key].split("{}").length, key).toBe(en[key].split("{}").length);
      expect(en[key], key).not.toMatch(/[가-힣]/);
    }
  });

  it("fills its blanks", () => expect(fill("{} left", 12345, "en")).toBe("12,345 left"));
});

describe("a notice", () => {
  it("is said in the page's words, never in the frame's", () => {
    const en = stringsIn("en");
    expect(noticeText("Forbidden", en)).toBe(en.noticeForbidden);
    expect(noticeText("Incomplete", en)).toBe(en.noticeIncomplete);
    expect(noticeText("TableUnreadable", en)).toBe(en.noticeUnreadable);
    expect(noticeText("SomethingNew", en)).toContain("SomethingNew");
    expect(noticeText("visit evil.example now", en)).not.toContain("evil");
    expect(noticeText("constructor", en)).toContain("constructor");
  });
});

describe("the state line", () => {
  const condition = { lines: [1], state: "waiting" as const, refusals: 0, everOpened: true };

  it("tells the first try from a loss", () => {
    expect(shortState({ ...condition, state: "connecting", everOpened: false }, true)).toBe("connecting");
    expect(shortState({ ...condition, state: "connecting" }, true)).toBe("waiting");
    expect(shortState({ ...condition, state: "open" }, false)).toBe("open");
    expect(shortState(condition, false)).toBe("offline");
  });

  it("suspects the invite only when handshakes keep failing", () => {
    expect(detail({ ...condition, refusals: 2 }, true, true)).toBe("lost");
    expect(detail({ ...condition, refusals: 3 }, true, true)).toBe("inviteExpired");
    expect(detail({ ...condition, refusals: 3, everOpened: false }, true, false)).toBe("refused");
    expect(detail({ ...condition, refusals: 3 }, true, false)).toBe("lost");
    expect(detail({ ...condition, refusals: 3 }, false, true)).toBe("offlineDetail");
    expect(detail({ ...condition, state: "open" }, true, true)).toBeNull();
  });
});
